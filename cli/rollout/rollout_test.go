package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// stage is an engine on which somebody calls alias live of function orders: ten times a second.
type stage struct {
	*double.Engine
	t     *testing.T
	mu    sync.Mutex
	fails func(version string, call int) bool
	calls int
	quiet bool
	logs  error
	moved []string
	lines []string
}

// newStage has versions 1 to 3, and the alias at 1.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, fails: func(string, int) bool { return false }}
	s.Engine = &double.Engine{OnWrite: func(obj v1alpha1.Object) error {
		a, ok := obj.(*v1alpha1.Alias)
		if !ok {
			return nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.moved = append(s.moved, trafficOf(a.Spec))
		a.Status.MarkReady(math.MaxInt64, "http://live.example")
		return nil
	}}
	ctx := t.Context()
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "orders"}}
	if err := s.Create(ctx, fn); err != nil {
		t.Fatal(err)
	}
	a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "orders", Name: "live", FunctionVersion: "1"}}
	if err := s.Create(ctx, a); err != nil {
		t.Fatal(err)
	}
	s.moved = nil
	return s
}

// trafficOf is what an alias says, such as "1" or "1+2=0.1".
func trafficOf(a v1alpha1.AliasSpec) string {
	for version, weight := range a.AdditionalVersionWeights { // there is one at most
		return fmt.Sprintf("%s+%s=%s", a.FunctionVersion, version, weight)
	}
	return a.FunctionVersion
}

func (s *stage) alias() *v1alpha1.Alias {
	s.t.Helper()
	a := new(v1alpha1.Alias)
	if err := s.Get(context.Background(), v1alpha1.AliasObjectName("orders", "live"), a); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// Logs has the new version called as soon as it has a share, and tells of it.
func (s *stage) Logs(ctx context.Context, _ lambda.Name, o engine.LogOptions, w io.Writer) error {
	if !o.Follow || s.logs != nil {
		return s.logs
	}
	for ; ctx.Err() == nil; s.calls++ {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		a := s.alias()
		versions := []string{a.Spec.FunctionVersion}
		for version := range a.Spec.AdditionalVersionWeights {
			versions = append(versions, version)
		}
		for _, version := range versions {
			if !s.quiet {
				s.write(w, version)
			}
		}
	}
	return ctx.Err()
}

func (s *stage) write(w io.Writer, version string) {
	id := fmt.Sprintf("%s-%d", version, s.calls)
	status := ""
	if s.fails(version, s.calls) {
		status = "Status: error"
	}
	_, _ = fmt.Fprintf(w, "START RequestId: %s Version: %s\nwords\nREPORT RequestId: %[1]s\tDuration: 1 ms\t%[3]s\n", id, version, status)
}

func (s *stage) rollout(p rollout.Plan) *rollout.Rollout {
	return &rollout.Rollout{Engine: s, Function: "orders", Alias: "live", Plan: p, Tell: func(format string, args ...any) {
		s.lines = append(s.lines, fmt.Sprintf(format, args...))
	}}
}

func plan() rollout.Plan {
	return rollout.Plan{To: "2", Steps: []float64{10, 50, 100}, Interval: time.Minute, MaxErrorRate: 0.01, Probes: 10}
}

func TestRolloutGoesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		began := time.Now()
		if err := s.rollout(plan()).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1+2=0.1", "1+2=0.5", "2"}, s.moved); diff != "" {
			t.Errorf("moves (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took < 3*time.Minute || took > 4*time.Minute {
			t.Errorf("it took %s, want each step watched for its minute", took)
		}
		if got := rollout.RecordOf(s.alias()); got == nil || *got != (rollout.Record{From: "1", To: "2", Share: 100, State: rollout.Done}) {
			t.Errorf("kept %+v", got)
		}
		if len(s.lines) != 3 || !strings.HasPrefix(s.lines[0], "10 % to version 2: ") || strings.Contains(s.lines[0], "nobody") || !strings.HasSuffix(s.lines[2], " calls, 0 failed") {
			t.Errorf("told %q", s.lines)
		}
		if err := s.rollout(plan()).Run(t.Context()); err != nil || len(s.moved) != 3 {
			t.Errorf("again: %v, moves %q", err, s.moved)
		}
	})
}

func TestRolloutGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.fails = func(version string, call int) bool { return version == "2" && call > 700 }
		began := time.Now()
		err := s.rollout(plan()).Run(t.Context())
		if !errors.Is(err, rollout.ErrRolledBack) || !strings.Contains(err.Error(), "of version 2 failed, more than 1 %") {
			t.Errorf("error %v", err)
		}
		if diff := cmp.Diff([]string{"1+2=0.1", "1+2=0.5", "1"}, s.moved); diff != "" {
			t.Errorf("moves (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took > 90*time.Second {
			t.Errorf("it went on for %s although everything failed", took)
		}
		if got := rollout.RecordOf(s.alias()); got == nil || got.State != rollout.RolledBack || got.Share != 0 || !strings.Contains(got.Reason, "failed") {
			t.Errorf("kept %+v", got)
		}
	})
}

// TestOthersFailures: what the version before does is no reason to go back to it.
func TestOthersFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.fails = func(version string, _ int) bool { return version == "1" }
		if err := s.rollout(plan()).Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRolloutMayStopHalfWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.quiet = true
		p := plan()
		p.Steps = []float64{0.5, 25}
		if err := s.rollout(p).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := rollout.RecordOf(s.alias()); got.State != rollout.Paused || got.Share != 25 || !strings.Contains(s.lines[0], "nobody called it") {
			t.Errorf("kept %+v, told %q", got, s.lines)
		}
		p.Steps = []float64{100}
		if err := s.rollout(p).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1+2=0.005", "1+2=0.25", "2"}, s.moved); diff != "" {
			t.Errorf("moves (-want +got):\n%s", diff)
		}
	})
}

func TestProbes(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		answer lambda.InvokerFunc
		back   bool
	}{
		"Good": {"", func(context.Context, *lambda.Invocation) (*lambda.Result, error) { return &lambda.Result{}, nil }, false},
		"Failing": {"", func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
			return &lambda.Result{FunctionError: "Unhandled"}, nil
		}, true},
		"Refused": {"what cannot be called fails", func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
			return nil, lambda.Throttled(lambda.ReasonConcurrency, 0)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.logs = errors.New("nobody looks there")
				var asked []string
				s.OnInvoke = func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
					asked = append(asked, in.Function.Qualifier+string(in.Payload))
					return tc.answer(ctx, in)
				}
				p := plan()
				p.Probe, p.Probes = []byte("7"), 3
				err := s.rollout(p).Run(t.Context())
				if errors.Is(err, rollout.ErrRolledBack) != tc.back || (err != nil) != tc.back {
					t.Errorf("%s: %v", tc.reason, err)
				}
				want := 9
				if tc.back {
					want = 3
				}
				if len(asked) != want || asked[0] != "27" {
					t.Errorf("%s: asked %q, want %d of the new version", tc.reason, asked, want)
				}
			})
		})
	}
}

func TestRolloutRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		change func(t *testing.T, s *stage, p *rollout.Plan)
		want   string
	}{
		"NoAlias": {"", func(t *testing.T, s *stage, _ *rollout.Plan) {
			if err := s.Delete(t.Context(), s.alias()); err != nil {
				t.Fatal(err)
			}
		}, `alias "live" of "orders"`},
		"Third": {"there is room for two", func(t *testing.T, s *stage, _ *rollout.Plan) {
			a := s.alias()
			a.Spec.AdditionalVersionWeights = map[string]v1alpha1.Weight{"3": "0.1"}
			if err := s.Update(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}, "lambkin traffic orders live --to 3=0%"},
		"NoLog": {"who cannot watch must not move anything", func(_ *testing.T, s *stage, _ *rollout.Plan) {
			s.logs = lambda.Errorf(lambda.CodeAccessDenied, "no")
		}, "watch the log"},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := newStage(t), plan()
			tc.change(t, s, &p)
			s.moved = nil
			if err := s.rollout(p).Run(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) || len(s.moved) > 0 {
				t.Errorf("%s: %v, moves %q; want %q", tc.reason, err, s.moved, tc.want)
			}
		})
	}
}

// TestSomebodyMovesTheAlias: what others decide meanwhile is left as it is.
func TestSomebodyMovesTheAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.AfterFunc(90*time.Second, func() {
			a := s.alias()
			a.Spec.FunctionVersion, a.Spec.AdditionalVersionWeights = "3", nil
			if err := s.Update(context.Background(), a); err != nil {
				t.Error(err)
			}
		})
		err := s.rollout(plan()).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "somebody else") || errors.Is(err, rollout.ErrRolledBack) {
			t.Errorf("error %v", err)
		}
		if got := s.alias().Spec.FunctionVersion; got != "3" {
			t.Errorf("the alias points to %s", got)
		}
	})
}

func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if err := s.rollout(plan()).Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if diff := cmp.Diff([]string{"1+2=0.1", "1+2=0.5"}, s.moved); diff != "" {
			t.Errorf("moves (-want +got):\n%s", diff)
		}
		if last := s.lines[len(s.lines)-1]; !strings.Contains(last, "lambkin rollout undo orders live") {
			t.Errorf("told %q", s.lines)
		}
	})
}

// TestAliasThatFails: a version whose pods never start must not keep its share.
func TestAliasThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		ready := s.OnWrite
		s.OnWrite = func(obj v1alpha1.Object) error {
			err := ready(obj)
			if a, ok := obj.(*v1alpha1.Alias); ok && len(a.Spec.AdditionalVersionWeights) > 0 {
				a.Status.MarkFailed(math.MaxInt64, v1alpha1.Failf(v1alpha1.ReasonRouteFailed, "no pod starts"))
			}
			return err
		}
		err := s.rollout(plan()).Run(t.Context())
		if !errors.Is(err, rollout.ErrRolledBack) || !strings.Contains(err.Error(), "RouteFailed: no pod starts") {
			t.Errorf("error %v", err)
		}
		if diff := cmp.Diff([]string{"1+2=0.1", "1"}, s.moved); diff != "" {
			t.Errorf("moves (-want +got):\n%s", diff)
		}
	})
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "orders", Name: "slow", FunctionVersion: "1"}}
		s.OnWrite = nil
		if err := s.Create(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if err := rollout.Await(t.Context(), s, a); err == nil || !strings.Contains(err.Error(), "does not follow") {
			t.Errorf("an alias that nobody looks at: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := rollout.Await(ctx, s, a); !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up: %v", err)
		}
		if err := s.Delete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		a.ResourceVersion = ""
		if err := rollout.Await(t.Context(), s, a); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
			t.Errorf("one that is gone: %v", err)
		}
	})
}

func TestUndo(t *testing.T) {
	at := func(version string, r *rollout.Record) *v1alpha1.Alias {
		a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "orders", Name: "live", FunctionVersion: version}}
		if r != nil {
			if err := rollout.Note(a, r.From, r.To, r.Share); err != nil {
				t.Fatal(err)
			}
		}
		return a
	}
	half := at("1", &rollout.Record{From: "1", To: "2", Share: 50})
	half.Spec.AdditionalVersionWeights = map[string]v1alpha1.Weight{"2": "0.5"}
	broken := at("2", nil)
	broken.Annotations = map[string]string{"lambkin.dev/rollout": "{"}
	for name, tc := range map[string]struct {
		reason string
		alias  *v1alpha1.Alias
		want   string
	}{
		"Done":    {"", at("2", &rollout.Record{From: "1", To: "2", Share: 100}), "1"},
		"Half":    {"", half, "1"},
		"Never":   {"", at("2", nil), ""},
		"Same":    {"a move to where it is already is none", at("2", &rollout.Record{From: "2", To: "2", Share: 100}), ""},
		"Moved":   {"somebody has moved it since, in a way that keeps no record", at("3", &rollout.Record{From: "1", To: "2", Share: 100}), ""},
		"Foreign": {"an annotation of others", broken, ""},
	} {
		version, err := rollout.Undo(tc.alias, "undone")
		if version != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: %s: %q, %v", name, tc.reason, version, err)
		}
		if err != nil {
			continue
		}
		if got := trafficOf(tc.alias.Spec); got != tc.want || rollout.RecordOf(tc.alias).State != rollout.RolledBack {
			t.Errorf("%s: %s: calls go to %s, kept %+v", name, tc.reason, got, rollout.RecordOf(tc.alias))
		}
		if _, err := rollout.Undo(tc.alias, "again"); err == nil {
			t.Errorf("%s: undone twice", name)
		}
	}
}
