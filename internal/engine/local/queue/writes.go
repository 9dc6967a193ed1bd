package queue

import (
	"sync"

	bolt "go.etcd.io/bbolt"
)

// writes gathers writes into transactions, because what a transaction costs is its two waits for the disk, however much is
// in it. A write that finds the disk idle begins at once; those that come while it works go together into the next one. So
// nobody waits for company, and the more there are the fewer waits each of them costs. Its methods are safe for concurrent
// use.
type writes struct {
	update func(func(*bolt.Tx) error) error

	mu      sync.Mutex
	waiting []*write
	busy    bool // somebody writes, and will look at waiting when it is done
}

// write is one of them. It may be run more than once.
type write struct {
	run  func(*bolt.Tx) error
	done chan struct{}
	err  error
}

// do returns when the write is on the disk, or has failed.
func (w *writes) do(run func(*bolt.Tx) error) error {
	mine := &write{run: run, done: make(chan struct{})}
	w.mu.Lock()
	w.waiting = append(w.waiting, mine)
	lead := !w.busy
	w.busy = true
	w.mu.Unlock()
	if lead {
		w.next()
	}
	<-mine.done
	return mine.err
}

// next writes what waits, and leaves what has come meanwhile to a goroutine that ends when nothing waits any more: whoever
// leads has an answer to wait for too.
func (w *writes) next() {
	w.mu.Lock()
	batch := w.waiting
	w.waiting = nil
	w.busy = len(batch) > 0
	w.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	w.commit(batch)
	go w.next()
}

// commit writes all together or, if one of them fails, each alone, so that none suffers from another.
func (w *writes) commit(batch []*write) {
	err := w.update(func(tx *bolt.Tx) error {
		for _, one := range batch {
			if err := one.run(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, one := range batch {
		one.err = err
		if err != nil && len(batch) > 1 {
			one.err = w.update(one.run)
		}
		close(one.done)
	}
}
