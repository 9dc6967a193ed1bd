package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// counter counts the writes that reach it, and is as slow as its gate.
type counter struct {
	bytes.Buffer
	writes atomic.Int32
	gate   chan struct{} // nil: open
}

func (c *counter) Write(p []byte) (int, error) {
	if c.gate != nil {
		<-c.gate
	}
	c.writes.Add(1)
	return c.Buffer.Write(p)
}

func TestBatchGathersAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &counter{}
		b := newBatch(out)
		for i := range 3 {
			fmt.Fprintf(b, "line %d\n", i)
		}
		synctest.Wait()
		if n := out.writes.Load(); n != 0 {
			t.Errorf("%d writes before the moment was over", n)
		}
		b.Close()
		if out.String() != "line 0\nline 1\nline 2\n" || out.writes.Load() > 2 {
			t.Errorf("%d writes of %q", out.writes.Load(), out.String())
		}
	})
}

func TestBatchKeepsWhatIsWritten(t *testing.T) {
	out := &counter{}
	b := newBatch(out)
	var writers sync.WaitGroup
	for w := range 10 {
		writers.Go(func() {
			line := []byte(strings.Repeat(string(rune('a'+w)), 99) + "\n")
			for range 1000 {
				if _, err := b.Write(line); err != nil {
					t.Error(err)
				}
			}
			clear(line) // writers may use their memory again
		})
	}
	writers.Wait()
	b.Close()
	lines := 0
	for line := range strings.Lines(out.String()) {
		if lines++; line != strings.Repeat(line[:1], 99)+"\n" {
			t.Fatalf("a line was torn: %q", line)
		}
	}
	if lines != 10_000 {
		t.Errorf("%d lines of 10000", lines)
	}
}

func TestBatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &counter{gate: make(chan struct{})}
		b := newBatch(out)
		block := make([]byte, 64<<10)
		var written atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 100 {
				_, _ = b.Write(block)
				written.Add(int64(len(block)))
			}
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("the writer did not wait for a reader that is stuck")
		default:
		}
		if n := written.Load(); n > 2*batchSize+2*int64(len(block)) {
			t.Errorf("%d bytes lie in memory", n)
		}
		close(out.gate)
		<-done
		b.Close()
		if out.Len() != 100*len(block) {
			t.Errorf("%d bytes arrived", out.Len())
		}
	})
}
