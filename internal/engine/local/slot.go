package local

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// runner runs a unit. It is what [pod.Pod] is; tests have others.
type runner interface {
	lambda.Invoker
	// Ready is closed once it can run something at once.
	Ready() <-chan struct{}
	// Failure is why it is not ready; nil if that is not known.
	Failure() error
	// Environments is how many there are, and how many of them have initialized.
	Environments() (live, serving int)
	// Shutdown ends what runs after it has come to its end, or when ctx ends.
	Shutdown(ctx context.Context) error
}

// runnerFunc starts what runs a unit.
type runnerFunc func(u *unit) (runner, error)

// slot runs one version of one function. Between updates it has one unit; while that has calls, or is to be kept warm,
// it has a run of it.
type slot struct {
	engine *Engine
	key    workKey   // its object
	uid    types.UID // of its object, since names may be used again

	mu      sync.Mutex
	state   string        // of its object in the Lambda API's words
	settled chan struct{} // closed when it has been reconciled for the first time since the engine was opened
	warm    int           // environments to keep
	unit    *unit         // nil until there is one
	run     *run          // nil while there is nothing to do
	removed bool
}

func newSlot(e *Engine, key workKey, uid types.UID) *slot {
	return &slot{engine: e, key: key, uid: uid, settled: make(chan struct{})}
}

// note takes over the state of the object.
func (s *slot) note(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// setWarm says how many environments are to be kept, and reports whether that is news.
func (s *slot) setWarm(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.warm != n
	s.warm = n
	return changed
}

func (s *slot) wantsWarm() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warm
}

// current is the unit that serves; nil if there is none.
func (s *slot) current() *unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unit
}

// isSettled reports whether the slot has been reconciled since the engine was opened.
func (s *slot) isSettled() bool {
	select {
	case <-s.settled:
		return true
	default:
		return false
	}
}

// settle notes that reconciling has come to an end, with or without a unit.
func (s *slot) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isSettled() {
		close(s.settled)
	}
}

// invoke runs an invocation on what serves.
func (s *slot) invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	r, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer s.release(r)
	return r.runner.Invoke(ctx, in)
}

// acquire gives the run for a call, and starts it if need be. The caller owes a release. A function that was ready
// before the engine was opened, and is not yet again, makes the caller wait; one that never was refuses.
func (s *slot) acquire(ctx context.Context) (*run, error) {
	if s.awaited() {
		select {
		case <-s.settled:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		return nil, errNoVersion
	}
	if s.unit == nil {
		return nil, lambda.Errorf(lambda.CodeResourceConflict,
			"The operation cannot be performed at this time. The function is currently in the following state: %s", s.refusal())
	}
	if s.run == nil {
		r, err := s.engine.newRun(s.unit)
		if err != nil {
			return nil, err
		}
		s.run = r
	}
	s.run.users++
	return s.run, nil
}

func (s *slot) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unit == nil && s.state == v1alpha1.StateActive && !s.removed
}

// refusal is the state to tell a caller who cannot be served: Active would be no reason.
func (s *slot) refusal() string {
	if s.state == v1alpha1.StatePending || s.state == "" {
		return v1alpha1.StatePending
	}
	return v1alpha1.StateFailed
}

// release gives a run back.
func (s *slot) release(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.users--
	r.used = time.Now()
	if r.old && r.users == 0 {
		s.engine.end(r)
	}
}

// serve makes u the unit for all new calls, and started, unless nil, its run. A run of the unit before ends once its
// calls have, or goes on if u runs the same.
func (s *slot) serve(u *unit, started *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		if started != nil {
			s.engine.end(started)
		}
		return
	}
	same := s.unit != nil && s.unit.runsLike(u)
	s.unit = u
	if same && started == nil {
		return
	}
	s.retire()
	s.run = started
}

// folders are those that the slot needs.
func (s *slot) folders() []string {
	if u := s.current(); u != nil {
		return u.folders
	}
	return nil
}

// retire takes the run out of the slot. The caller holds the lock.
func (s *slot) retire() {
	if s.run == nil {
		return
	}
	s.run.old = true
	if s.run.users == 0 {
		s.engine.end(s.run)
	}
	s.run = nil
}

// retireIdle stops a run that nobody has used since then, unless it is to be kept warm.
func (s *slot) retireIdle(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil && s.run.users == 0 && s.unit.pod.Min == 0 && !s.run.used.After(before) {
		s.retire()
	}
}

// remove ends the slot: its version has gone, or the engine closes.
func (s *slot) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = true
	s.retire()
	if !s.isSettled() {
		close(s.settled)
	}
}
