// Package resourcepolicy makes ResourcePolicies that somebody wrote by hand members of what they are for, so that they go with
// it, and says of each whether it holds. Who asks for something is judged by the gateway, which reads the objects itself.
package resourcepolicy

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
)

// Reconciler reconciles ResourcePolicies.
type Reconciler struct {
	// Client reads from a cache with the indexes of family.Index, and writes the objects' metadata.
	Client client.Client
	// Reporter writes status and events.
	Reporter *report.Reporter
}

// Reconcile looks at one ResourcePolicy. One that has gone, or is going, is nobody's.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	was := new(v1alpha1.ResourcePolicy)
	if err := r.Client.Get(ctx, q.NamespacedName, was); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read policy %q: %w", q.NamespacedName, err)
	}
	if !was.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	err := r.join(ctx, was)
	is := was.DeepCopy()
	failure := new(v1alpha1.Failure)
	switch {
	case err == nil:
		is.Status.MarkReady(is.Generation)
	case errors.As(err, &failure):
		is.Status.MarkFailed(is.Generation, err)
		err = nil // there is an event for all that could mend it
	}
	return report.Result(0, err, r.Reporter.Report(ctx, was, is))
}

// join makes a policy that is as it should be a member of what it is for. A policy that is not lets nobody in, and belongs to
// it all the same.
func (r *Reconciler) join(ctx context.Context, p *v1alpha1.ResourcePolicy) error {
	made := p.DeepCopy()
	made.Default()
	faults := made.Validate()
	owner := p.Owner()
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: owner.GetName()}, owner)
	if apierrors.IsNotFound(err) || err == nil && owner.GetDeletionTimestamp() != nil {
		return missing(p, owner)
	}
	if err != nil {
		return fmt.Errorf("read what policy %q is for: %w", p.Name, err)
	}
	if err := family.Adopt(ctx, r.Client, p, owner); err != nil {
		return err
	}
	if len(faults) > 0 {
		return v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "%v", faults.ToAggregate())
	}
	return nil
}

// missing says what a policy is for and is not there.
func missing(p *v1alpha1.ResourcePolicy, owner v1alpha1.Object) error {
	switch owner.(type) {
	case *v1alpha1.LayerVersion:
		return v1alpha1.Failf(v1alpha1.ReasonLayerNotFound, "layer %q has no version %d", p.Spec.LayerName, p.Spec.LayerVersion)
	case *v1alpha1.Version:
		return v1alpha1.Failf(v1alpha1.ReasonVersionNotFound, "function %q has no version %s", p.Spec.FunctionName, p.Spec.Qualifier)
	case *v1alpha1.Alias:
		return v1alpha1.Failf(v1alpha1.ReasonAliasNotFound, "function %q has no alias %q", p.Spec.FunctionName, p.Spec.Qualifier)
	default:
		return v1alpha1.Failf(v1alpha1.ReasonFunctionNotFound, "there is no function %q", p.Spec.FunctionName)
	}
}
