// Package alias brings about what Aliases ask for: a Knative Route over the Services of the versions that they point to,
// with an address of its own.
package alias

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/apply"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

// Reconciler reconciles Aliases.
type Reconciler struct {
	// Client reads from a cache with the indexes of family.Index, and writes Aliases' metadata.
	Client client.Client
	// Applier writes Routes.
	Applier *apply.Applier
	// Reporter writes status and events.
	Reporter *report.Reporter
	// Serving says whether the cluster has Knative Serving.
	Serving func() bool
}

// Reconcile brings about what one Alias asks for. One that has gone, or is going, asks for nothing.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	was := new(v1alpha1.Alias)
	if err := r.Client.Get(ctx, q.NamespacedName, was); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read alias %q: %w", q.NamespacedName, err)
	}
	if !was.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	is, again := r.bringUp(ctx, was)
	return report.Result(0, again, r.Reporter.Report(ctx, was, is))
}

// bringUp gives the alias with the status that it has come to, and an error that trying again could mend. was may become
// a member of its function by it.
func (r *Reconciler) bringUp(ctx context.Context, was *v1alpha1.Alias) (is *v1alpha1.Alias, again error) {
	fn, err := family.Function(ctx, r.Client, was.Namespace, was.Spec.FunctionName)
	if err == nil {
		err = family.Adopt(ctx, r.Client, was, fn)
	}
	is = was.DeepCopy()
	is.Default()
	if err == nil {
		err = r.route(ctx, is, fn)
	}
	if errors.Is(err, apply.ErrGoing) {
		return is, nil
	}
	if err == nil || apierrors.IsConflict(err) {
		return is, err
	}
	if apply.IsUnanswered(err) {
		if v1alpha1.Settled(is.Status.Conditions, is.Generation) == nil {
			is.Status.MarkProgressing(is.Generation, fmt.Sprintf("It is tried again: %v", err))
		}
		return is, err
	}
	is.Status.MarkFailed(is.Generation, err)
	if hasEvent(err) {
		return is, nil
	}
	return is, err
}

// hasEvent reports whether an error stays until something changes that there is an event for.
func hasEvent(err error) bool {
	f := new(v1alpha1.Failure)
	if !errors.As(err, &f) {
		return false
	}
	switch f.Reason {
	case v1alpha1.ReasonFunctionNotFound, v1alpha1.ReasonVersionNotFound, v1alpha1.ReasonSpecInvalid,
		v1alpha1.ReasonKnativeMissing, v1alpha1.ReasonRouteFailed, v1alpha1.ReasonConfigurationUnsupported:
		return true
	default:
		return false
	}
}

// route brings the Route about, once there is something behind it, and says in the status what became of it.
func (r *Reconciler) route(ctx context.Context, a *v1alpha1.Alias, fn *v1alpha1.Function) error {
	if faults := a.Validate(); len(faults) > 0 {
		return v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "%v", faults.ToAggregate())
	}
	if !r.Serving() {
		return v1alpha1.Failf(v1alpha1.ReasonKnativeMissing, "the cluster has no Knative Serving; install it, and the alias goes on")
	}
	targets, err := r.targets(ctx, a, fn)
	if err != nil {
		return err
	}
	if awaited := awaited(targets); awaited != "" {
		a.Status.MarkProgressing(a.Generation, awaited)
		return nil
	}
	shares, deviations, err := resources.Shares(&a.Spec, func(version string) string { return targets.find(version).service })
	if err != nil {
		return err
	}
	live := new(servingv1.Route)
	if err := r.Applier.Apply(ctx, a, resources.MakeRoute(a, shares, targets.local()), live); err != nil {
		return err
	}
	return tell(a, live, deviations)
}

// tell reads a Route.
func tell(a *v1alpha1.Alias, live *servingv1.Route, deviations []string) error {
	ready := live.Status.GetCondition(servingv1.RouteConditionReady)
	switch {
	case live.Status.ObservedGeneration != live.Generation:
		a.Status.MarkProgressing(a.Generation, "Knative is about to take it up.")
	case ready.IsTrue():
		a.Status.MarkReady(a.Generation, live.Status.URL.String(), deviations...)
	case ready.IsFalse():
		return v1alpha1.Failf(v1alpha1.ReasonRouteFailed, "%s", strings.Join(strings.Fields(ready.Reason+": "+ready.Message), " "))
	default:
		a.Status.MarkProgressing(a.Generation, "Requests are being moved to the versions.")
	}
	return nil
}

// target is a version that an alias points to.
type target struct {
	version string
	service string
	spec    *v1alpha1.FunctionSpec
	status  *v1alpha1.FunctionStatus
}

type targets []target

func (all targets) find(version string) target {
	for _, t := range all {
		if t.version == version {
			return t
		}
	}
	return target{}
}

// local says whether one of the versions is to stay inside the cluster, and so the alias too.
func (all targets) local() bool {
	for _, t := range all {
		if t.spec.HTTP != nil && t.spec.HTTP.Visibility == v1alpha1.VisibilityClusterLocal {
			return true
		}
	}
	return false
}

// awaited says which version is not ready yet. One that has been ready once serves, whatever is being done with it now.
func awaited(all targets) string {
	for _, t := range all {
		if meta.IsStatusConditionTrue(t.status.Conditions, v1alpha1.ConditionActive) {
			continue
		}
		c := meta.FindStatusCondition(t.status.Conditions, v1alpha1.ConditionReady)
		if c != nil && c.Status == metav1.ConditionFalse {
			return fmt.Sprintf("Version %s has failed: %s", t.version, c.Message)
		}
		return fmt.Sprintf("Version %s is not ready yet.", t.version)
	}
	return ""
}

// targets finds the versions.
func (r *Reconciler) targets(ctx context.Context, a *v1alpha1.Alias, fn *v1alpha1.Function) (targets, error) {
	var all targets
	for _, version := range family.Targets(&a.Spec) {
		name := family.TargetName(a.Spec.FunctionName, version)
		if name == fn.Name {
			all = append(all, target{version, v1alpha1.FunctionServiceName(fn.LambdaName()), &fn.Spec, &fn.Status})
			continue
		}
		v := new(v1alpha1.Version)
		err := r.Client.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: name}, v)
		if apierrors.IsNotFound(err) {
			return nil, v1alpha1.Failf(v1alpha1.ReasonVersionNotFound, "function %q has no version %s", a.Spec.FunctionName, version)
		}
		if err != nil {
			return nil, fmt.Errorf("read version %q: %w", name, err)
		}
		all = append(all, target{version, v1alpha1.VersionServiceName(v.Spec.FunctionName, v.Spec.Version), &v.Spec.Function, &v.Status})
	}
	return all, nil
}
