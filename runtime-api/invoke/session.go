package invoke

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// state is where a runtime process is in its conversation with the platform. The names are those of the 403 replies.
type state string

const (
	stateStarted       state = "Started"
	stateInitError     state = "InitError"
	stateReady         state = "Ready"
	stateRunning       state = "Running"
	stateResponse      state = "InvocationResponse"
	stateErrorResponse state = "InvocationErrorResponse"
	stateSent          state = "RuntimeResponseSentState"
	stateRestoreReady  state = "RestoreReady"
	stateRestoring     state = "Restoring"
	stateRestoreError  state = "RestoreError"
)

// Hooks let the owner of a Session watch it. Any may be nil. They are called without locks held.
type Hooks struct {
	// Ready is called at the runtime's first request for work, when its init is done. Work is given out only when it
	// has returned; an error refuses it.
	Ready func(ctx context.Context) error
	// Idle is called at each later request for work: the environment has finished the invocation before.
	Idle func(ctx context.Context) error
	// Started is called at each hand-over, before the runtime sees the event.
	Started func(t *Task)
	// Ended is called when a task has got its outcome, before its caller learns of it, from whichever goroutine
	// brought the outcome.
	Ended func(t *Task, r *lambda.Result)
	// Overran is called when the runtime used up its time; the owner of a single-concurrency session must then end
	// the process.
	Overran func()
}

// Options of a Session.
type Options struct {
	// Timeout is what each invocation is given from hand-over.
	Timeout time.Duration
	// Concurrency is how many invocations the runtime may hold at once. 1 is the classic contract; above 1 holds the
	// contract of AWS_LAMBDA_MAX_CONCURRENCY.
	Concurrency int
	// SnapStart opens the restore calls.
	SnapStart bool
	// Tenant is whose tasks the session takes; nil: everybody's.
	Tenant *Tenant
	Hooks  Hooks
}

// Session is the platform's side of the conversation with one runtime process, from its start to its end. It is safe
// for concurrent use.
type Session struct {
	queue *Queue
	opts  Options
	ended chan struct{} // closed by End
	slots chan struct{} // bounds what a multi-concurrent runtime holds; nil for a single one

	mu      sync.Mutex
	state   state
	current map[string]*held   // what the runtime holds, by request id
	last    *held              // in a single session: the one answered last, whose time still runs until the next call
	given   *Task              // given to the session before its runtime has started, and not yet fetched
	waiting context.CancelFunc // ends the wait of a single session's poller
	init    initResult         // how init ended
}

// held is a task in the hands of the runtime.
type held struct {
	*Task
	timer   *time.Timer
	claimed bool // its answer has begun to arrive
	overran bool
}

// initResult is how the runtime's init ended.
type initResult struct {
	done    chan struct{}
	failure *Failure
}

// NewSession starts a conversation that takes its work from q.
func NewSession(q *Queue, opts Options) *Session {
	s := &Session{
		queue:   q,
		opts:    opts,
		ended:   make(chan struct{}),
		state:   stateStarted,
		current: make(map[string]*held, max(1, opts.Concurrency)),
		init:    initResult{done: make(chan struct{})},
	}
	if s.multi() {
		s.slots = make(chan struct{}, opts.Concurrency)
	}
	return s
}

func (s *Session) multi() bool { return s.opts.Concurrency > 1 }

// InitDone is closed when the runtime has asked for work for the first time or has reported that its init failed.
func (s *Session) InitDone() <-chan struct{} { return s.init.done }

// InitFailure is what the runtime reported to init/error, or nil.
func (s *Session) InitFailure() *Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.init.failure
}

// Busy is how many invocations the runtime holds.
func (s *Session) Busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.current)
}

// Next gives the runtime its next task. It blocks until there is one or the poller is gone (ctx, alive); once the
// session has ended there is none. A single-concurrency runtime that asks again while it holds a task gets the same task again.
func (s *Session) Next(ctx context.Context, alive func() bool) (*Task, error) {
	again, first, err := s.beginNext()
	if err != nil || again != nil {
		return again, err
	}
	if err := s.passed(ctx, first); err != nil {
		return nil, err
	}
	if t := s.assigned(); t != nil {
		return t, nil
	}
	if s.multi() {
		return s.takeMulti(ctx, alive)
	}
	return s.takeSingle(ctx, alive)
}

// Assign gives the session a task before its runtime has started: init then happens within the invocation, and its
// time counts. It reports false if the task's caller has left in the meantime.
func (s *Session) Assign(t *Task) bool {
	if s.multi() {
		s.slots <- struct{}{}
	}
	if !s.begin(t) {
		if s.multi() {
			<-s.slots
		}
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.given = stateStarted, t
	return true
}

// assigned is the task that was assigned, for the one poller that comes for it first. What another poller holds by then is
// none of that: it would be run twice.
func (s *Session) assigned() *Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.given
	s.given = nil
	if t == nil || s.current[t.In.ID] == nil {
		return nil // there is none, or its time is over
	}
	s.state = stateRunning
	return t
}

// Retire ends a session that holds nothing, so that its process can be stopped without losing an invocation. It
// reports false if the runtime is not idle.
func (s *Session) Retire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.current) > 0 || s.state != stateReady || s.over() {
		return false
	}
	close(s.ended)
	return true
}

// over says whether the session has ended; the caller holds the lock.
func (s *Session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// beginNext checks the state and moves to Ready. again is the task to give once more.
func (s *Session) beginNext() (again *Task, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case stateStarted, stateRestoring:
		s.state = stateReady
		close(s.init.done)
		return nil, true, nil
	case stateReady, stateSent:
		s.state = stateReady
		s.settle()
		return nil, false, nil
	case stateRunning:
		if s.multi() {
			return nil, false, nil
		}
		return s.only(), false, nil
	default:
		return nil, false, s.refuse(stateReady)
	}
}

// passed tells the owner that the runtime asked for work.
func (s *Session) passed(ctx context.Context, first bool) error {
	hook := s.opts.Hooks.Idle
	if first {
		hook = s.opts.Hooks.Ready
	}
	if hook == nil {
		return nil
	}
	return hook(ctx)
}

// takeSingle waits on behalf of a runtime that holds one task at a time. A second poller takes the place of the first
// one, which then just waits: the usual second poller is a client that has given up its first connection.
func (s *Session) takeSingle(ctx context.Context, alive func() bool) (*Task, error) {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	if s.waiting != nil {
		s.waiting()
	}
	s.waiting = cancel
	s.mu.Unlock()
	for {
		t, err := s.queue.TakeFor(own, s.opts.Tenant, s.ended, alive)
		overtaken := own.Err() != nil && ctx.Err() == nil
		if errors.Is(err, ErrClosed) || err != nil && overtaken {
			return nil, s.idleUntilGone(ctx, alive)
		}
		if err != nil {
			return nil, err
		}
		if s.begin(t) {
			return t, nil
		}
		s.queue.Return(t) // for the others
		if again := s.holds(); again != nil {
			return again, nil
		}
	}
}

// takeMulti waits on behalf of one of many pollers.
func (s *Session) takeMulti(ctx context.Context, alive func() bool) (*Task, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ended:
		return nil, s.idleUntilGone(ctx, alive)
	}
	for {
		t, err := s.queue.TakeFor(ctx, s.opts.Tenant, s.ended, alive)
		if err != nil {
			<-s.slots
			if errors.Is(err, ErrClosed) {
				return nil, s.idleUntilGone(ctx, alive)
			}
			return nil, err
		}
		if s.begin(t) {
			return t, nil
		}
		s.queue.Return(t)
	}
}

// idleUntilGone keeps a poller waiting for whom there will be no work any more, until it hangs up or its connection is
// closed under it. An answer would only make runtime clients print an error on their way out.
func (s *Session) idleUntilGone(ctx context.Context, alive func() bool) error {
	tick := time.NewTicker(livenessInterval)
	defer tick.Stop()
	for alive() {
		select {
		case <-ctx.Done():
			return ErrClosed
		case <-tick.C:
		}
	}
	return ErrClosed
}

// begin hands t over: its time starts now. It reports false if t's caller has left in the meantime, the session has ended,
// or another poller of a single session was first.
func (s *Session) begin(t *Task) bool {
	s.mu.Lock()
	busy := !s.multi() && len(s.current) > 0
	if busy || s.over() || !t.start(time.Now(), s.opts.Timeout) {
		s.mu.Unlock()
		return false
	}
	s.state = stateRunning
	s.waiting = nil
	h := &held{Task: t}
	h.timer = time.AfterFunc(s.opts.Timeout, func() { s.overrun(h) })
	s.current[t.In.ID] = h
	s.mu.Unlock()
	if s.opts.Hooks.Started != nil {
		s.opts.Hooks.Started(t)
	}
	return true
}

// Undelivered takes back a task whose event could not be written to the runtime. It goes to the head of the queue.
func (s *Session) Undelivered(t *Task) {
	s.mu.Lock()
	h := s.current[t.In.ID]
	if h == nil || h.Task != t || h.claimed {
		s.mu.Unlock()
		return
	}
	s.drop(h)
	h.timer.Stop()
	s.state = stateReady
	s.mu.Unlock()
	if t.unstart() {
		s.queue.Return(t)
	}
}

// overrun ends a task whose time is up. A single-concurrency process is then no longer of use, even if it has answered
// and only did not ask for work again. One with many invocations goes on, as AWS lets it, until every one of its slots
// is held by an invocation that overran.
func (s *Session) overrun(h *held) {
	s.end(h.Task, TimedOut(s.opts.Timeout).Result(h.In.ID))
	s.mu.Lock()
	h.overran = true
	stuck := 0
	for _, o := range s.current {
		if o.overran {
			stuck++
		}
	}
	s.mu.Unlock()
	if s.multi() && stuck < s.opts.Concurrency {
		return
	}
	if s.opts.Hooks.Overran != nil {
		s.opts.Hooks.Overran()
	}
}

// end gives t its outcome, unless it has one.
func (s *Session) end(t *Task, r *lambda.Result) {
	r.RequestID = t.In.ID
	t.finish(r, s.opts.Hooks.Ended)
}

// drop takes h from the runtime's hands; the caller holds the lock.
func (s *Session) drop(h *held) {
	delete(s.current, h.In.ID)
	if s.multi() {
		h.timer.Stop()
		<-s.slots
	}
}

// settle stops the clock of the task answered last; the caller holds the lock.
func (s *Session) settle() {
	if s.last != nil {
		s.last.timer.Stop()
	}
	s.last = nil
}

// holds is the one task that a single session holds, or nil.
func (s *Session) holds() *Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.only()
}

// only is the one task of a single session, or nil; the caller holds the lock.
func (s *Session) only() *Task {
	for _, h := range s.current {
		return h.Task
	}
	return nil
}

// End closes the session because its process is gone or about to go: what the runtime still holds ends with the given
// failure, and pollers are let go. Further calls do nothing.
func (s *Session) End(f Failure) {
	s.mu.Lock()
	if s.over() {
		s.mu.Unlock()
		return
	}
	close(s.ended)
	left := make([]*Task, 0, len(s.current))
	for _, h := range s.current {
		h.timer.Stop()
		left = append(left, h.Task)
	}
	s.settle()
	s.mu.Unlock()
	for _, t := range left {
		s.end(t, f.Result(t.In.ID))
	}
}

// refuse is the reply to a call that the state does not allow; the caller holds the lock.
func (s *Session) refuse(to state) *Error {
	return &Error{Status: 403, Type: "InvalidStateTransition", Message: fmt.Sprintf(
		"State transition from %s to %s failed for runtime. Error: State transition is not allowed", s.state, to)}
}
