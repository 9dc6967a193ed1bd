package knative

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Enqueue accepts an event: it is an object, so the cluster's database keeps it until the controller has worked it off.
func (e *Engine) Enqueue(ctx context.Context, in *lambda.Invocation) error {
	if e.Async != nil {
		return e.Async.Enqueue(ctx, in)
	}
	if len(in.Payload) > lambda.MaxAsyncPayload {
		return tooLarge(lambda.MaxAsyncPayload)
	}
	if err := e.known(ctx, in); err != nil {
		return err
	}
	if e.Backlog != nil {
		if err := e.Backlog.admit(ctx, e.Client, e.Namespace); err != nil {
			return err
		}
	}
	made := e.newAsyncInvocation(in, time.Now())
	err := objectError(ctx, "AsyncInvocation", made.Name, e.Client.Create(ctx, made))
	if lambda.CodeOf(err) == lambda.CodeRequestEntityTooLarge {
		return tooLarge(lambda.MaxAsyncPayload) // with all that came with it
	}
	return err
}

// known fails if there is nobody for an event, or it names no tenant where it must. Most often the cache knows that there
// is; the API server is asked if not, as a function may be new.
func (e *Engine) known(ctx context.Context, in *lambda.Invocation) error {
	r := router{namespace: e.Namespace, identity: e.Identity, lot: rand.Float64}
	if e.Cache != nil {
		if to, err := r.find(ctx, e.Cache, in.Function); err == nil {
			return engine.CheckTenant(in, to.spec)
		}
	}
	to, err := r.find(ctx, e.Client, in.Function)
	if err != nil {
		return err
	}
	return engine.CheckTenant(in, to.spec)
}

func tooLarge(limit int) error {
	return lambda.Errorf(lambda.CodeRequestTooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
}

// newAsyncInvocation is an event as an object. Its name is new each time: whoever sends an event twice wants it twice.
func (e *Engine) newAsyncInvocation(in *lambda.Invocation, now time.Time) *v1alpha1.AsyncInvocation {
	id := in.ID
	if id == "" {
		id = uuid.NewString()
	}
	return &v1alpha1.AsyncInvocation{
		ObjectMeta: metav1.ObjectMeta{
			Name: uuid.NewString(), Namespace: e.Namespace,
			Labels: map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(string(in.Function.Name))},
		},
		Spec: v1alpha1.AsyncInvocationSpec{
			RequestID: id, Function: written(in.Function, e.Identity), Payload: in.Payload, ClientContext: in.ClientContext,
			CognitoIdentity: in.CognitoIdentity, TenantID: in.TenantID, Trace: in.Trace, TraceStarted: in.TraceStarted,
			CloudEvent: in.CloudEvent, Accepted: metav1.NewMicroTime(now),
		},
	}
}

// written is a reference as a caller writes it: an ARN if it was one, or a part of one, else name or name:qualifier.
func written(ref lambda.Reference, id lambda.Identity) string {
	if ref.Region == "" && ref.Account == "" {
		return ref.String()
	}
	return ref.ARN(id)
}
