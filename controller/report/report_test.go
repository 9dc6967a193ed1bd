package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// objects is one of each kind that has a status.
func objects() []v1alpha1.Object {
	at := metav1.ObjectMeta{Name: "orders", Namespace: "shop", Generation: 1}
	return []v1alpha1.Object{
		&v1alpha1.Function{ObjectMeta: at}, &v1alpha1.Version{ObjectMeta: at},
		&v1alpha1.Alias{ObjectMeta: at}, &v1alpha1.FunctionURLConfig{ObjectMeta: at}, &v1alpha1.ResourcePolicy{ObjectMeta: at},
	}
}

func newReporter(t *testing.T, obj client.Object) (*Reporter, *events.FakeRecorder) {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(s).WithObjects(obj).WithStatusSubresource(obj).Build()
	recorder := events.NewFakeRecorder(10)
	return &Reporter{Client: c, Events: recorder}, recorder
}

// mark marks any kind as failed.
func mark(obj v1alpha1.Object, err error) {
	switch s := statusOf(obj).(type) {
	case *v1alpha1.FunctionStatus:
		s.MarkFailed(1, err)
	case *v1alpha1.AliasStatus:
		s.MarkFailed(1, err)
	case *v1alpha1.FunctionURLConfigStatus:
		s.MarkFailed(1, err)
	case *v1alpha1.ResourcePolicyStatus:
		s.MarkFailed(1, err)
	}
}

func TestReportKinds(t *testing.T) {
	for _, obj := range objects() {
		t.Run(fmt.Sprintf("%T", obj), func(t *testing.T) {
			r, recorder := newReporter(t, obj)
			was, _ := obj.DeepCopyObject().(v1alpha1.Object)
			if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(obj), was); err != nil {
				t.Fatal(err)
			}
			is, _ := was.DeepCopyObject().(v1alpha1.Object)
			is.Default() // the spec as it is in memory must not be written
			mark(is, v1alpha1.Failf(v1alpha1.ReasonRefused, "no"))
			if err := r.Report(t.Context(), was, is); err != nil {
				t.Fatal(err)
			}
			kept, _ := obj.DeepCopyObject().(v1alpha1.Object)
			if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(obj), kept); err != nil {
				t.Fatal(err)
			}
			if c := ready(kept); c == nil || c.Reason != "Refused" {
				t.Errorf("the status holds %+v", c)
			}
			if len(kept.GetLabels()) != 0 {
				t.Errorf("more than the status was written: %v", kept.GetLabels())
			}
			if got := <-recorder.Events; got != "Warning Refused no" {
				t.Errorf("the event is %q", got)
			}
			if err := r.Report(t.Context(), kept, kept); err != nil {
				t.Fatal(err)
			}
			after, _ := obj.DeepCopyObject().(v1alpha1.Object)
			if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(obj), after); err != nil {
				t.Fatal(err)
			}
			if after.GetResourceVersion() != kept.GetResourceVersion() || len(recorder.Events) != 0 {
				t.Error("nothing changed and it was reported")
			}
		})
	}
}

func TestReportConflictsAndGoing(t *testing.T) {
	obj := objects()[0]
	r, recorder := newReporter(t, obj)
	was := new(v1alpha1.Function)
	if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(obj), was); err != nil {
		t.Fatal(err)
	}
	is := was.DeepCopy()
	mark(is, v1alpha1.Failf(v1alpha1.ReasonRefused, "no"))
	changed := was.DeepCopy()
	changed.Annotations = map[string]string{"a": "b"}
	if err := r.Client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := r.Report(t.Context(), was, is); !apierrors.IsConflict(err) {
		t.Errorf("a stale status: got %v, want a conflict", err)
	}
	if err := r.Client.Delete(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := r.Report(t.Context(), was, is); err != nil {
		t.Errorf("the status of what has gone: got %v", err)
	}
	if len(recorder.Events) != 0 {
		t.Errorf("what was not written was told: %q", <-recorder.Events)
	}
}

func TestEvents(t *testing.T) {
	no := v1alpha1.Failf(v1alpha1.ReasonRefused, "no")
	cases := map[string]struct {
		why     string
		was, is func(s *v1alpha1.FunctionStatus)
		want    string
	}{
		"Ready":     {"It has become ready.", func(s *v1alpha1.FunctionStatus) { s.MarkProgressing(1) }, func(s *v1alpha1.FunctionStatus) { s.MarkReady(1) }, "Normal Ready It is ready."},
		"ReadyBut":  {"Deviations are told.", nil, func(s *v1alpha1.FunctionStatus) { s.MarkReady(1, "Not quite.") }, "Normal Ready Not quite."},
		"Failed":    {"It has failed.", nil, func(s *v1alpha1.FunctionStatus) { s.MarkFailed(1, no) }, "Warning Refused no"},
		"Percent":   {"Others' texts are no formats.", nil, func(s *v1alpha1.FunctionStatus) { s.MarkFailed(1, errors.New("100%d")) }, "Warning InternalError 100%d"},
		"Same":      {"The same reason is told once.", func(s *v1alpha1.FunctionStatus) { s.MarkFailed(1, no) }, func(s *v1alpha1.FunctionStatus) { s.MarkFailed(1, v1alpha1.Failf(v1alpha1.ReasonRefused, "still no")) }, ""},
		"Next":      {"Another generation is another matter.", func(s *v1alpha1.FunctionStatus) { s.MarkFailed(1, no) }, func(s *v1alpha1.FunctionStatus) { s.MarkFailed(2, no) }, "Warning Refused no"},
		"Underway":  {"What is under way is not told.", nil, func(s *v1alpha1.FunctionStatus) { s.MarkProgressing(1) }, ""},
		"Recovered": {"Nor is it hidden that it is over.", func(s *v1alpha1.FunctionStatus) { s.MarkFailed(1, no) }, func(s *v1alpha1.FunctionStatus) { s.MarkReady(1) }, "Normal Ready It is ready."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obj := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop"}}
			if tc.was != nil {
				tc.was(&obj.Status)
			}
			r, recorder := newReporter(t, obj)
			was := new(v1alpha1.Function)
			if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(obj), was); err != nil {
				t.Fatal(err)
			}
			is := was.DeepCopy()
			tc.is(&is.Status)
			if err := r.Report(t.Context(), was, is); err != nil {
				t.Fatal(err)
			}
			got := ""
			select {
			case got = <-recorder.Events:
			default:
			}
			if got != tc.want {
				t.Errorf("%s got %q, want %q", tc.why, got, tc.want)
			}
		})
	}
}

func TestLongEvents(t *testing.T) {
	obj := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop"}}
	r, recorder := newReporter(t, obj)
	is := obj.DeepCopy()
	is.Status.MarkFailed(1, errors.New(strings.Repeat("ä", 3000)))
	r.tell(obj, is)
	if got := <-recorder.Events; len(got) > maxNote+len("Warning InternalError ") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("the event has %d bytes: %q", len(got), got[len(got)-10:])
	}
}

func TestResult(t *testing.T) {
	conflict := fmt.Errorf("write: %w", apierrors.NewConflict(v1alpha1.GroupVersion().WithResource("functions").GroupResource(), "orders", errors.New("x")))
	boom := errors.New("boom")
	cases := map[string]struct {
		reason string
		after  time.Duration
		errs   []error
		want   reconcile.Result
		err    error
	}{
		"Done":     {"Nothing is left.", 0, []error{nil, nil}, reconcile.Result{}, nil},
		"Later":    {"Something is waited for.", time.Minute, []error{nil}, reconcile.Result{RequeueAfter: time.Minute}, nil},
		"Error":    {"It is tried again with growing pauses.", time.Minute, []error{nil, boom}, reconcile.Result{}, boom},
		"Conflict": {"It is looked at again soon, without a word.", 0, []error{boom, conflict}, reconcile.Result{RequeueAfter: soon}, nil},
	}
	for name, tc := range cases {
		got, err := Result(tc.after, tc.errs...)
		if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("%s: %s got %v, %v", name, tc.reason, got, err)
		}
	}
}
