package extension

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// outcome is what a call of Next returned.
type outcome struct {
	event Event
	err   error
}

// next calls Next in the background.
func next(ctx context.Context, r *Registry, id string) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		e, err := r.Next(ctx, id)
		ch <- outcome{e, err}
	}()
	return ch
}

// mustEvent waits for the event of a call.
func mustEvent(t *testing.T, ch <-chan outcome) Event {
	t.Helper()
	got := <-ch
	if got.err != nil {
		t.Fatalf("Next: %v", got.err)
	}
	return got.event
}

func TestReadyNeedsEveryone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		ext, inside := register(t, r, "ext"), register(t, r, "inside")
		ctx, cancel := context.WithCancel(t.Context())
		first := next(ctx, r, ext)
		synctest.Wait()
		r.CloseRegistration()
		if isOpen(r.Ready()) {
			t.Error("the internal extension has not called event/next")
		}
		second := next(ctx, r, inside)
		synctest.Wait()
		if !isOpen(r.Ready()) {
			t.Error("everybody has called event/next")
		}
		cancel()
		for _, ch := range []<-chan outcome{first, second} {
			if got := <-ch; !errors.Is(got.err, context.Canceled) {
				t.Errorf("Next of a caller that left: got %v, want context.Canceled", got.err)
			}
		}
	})
}

func TestReadyWaitsForEndOfRegistration(t *testing.T) {
	r := NewRegistry(info, nil)
	if isOpen(r.Ready()) {
		t.Error("as long as registration is open somebody may come")
	}
	r.CloseRegistration()
	if !isOpen(r.Ready()) {
		t.Error("nobody registered: nobody to wait for")
	}
}

func TestInvokeAndIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		ext, inside, deaf := register(t, r, "ext", "INVOKE"), register(t, r, "inside", "INVOKE"), register(t, r, "deaf")
		r.CloseRegistration()
		a, b, c := next(t.Context(), r, ext), next(t.Context(), r, inside), next(t.Context(), r, deaf)
		synctest.Wait()
		if !isOpen(r.Idle()) {
			t.Error("no invocation yet: idle")
		}
		in := someInvocation("r1")
		in.Trace = "Root=1-2-3"
		r.Invoke(in)
		idle := r.Idle()
		eventA, eventB := mustEvent(t, a), mustEvent(t, b)
		want := Event{
			Type: "INVOKE", DeadlineMs: 1700000000123, RequestID: "r1",
			FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:hello",
			Tracing:     &Tracing{"X-Amzn-Trace-Id", "Root=1-2-3"},
		}
		if diff := cmp.Diff(want, eventA, cmpopts.IgnoreFields(Event{}, "ID")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if eventA.ID == "" || eventA.ID == eventB.ID {
			t.Errorf("event ids %q and %q: each delivery has its own", eventA.ID, eventB.ID)
		}
		a = next(t.Context(), r, ext)
		synctest.Wait()
		if isOpen(idle) {
			t.Error("inside is still at work")
		}
		b = next(t.Context(), r, inside)
		synctest.Wait()
		if !isOpen(idle) {
			t.Error("both are back at event/next")
		}
		r.Shutdown(ReasonSpindown, time.UnixMilli(42))
		synctest.Wait()
		for _, ch := range []<-chan outcome{a, b, c} {
			select {
			case got := <-ch:
				t.Errorf("nobody subscribed to SHUTDOWN, yet somebody got %+v, %v", got.event, got.err)
			default:
			}
		}
	})
}

func TestShutdownEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		id := register(t, r, "ext", "SHUTDOWN")
		waiting := next(t.Context(), r, id)
		synctest.Wait()
		r.Shutdown(ReasonTimeout, time.UnixMilli(42))
		r.Shutdown(ReasonFailure, time.UnixMilli(43))
		want := Event{Type: "SHUTDOWN", DeadlineMs: 42, ShutdownReason: "timeout"}
		if diff := cmp.Diff(want, mustEvent(t, waiting)); diff != "" {
			t.Errorf("the first Shutdown counts: -want +got:\n%s", diff)
		}
		if _, _, err := r.Register("late", nil, false); !errors.Is(err, &Error{Type: "Extension.RegistrationClosed"}) {
			t.Errorf("Register after Shutdown: %v", err)
		}
	})
}

func TestEventJSON(t *testing.T) {
	traced := someInvocation("r1")
	traced.Trace = "Root=1"
	cases := map[string]struct {
		event *Event
		want  string
	}{
		"Invoke": {
			event: invokeEvent(traced),
			want: `{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"r1",` +
				`"invokedFunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:hello",` +
				`"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}`,
		},
		"Untraced": {
			event: invokeEvent(someInvocation("r1")),
			want: `{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"r1",` +
				`"invokedFunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:hello"}`,
		},
		"Shutdown": {
			event: &Event{Type: EventShutdown, DeadlineMs: 42, ShutdownReason: ReasonSpindown},
			want:  `{"eventType":"SHUTDOWN","deadlineMs":42,"shutdownReason":"spindown"}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tc.event)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v\nwant %s", got, err, tc.want)
			}
		})
	}
}

// A caller that has gone takes no event with it, whenever it went.
func TestGonePollerLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		id := register(t, r, "ext", "INVOKE")
		ctx, cancel := context.WithCancel(t.Context())
		gone := next(ctx, r, id)
		synctest.Wait()
		cancel() // at the same time as the event
		r.Invoke(someInvocation("r1"))
		if got := <-gone; !errors.Is(got.err, context.Canceled) {
			t.Fatalf("the caller has gone, yet it got %+v, %v", got.event, got.err)
		}
		if isOpen(r.Idle()) {
			t.Error("the event is still to be fetched")
		}
		if got := mustEvent(t, next(t.Context(), r, id)); got.RequestID != "r1" {
			t.Errorf("the next call got %+v", got)
		}
	})
}

// A new call takes the place of one that waits: the old connection is most likely dead without our knowing.
func TestSecondPollerTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		id := register(t, r, "ext", "INVOKE")
		old := next(t.Context(), r, id)
		synctest.Wait()
		newer := next(t.Context(), r, id)
		synctest.Wait()
		want := &Error{403, "Extension.InvalidExtensionState",
			"State transition from Ready to Ready failed for extension " + id + ". Error: State transition is not allowed"}
		got := new(Error)
		if o := <-old; !errors.As(o.err, &got) || cmp.Diff(want, got) != "" {
			t.Errorf("the old call: got %v, want %v", o.err, want)
		}
		r.Invoke(someInvocation("r1"))
		if e := mustEvent(t, newer); e.RequestID != "r1" {
			t.Errorf("the newer call got %+v", e)
		}
	})
}

// An owner that does not wait for Idle replaces what nobody fetched; memory stays bounded.
func TestInvokeReplacesUnfetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		id := register(t, r, "ext", "INVOKE", "SHUTDOWN")
		r.Invoke(someInvocation("r1"))
		r.Invoke(someInvocation("r2"))
		if e := mustEvent(t, next(t.Context(), r, id)); e.RequestID != "r2" {
			t.Errorf("got %+v, want the newest event", e)
		}
		r.Invoke(someInvocation("r3"))
		r.Shutdown(ReasonSpindown, time.UnixMilli(42))
		if e := mustEvent(t, next(t.Context(), r, id)); e.Type != EventShutdown {
			t.Errorf("got %+v, want SHUTDOWN in place of the INVOKE", e)
		}
		r.Invoke(someInvocation("r4"))
		if e := r.order[0].event; e != nil {
			t.Errorf("after Shutdown nothing is handed out: %+v", e)
		}
	})
}

func TestInvokeWithoutSubscribersIsFree(t *testing.T) {
	r := NewRegistry(info, []string{"ext"})
	register(t, r, "ext", "SHUTDOWN")
	in := someInvocation("r1")
	allocs := testing.AllocsPerRun(100, func() {
		r.Invoke(in)
		if !isOpen(r.Idle()) {
			t.Fatal("nobody to wait for")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per invocation, want 0", allocs)
	}
}

// Ten extensions, many invocations, callers that hang up at random moments: every event arrives.
func TestManyInvocations(t *testing.T) {
	const rounds, extensions = 200, 10
	names := make([]string, extensions)
	for i := range names {
		names[i] = string(rune('a' + i))
	}
	r := NewRegistry(info, names)
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	counts := make([]int, extensions)
	for i, name := range names {
		id := register(t, r, name, "INVOKE")
		workers.Go(func() {
			for try := 0; ctx.Err() == nil; try++ {
				impatient, hangUp := context.WithTimeout(ctx, time.Duration(try%3)*50*time.Microsecond+time.Microsecond)
				if _, err := r.Next(impatient, id); err == nil {
					counts[i]++
				}
				hangUp()
			}
		})
	}
	r.CloseRegistration()
	<-r.Ready()
	for range rounds {
		r.Invoke(someInvocation("r"))
		<-r.Idle()
	}
	cancel()
	workers.Wait()
	for i, n := range counts {
		if n != rounds {
			t.Errorf("extension %d got %d events, want %d", i, n, rounds)
		}
	}
}
