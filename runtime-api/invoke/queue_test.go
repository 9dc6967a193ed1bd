package invoke

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func submit(t *testing.T, q *Queue, id string) *Task {
	t.Helper()
	task, _, err := q.Submit(context.Background(), &lambda.Invocation{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	q := NewQueue(2)
	submit(t, q, "a")
	b := submit(t, q, "b")
	_, _, err := q.Submit(context.Background(), &lambda.Invocation{ID: "c"})
	refusal := lambda.AsError(err)
	if refusal.Code != lambda.CodeTooManyRequests || refusal.RetryAfter <= 0 {
		t.Fatalf("got %v, want TooManyRequestsException with Retry-After", err)
	}
	b.Abandon()
	if _, _, err := q.Submit(context.Background(), &lambda.Invocation{ID: "d"}); err != nil {
		t.Errorf("a caller that left must make room, got %v", err)
	}
}

func TestTakeSkipsWhoLeft(t *testing.T) {
	q := NewQueue(2)
	a, b := submit(t, q, "a"), submit(t, q, "b")
	if !a.Abandon() {
		t.Fatal("a waiting task can be abandoned")
	}
	if got, err := q.Take(t.Context(), nil, here); err != nil || got != b {
		t.Errorf("got %v, %v, want b", got, err)
	}
}

func TestDeadPollerSwallowsNothing(t *testing.T) {
	cases := map[string]struct {
		reason string
		take   func(context.Context, *Queue) error
	}{
		"DeadWhenHandedOver": {
			reason: "the connection closed while the task was on its way",
			take:   func(ctx context.Context, q *Queue) error { _, err := q.Take(ctx, nil, gone); return err },
		},
		"CancelledWhileWaiting": {
			reason: "the request's context ended",
			take: func(ctx context.Context, q *Queue) error {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				_, err := q.Take(ctx, nil, gone)
				return err
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			q := NewQueue(1)
			a := submit(t, q, "a")
			if err := tc.take(t.Context(), q); err == nil {
				t.Fatal("a dead poller got the task")
			}
			if got, err := q.Take(t.Context(), nil, here); err != nil || got != a {
				t.Errorf("%s: the next poller got %v, %v", tc.reason, got, err)
			}
		})
	}
}

func TestDeadPollerIsNoticedWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1)
		var open atomic.Bool
		open.Store(true)
		gaveUp := make(chan error)
		go func() { _, err := q.Take(t.Context(), nil, open.Load); gaveUp <- err }()
		synctest.Wait()
		open.Store(false)
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, taken, err := q.Submit(context.Background(), &lambda.Invocation{ID: "a"}); err != nil || taken {
			t.Errorf("a task went to a poller that is gone (taken %v, %v)", taken, err)
		}
	})
}

func TestHandsToTheWarmest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1)
		took := make(chan string, 2)
		ctx, cancel := context.WithCancel(t.Context())
		for _, name := range []string{"cold", "warm"} {
			go func() {
				if _, err := q.Take(ctx, nil, here); err == nil {
					took <- name
				}
			}()
			synctest.Wait()
		}
		submit(t, q, "a")
		if got := <-took; got != "warm" {
			t.Errorf("went to the %s environment", got)
		}
		cancel()
	})
}

func TestCloseLetsAcceptedTasksBeTaken(t *testing.T) {
	q := NewQueue(1)
	a := submit(t, q, "a")
	q.Close()
	if _, _, err := q.Submit(context.Background(), &lambda.Invocation{ID: "b"}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed queue accepted: %v", err)
	}
	if got, err := q.Take(t.Context(), nil, here); err != nil || got != a {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := q.Take(t.Context(), nil, here); !errors.Is(err, ErrClosed) {
		t.Errorf("an empty closed queue gives %v", err)
	}
}

// Every task that was accepted ends exactly once, whatever pollers and callers do.
func TestNothingIsLostOrDoubled(t *testing.T) {
	const callers, sessions = 200, 8
	q := NewQueue(callers)
	var ended atomic.Int64
	var runtimes, waiting sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for n := range sessions {
		s := NewSession(q, Options{Timeout: time.Minute, Hooks: Hooks{Ended: func(*Task, *lambda.Result) { ended.Add(1) }}})
		runtimes.Go(func() { pollUnreliably(ctx, s, n) })
	}
	for n := range callers {
		waiting.Go(func() {
			task := submit(t, q, fmt.Sprintf("id-%d", n))
			select {
			case <-task.Done():
			case <-time.After(time.Minute):
				t.Errorf("%s has no outcome", task.In.ID)
			}
		})
	}
	waiting.Wait()
	cancel()
	runtimes.Wait()
	if got := ended.Load(); got != callers {
		t.Errorf("%d outcomes for %d invocations", got, callers)
	}
}

// pollUnreliably is a runtime whose every third connection is dead, whose every fifth delivery fails, and which answers
// half of its invocations twice.
func pollUnreliably(ctx context.Context, s *Session, seed int) {
	defer s.End(Exited("", false))
	for n := seed; ctx.Err() == nil; n++ {
		alive := func() bool { return n%3 != 0 }
		task, err := s.Next(ctx, alive)
		if err != nil {
			continue
		}
		if n%5 == 0 {
			s.Undelivered(task)
			continue
		}
		_ = s.Respond(task.In.ID, answer("ok"))
		if n%2 == 0 {
			_ = s.Fail(task.In.ID, answer("twice"))
		}
	}
}
