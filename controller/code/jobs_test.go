package code

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func owner(name string) client.Object {
	return &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
}

// bench is jobs on the clock of a bubble, with who was told of an end.
func bench() (j *jobs, told func() []string) {
	var mu sync.Mutex
	var names []string
	j = newJobs(Config{Patience: 2 * time.Second, Memory: 10 * time.Minute, Now: time.Now, Finished: func(o client.Object) {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, o.GetName())
	}})
	return j, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return names
	}
}

func TestQuickWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, told := bench()
		defer j.close()
		done := 0
		w := func(context.Context, func(string)) (Result, error) { done++; return Result{Image: "i"}, nil }
		for range 3 {
			if got, err := j.do(t.Context(), "key", owner("o"), w); err != nil || got.Image != "i" || got.Doing != "" {
				t.Errorf("do = %+v, %v", got, err)
			}
		}
		if done != 1 || len(told()) != 0 {
			t.Errorf("done %d times, told %q; want once, and nobody who waited for it", done, told())
		}
		time.Sleep(11 * time.Minute)
		if _, err := j.do(t.Context(), "key", owner("o"), w); err != nil || done != 2 {
			t.Errorf("after its time it was done %d times, %v", done, err)
		}
	})
}

func TestSlowWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, told := bench()
		defer j.close()
		var begun atomic.Int32
		w := func(_ context.Context, say func(string)) (Result, error) {
			begun.Add(1)
			say("First.")
			time.Sleep(5 * time.Second)
			say("Second.")
			time.Sleep(5 * time.Second)
			return Result{Image: "i"}, nil
		}
		ask := func(name string) Result {
			got, err := j.do(t.Context(), "key", owner(name), w)
			if err != nil {
				t.Error(err)
			}
			return got
		}
		if got := ask("a"); got.Doing != "First." || got.Image != "" {
			t.Errorf("at first %+v", got)
		}
		ask("a") // who asks twice is told once
		time.Sleep(3 * time.Second)
		if got := ask("b"); got.Doing != "Second." {
			t.Errorf("later %+v", got)
		}
		time.Sleep(5 * time.Second)
		if got := ask("c"); got.Image != "i" {
			t.Errorf("in the end %+v", got)
		}
		if begun.Load() != 1 || len(told()) != 2 {
			t.Errorf("begun %d times, told %q; want once, and a and b", begun.Load(), told())
		}
	})
}

// TestFailures holds that what may work the next time is tried again, and what cannot is not.
func TestFailures(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		times  int32
	}{
		"Temporary": {"A registry comes back.", v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "x"), 3},
		"Unknown":   {"Who knows.", errors.New("x"), 3},
		"Lasting":   {"A bad zip stays one.", fmt.Errorf("wrapped: %w", v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "x")), 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, _ := bench()
				defer j.close()
				var done atomic.Int32
				var quick atomic.Bool
				w := func(context.Context, func(string)) (Result, error) {
					done.Add(1)
					if !quick.Load() {
						time.Sleep(time.Minute)
					}
					return Result{}, tc.err
				}
				if got, err := j.do(t.Context(), "key", owner("o"), w); err != nil || got.Doing == "" {
					t.Errorf("%s at first %+v, %v", tc.reason, got, err)
				}
				time.Sleep(2 * time.Minute)
				quick.Store(true)
				for range 3 {
					if _, err := j.do(t.Context(), "key", owner("o"), w); !errors.Is(err, tc.err) {
						t.Errorf("%s got %v", tc.reason, err)
					}
				}
				if done.Load() != tc.times {
					t.Errorf("%s It was done %d times, want %d", tc.reason, done.Load(), tc.times)
				}
			})
		})
	}
}

func TestPanicIsAnError(t *testing.T) {
	j, _ := bench()
	defer j.close()
	_, err := j.do(t.Context(), "key", owner("o"), func(context.Context, func(string)) (Result, error) { panic("bad zip") })
	if err == nil || !strings.Contains(err.Error(), "bad zip") {
		t.Errorf("a panic gives %v", err)
	}
}

func TestCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _ := bench()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got, err := j.do(ctx, "key", owner("o"), func(ctx context.Context, _ func(string)) (Result, error) {
			<-ctx.Done()
			return Result{}, context.Cause(ctx)
		})
		if err != nil || got.Doing == "" {
			t.Errorf("who does not wait gets %+v, %v", got, err)
		}
		j.close() // ends the work
	})
}

func TestTurn(t *testing.T) {
	places := make(chan struct{}, 1)
	leave, err := turn(t.Context(), places)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turn(ctx, places); !errors.Is(err, context.Canceled) {
		t.Errorf("a second place is given: %v", err)
	}
	leave()
	if _, err := turn(t.Context(), places); err != nil {
		t.Error(err)
	}
}

// TestBakesAreBounded has more functions than bakes are allowed at once.
func TestBakesAreBounded(t *testing.T) {
	w := newWorld(t)
	w.resolver = w.start(func(c *Config) { c.Bakes = 2 })
	var functions []*v1alpha1.Function
	for i := range 6 {
		blob := w.upload(zipOf(t, map[string]string{"bootstrap*": fmt.Sprint(i)}))
		functions = append(functions, newFunction(fmt.Sprintf("f%d", i), func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &blob }))
	}
	most := 0
	var mu sync.Mutex
	w.hosts.onRequest(func() {
		mu.Lock()
		defer mu.Unlock()
		most = max(most, len(w.resolver.bakes))
	})
	var all sync.WaitGroup
	for _, fn := range functions {
		all.Go(func() {
			if got, err := w.resolver.Image(t.Context(), requestFor(fn)); err != nil || got.Image == "" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if most == 0 || most > 2 || len(w.resolver.bakes) != 0 {
		t.Errorf("%d bakes at once, %d at the end; want at most 2, and none", most, len(w.resolver.bakes))
	}
}

// TestCopies holds that what is worked on in the background is not what the caller goes on changing.
func TestCopies(t *testing.T) {
	w := newWorld(t)
	w.resolver = w.start(func(c *Config) { c.Patience = time.Nanosecond })
	blob := w.upload(zipOf(t, map[string]string{"bootstrap*": "x"}))
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Code.Zip = &blob })
	for range 1000 {
		got, err := w.resolver.Image(t.Context(), requestFor(fn))
		must(t, err)
		if got.Image != "" {
			return
		}
		fn.Status.MarkProgressing(1, got.Doing) // the race detector watches
		fn.Spec.Environment = &v1alpha1.Environment{Variables: map[string]string{"a": "b"}}
		time.Sleep(time.Millisecond)
	}
	t.Error("there is no end")
}
