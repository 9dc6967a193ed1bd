package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// load is a number of requests sent by a number of callers that each wait for their answer.
type load struct {
	url     string
	callers int
	total   int
	body    []byte
}

// measured is what a load took.
type measured struct {
	wall   time.Duration
	median time.Duration // of one request
	cpu    time.Duration // of the measured processes, per request
}

// perSecond is how many requests were answered in a second.
func (m measured) perSecond(total int) float64 { return float64(total) / m.wall.Seconds() }

// run sends the load and takes the CPU time of processes before and after.
func (l load) run(watched ...*child) (measured, error) {
	client := newClient(l.callers)
	defer client.CloseIdleConnections()
	before := cpuOf(watched)
	begin := time.Now()
	took := make([][]time.Duration, l.callers)
	errs := make([]error, l.callers)
	var all sync.WaitGroup
	for c := range l.callers {
		all.Go(func() { took[c], errs[c] = l.caller(client, l.total/l.callers) })
	}
	all.Wait()
	m := measured{wall: time.Since(begin), cpu: (cpuOf(watched) - before) / time.Duration(l.total)}
	for _, err := range errs {
		if err != nil {
			return m, err
		}
	}
	m.median = table.Median(slices.Concat(took...))
	return m, nil
}

// newClient makes a client that keeps a connection for each of its callers.
func newClient(callers int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers, DisableCompression: true}, Timeout: time.Minute}
}

func (l load) caller(client *http.Client, n int) ([]time.Duration, error) {
	took := make([]time.Duration, 0, n)
	for range n {
		begin := time.Now()
		if err := l.one(client); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

func (l load) one(client *http.Client) error {
	resp, err := client.Post(l.url, "application/json", bytes.NewReader(l.body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || n != int64(len(l.body)) || resp.Header.Get("X-Amz-Function-Error") != "" {
		return fmt.Errorf("%s answered %s with %d bytes, want 200 with %d", l.url, resp.Status, n, len(l.body))
	}
	return nil
}
