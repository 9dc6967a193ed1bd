package knative

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// isolated makes a function isolate tenants.
func isolated(s *v1alpha1.FunctionSpec) {
	s.Tenancy = &v1alpha1.Tenancy{IsolationMode: v1alpha1.TenantIsolationPerTenant}
}

func TestEnqueueMakesAnObject(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "Orders", isolated)
	in := &lambda.Invocation{
		ID: "11111111-2222-4333-8444-555555555555", Function: reference(t, "Orders"), Payload: bytes.Repeat([]byte("7"), lambda.MaxAsyncPayload),
		ClientContext: "{}", CognitoIdentity: `{"a":1}`, TenantID: "t", Trace: "Root=1-a", TraceStarted: true, CloudEvent: `{"id":"1"}`,
	}
	for range 2 {
		must(t, e.Enqueue(t.Context(), in)) // the same event twice is two events
	}
	in = &lambda.Invocation{Function: reference(t, "000000000000:function:Orders:$LATEST"), Payload: []byte("1"), TenantID: "t"}
	must(t, e.Enqueue(t.Context(), in))
	var all v1alpha1.AsyncInvocationList
	must(t, api.List(t.Context(), &all, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelFunction: v1alpha1.ObjectName("Orders")}))
	if len(all.Items) != 3 {
		t.Fatalf("%d objects, want 3", len(all.Items))
	}
	whole := 0
	for _, a := range all.Items {
		if a.Spec.Accepted.IsZero() {
			t.Error("nobody knows since when the event waits")
		}
		if a.Spec.Function == "arn:aws:lambda:us-east-1:000000000000:function:Orders:$LATEST" && uuid.Validate(a.Spec.RequestID) == nil {
			continue
		}
		s := a.Spec
		if s.RequestID == "11111111-2222-4333-8444-555555555555" && s.Function == "Orders" && len(s.Payload) == lambda.MaxAsyncPayload && s.ClientContext == "{}" &&
			s.CognitoIdentity == `{"a":1}` && s.TenantID == "t" && s.Trace == "Root=1-a" && s.TraceStarted && s.CloudEvent == `{"id":"1"}` {
			whole++
		}
	}
	if whole != 2 {
		t.Errorf("%d events are whole, want 2", whole)
	}
}

func TestEnqueueRefuses(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	enqueue := func(name string, size int) error {
		return e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, name), Payload: make([]byte, size)})
	}
	wantCode(t, "one byte too many", enqueue("f", lambda.MaxAsyncPayload+1), lambda.CodeRequestTooLarge)
	wantCode(t, "nobody", enqueue("g", 1), lambda.CodeResourceNotFound)
	wantCode(t, "no such version", enqueue("f:9", 1), lambda.CodeResourceNotFound)
	wantCode(t, "no such alias", enqueue("f:live", 1), lambda.CodeResourceNotFound)
	fail := errors.New("etcdserver: request is too large")
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return apierrors.NewInternalError(fail)
		},
	})
	wantCode(t, "more than the database takes", enqueue("f", 1), lambda.CodeRequestTooLarge)
	fail = errors.New("no leader")
	wantCode(t, "a database in trouble", enqueue("f", 1), lambda.CodeService)
}

func TestEnqueueElsewhere(t *testing.T) {
	e, _ := newEngine(t)
	other := new(double.Engine)
	e.Async = other
	must(t, e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, "f"), Payload: []byte("1")}))
	if got := other.Queued(); len(got) != 1 {
		t.Errorf("queued %v", got)
	}
}
