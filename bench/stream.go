package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// streamed is how much the function streams: nearly as much as it may.
const streamed = 190 << 20

// largeStream measures what a pod holds of a stream that passes through it: memory that grew with the body would show.
func (b *bench) largeStream() ([]table.Row, error) {
	pod, _, err := b.startPod(1, "stream")
	if err != nil {
		return nil, err
	}
	defer pod.stop()
	if err := stream(pod, 1<<20); err != nil { // warms up
		return nil, err
	}
	before := pod.peakBytes()
	if err := stream(pod, streamed); err != nil {
		return nil, err
	}
	grown := float64(pod.peakBytes()-before) / (1 << 20)
	return []table.Row{table.Absolute(fmt.Sprintf("`runtime-api`: memory gained while %d MB are streamed", streamed>>20), grown, "MB", 4)}, nil
}

func stream(pod *child, size int64) error {
	url := "http://" + pod.addr + "/2021-11-15/functions/function/response-streaming-invocations"
	resp, err := newClient(1).Post(url, "application/json", strings.NewReader(fmt.Sprintf(`{"stream":%d}`, size)))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n < size {
		err = fmt.Errorf("%s: the stream had %d bytes, want %d and more", resp.Status, n, size)
	}
	return err
}

// peakBytes is the most memory that the process has occupied.
func (c *child) peakBytes() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}
