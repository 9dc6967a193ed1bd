package event

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: "team", Name: name} }

func TestLanes(t *testing.T) {
	var l lanes
	var called []string
	l.onTurn(func(k client.ObjectKey) { called = append(called, k.Name) })
	enter := func(name, group string, want bool) {
		t.Helper()
		if got := l.enter(key(name), group, 2); got != want {
			t.Errorf("enter(%s, %s) = %v, want %v", name, group, got, want)
		}
	}
	enter("a1", "a", true)
	enter("a2", "a", true)
	enter("a3", "a", false)
	enter("a4", "a", false)
	enter("a3", "a", false) // asked twice, waits once
	enter("b1", "b", true)  // another group has its own places
	enter("a1", "a", true)  // who has a place has it
	l.leave(key("a4"))      // who has none gives none
	l.leave(key("a1"))
	l.leave(key("a1")) // once
	enter("a5", "a", false)
	enter("a3", "a", true) // it was called
	l.leave(key("a3"))
	l.leave(key("a4"))
	if diff := cmp.Diff([]string{"a3", "a4", "a5"}, called); diff != "" {
		t.Errorf("called\n%s", diff)
	}
	for _, name := range []string{"a2", "a5", "b1"} {
		l.leave(key(name))
	}
	if len(l.taken)+len(l.waiting)+len(l.queued)+len(l.places) != 0 {
		t.Errorf("when all have left, %+v stays", &l)
	}
}

func TestLanesWithoutCaller(t *testing.T) {
	var l lanes
	l.enter(key("a"), "g", 1)
	l.enter(key("b"), "g", 1)
	l.leave(key("a"))
	if !l.enter(key("b"), "g", 1) {
		t.Error("the place is taken by nobody")
	}
}

// TestSlowFunctionHoldsUpNobody gives a slow function more events than there are workers.
func TestSlowFunctionHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, newFunction("slow"), newFunction("fast"))
		c.http.Close() // it is not needed, and has goroutines
		gate := make(chan struct{})
		var mu sync.Mutex
		running, most, fast := 0, 0, 0
		c.play = func(in *lambda.Invocation) (*lambda.Result, error) {
			mu.Lock()
			if in.Function.Name == "fast" {
				fast++
				mu.Unlock()
				return &lambda.Result{}, nil
			}
			running++
			most = max(most, running)
			mu.Unlock()
			<-gate
			mu.Lock()
			running--
			mu.Unlock()
			return &lambda.Result{}, nil
		}
		const workers, events = 4, 20
		r := c.reconciler()
		r.PerFunction = 2
		queue := make(chan client.ObjectKey, 10*events)
		r.lanes.onTurn(func(k client.ObjectKey) { queue <- k })
		for i := range events {
			a := c.newEvent(fmt.Sprintf("slow-%d", i), "slow", "1")
			c.accept(a)
			queue <- client.ObjectKeyFromObject(a)
		}
		a := c.newEvent("fast", "fast", "1")
		c.accept(a)
		queue <- client.ObjectKeyFromObject(a)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for {
					select {
					case <-ctx.Done():
						return
					case k := <-queue:
						if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: k}); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		synctest.Wait()
		mu.Lock()
		if fast != 1 || most != 2 {
			t.Errorf("the fast function ran %d times beside %d of the slow one; want once beside 2", fast, most)
		}
		mu.Unlock()
		close(gate)
		synctest.Wait()
		stop()
		all.Wait()
		if left := len(c.events()); left != 0 || most != 2 {
			t.Errorf("%d events are left, at most %d ran at once; want none and 2", left, most)
		}
	})
}
