package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// failEvery is which of the events is to fail for good.
	failEvery = 200
	// workMs is how long the function works at most, in ms.
	workMs = 40
)

// client makes a client that gives up in the end. All share their connections.
func client() *http.Client { return &http.Client{Timeout: time.Minute} }

// probeTime is how long a cluster may take to lead to what is ready, and probePause is how often it is tried.
const probeTime, probePause = time.Minute, time.Second

// rehearse calls the function until it reaches the collector. If it did not, nothing could be counted.
func rehearse(ctx context.Context, at scene) error {
	for begin := time.Now(); ; {
		err := probe(ctx, at)
		if err == nil || time.Since(begin) > probeTime {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(probePause):
		}
	}
}

// probe calls the function once.
func probe(ctx context.Context, at scene) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.function, strings.NewReader(fmt.Sprintf(`{"Tell":%q}`, at.tell)))
	if err != nil {
		return err
	}
	resp, err := client().Do(req)
	if err != nil {
		return fmt.Errorf("call the function: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err == nil && (resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("the function does not reach %s, so nothing can be counted: %s %s", at.tell, resp.Status, answer)
	}
	return err
}

// disturb sends events and kills at the same time, and says how often what was killed.
func disturb(ctx context.Context, st stage, at scene, s settings, l *ledger) map[string]int {
	ctx, cancel := context.WithTimeout(ctx, s.time)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	tickets := make(chan int)
	all.Go(func() { pace(ctx, s.rate, tickets) })
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: s.callers}}
	for range s.callers {
		all.Go(func() {
			for n := range tickets {
				send(client, at, n, l)
			}
		})
	}
	return killing(ctx, st, s)
}

// pace gives so many tickets per second, until ctx ends.
func pace(ctx context.Context, rate float64, tickets chan<- int) {
	defer close(tickets)
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return
		case tickets <- n:
		}
	}
}

// killing kills at random times.
func killing(ctx context.Context, st stage, s settings) map[string]int {
	chance := rand.New(rand.NewPCG(s.seed, 0)) //nolint:gosec // not a secret
	kills := make(map[string]int)
	for {
		select {
		case <-ctx.Done():
			return kills
		case <-time.After(time.Duration(chance.ExpFloat64() * float64(s.pause))):
		}
		what, err := st.kill(ctx)
		switch {
		case ctx.Err() != nil:
			return kills
		case err != nil:
			fmt.Fprintln(os.Stderr, "faults: kill:", err)
		default:
			kills[what]++
		}
	}
}

// send sends one event. Whether one that has no answer was accepted nobody knows.
func send(client *http.Client, at scene, n int, l *ledger) {
	body := fmt.Sprintf(`{"Tell":%q,"Work":%d,"Fail":%t}`, at.tell, n%workMs, n%failEvery == 0)
	req, err := http.NewRequest(http.MethodPost, at.function, strings.NewReader(body))
	if err != nil {
		l.miss(false)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Amz-Invocation-Type", "Event")
	resp, err := client.Do(req)
	if err != nil {
		l.miss(false)
		time.Sleep(20 * time.Millisecond) // the server may be starting
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // the status says it all
	if resp.StatusCode != http.StatusAccepted {
		l.miss(true)
		return
	}
	l.note(resp.Header.Get("X-Amzn-RequestId"), func(e *entry) { e.accepted = true })
}
