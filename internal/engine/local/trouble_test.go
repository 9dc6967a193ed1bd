package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestUpdateStorm has many callers call while the function is updated again and again: every call is answered, once, by
// code that was current at some time.
func TestUpdateStorm(t *testing.T) {
	const updates, callers = 100, 50
	var ran atomic.Int64
	e := opened(t, Config{}, &theater{play: func(_ context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error) {
		ran.Add(1)
		return &lambda.Result{RequestID: in.ID, Payload: []byte(u.pod.Handler)}, nil
	}})
	fn := deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Handler = "h0" })
	over := make(chan struct{})
	var asked atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for last := 0; ; {
				asked.Add(1)
				r, err := e.Invoke(t.Context(), call(t, "f", "1"))
				if err != nil {
					t.Errorf("a call during an update: %v", err)
					return
				}
				var version int
				if _, err := fmt.Sscanf(string(r.Payload), "h%d", &version); err != nil || version < last || version > updates {
					t.Errorf("a caller who saw h%d got %q", last, r.Payload)
				}
				last = version
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	for n := range updates {
		fn.Spec.Handler = fmt.Sprintf("h%d", n+1)
		fn.ResourceVersion = ""
		must(t, e.Update(t.Context(), fn))
	}
	decided(t, e, "f")
	close(over)
	all.Wait()
	if r, err := e.Invoke(t.Context(), call(t, "f", "1")); err != nil || string(r.Payload) != fmt.Sprintf("h%d", updates) {
		t.Errorf("after the last update: %+v, %v", r, err)
	}
	if asked, ran := asked.Load()+1, ran.Load(); asked != ran {
		t.Errorf("%d calls ran %d times", asked, ran)
	}
	eventually(t, func() bool { return len(e.runs.all()) == 1 })
}

// sayings collects what an engine says.
type sayings struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sayings) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sayings) count(words string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.b.String(), words)
}

// TestDeletedFunctionsEventsAreTold deletes a function with events that wait and one that runs: the one that runs comes to
// its end, the others are dropped, and the log names each.
func TestDeletedFunctionsEventsAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		said := &sayings{}
		var ran sync.Map
		entered, gate := make(chan struct{}), make(chan struct{})
		e := opened(t, Config{}, &theater{play: func(_ context.Context, _ *unit, in *lambda.Invocation) (*lambda.Result, error) {
			ran.Store(in.ID, true)
			if in.ID != "runs" {
				return failed("x"), nil
			}
			close(entered)
			<-gate
			return &lambda.Result{}, nil
		}})
		e.log = slog.New(slog.NewTextHandler(said, nil))
		fn := deployed(t, e, "f")
		enqueue := func(id string) {
			in := call(t, "f", "1")
			in.ID = id
			must(t, e.Enqueue(t.Context(), in))
		}
		enqueue("runs")
		<-entered
		enqueue("waits-1")
		enqueue("waits-2")
		time.Sleep(10 * time.Second) // both have failed once and wait for their retry
		fn.ResourceVersion = ""
		must(t, e.Delete(t.Context(), fn))
		close(gate)
		eventually(t, func() bool { return e.async.Len() == 0 })
		if _, ok := ran.Load("runs"); !ok {
			t.Error("the event that ran did not")
		}
		for _, id := range []string{"waits-1", "waits-2"} {
			if said.count("given up because its function was deleted") < 2 || said.count("requestId="+id) != 1 {
				t.Errorf("nothing is said about %s:\n%s", id, said.b.String())
			}
		}
	})
}

// TestURLs holds that a URL says in its status where it is, or why it answers nobody.
func TestURLs(t *testing.T) {
	e := opened(t, Config{FunctionURL: func(u *v1alpha1.FunctionURLConfig) (string, error) {
		if u.Spec.AuthType == v1alpha1.AuthTypeIAM {
			return "", v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "nobody verifies signatures here")
		}
		return "http://" + u.Name + "/", nil
	}}, &theater{})
	deployed(t, e, "f")
	cases := map[string]struct {
		reason string
		spec   v1alpha1.FunctionURLConfigSpec
		want   v1alpha1.Reason
		url    string
	}{
		"Open":    {"for everybody", v1alpha1.FunctionURLConfigSpec{AuthType: v1alpha1.AuthTypeNone}, v1alpha1.ReasonReady, "http://f/"},
		"Signed":  {"nobody verifies signatures here", v1alpha1.FunctionURLConfigSpec{AuthType: v1alpha1.AuthTypeIAM}, v1alpha1.ReasonConfigurationUnsupported, ""},
		"NoAlias": {"the alias is not there", v1alpha1.FunctionURLConfigSpec{AuthType: v1alpha1.AuthTypeNone, Qualifier: "live"}, v1alpha1.ReasonAliasNotFound, ""},
	}
	for name, tc := range cases {
		u := &v1alpha1.FunctionURLConfig{Spec: tc.spec}
		u.Spec.FunctionName = "f"
		must(t, e.Create(t.Context(), u))
		eventually(t, func() bool {
			must(t, e.Get(t.Context(), u.Name, u))
			return u.Status.ObservedGeneration == u.Generation
		})
		c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || v1alpha1.Reason(c.Reason) != tc.want || u.Status.URL != tc.url || (c.Message == "") != (tc.want == v1alpha1.ReasonReady) {
			t.Errorf("%s: %s: %+v at %q, want %s", name, tc.reason, c, u.Status.URL, tc.want)
		}
		must(t, e.Delete(t.Context(), u))
	}
}

// TestUnmet holds that what a function asks for and does not get is in its status, and what it did not ask for is not.
func TestUnmet(t *testing.T) {
	other := map[v1alpha1.Architecture]v1alpha1.Architecture{
		v1alpha1.ArchitectureX86: v1alpha1.ArchitectureARM, v1alpha1.ArchitectureARM: v1alpha1.ArchitectureX86,
	}[architecture()]
	e := opened(t, Config{Program: "/bin/true"}, &theater{})
	cases := map[string]struct {
		change func(*v1alpha1.FunctionSpec)
		want   string // begins with; empty: nothing
	}{
		"Nothing":     {func(*v1alpha1.FunctionSpec) {}, ""},
		"Storage":     {func(s *v1alpha1.FunctionSpec) { s.EphemeralStorage = &v1alpha1.EphemeralStorage{Size: 1024} }, "The size of /tmp, 1024 MB, is not enforced"},
		"SameStorage": {func(s *v1alpha1.FunctionSpec) { s.EphemeralStorage = &v1alpha1.EphemeralStorage{Size: 512} }, ""},
		"PerPod":      {func(s *v1alpha1.FunctionSpec) { s.Concurrency = &v1alpha1.Concurrency{EnvironmentsPerPod: 4} }, "concurrency.environmentsPerPod has no effect"},
		"OnePerPod":   {func(s *v1alpha1.FunctionSpec) { s.Concurrency = &v1alpha1.Concurrency{EnvironmentsPerPod: 1} }, ""},
		"Architecture": {func(s *v1alpha1.FunctionSpec) {
			s.Runtime, s.Handler, s.Architectures = "exec", "bootstrap", []v1alpha1.Architecture{other}
		}, "The function is for " + string(other)},
		"Scaling":    {func(s *v1alpha1.FunctionSpec) { s.Scaling = &v1alpha1.Scaling{MinScale: new(int32)} }, "scaling has no effect"},
		"Pod":        {func(s *v1alpha1.FunctionSpec) { s.Pod = &v1alpha1.Pod{ServiceAccountName: "a"} }, "pod has no effect"},
		"Visibility": {func(s *v1alpha1.FunctionSpec) { s.HTTP = &v1alpha1.HTTP{Visibility: v1alpha1.VisibilityClusterLocal} }, "http.visibility ClusterLocal asks for signed requests"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := deployed(t, e, name, tc.change)
			reason, message := condition(t, fn)
			exact := meta.IsStatusConditionTrue(fn.Status.Conditions, v1alpha1.ConditionExact)
			if reason != v1alpha1.ReasonReady || exact != (tc.want == "") || !strings.HasPrefix(message, tc.want) || tc.want == "" && message != "" {
				t.Errorf("%s: %s %q, exact: %v; want Ready and %q", name, reason, message, exact, tc.want)
			}
		})
	}
}

// TestVersionsImage holds that the image of a version that comes from a cluster is not passed over in silence.
func TestVersionsImage(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	fn := deployed(t, e, "f")
	v := &v1alpha1.Version{Spec: v1alpha1.VersionSpec{FunctionName: "f", Version: 1, Function: fn.Spec, Image: "registry.example/f@sha256:1"}}
	v.Spec.Function.Async = nil
	must(t, e.Create(t.Context(), v))
	eventually(t, func() bool {
		must(t, e.Get(t.Context(), v.Name, v))
		return v.Status.ObservedGeneration == v.Generation
	})
	if c := meta.FindStatusCondition(v.Status.Conditions, v1alpha1.ConditionExact); c == nil || !strings.HasPrefix(c.Message, "image has no effect") {
		t.Errorf("the version is %+v", v.Status.Conditions)
	}
}

// TestVersionsKeepTheirOwn holds that tracing and dead letters, which are published with a version, are the version's.
func TestVersionsKeepTheirOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		traced := map[string]string{}
		dest := &server{}
		e := opened(t, Config{Transport: dest}, &theater{play: func(_ context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			traced[u.pod.Version] = in.Trace
			return failed("x"), nil
		}})
		none := int32(0)
		fn := deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
			s.Tracing = &v1alpha1.Tracing{Mode: v1alpha1.TracingModeActive}
			s.DeadLetter = &v1alpha1.Destination{Destination: "https://example.com/published"}
			s.Async = &v1alpha1.Async{MaximumRetryAttempts: &none}
		})
		_, _, err := engine.PublishVersion(t.Context(), e, fn, "")
		must(t, err)
		must(t, e.Create(t.Context(), &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1"}}))
		fn = decided(t, e, "f")
		fn.Spec.Tracing.Mode, fn.Spec.DeadLetter.Destination = v1alpha1.TracingModePassThrough, "https://example.com/latest"
		must(t, e.Update(t.Context(), fn))
		decided(t, e, "f")
		for _, name := range []string{"f", "f:1", "f:live"} {
			must(t, e.Enqueue(t.Context(), call(t, name, `"event"`)))
		}
		eventually(t, func() bool { return e.async.Len() == 0 })
		letters := map[string]int{}
		for _, p := range dest.got() {
			letters[p.url]++
		}
		if letters["https://example.com/published"] != 2 || letters["https://example.com/latest"] != 1 {
			t.Errorf("dead letters went to %v; want two of the version's", letters)
		}
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(traced["1"], ";Sampled=1;") || traced["$LATEST"] != "" {
			t.Errorf("traces are %v; want the version's sampled and none of $LATEST", traced)
		}
	})
}

// TestRefusalAtClose holds that callers who come while the engine closes are told to come again, not that it is broken.
func TestRefusalAtClose(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	deployed(t, e, "f")
	must(t, e.Close(t.Context()))
	_, err := e.Invoke(t.Context(), call(t, "f", "1"))
	var le *lambda.Error
	if !errors.As(err, &le) || le.Code != lambda.CodeServiceUnavailable || le.RetryAfter == 0 {
		t.Errorf("a call of a closed engine: %v", err)
	}
}
