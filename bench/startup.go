package main

import (
	"os"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// startUp measures what a cold pod costs beside the function.
func (b *bench) startUp() ([]table.Row, error) {
	var took []time.Duration
	var resident []int64
	for range b.rounds {
		pod, listening, err := b.startPod(1)
		if err != nil {
			return nil, err
		}
		time.Sleep(500 * time.Millisecond) // until the function has initialized and all is quiet
		took = append(took, listening)
		resident = append(resident, pod.residentBytes())
		pod.stop()
	}
	info, err := os.Stat(b.runtimeAPI)
	if err != nil {
		return nil, err
	}
	ms := float64(table.Median(took).Microseconds()) / 1000
	megabytes := func(n int64) float64 { return float64(n) / (1 << 20) }
	return []table.Row{
		table.Absolute("`runtime-api`: start to listening", ms, "ms", 20),
		table.Absolute("`runtime-api`: binary", megabytes(info.Size()), "MB", 20),
		table.Absolute("`runtime-api`: resident memory when idle", megabytes(table.Median(resident)), "MB", 20),
	}, nil
}
