package event

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// attemptTimeout is longer than any invocation, its wait for a pod included.
const attemptTimeout = lambda.MaxTimeout + 5*time.Minute

// attempt runs an event's function, or posts a record, and decides by how it ended. An error says that nothing can be
// decided now, and counts for nothing.
func (r *Reconciler) attempt(ctx context.Context, a *v1alpha1.AsyncInvocation) (delivery.Step, error) {
	ev, err := delivery.FromObject(a)
	if err != nil {
		r.log().Error("an event is given up", "namespace", a.Namespace, "name", a.Name, "error", err)
		return delivery.Step{}, nil
	}
	if ev.URL != "" {
		return r.post(ctx, ev)
	}
	fn, err := r.function(ctx, a.Namespace, ev.Function.Name)
	if err != nil {
		return delivery.Step{}, err
	}
	if fn == nil { // nobody knows any more where its records would go
		r.log().Warn("an event is given up because its function was deleted", "namespace", a.Namespace, "function", ev.Function.Name, "requestId", ev.ID)
		return delivery.Step{}, nil
	}
	policy, err := r.policy(ctx, fn, ev.Function.Qualifier, ev.Function.Qualifier)
	if err != nil {
		return delivery.Step{}, err
	}
	if step, overdue := delivery.Overdue(ev, policy, r.now()); overdue {
		return step, nil
	}
	patient, cancel := r.patient(ctx, attemptTimeout)
	defer cancel()
	result, failure := r.Invoker(a.Namespace).Invoke(patient, ev.Invocation())
	if failure != nil && ctx.Err() != nil {
		return delivery.Step{}, fmt.Errorf("the controller stops: %w", ctx.Err())
	}
	return r.decide(patient, fn, ev, result, failure), nil
}

// patient outlives ctx by the time that is left for what has begun. A function that runs goes on to its end whether
// anybody listens or not, and would run once more if nobody did.
func (r *Reconciler) patient(ctx context.Context, longest time.Duration) (context.Context, context.CancelFunc) {
	long, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(cmp.Or(r.Grace, 20*time.Second)):
			cancel()
		case <-long.Done():
		}
	})
	return long, func() { stop(); cancel() }
}

// decide reads what holds for the event now that its function has run, or was refused with failure.
func (r *Reconciler) decide(ctx context.Context, fn *v1alpha1.Function, ev delivery.Event, result *lambda.Result, failure error) delivery.Step {
	ran := ev.Function.Qualifier
	if result != nil && result.ExecutedVersion != "" {
		ran = result.ExecutedVersion
	}
	ended := r.now()
	policy, err := r.policy(ctx, fn, ev.Function.Qualifier, ran)
	if err != nil {
		r.log().Error("where records and dead letters go cannot be read; what the function says holds", "namespace", fn.Namespace, "function", fn.Name, "requestId", ev.ID, "error", err)
		policy = r.policyOf(fn, nil)
	}
	return delivery.Decide(ev, policy, result, failure, ended)
}

// post sends a record to where it goes.
func (r *Reconciler) post(ctx context.Context, ev delivery.Event) (delivery.Step, error) {
	patient, cancel := r.patient(ctx, attemptTimeout)
	defer cancel()
	failure := r.sender().Send(patient, &ev)
	if failure != nil && ctx.Err() != nil {
		return delivery.Step{}, fmt.Errorf("the controller stops: %w", ctx.Err())
	}
	step := delivery.DecideRecord(ev, failure, r.now())
	if failure == nil {
		r.Metrics.record(outcomeDelivered)
	}
	if failure != nil && !step.Again() {
		r.Metrics.record(outcomeGivenUp)
		r.log().Error("a record is given up", "destination", outbound.Redacted(ev.URL), "requestId", ev.ID, "error", failure)
	}
	return step, nil
}

// function finds a function; nil if there is none. A cache that has none may only be late.
func (r *Reconciler) function(ctx context.Context, namespace string, name lambda.Name) (*v1alpha1.Function, error) {
	key := client.ObjectKey{Namespace: namespace, Name: v1alpha1.ObjectName(string(name))}
	fn := new(v1alpha1.Function)
	err := r.Client.Get(ctx, key, fn)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, key, fn)
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read Function %s: %w", key, err)
	case fn.LambdaName() != string(name):
		return nil, nil // of another name that has the same object's
	default:
		return fn, nil
	}
}

// policy reads what holds for events of a function that name a qualifier, where another, a version, ran or would run.
func (r *Reconciler) policy(ctx context.Context, fn *v1alpha1.Function, named, ran string) (delivery.Policy, error) {
	spec, err := r.specOf(ctx, fn, ran)
	if err != nil {
		return r.policyOf(fn, spec), err
	}
	own, err := r.eventsOf(ctx, fn, named)
	return r.policyOf(fn, spec).Under(own), err
}

// eventsOf is what a version or alias says of the events that name it; nil if it says nothing or has gone.
func (r *Reconciler) eventsOf(ctx context.Context, fn *v1alpha1.Function, qualifier string) (*v1alpha1.Async, error) {
	if !isVersion(qualifier) {
		alias := new(v1alpha1.Alias)
		_, err := r.get(ctx, fn.Namespace, v1alpha1.AliasObjectName(fn.LambdaName(), qualifier), alias)
		return alias.Spec.Async, err
	}
	number, ok := numberOf(qualifier)
	if !ok {
		return nil, nil
	}
	version := new(v1alpha1.Version)
	_, err := r.get(ctx, fn.Namespace, v1alpha1.VersionObjectName(fn.LambdaName(), number), version)
	return version.Spec.Async, err
}

func (r *Reconciler) policyOf(fn *v1alpha1.Function, ran *v1alpha1.FunctionSpec) delivery.Policy {
	p := delivery.PolicyOf(&fn.Spec, ran, r.Identity())
	if r.Delay != 0 {
		p.Delay = r.Delay
	}
	return p
}

// specOf is the configuration that a qualifier leads to: the function's own, or that of a version. It is nil if it leads
// nowhere. Of an alias with weights it is the version that has the rest.
func (r *Reconciler) specOf(ctx context.Context, fn *v1alpha1.Function, qualifier string) (*v1alpha1.FunctionSpec, error) {
	if !isVersion(qualifier) {
		alias := new(v1alpha1.Alias)
		if found, err := r.get(ctx, fn.Namespace, v1alpha1.AliasObjectName(fn.LambdaName(), qualifier), alias); !found {
			return nil, err
		}
		qualifier = alias.Spec.FunctionVersion
	}
	number, ok := numberOf(qualifier)
	if !ok {
		return &fn.Spec, nil
	}
	version := new(v1alpha1.Version)
	if found, err := r.get(ctx, fn.Namespace, v1alpha1.VersionObjectName(fn.LambdaName(), number), version); !found {
		return nil, err
	}
	return &version.Spec.Function, nil
}

// isVersion reports whether a qualifier names a version rather than an alias.
func isVersion(qualifier string) bool {
	_, ok := numberOf(qualifier)
	return ok || qualifier == "" || qualifier == lambda.LatestVersion
}

// numberOf is the number of a version; false for what is none, such as $LATEST.
func numberOf(version string) (int64, bool) {
	number, err := strconv.ParseInt(version, 10, 64)
	return number, err == nil
}

// get reads from the cache and reports whether the object is there.
func (r *Reconciler) get(ctx context.Context, namespace, name string, obj client.Object) (bool, error) {
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read %q in namespace %q: %w", name, namespace, err)
	}
	return true, nil
}
