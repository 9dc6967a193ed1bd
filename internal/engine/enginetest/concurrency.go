package enginetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func concurrencyCases() []testCase {
	return []testCase{
		{"Environments", severalEnvironments},
		{"PerEnvironment", perEnvironment},
		{"Reserved", reserved},
		{"Stopped", stopped},
		{"ManyCallers", manyCallers},
		{"UpdateUnderLoad", updateUnderLoad},
		{"DeleteWhileInvoking", deleteWhileInvoking},
	}
}

// nap is what a sleeping invocation reports.
type nap struct {
	Environment  string
	Began, Ended int64
}

// naps has n callers at once put the function to sleep, and gives what those that were served report, and the errors.
func (f *fixture) naps(t *testing.T, n, ms int) (slept []nap, errs []error) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			r, err := f.Invoke(t.Context(), invocation(t, "f", do{Do: "sleep", N: ms}))
			mu.Lock()
			defer mu.Unlock()
			var one nap
			if err == nil && r.FunctionError != "" {
				err = fmt.Errorf("the function failed: %s", r.Payload)
			}
			if err == nil {
				err = json.Unmarshal(r.Payload, &one)
			}
			if err != nil {
				errs = append(errs, err)
				return
			}
			slept = append(slept, one)
		})
	}
	wg.Wait()
	return slept, errs
}

// most is how many naps overlapped at one time.
func most(slept []nap) int {
	best := 0
	for _, a := range slept {
		n := 0
		for _, b := range slept {
			if b.Began <= a.Began && a.Began < b.Ended {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}

func environments(slept []nap) int {
	seen := map[string]bool{}
	for _, n := range slept {
		seen[n.Environment] = true
	}
	return len(seen)
}

func severalEnvironments(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	slept, errs := f.naps(t, 4, 1000*f.suite.slowness)
	if len(errs) > 0 || most(slept) < 2 || environments(slept) != most(slept) && environments(slept) < 2 {
		t.Errorf("4 calls at once: %d served, %d at the same time, %d environments, errors %v\n%s",
			len(slept), most(slept), environments(slept), errs, f.log(t, "f", engine.LogOptions{}))
	}
	for i, a := range slept {
		for _, b := range slept[i+1:] {
			if a.Environment == b.Environment && a.Began < b.Ended && b.Began < a.Ended {
				t.Errorf("one environment ran two invocations at once: %+v %+v", a, b)
			}
		}
	}
}

func perEnvironment(t *testing.T, f *fixture) {
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		one := int32(4)
		s.Concurrency = &v1alpha1.Concurrency{PerEnvironment: 4, Reserved: &one}
	})
	if got := f.answer(t, "f", do{Do: "env", Text: "AWS_LAMBDA_MAX_CONCURRENCY"}); got != `"4"` {
		t.Errorf("AWS_LAMBDA_MAX_CONCURRENCY is %s", got)
	}
	slept, errs := f.naps(t, 4, 500)
	if len(errs) > 0 || most(slept) < 2 || environments(slept) != 1 {
		t.Errorf("4 calls at once: %d served, %d at the same time, %d environments, errors %v\n%s",
			len(slept), most(slept), environments(slept), errs, f.log(t, "f", engine.LogOptions{}))
	}
}

func reserved(t *testing.T, f *fixture) {
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		one := int32(1)
		s.Concurrency = &v1alpha1.Concurrency{Reserved: &one}
	})
	slept, errs := f.naps(t, 4, 1500)
	if len(slept) == 0 || len(errs) == 0 || most(slept) > 1 {
		t.Errorf("4 calls at once with 1 reserved: %d served, %d at the same time, errors %v", len(slept), most(slept), errs)
	}
	for _, err := range errs {
		if e := lambda.AsError(err); e.Code != lambda.CodeTooManyRequests || e.Reason != lambda.ReasonReservedConcurrency || e.RetryAfter <= 0 {
			t.Errorf("a call over the limit gives %+v", e)
		}
	}
	f.answer(t, "f", do{Do: "echo", Data: 1})
}

func stopped(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Concurrency = &v1alpha1.Concurrency{Reserved: new(int32)} })
	_, err := f.Invoke(t.Context(), invocation(t, "f", nil))
	wantCode(t, "a call of a stopped function", err, lambda.CodeTooManyRequests)
	fn.Spec.Concurrency.Reserved = nil
	must(t, f.Update(t.Context(), fn))
	f.ready(t, "f")
	f.answer(t, "f", do{Do: "echo", Data: 1})
}

func manyCallers(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	const callers, each = 40, 10
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				mine := fmt.Sprintf("caller %d call %d", c, i)
				r, err := f.Invoke(t.Context(), invocation(t, "f", do{Do: "echo", Data: mine}))
				if err != nil || string(r.Payload) != quote(t, mine) {
					wrong.Add(1)
					t.Errorf("%s: %v %s", mine, err, payloadOf(r))
				}
			}
		})
	}
	wg.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d of %d calls went wrong", wrong.Load(), callers*each)
	}
}

func payloadOf(r *lambda.Result) string {
	if r == nil {
		return "no result"
	}
	return string(r.Payload)
}

func updateUnderLoad(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r, err := f.Invoke(t.Context(), invocation(t, "f", do{Do: "version"})); err != nil || r.FunctionError != "" {
					t.Errorf("a call during an update: %v %s", err, payloadOf(r))
					return
				}
			}
		})
	}
	for _, next := range []string{"second", "third", "fourth"} {
		b := f.put(t, f.goHandler(t, next))
		must(t, f.Get(t.Context(), "f", fn))
		fn.Spec.Code.Zip = &b
		must(t, f.Update(t.Context(), fn))
		f.ready(t, "f")
		if got := f.answer(t, "f", do{Do: "version"}); got != quote(t, next) {
			t.Errorf("once ready the new code must answer, got %s, want %q", got, next)
		}
	}
	close(stop)
	wg.Wait()
}

func deleteWhileInvoking(t *testing.T, f *fixture) {
	fn := f.deploy(t, "f")
	f.answer(t, "f", do{Do: "echo", Data: 1})
	before := make(chan struct{})
	done := make(chan *lambda.Result, 1)
	go func() {
		in, rec := invocation(t, "f", do{Do: "stream", N: 50}), &starting{began: before}
		in.Stream = rec
		r, err := f.Invoke(t.Context(), in)
		if err != nil {
			t.Errorf("what runs when the function is deleted comes to its end, got %v", err)
		}
		done <- r
	}()
	<-before
	must(t, f.Delete(t.Context(), fn))
	if r := <-done; r != nil && r.FunctionError != "" {
		t.Errorf("what runs when the function is deleted comes to its end, got %s", r.Payload)
	}
}

// starting tells when a stream starts, and drops it.
type starting struct{ began chan struct{} }

// Start tells.
func (s *starting) Start(string) error { close(s.began); return nil }

// Write drops.
func (s *starting) Write(p []byte) (int, error) { return len(p), nil }
