package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestRefusedLetters has the API server not take what goes out.
func TestRefusedLetters(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.Group, Resource: "asyncinvocations"}
	kind := schema.GroupKind{Group: v1alpha1.Group, Kind: "AsyncInvocation"}
	cases := map[string]struct {
		reason string
		err    error
		goes   bool // the event, without its record
	}{
		"Invalid":   {"What can never be written is given up.", apierrors.NewInvalid(kind, "x", nil), true},
		"TooLarge":  {"So is what is too large after all.", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), true},
		"Exists":    {"What is there was made before.", apierrors.NewAlreadyExists(resource, "x"), true},
		"Forbidden": {"A quota may be raised.", apierrors.NewForbidden(resource, "x", errors.New("exceeded quota")), false},
		"Down":      {"An API server comes back.", errors.New("connection refused"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := newFunction("f", func(s *v1alpha1.FunctionSpec) { s.Async = &v1alpha1.Async{OnSuccess: to("http://h/")} })
			c := newCluster(t, fn)
			a := c.newEvent("e", "f", "1")
			c.accept(a)
			r := c.reconciler()
			refuse := tc.err
			r.Client = interceptor.NewClient(c.client, interceptor.Funcs{
				Create: func(ctx context.Context, w client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
					if refuse != nil {
						return refuse
					}
					return w.Create(ctx, obj, opts...)
				},
			})
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)})
			if (err == nil) != tc.goes || (len(c.events()) == 0) != tc.goes {
				t.Fatalf("%s got %v, %d events left", tc.reason, err, len(c.events()))
			}
			refuse = nil
			if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)}); err != nil || len(c.ran) != 1 {
				t.Errorf("%s then %v, ran %d times; want the function not to run again", tc.reason, err, len(c.ran))
			}
			left := c.events()
			if tc.goes != (len(left) == 0) {
				t.Errorf("%s in the end there is %+v", tc.reason, left)
			}
			if !tc.goes && (left[0].Spec.URL != "http://h/" || left[0].Spec.RequestID != "id-e" || left[0].Labels[v1alpha1.LabelFunction] != "f") {
				t.Errorf("%s the record is %+v", tc.reason, left[0])
			}
		})
	}
}

// TestUnreadableVersion has the API server not give the version that ran: the outcome counts, only its dead letter goes
// nowhere.
func TestUnreadableVersion(t *testing.T) {
	none := int32(0)
	fn := newFunction("f", func(s *v1alpha1.FunctionSpec) {
		s.Async = &v1alpha1.Async{MaximumRetryAttempts: &none, OnFailure: to(arn + "target")}
	})
	c := newCluster(t, fn, newFunction("target"))
	ran := false
	c.play = func(in *lambda.Invocation) (*lambda.Result, error) {
		ran = true
		result, err := fails(in)
		result.ExecutedVersion = "7"
		return result, err
	}
	a := c.newEvent("e", "f", "1")
	c.accept(a)
	var logged bytes.Buffer
	r := c.reconciler()
	r.Log = slog.New(slog.NewJSONHandler(&logged, nil))
	r.Client = interceptor.NewClient(c.client, interceptor.Funcs{
		Get: func(ctx context.Context, w client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if _, ok := obj.(*v1alpha1.Version); ok {
				return errors.New("connection refused")
			}
			return w.Get(ctx, key, obj, opts...)
		},
	})
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)}); err != nil || !ran {
		t.Fatalf("%v, ran %v", err, ran)
	}
	if left := c.events(); len(left) != 1 || left[0].Spec.Function != arn+"target" {
		t.Errorf("left %+v; want the record", left)
	}
	if !strings.Contains(logged.String(), "dead letters go cannot be read") {
		t.Errorf("the log says %s", logged.String())
	}
	if strings.Contains(logged.String(), "broken") {
		t.Errorf("the log tells what the function said: %s", logged.String())
	}
}

// TestUnreadableFunction has the API server not give the function: nothing runs, and nothing is lost.
func TestUnreadableFunction(t *testing.T) {
	for name, qualifier := range map[string]string{"function": "f", "version": "f:7", "alias": "f:live"} {
		c := newCluster(t, newFunction("f"))
		a := c.newEvent("e", qualifier, "1")
		c.accept(a)
		r := c.reconciler()
		unreadable := map[string]bool{"*v1alpha1.Function": name == "function", "*v1alpha1.Version": name == "version", "*v1alpha1.Alias": name == "alias"}
		r.Client = interceptor.NewClient(c.client, interceptor.Funcs{
			Get: func(ctx context.Context, w client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if unreadable[typeName(obj)] {
					return errors.New("connection refused")
				}
				return w.Get(ctx, key, obj, opts...)
			},
		})
		_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)})
		if err == nil || len(c.ran) != 0 || len(c.events()) != 1 {
			t.Errorf("%s: %v, ran %q, %d events left", name, err, c.ran, len(c.events()))
		}
	}
}

func typeName(obj client.Object) string {
	switch obj.(type) {
	case *v1alpha1.Function:
		return "*v1alpha1.Function"
	case *v1alpha1.Version:
		return "*v1alpha1.Version"
	case *v1alpha1.Alias:
		return "*v1alpha1.Alias"
	default:
		return ""
	}
}

// TestStoppingWhilePosting ends the controller while a destination takes its time.
func TestStoppingWhilePosting(t *testing.T) {
	c := newCluster(t, newFunction("f"))
	a := c.newEvent("e", "f", "1")
	a.Spec.URL = "http://destination.test/"
	c.accept(a)
	ctx, stop := context.WithCancel(t.Context())
	r := c.reconciler()
	r.Grace = time.Millisecond
	r.HTTP = &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		stop()
		<-req.Context().Done()
		return nil, req.Context().Err()
	})}
	_, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)})
	if left := c.events(); !errors.Is(err, context.Canceled) || len(left) != 1 || left[0].Status.Refusals != 0 {
		t.Errorf("%v, left %+v; want the record as it was", err, left)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRecordIsGivenUp has a destination that never takes anything.
func TestRecordIsGivenUp(t *testing.T) {
	c := newCluster(t, newFunction("f"))
	a := c.newEvent("e", "f", `{"payload":"secret"}`)
	a.Spec.URL = "http://destination.test/?key=secret"
	c.accept(a)
	c.advance(6 * time.Hour)
	var logged bytes.Buffer
	r := c.reconciler()
	r.Log = slog.New(slog.NewJSONHandler(&logged, nil))
	r.HTTP = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusInternalServerError, Status: "500 Internal Server Error", Body: http.NoBody}, nil
	})}
	c.round(r)
	if left := len(c.events()); left != 0 || !strings.Contains(logged.String(), "a record is given up") || strings.Contains(logged.String(), "secret") {
		t.Errorf("%d events left, log %s", left, logged.String())
	}
}

// TestStatusPatch holds that every member is set, and that the patch is for one object.
func TestStatusPatch(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5000, time.UTC)
	patch, err := statusPatch("uid", delivery.Step{Retry: at, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"uid":"uid"},"status":{"attempts":1,"refusals":0,"nextAttempt":"2026-01-31T12:00:00.000005Z","lastError":""}}`
	if string(patch) != want {
		t.Errorf("patch %s, want %s", patch, want)
	}
	var back v1alpha1.AsyncInvocation
	if err := json.Unmarshal(patch, &back); err != nil || !back.Status.NextAttempt.Equal(&metav1.MicroTime{Time: at}) {
		t.Errorf("it reads as %+v, %v", back.Status, err)
	}
}

// TestLetterNames holds that each letter of each event has a name of its own, and always the same.
func TestLetterNames(t *testing.T) {
	seen := map[string]bool{}
	for _, uid := range []string{"a", "b"} {
		for _, kind := range []delivery.Kind{delivery.KindSuccess, delivery.KindFailure, delivery.KindDeadLetter} {
			parent := &v1alpha1.AsyncInvocation{}
			parent.Namespace, parent.UID = "team", types.UID("uid-"+uid)
			letter := delivery.Letter{Kind: kind, Event: delivery.Event{ID: "id", Function: lambda.Reference{Name: "F_1"}}}
			one, two := makeLetter(parent, letter), makeLetter(parent, letter)
			if one.Name != two.Name || seen[one.Name] || one.Namespace != "team" || one.Labels[v1alpha1.LabelFunction] != v1alpha1.ObjectName("F_1") {
				t.Errorf("letter %s of %s is %+v, then %s", kind, uid, one.ObjectMeta, two.Name)
			}
			seen[one.Name] = true
		}
	}
}
