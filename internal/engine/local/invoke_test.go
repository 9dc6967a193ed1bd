package local

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

func TestStates(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	e.preparing.Lock() // nothing gets ready
	fn := function(t, e, "f")
	must(t, e.Create(t.Context(), fn))
	_, err := e.Invoke(t.Context(), call(t, "f", "1"))
	if le := lambda.AsError(err); le.Code != lambda.CodeResourceConflict || !strings.HasSuffix(le.Message, "state: Pending") {
		t.Errorf("a call of a new function: %v, want Pending", err)
	}
	e.preparing.Unlock()
	decided(t, e, "f")
	r, err := e.Invoke(t.Context(), call(t, "f", "1"))
	if err != nil || string(r.Payload) != "1" || r.RequestID == "" || r.ExecutedVersion != "$LATEST" {
		t.Errorf("a call of a ready function: %+v, %v", r, err)
	}
	image := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "i", Code: v1alpha1.Code{Image: &v1alpha1.Image{URI: "x"}}}}
	must(t, e.Create(t.Context(), image))
	decided(t, e, "i")
	_, err = e.Invoke(t.Context(), call(t, "i", "1"))
	if le := lambda.AsError(err); le.Code != lambda.CodeResourceConflict || !strings.HasSuffix(le.Message, "state: Failed") {
		t.Errorf("a call of an image: %v, want Failed", err)
	}
}

// TestNothingIsBuilt holds that source is refused, whatever it is.
func TestNothingIsBuilt(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	git := &v1alpha1.Git{URL: "https://git.example/f.git"}
	for name, source := range map[string]*v1alpha1.Source{"code": {Git: git}, "dockerfile": {Git: git, Dockerfile: "Dockerfile"}} {
		fn := function(t, e, name)
		fn.Spec.Code = v1alpha1.Code{Source: source}
		if source.Dockerfile != "" {
			fn.Spec.Runtime, fn.Spec.Handler = "", ""
		}
		must(t, e.Create(t.Context(), fn))
		if reason, message := condition(t, decided(t, e, fn.Name)); reason != v1alpha1.ReasonBuildUnsupported || !strings.Contains(message, "use a cluster") {
			t.Errorf("%s: %s %q", name, reason, message)
		}
	}
}

// TestReopenedServes holds that a function that was active is so at once after a restart, however long it takes to get
// it ready again.
func TestReopenedServes(t *testing.T) {
	dir := t.TempDir()
	e := opened(t, Config{DataDir: dir}, &theater{})
	deployed(t, e, "f")
	must(t, e.Close(t.Context()))

	th := &theater{play: echo}
	again, err := open(t.Context(), Config{DataDir: dir}, th.start)
	must(t, err)
	defer again.Close(t.Context())
	if r, err := again.Invoke(t.Context(), call(t, "f", "1")); err != nil || string(r.Payload) != "1" {
		t.Errorf("the first call after a restart: %+v, %v", r, err)
	}
}

func TestOneEngineOnly(t *testing.T) {
	dir := t.TempDir()
	opened(t, Config{DataDir: dir}, &theater{})
	_, err := Open(t.Context(), Config{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second engine: %v, want words about the first", err)
	}
	if _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("an engine without data directory opens")
	}
}

// gated makes a theater whose calls wait for the gate and tell when they are there.
func gated() (th *theater, entered chan struct{}, gate chan struct{}) {
	entered, gate = make(chan struct{}, 100), make(chan struct{})
	return &theater{play: func(ctx context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error) {
		entered <- struct{}{}
		<-gate
		return echo(ctx, u, in)
	}}, entered, gate
}

func TestLimits(t *testing.T) {
	two := int32(2)
	cases := map[string]struct {
		reason string
		cfg    Config
		spec   *v1alpha1.Concurrency
		want   string
	}{
		"Reserved": {"A function's own limit.", Config{}, &v1alpha1.Concurrency{Reserved: &two}, lambda.ReasonReservedConcurrency},
		"Account":  {"The limit of all together.", Config{Concurrency: 2}, nil, lambda.ReasonConcurrency},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			th, entered, gate := gated()
			e := opened(t, tc.cfg, th)
			deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Concurrency = tc.spec })
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					if _, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil {
						t.Errorf("%s a call within it: %v", tc.reason, err)
					}
				})
				<-entered
			}
			_, err := e.Invoke(t.Context(), call(t, "f", "1"))
			if le := lambda.AsError(err); le.Code != lambda.CodeTooManyRequests || le.Reason != tc.want || le.RetryAfter == 0 {
				t.Errorf("%s a call over it: %v, want %s", tc.reason, err, tc.want)
			}
			close(gate)
			wg.Wait()
			if _, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil {
				t.Errorf("%s a call after the others: %v", tc.reason, err)
			}
		})
	}
}

func TestUpdateDrains(t *testing.T) {
	th, entered, gate := gated()
	e := opened(t, Config{}, th)
	fn := deployed(t, e, "f")
	old := make(chan error, 1)
	go func() {
		_, err := e.Invoke(t.Context(), call(t, "f", "1"))
		old <- err
	}()
	<-entered
	fn.Spec.Code.Zip = upload(t, e, code(t, "second"))
	must(t, e.Update(t.Context(), fn))
	fn = decided(t, e, "f")
	if fn.Status.CodeSHA256 != base64Digest(fn.Spec.Code.Zip.SHA256) {
		t.Errorf("the new code is not what serves: %+v", fn.Status)
	}
	fresh := make(chan error, 1)
	go func() {
		_, err := e.Invoke(t.Context(), call(t, "f", "1"))
		fresh <- err
	}()
	<-entered
	all, live := th.stages()
	if len(all) != 2 || live != 2 || all[0].unit.code == all[1].unit.code {
		t.Errorf("%d runs, %d live; want the old one to end its call and the new one to have its own", len(all), live)
	}
	close(gate)
	if err := errors.Join(<-old, <-fresh); err != nil {
		t.Errorf("a call was lost in an update: %v", err)
	}
	eventually(t, all[0].isClosed)
	if all[1].isClosed() {
		t.Error("the new run ended with the old one")
	}
}

// TestIdenticalUpdateKeepsTheRun holds that changes which no process can notice cost no cold start.
func TestIdenticalUpdateKeepsTheRun(t *testing.T) {
	th := &theater{}
	e := opened(t, Config{}, th)
	fn := deployed(t, e, "f")
	run := func() {
		if _, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil {
			t.Error(err)
		}
	}
	run()
	fn.Spec.Description, fn.Spec.Tags = "other", map[string]string{"a": "b"}
	must(t, e.Update(t.Context(), fn))
	fn = decided(t, e, "f")
	run()
	if all, _ := th.stages(); len(all) != 1 {
		t.Errorf("a new description made %d runs, want the one before", len(all))
	}
	fn.Spec.MemorySize = 256
	must(t, e.Update(t.Context(), fn))
	decided(t, e, "f")
	run()
	if all, _ := th.stages(); len(all) != 2 {
		t.Errorf("more memory made %d runs, want a new one", len(all))
	}
}

func TestIdleRunsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		th := &theater{}
		e := opened(t, Config{IdleTimeout: time.Minute}, th)
		deployed(t, e, "f")
		if all, _ := th.stages(); len(all) != 0 {
			t.Error("something was started although nobody called")
		}
		for range 3 {
			if _, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil {
				t.Error(err)
			}
			time.Sleep(40 * time.Second)
		}
		if all, live := th.stages(); len(all) != 1 || live != 1 {
			t.Errorf("with a call every 40 s there are %d runs, %d live; want one", len(all), live)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, live := th.stages(); live != 0 {
			t.Error("a run without calls stays")
		}
		if _, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil {
			t.Error(err)
		}
	})
}

func TestProvisioned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var broken sync.Map
		th := &theater{failure: func(u *unit) error {
			if _, bad := broken.Load(u.code); bad {
				return v1alpha1.Failf(v1alpha1.ReasonInitFailed, "it does not start")
			}
			return nil
		}}
		e := opened(t, Config{IdleTimeout: time.Minute}, th)
		one := int32(1)
		deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Concurrency = &v1alpha1.Concurrency{Provisioned: &one} })
		all, live := th.stages()
		if len(all) != 1 || live != 1 || all[0].unit.pod.Min != 1 {
			t.Fatalf("%d runs, %d live; want a warm one before anybody calls", len(all), live)
		}
		time.Sleep(5 * time.Minute)
		if _, live := th.stages(); live != 1 {
			t.Error("a warm run was ended as idle")
		}
		fn := decided(t, e, "f")
		fn.Spec.Code.Zip = upload(t, e, code(t, "broken"))
		broken.Store(fn.Spec.Code.Zip.SHA256, true)
		must(t, e.Update(t.Context(), fn))
		fn = decided(t, e, "f")
		if status, why, _ := fn.Status.LastUpdateStatus(fn.Generation); status != v1alpha1.LastUpdateFailed || why != "it does not start" {
			t.Errorf("an update that does not start is %s: %s", status, why)
		}
		if r, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil || all[0].isClosed() {
			t.Errorf("the code before must go on: %+v, %v", r, err)
		}
		broken.Clear()
		time.Sleep(2 * time.Minute) // it is tried again
		synctest.Wait()
		if fn = decided(t, e, "f"); fn.Status.CodeSHA256 != base64Digest(fn.Spec.Code.Zip.SHA256) || !all[0].isClosed() {
			t.Errorf("once it starts the new code must take over: %+v", fn.Status)
		}
	})
}

func TestProvisionedVersion(t *testing.T) {
	th := &theater{}
	e := opened(t, Config{}, th)
	fn := deployed(t, e, "f")
	v, _, err := engine.PublishVersion(t.Context(), e, fn, "")
	must(t, err)
	three, two := int32(3), int32(2)
	must(t, e.Create(t.Context(), &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{
		FunctionName: "f", Name: "live", FunctionVersion: "1", ProvisionedConcurrency: &three,
	}}))
	warm := func(n int) {
		t.Helper()
		eventually(t, func() bool {
			u := e.slotOf("f", "1").current()
			_, live := th.stages()
			return u != nil && u.pod.Min == n && (live > 0) == (n > 0)
		})
	}
	warm(3)
	a := &v1alpha1.Alias{}
	a.Name = "f.live"
	must(t, e.Delete(t.Context(), a))
	warm(0)
	must(t, e.Get(t.Context(), v.Name, v))
	v.Spec.ProvisionedConcurrency = &two
	v.ResourceVersion = ""
	must(t, e.Update(t.Context(), v))
	warm(2)
}

func TestDeleteWhileRunning(t *testing.T) {
	th, entered, gate := gated()
	e := opened(t, Config{}, th)
	fn := deployed(t, e, "f")
	done := make(chan error, 1)
	go func() {
		_, err := e.Invoke(t.Context(), call(t, "f", "1"))
		done <- err
	}()
	<-entered
	fn.ResourceVersion = ""
	must(t, e.Delete(t.Context(), fn))
	_, err := e.Invoke(t.Context(), call(t, "f", "1"))
	wantCode(t, "a call after the deletion", err, lambda.CodeResourceNotFound)
	close(gate)
	if err := <-done; err != nil {
		t.Errorf("the call before the deletion: %v", err)
	}
	all, _ := th.stages()
	eventually(t, all[0].isClosed)
}

// TestRunThatEndsIsReplaced has a runner refuse, as one does that is shut down at this very moment.
func TestRunThatEndsIsReplaced(t *testing.T) {
	refusals := 3
	e := opened(t, Config{}, &theater{play: func(ctx context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error) {
		if refusals--; refusals >= 0 {
			return nil, pod.ErrShuttingDown
		}
		return echo(ctx, u, in)
	}})
	deployed(t, e, "f")
	if r, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil || string(r.Payload) != "1" {
		t.Errorf("a call that met a run at its end: %+v, %v", r, err)
	}
}

func TestClose(t *testing.T) {
	t.Run("WaitsForCalls", func(t *testing.T) {
		th, entered, gate := gated()
		e := opened(t, Config{}, th)
		deployed(t, e, "f")
		done, closed := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := e.Invoke(t.Context(), call(t, "f", "1"))
			done <- err
		}()
		<-entered
		go func() { closed <- e.Close(t.Context()) }()
		eventually(t, e.closed.Load)
		_, err := e.Invoke(t.Context(), call(t, "f", "1"))
		wantCode(t, "a call after Close has begun", err, lambda.CodeServiceUnavailable)
		wantCode(t, "a write after Close has begun", e.Create(t.Context(), &v1alpha1.Function{}), lambda.CodeServiceUnavailable)
		close(gate)
		if err := errors.Join(<-done, <-closed); err != nil {
			t.Errorf("the call before Close, and Close: %v", err)
		}
	})
	t.Run("WaitsNoLongerThanItsContext", func(t *testing.T) {
		th, entered, gate := gated()
		e := opened(t, Config{}, th)
		deployed(t, e, "f")
		go e.Invoke(t.Context(), call(t, "f", "1"))
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		close(gate)
	})
}

func TestTraces(t *testing.T) {
	var seen string
	e := opened(t, Config{}, &theater{play: func(ctx context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error) {
		seen = in.Trace
		return echo(ctx, u, in)
	}})
	deployed(t, e, "active", func(s *v1alpha1.FunctionSpec) { s.Tracing = &v1alpha1.Tracing{Mode: v1alpha1.TracingModeActive} })
	deployed(t, e, "passive")
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	given, begun, passed := call(t, "active", "1"), call(t, "active", "1"), call(t, "passive", "1")
	given.Trace = root + ";Sampled=0"
	begun.Trace, begun.TraceStarted = root+";Sampled=0", true
	passed.Trace, passed.TraceStarted = root+";Sampled=0", true
	for name, tc := range map[string]struct {
		in   *lambda.Invocation
		want func(string) bool
	}{
		"Active":  {call(t, "active", "1"), func(s string) bool { return strings.Contains(s, ";Sampled=1;Lineage=") }},
		"Passive": {call(t, "passive", "1"), func(s string) bool { return s == "" }},
		"Given":   {given, func(s string) bool { return strings.HasPrefix(s, given.Trace+";Lineage=") }},
		"Begun":   {begun, func(s string) bool { return strings.HasPrefix(s, root+";Sampled=1;Lineage=") }},
		"Passed":  {passed, func(s string) bool { return strings.HasPrefix(s, passed.Trace+";Lineage=") }},
	} {
		if _, err := e.Invoke(t.Context(), tc.in); err != nil || !tc.want(seen) {
			t.Errorf("%s: the function sees the trace %q, %v", name, seen, err)
		}
	}
}
