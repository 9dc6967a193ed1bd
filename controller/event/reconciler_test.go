package event

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const arn = "arn:aws:lambda:us-east-1:000000000000:function:"

// TestRetriesOnTime has a function fail for good, on a clock that tells when.
func TestRetriesOnTime(t *testing.T) {
	fn := newFunction("f")
	c := newCluster(t, fn)
	fn.Spec.Async = &v1alpha1.Async{OnFailure: to(c.http.URL + "/failures?key=secret")}
	if err := c.client.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	c.answers = []int{500, 503}
	began := c.now()
	var tries []string
	c.play = func(in *lambda.Invocation) (*lambda.Result, error) {
		tries = append(tries, fmt.Sprintf("%s at %s", in.ID, c.now().Sub(began)))
		return fails(in)
	}
	c.accept(c.newEvent("e", "f", `{"n":1}`))
	r := c.reconciler()
	c.round(r)
	want := v1alpha1.AsyncInvocationStatus{Attempts: 1, LastError: "broken", NextAttempt: &metav1.MicroTime{Time: began.Add(time.Minute)}}
	got := c.events()[0]
	if diff := cmp.Diff(want, got.Status); diff != "" {
		t.Errorf("after the first attempt\n%s", diff)
	}
	if wait, _ := c.round(r); wait != time.Minute || len(tries) != 1 {
		t.Errorf("the next look asks for %s after %d attempts; want one minute after one", wait, len(tries))
	}
	c.finish(false)
	if diff := cmp.Diff([]string{"id-e at 0s", "id-e at 1m0s", "id-e at 3m0s"}, tries); diff != "" {
		t.Errorf("attempts\n%s", diff)
	}
	if len(c.posts) != 1 || !strings.Contains(c.posts[0], `"requestId":"id-e","functionArn":"`+arn+`f:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3`) {
		t.Errorf("the destination took %q", c.posts)
	}
	if end := c.now().Sub(began); end != 3*time.Minute+time.Second+2*time.Second {
		t.Errorf("it took %s; want three minutes and two waits for the destination", end)
	}
}

func TestEnds(t *testing.T) {
	version := &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "f.7"}}
	version.Spec.FunctionName, version.Spec.Version = "f", 7
	alias := &v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: v1alpha1.AliasObjectName("f", "live")}}
	alias.Spec.FunctionVersion = "7"
	latest := &v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: v1alpha1.AliasObjectName("f", "next")}}
	latest.Spec.FunctionVersion = "$LATEST"
	none := int32(0)
	refuse := func(code lambda.Code) func(*lambda.Invocation) (*lambda.Result, error) {
		return func(*lambda.Invocation) (*lambda.Result, error) { return nil, lambda.Errorf(code, "refused") }
	}
	cases := map[string]struct {
		reason   string
		function string
		change   func(s *v1alpha1.FunctionSpec, url string)
		play     func(*lambda.Invocation) (*lambda.Result, error)
		ran      []string // functions
		posts    []string // parts of what the destination took
	}{
		"Success": {
			"A success without destination leaves nothing.", "f", nil, nil, []string{"f"}, nil,
		},
		"OnSuccess": {
			"A success is told.", "f:live", func(s *v1alpha1.FunctionSpec, url string) { s.Async.OnSuccess = to(url) }, nil,
			[]string{"f:live"}, []string{`"condition":"Success"`},
		},
		"FunctionDestination": {
			"A record can be another function's event.", "f", func(s *v1alpha1.FunctionSpec, _ string) { s.Async.OnSuccess = to(arn + "target") }, nil,
			[]string{"f", "target"}, nil,
		},
		"DeadLetter": {
			"The version that ran says where dead letters go, and the function where records do.", "f:7",
			func(s *v1alpha1.FunctionSpec, url string) { s.Async.OnFailure, s.DeadLetter = to(url), to(arn+"wrong") },
			fails, []string{"f:7"}, []string{`"condition":"RetriesExhausted"`, `"in"`},
		},
		"DeadLetterOfAlias": {
			"An alias leads to it when nothing ran.", "f:live", nil, refuse(lambda.CodeInvalidParameterValue), []string{"f:live"}, []string{`"in"`},
		},
		"DeadLetterOfLatest": {
			"Or to the function itself.", "f:next", func(s *v1alpha1.FunctionSpec, url string) { s.DeadLetter = to(url) },
			refuse(lambda.CodeInvalidParameterValue), []string{"f:next"}, []string{`"in"`},
		},
		"NoVersion": {
			"A version that is not there has no dead letters.", "f:8", func(s *v1alpha1.FunctionSpec, url string) { s.Async.OnFailure = to(url) },
			refuse(lambda.CodeResourceNotFound), []string{"f:8"}, []string{`"approximateInvokeCount":0`},
		},
		"NoAlias": {
			"Nor has an alias.", "f:gone", func(s *v1alpha1.FunctionSpec, url string) { s.Async.OnFailure = to(url) },
			refuse(lambda.CodeResourceNotFound), []string{"f:gone"}, []string{`"condition":"RetriesExhausted"`},
		},
		"NoFunction": {
			"The event of a function that was deleted goes.", "other", nil, nil, nil, nil,
		},
		"OtherCase": {
			"So does that of one whose name only looks like its object's.", v1alpha1.ObjectName("Orders"), nil, nil, nil, nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Async = &v1alpha1.Async{MaximumRetryAttempts: &none} })
			v := version.DeepCopy()
			c := newCluster(t, fn, newFunction("target"), newFunction("Orders"), v, alias.DeepCopy(), latest.DeepCopy())
			v.Spec.Function.DeadLetter = to(c.http.URL)
			if tc.change != nil {
				tc.change(&fn.Spec, c.http.URL)
			}
			for _, o := range []client.Object{fn, v} {
				if err := c.client.Update(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			c.play = func(in *lambda.Invocation) (*lambda.Result, error) {
				if tc.play == nil || in.Function.Name != "f" {
					return &lambda.Result{ExecutedVersion: "7"}, nil
				}
				result, err := tc.play(in)
				if result != nil {
					result.ExecutedVersion = "7"
				}
				return result, err
			}
			c.accept(c.newEvent("e", tc.function, `"in"`))
			c.finish(false)
			var ran []string
			for _, line := range c.ran {
				who, _, _ := strings.Cut(line, " ")
				ran = append(ran, strings.TrimPrefix(who, arn))
			}
			if diff := cmp.Diff(tc.ran, ran); diff != "" {
				t.Errorf("%s ran\n%s", tc.reason, diff)
			}
			if len(c.posts) != len(tc.posts) {
				t.Fatalf("%s the destination took %q, want %q", tc.reason, c.posts, tc.posts)
			}
			all := strings.Join(c.posts, "\n")
			for _, part := range tc.posts {
				if !strings.Contains(all, part) {
					t.Errorf("%s the destination took %q, want %q", tc.reason, c.posts, tc.posts)
				}
			}
		})
	}
}

func TestWaits(t *testing.T) {
	c := newCluster(t, newFunction("f"))
	c.play = func(*lambda.Invocation) (*lambda.Result, error) {
		return nil, lambda.Throttled(lambda.ReasonConcurrency, time.Second)
	}
	c.accept(c.newEvent("e", "f", "1"))
	r := c.reconciler()
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if wait, failed := c.round(r); wait != want || failed {
			t.Errorf("refusal %d: the wait is %s, want %s", i+1, wait, want)
		}
		c.advance(want)
	}
	if s := c.events()[0].Status; s.Attempts != 0 || s.Refusals != 3 || s.LastError != "Rate Exceeded." {
		t.Errorf("status %+v", s)
	}
	c.play = fails
	c.round(r)
	if s := c.events()[0].Status; s.Attempts != 1 || s.Refusals != 0 || s.LastError != "broken" {
		t.Errorf("status %+v; want no refusal left", s)
	}
}

func TestOverdue(t *testing.T) {
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Async = &v1alpha1.Async{OnFailure: to(arn + "target")} })
	c := newCluster(t, fn, newFunction("target"))
	c.accept(c.newEvent("e", "f", "1"))
	c.advance(7 * time.Hour)
	c.finish(false)
	if len(c.ran) != 1 || !strings.HasPrefix(c.ran[0], arn+"target ") && !strings.HasPrefix(c.ran[0], "target ") {
		t.Errorf("ran %q; want the destination alone", c.ran)
	}
}

func TestDamagedEventGoes(t *testing.T) {
	c := newCluster(t)
	a := c.newEvent("e", "f", "1")
	a.Spec.Function = "no function's name"
	c.accept(a)
	c.finish(false)
	if len(c.ran) != 0 {
		t.Errorf("ran %q", c.ran)
	}
}

// TestLargeRecords holds what becomes of a record that no object can hold.
func TestLargeRecords(t *testing.T) {
	large := func(*lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: []byte(`"` + strings.Repeat("x", lambda.MaxAsyncPayload) + `"`)}, nil
	}
	fn := newFunction("f")
	c := newCluster(t, fn, newFunction("target"))
	for name, destination := range map[string]string{"url": c.http.URL, "function": arn + "target"} {
		fn.Spec.Async = &v1alpha1.Async{OnSuccess: to(destination)}
		if err := c.client.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		c.play = large
		c.accept(c.newEvent("e-"+name, "f", "1"))
		c.finish(false)
	}
	if len(c.posts) != 1 || len(c.ran) != 2 {
		t.Errorf("%d records posted, %d functions run; want one post, and no run of the target", len(c.posts), len(c.ran))
	}
}

// TestFinishedEventIsNotRun shows an event that the cache still has, or has in an older state.
func TestFinishedEventIsNotRun(t *testing.T) {
	c := newCluster(t, newFunction("f"))
	stale := newCluster(t, newFunction("f"))
	a := c.newEvent("e", "f", "1")
	stale.accept(a.DeepCopy())
	r := c.reconciler()
	r.Client = stale.client
	req := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)}
	if got, err := r.Reconcile(t.Context(), req); err != nil || got.RequeueAfter != 0 || len(c.ran) != 0 {
		t.Errorf("an event that is gone: %+v, %v, ran %q", got, err, c.ran)
	}
	c.accept(a)
	next := metav1.NewMicroTime(c.now().Add(time.Minute))
	a.Status.NextAttempt = &next
	if err := c.client.Status().Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Reconcile(t.Context(), req); err != nil || got.RequeueAfter != time.Minute || len(c.ran) != 0 {
		t.Errorf("an event that waits: %+v, %v, ran %q", got, err, c.ran)
	}
}

// TestFunctionNotInCache has the cache of functions be late.
func TestFunctionNotInCache(t *testing.T) {
	c := newCluster(t, newFunction("f"))
	late := newCluster(t)
	a := c.newEvent("e", "f", "1")
	late.accept(a.DeepCopy())
	c.accept(a)
	r := c.reconciler()
	r.Client = late.client
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)}); err != nil || len(c.ran) != 1 {
		t.Errorf("%v, ran %q; want one run", err, c.ran)
	}
}

// TestOutcomeOfAnotherObject holds that what was decided for an object is not done to the next of its name.
func TestOutcomeOfAnotherObject(t *testing.T) {
	c := newCluster(t, newFunction("f"))
	c.accept(c.newEvent("e", "f", "1"))
	c.calls, c.failAt = 0, 4 // to delete it
	r := c.reconciler()
	if _, failed := c.round(r); !failed || len(c.ran) != 1 {
		t.Fatalf("failed %v, ran %q; want a run that cannot be written down", failed, c.ran)
	}
	a := c.events()[0]
	if err := c.client.Delete(t.Context(), &a); err != nil {
		t.Fatal(err)
	}
	b := c.newEvent("e", "f", "2")
	b.UID = types.UID("another")
	c.accept(b)
	c.round(r)
	if len(c.ran) != 2 || len(c.events()) != 0 || len(r.outcomes.all) != 0 {
		t.Errorf("ran %q, left %d, remembered %d; want both run and nothing left", c.ran, len(c.events()), len(r.outcomes.all))
	}
}

// TestStopping ends the controller while a function runs.
func TestStopping(t *testing.T) {
	cases := map[string]struct {
		reason string
		grace  time.Duration
		left   int
	}{
		"InTime":  {"What ends within the grace counts.", time.Hour, 0},
		"TooLate": {"What does not is tried again by the next controller.", time.Millisecond, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newFunction("f"))
			a := c.newEvent("e", "f", "1")
			c.accept(a)
			ctx, stop := context.WithCancel(t.Context())
			r := c.reconciler()
			r.Grace = tc.grace
			r.Invoker = func(string) lambda.Invoker {
				return lambda.InvokerFunc(func(ctx context.Context, _ *lambda.Invocation) (*lambda.Result, error) {
					stop()
					if tc.grace > time.Minute {
						return &lambda.Result{}, nil
					}
					<-ctx.Done()
					return nil, ctx.Err()
				})
			}
			_, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)})
			if left := len(c.events()); left != tc.left || errors.Is(err, context.Canceled) != (tc.left == 1) {
				t.Errorf("%s %v, %d events left; want %d", tc.reason, err, left, tc.left)
			}
			if tc.left == 1 && c.events()[0].Status.Refusals != 0 {
				t.Errorf("%s it counts: %+v", tc.reason, c.events()[0].Status)
			}
		})
	}
}

func TestSlim(t *testing.T) {
	a := &v1alpha1.AsyncInvocation{Spec: v1alpha1.AsyncInvocationSpec{Function: "f", Payload: []byte("1")}}
	a.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	if got, err := Slim(a); err != nil || got != any(a) || a.Spec.Payload != nil || a.ManagedFields != nil || a.Spec.Function != "f" {
		t.Errorf("Slim = %+v, %v", got, err)
	}
	if got, err := Slim("something else"); err != nil || got != "something else" {
		t.Errorf("Slim = %v, %v", got, err)
	}
}
