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
	event   bool                                       // it is to be accepted, not answered
	sign    func(*http.Request) (*http.Request, error) // nil if requests go unsigned
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
		req, err := l.request()
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := l.send(client, req); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// request is one call, as its caller has it ready.
func (l load) request() (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, l.url, bytes.NewReader(l.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if l.event {
		req.Header.Set("X-Amz-Invocation-Type", "Event")
	}
	if l.sign == nil {
		return req, nil
	}
	return l.sign(req)
}

func (l load) send(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return err
	}
	if l.event {
		return accepted(l.url, resp)
	}
	if resp.StatusCode != http.StatusOK || n != int64(len(l.body)) || resp.Header.Get("X-Amz-Function-Error") != "" {
		return fmt.Errorf("%s answered %s with %d bytes, want 200 with %d", l.url, resp.Status, n, len(l.body))
	}
	return nil
}

func accepted(url string, resp *http.Response) error {
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s answered %s to an event, want 202", url, resp.Status)
	}
	return nil
}
