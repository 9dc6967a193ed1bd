package main

import (
	"fmt"
	"os"
	"time"
)

// startUp measures what a cold pod costs beside the function.
func (b *bench) startUp() ([]row, error) {
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
	ms := float64(median(took).Microseconds()) / 1000
	megabytes := func(n int64) float64 { return float64(n) / (1 << 20) }
	return []row{
		absolute("`runtime-api`: start to listening", ms, "ms", 20),
		absolute("`runtime-api`: binary", megabytes(info.Size()), "MB", 20),
		absolute("`runtime-api`: resident memory when idle", megabytes(median(resident)), "MB", 20),
	}, nil
}

func absolute(what string, v float64, unit string, most float64) row {
	return row{what: what, value: fmt.Sprintf("%.1f %s", v, unit), bound: fmt.Sprintf("≤ %g %s", most, unit), met: v <= most}
}
