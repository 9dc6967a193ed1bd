package local

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWorkqueueOrderAndDuplicates(t *testing.T) {
	q := newWorkqueue()
	a, b := workKey{"K", "a"}, workKey{"K", "b"}
	for _, k := range []workKey{a, b, a, a} {
		q.add(k)
	}
	first, _ := q.take()
	q.add(a) // while a is busy
	second, _ := q.take()
	if diff := cmp.Diff([]string{"a", "b"}, []string{first.name, second.name}); diff != "" {
		t.Errorf("each once, in order\n%s", diff)
	}
	got := make(chan workKey)
	go func() {
		k, _ := q.take()
		got <- k
	}()
	q.done(b)
	select {
	case k := <-got:
		t.Errorf("%v was given out while it is busy", k)
	default:
	}
	q.done(a)
	if k := <-got; k != a {
		t.Errorf("got %v, want a again, which was added while it was busy", k)
	}
}

func TestWorkqueueRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newWorkqueue()
		k := workKey{"K", "a"}
		began := time.Now()
		var waits []time.Duration
		for range 8 {
			q.retry(k)
			q.retry(k) // counts, but does not come twice
			q.take()
			waits = append(waits, time.Since(began))
			q.done(k)
			began = time.Now()
		}
		want := []time.Duration{2 * time.Second, 8 * time.Second, 32 * time.Second, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute}
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Errorf("waits grow up to a minute\n%s", diff)
		}
		q.retry(k)
		q.forget(k)
		time.Sleep(time.Hour)
		q.add(workKey{"K", "b"})
		if got, _ := q.take(); got.name != "b" {
			t.Errorf("got %v, which was to be forgotten", got)
		}
		q.retry(k)
		began = time.Now()
		q.take()
		if time.Since(began) != time.Second {
			t.Errorf("after forget the wait is %s, want the first again", time.Since(began))
		}
	})
}

func TestWorkqueueClose(t *testing.T) {
	q := newWorkqueue()
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			if k, ok := q.take(); ok {
				t.Errorf("got %v from a closed queue", k)
			}
		})
	}
	q.close()
	workers.Wait()
	q.add(workKey{"K", "a"})
	q.retry(workKey{"K", "a"})
	if _, ok := q.take(); ok {
		t.Error("a closed queue takes work")
	}
}
