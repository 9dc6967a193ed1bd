package invoke

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: 3 * time.Second, Hooks: Hooks{Overran: func() { overran++ }}})
		task := f.submit("a")
		time.Sleep(time.Minute) // waiting is not the function's time
		f.next()
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		if task.Result() != nil {
			t.Fatal("ended before its time was up")
		}
		time.Sleep(time.Nanosecond)
		wantResult(t, task, lambda.Result{RequestID: "a", FunctionError: "Unhandled", ErrorType: "Sandbox.Timedout",
			Payload: []byte(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: a Error: Task timed out after 3.00 seconds"}`)})
		synctest.Wait()
		if overran != 1 {
			t.Errorf("the owner was told %d times, want once", overran)
		}
		wantRefusal(t, f.s.Respond("a", answer("late")), 410, "InvokeTimeout")
	})
}

func TestClockRunsUntilTheNextRequestForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: 3 * time.Second, Hooks: Hooks{Overran: func() { overran++ }}})
		task := f.running("a")
		_ = f.s.Respond("a", answer("ok"))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if overran != 1 {
			t.Errorf("a runtime that answers and then hangs was reported %d times, want once", overran)
		}
		wantResult(t, task, lambda.Result{RequestID: "a", Payload: []byte("ok")})
	})
}

func TestClockStopsAtTheNextRequestForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{Timeout: 3 * time.Second, Hooks: Hooks{Overran: func() { t.Error("overran") }}})
		f.running("a")
		_ = f.s.Respond("a", answer("ok"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := f.s.Next(ctx, here); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: time.Second, Concurrency: 2, Hooks: Hooks{Overran: func() { overran++ }}})
		a, b, c := f.submit("a"), f.submit("b"), f.submit("c")
		f.next()
		f.next()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if got, err := f.s.Next(ctx, here); err == nil {
			t.Fatalf("a third invocation, %q, was handed out", got.In.ID)
		}
		if err := f.s.Respond("b", answer("B")); err != nil {
			t.Fatal(err)
		}
		wantResult(t, b, lambda.Result{RequestID: "b", Payload: []byte("B")})
		wantRefusal(t, f.s.Respond("b", answer("B")), 400, "InvalidRequestID")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a.Result() == nil || a.Result().ErrorType != TypeTimeout {
			t.Errorf("a ended with %+v, want a timeout", a.Result())
		}
		if overran != 0 {
			t.Error("one late invocation must not end a process that holds others")
		}
		if err := f.s.Respond("a", answer("late")); err != nil {
			t.Errorf("a late answer was refused with %v; clients exit on that", err)
		}
		f.next()
		if err := f.s.Respond("c", answer("C")); err != nil {
			t.Fatal(err)
		}
		wantResult(t, c, lambda.Result{RequestID: "c", Payload: []byte("C")})
	})
}

func TestProcessWithAllSlotsStuckIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: time.Second, Concurrency: 2, Hooks: Hooks{Overran: func() { overran++ }}})
		f.running("a")
		f.running("b")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if overran != 1 {
			t.Errorf("reported %d times, want once", overran)
		}
	})
}
