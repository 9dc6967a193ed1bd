package invoke

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func here() bool { return true }
func gone() bool { return false }

func answer(body string) Answer {
	return Answer{Body: strings.NewReader(body), Size: int64(len(body))}
}

// session is a session with its queue, and an invocation that has been submitted to it and taken by its runtime.
type fixture struct {
	*testing.T
	q *Queue
	s *Session
}

func newFixture(t *testing.T, opts Options) *fixture {
	t.Helper()
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	q := NewQueue(10)
	f := &fixture{T: t, q: q, s: NewSession(q, opts)}
	t.Cleanup(func() { f.s.End(Exited("", false)) })
	return f
}

func (f *fixture) submit(id string) *Task {
	f.Helper()
	t, _, err := f.q.Submit(context.Background(), &lambda.Invocation{ID: id})
	if err != nil {
		f.Fatal(err)
	}
	return t
}

func (f *fixture) next() *Task {
	f.Helper()
	t, err := f.s.Next(f.Context(), here)
	if err != nil {
		f.Fatal(err)
	}
	return t
}

func (f *fixture) running(id string) *Task {
	f.Helper()
	t := f.submit(id)
	if got := f.next(); got != t {
		f.Fatalf("next gave %q, want %q", got.In.ID, id)
	}
	return t
}

func wantRefusal(t *testing.T, err error, status int, typ string) {
	t.Helper()
	refusal := new(Error)
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want a refusal with %d %s", err, status, typ)
	}
	if refusal.Status != status || refusal.Type != typ {
		t.Errorf("refused with %d %s (%s), want %d %s", refusal.Status, refusal.Type, refusal.Message, status, typ)
	}
}

func wantResult(t *testing.T, task *Task, want lambda.Result) {
	t.Helper()
	select {
	case <-task.Done():
	case <-time.After(time.Minute):
		t.Fatal("the task has no outcome")
	}
	got := *task.Result()
	got.Duration = 0
	if len(want.Payload) > 1<<20 && bytes.Equal(want.Payload, got.Payload) {
		want.Payload, got.Payload = nil, nil // cmp takes long for equal megabytes
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestOrder(t *testing.T) {
	cases := map[string]struct {
		reason string
		before func(*fixture)
		call   func(*Session) error
		status int
		typ    string
	}{
		"ResponseBeforeNext": {
			reason: "there is no current id, which is looked at first",
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			status: 400, typ: "InvalidRequestID",
		},
		"UnknownID": {
			before: func(f *fixture) { f.running("a") },
			call:   func(s *Session) error { return s.Fail("b", answer("")) },
			status: 400, typ: "InvalidRequestID",
		},
		"SecondResponse": {
			reason: "the id is still known, the state is not right",
			before: func(f *fixture) { f.running("a"); _ = f.s.Respond("a", answer("")) },
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			status: 403, typ: "InvalidStateTransition",
		},
		"ErrorAfterResponse": {
			before: func(f *fixture) { f.running("a"); _ = f.s.Respond("a", answer("")) },
			call:   func(s *Session) error { return s.Fail("a", answer("")) },
			status: 403, typ: "InvalidStateTransition",
		},
		"EarlierID": {
			before: func(f *fixture) { f.running("a"); _ = f.s.Respond("a", answer("")); f.running("b") },
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			status: 400, typ: "InvalidRequestID",
		},
		"InitErrorWhenRunning": {
			before: func(f *fixture) { f.running("a") },
			call:   func(s *Session) error { return s.InitError(answer("{}")) },
			status: 403, typ: "InvalidStateTransition",
		},
		"NextAfterInitError": {
			before: func(f *fixture) { _ = f.s.InitError(answer("{}")) },
			call:   func(s *Session) error { _, err := s.Next(context.Background(), here); return err },
			status: 403, typ: "InvalidStateTransition",
		},
		"RestoreWithoutSnapStart": {
			reason: "the path does not exist",
			call:   (*Session).RestoreNext,
			status: 404,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			if tc.before != nil {
				tc.before(f)
			}
			wantRefusal(t, tc.call(f.s), tc.status, tc.typ)
		})
	}
}

func TestRefusalNamesStates(t *testing.T) {
	f := newFixture(t, Options{})
	f.running("a")
	_ = f.s.Respond("a", answer(""))
	want := "InvalidStateTransition: State transition from RuntimeResponseSentState to InvocationErrorResponse failed for runtime. " +
		"Error: State transition is not allowed"
	if err := f.s.Fail("a", answer("")); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestNextWhileRunningGivesTheSameEvent(t *testing.T) {
	f := newFixture(t, Options{})
	a := f.running("a")
	f.submit("b")
	if got := f.next(); got != a {
		t.Errorf("got %q, want the event again that the runtime holds", got.In.ID)
	}
}

func TestEnd(t *testing.T) {
	ended := 0
	f := newFixture(t, Options{Hooks: Hooks{Ended: func(*Task, *lambda.Result) { ended++ }}})
	task := f.running("a")
	f.s.End(Exited("exit status 3", false))
	f.s.End(Exited("", false))
	wantResult(t, task, lambda.Result{RequestID: "a", FunctionError: "Unhandled", ErrorType: "Runtime.ExitError",
		Payload: []byte(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: a Error: Runtime exited with error: exit status 3"}`)})
	if ended != 1 {
		t.Errorf("the task ended %d times", ended)
	}
}

func TestExitTexts(t *testing.T) {
	cases := map[string]struct {
		exit string
		oom  bool
		want string
	}{
		"Zero":   {"", false, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: i Error: Runtime exited without providing a reason"}`},
		"Signal": {"signal: segmentation fault", false, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: i Error: Runtime exited with error: signal: segmentation fault"}`},
		"Memory": {"signal: killed", true, `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: i Error: Runtime exited with error: signal: killed"}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := string(Exited(tc.exit, tc.oom).Result("i").Payload); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		if f.s.Retire() {
			t.Error("a runtime that has not initialized is not idle")
		}
		f.running("a")
		if f.s.Retire() {
			t.Error("a runtime that works is not idle")
		}
		_ = f.s.Respond("a", answer(""))
		polled := make(chan error)
		ctx, hangUp := context.WithCancel(t.Context())
		go func() { _, err := f.s.Next(ctx, here); polled <- err }()
		synctest.Wait()
		if !f.s.Retire() {
			t.Fatal("an idle runtime can be retired")
		}
		synctest.Wait()
		select {
		case err := <-polled:
			t.Fatalf("its poller was disturbed with %v", err)
		default:
		}
		hangUp()
		if err := <-polled; !errors.Is(err, ErrClosed) {
			t.Errorf("its poller got %v", err)
		}
		task := f.submit("b")
		other := NewSession(f.q, Options{Timeout: time.Second})
		defer other.End(Exited("", false))
		if got, err := other.Next(t.Context(), here); err != nil || got != task {
			t.Errorf("the invocation after it went to %v, %v", got, err)
		}
	})
}

func TestUndeliveredGoesBack(t *testing.T) {
	f := newFixture(t, Options{})
	a := f.running("a")
	f.submit("b")
	f.s.Undelivered(a)
	if got := f.next(); got != a {
		t.Errorf("got %q, want the one that could not be delivered, before those that came later", got.In.ID)
	}
}

// A poller that comes while another is being handed a task must not be handed a second one.
func TestPollersOfOneProcessGetOneTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		second := make(chan *Task)
		overtaken := false
		aliveAndOvertaken := func() bool {
			if !overtaken {
				overtaken = true
				go func() { second <- f.next() }()
				synctest.Wait() // until the second poller waits
			}
			return true
		}
		first := f.submit("a")
		if got, err := f.s.Next(t.Context(), aliveAndOvertaken); err != nil || got != first {
			t.Fatalf("the first poller got %v, %v", got, err)
		}
		waiting := f.submit("b")
		if got := <-second; got != first {
			t.Errorf("the second poller got %q, want the task that its process holds", got.In.ID)
		}
		if !waiting.Started().IsZero() {
			t.Error("one process holds two invocations")
		}
	})
}

// TestNoPollerGetsAnothersTask has one poller of many get work while the first is still held up by the end of init: the first
// must not be given the same once more.
func TestNoPollerGetsAnothersTask(t *testing.T) {
	release := make(chan struct{})
	held := make(chan struct{})
	f := newFixture(t, Options{Concurrency: 4, Hooks: Hooks{Ready: func(context.Context) error {
		close(held)
		<-release
		return nil
	}}})
	first := make(chan *Task, 1)
	go func() {
		task, err := f.s.Next(context.Background(), here)
		if err != nil {
			t.Errorf("the first poller: %v", err)
		}
		first <- task
	}()
	<-held
	f.submit("a")
	if got := f.next(); got.In.ID != "a" {
		t.Fatalf("the second poller got %q", got.In.ID)
	}
	f.submit("b")
	close(release)
	if got := <-first; got == nil || got.In.ID != "b" {
		t.Errorf("the first poller got %+v, want b", got)
	}
}

func TestSecondPollerTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		first, cancel := context.WithCancel(t.Context())
		lost := make(chan error)
		go func() { _, err := f.s.Next(first, here); lost <- err }()
		synctest.Wait()
		won := make(chan *Task)
		go func() { won <- f.next() }()
		synctest.Wait()
		task := f.submit("a")
		if got := <-won; got != task {
			t.Errorf("got %v", got)
		}
		cancel()
		if err := <-lost; !errors.Is(err, ErrClosed) {
			t.Errorf("the first poller got %v", err)
		}
	})
}
