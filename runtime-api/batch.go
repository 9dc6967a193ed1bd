package main

import (
	"io"
	"sync"
	"time"
)

// Limits of a batch: how long a line may lie before it is written, and how much may lie there. Writers wait beyond it.
const (
	batchDelay = 2 * time.Millisecond
	batchSize  = 1 << 20
)

// batch is a writer that gathers what is written within a moment into one write. A function's log gets several lines
// for every invocation, and each write to the container's output wakes whoever collects it.
type batch struct {
	to   io.Writer
	some chan struct{} // something lies in buf
	end  chan struct{} // closed by Close
	done chan struct{} // closed when all is written

	mu   sync.Mutex
	room sync.Cond
	buf  []byte
}

func newBatch(to io.Writer) *batch {
	b := &batch{to: to, some: make(chan struct{}, 1), end: make(chan struct{}), done: make(chan struct{})}
	b.room.L = &b.mu
	go b.run()
	return b
}

// Write takes p over. What becomes of it is not known here: there is nobody whom the log's failure could be told.
func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	for len(b.buf) > batchSize {
		b.room.Wait()
	}
	b.buf = append(b.buf, p...)
	b.mu.Unlock()
	select {
	case b.some <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (b *batch) run() {
	defer close(b.done)
	var spare []byte
	for {
		select {
		case <-b.some:
			time.Sleep(batchDelay)
			spare = b.flush(spare)
		case <-b.end:
			b.flush(spare)
			return
		}
	}
}

// flush writes what lies there and gives back its memory for the next time.
func (b *batch) flush(spare []byte) []byte {
	b.mu.Lock()
	full := b.buf
	b.buf = spare[:0]
	b.room.Broadcast()
	b.mu.Unlock()
	if len(full) > 0 {
		_, _ = b.to.Write(full) // see Write
	}
	return full
}

// Close writes the rest. Nothing may be written after it.
func (b *batch) Close() {
	close(b.end)
	<-b.done
}
