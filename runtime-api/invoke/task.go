package invoke

import (
	"context"
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// phase is where in its life a task is.
type phase int

const (
	queued phase = iota
	running
	ended
)

// Task is one accepted invocation on its way to its one outcome.
type Task struct {
	// In is the invocation; it is not changed.
	In *lambda.Invocation
	// Queued is when the invocation was accepted.
	Queued time.Time

	caller   context.Context // only asked whether the caller still waits
	mu       sync.Mutex
	phase    phase
	started  time.Time // hand-over
	deadline time.Time
	result   *lambda.Result
	done     chan struct{}

	// streaming is held while bytes are passed to the caller, so that none is passed after the caller has left.
	streaming sync.Mutex
	left      bool
}

func newTask(caller context.Context, in *lambda.Invocation, now time.Time) *Task {
	return &Task{In: in, caller: caller, Queued: now, done: make(chan struct{})}
}

// Started is the moment of hand-over; zero before it.
func (t *Task) Started() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started
}

// Deadline is when the function's time ends; zero before hand-over.
func (t *Task) Deadline() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deadline
}

// Done is closed when the task has its outcome.
func (t *Task) Done() <-chan struct{} { return t.done }

// Result is the outcome; nil until Done is closed, and nil for a task that was never executed.
func (t *Task) Result() *lambda.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.result
}

// start moves a queued task to running. It reports false if the task has ended, so that it must not be handed out.
func (t *Task) start(now time.Time, timeout time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != queued {
		return false
	}
	t.phase, t.started, t.deadline = running, now, now.Add(timeout)
	return true
}

// unstart takes back a start whose hand-over failed before the runtime can have seen the event.
func (t *Task) unstart() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != running {
		return false
	}
	t.phase, t.started, t.deadline = queued, time.Time{}, time.Time{}
	return true
}

// Abandon ends a task that has not started, because its caller no longer waits. It reports false if the task runs
// already or has ended.
func (t *Task) Abandon() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != queued {
		return false
	}
	t.phase = ended
	close(t.done)
	return true
}

// finish gives a running task its outcome and tells ended before the caller learns of it. It reports false if another
// outcome was first.
func (t *Task) finish(r *lambda.Result, tell func(*Task, *lambda.Result)) bool {
	t.mu.Lock()
	if t.phase != running {
		t.mu.Unlock()
		return false
	}
	r.Duration = time.Since(t.started)
	t.phase, t.result = ended, r
	t.mu.Unlock()
	if tell != nil {
		tell(t, r)
	}
	close(t.done)
	return true
}

func (t *Task) live() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phase == queued
}

// wanted says whether the task still waits and its caller too.
func (t *Task) wanted() bool {
	if t.caller.Err() != nil {
		t.Abandon()
	}
	return t.live()
}

// Leave tells the task that its caller has gone: nothing is written to the caller's stream from now on.
func (t *Task) Leave() {
	t.streaming.Lock()
	t.left = true
	t.streaming.Unlock()
}

// stream passes bytes to the caller; it drops them if the caller has left.
func (t *Task) stream(write func(lambda.ResponseStream) error) error {
	t.streaming.Lock()
	defer t.streaming.Unlock()
	if t.left {
		return nil
	}
	return write(t.In.Stream)
}
