package local

import (
	"sync"
	"time"
)

// What failed is tried again after a while: files and servers that an object refers to change without telling us.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// workKey names an object to be looked at.
type workKey struct {
	kind string // of v1alpha1
	name string
}

// workqueue says which objects are to be reconciled. A key that is added several times before somebody takes it comes
// once, and no two workers have the same key at the same time.
type workqueue struct {
	mu      sync.Mutex
	changed *sync.Cond
	order   []workKey
	waiting map[workKey]bool // in order, or added while busy
	busy    map[workKey]bool
	failed  map[workKey]int // how often in a row
	timers  map[workKey]*time.Timer
	closed  bool
}

func newWorkqueue() *workqueue {
	q := &workqueue{waiting: map[workKey]bool{}, busy: map[workKey]bool{}, failed: map[workKey]int{}, timers: map[workKey]*time.Timer{}}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// add asks for key to be looked at.
func (q *workqueue) add(key workKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.waiting[key] {
		return
	}
	q.waiting[key] = true
	if !q.busy[key] {
		q.order = append(q.order, key)
		q.changed.Signal()
	}
}

// retry asks for key to be looked at again after a while, which grows with each call until forget.
func (q *workqueue) retry(key workKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if t := q.timers[key]; t != nil {
		t.Stop()
	}
	wait := min(firstRetry<<min(q.failed[key], 10), lastRetry)
	q.failed[key]++
	q.timers[key] = time.AfterFunc(wait, func() { q.add(key) })
}

// forget takes back what retry asked for.
func (q *workqueue) forget(key workKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.timers[key]; t != nil {
		t.Stop()
	}
	delete(q.timers, key)
	delete(q.failed, key)
}

// take waits for a key; it gives false once the queue is closed. The worker owes a call of done.
func (q *workqueue) take() (workKey, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.order) == 0 && !q.closed {
		q.changed.Wait()
	}
	if q.closed {
		return workKey{}, false
	}
	key := q.order[0]
	q.order = q.order[1:]
	delete(q.waiting, key)
	q.busy[key] = true
	return key, true
}

// done gives key back. If it was added in the meantime it comes again.
func (q *workqueue) done(key workKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, key)
	if q.waiting[key] {
		q.order = append(q.order, key)
		q.changed.Signal()
	}
}

// close wakes the workers up to go home.
func (q *workqueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, t := range q.timers {
		t.Stop()
	}
	q.changed.Broadcast()
}
