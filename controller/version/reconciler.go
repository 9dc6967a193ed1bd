// Package version brings about what Versions ask for: a Knative Service of their own, which runs the image that the version
// was published with for ever. It is reached through aliases and the gateway, not from outside.
package version

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/deploy"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

// Deployer brings about a Service. It is what deploy.Deployer does.
type Deployer interface {
	// Deploy does what can be done now and writes into the subject's status how far it came.
	Deploy(ctx context.Context, s *deploy.Subject) deploy.Outcome
}

// Reconciler reconciles Versions.
type Reconciler struct {
	// Client reads from a cache with the indexes of family.Index, and writes Versions' metadata.
	Client client.Client
	// Deployer brings about Services.
	Deployer Deployer
	// Reporter writes status and events.
	Reporter *report.Reporter
	// Now is the time.
	Now func() time.Time
}

// Reconcile brings about what one Version asks for. One that has gone, or is going, asks for nothing.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	was := new(v1alpha1.Version)
	if err := r.Client.Get(ctx, q.NamespacedName, was); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read version %q: %w", q.NamespacedName, err)
	}
	if !was.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	out, is := r.bringUp(ctx, was)
	return report.Result(out.After, out.Again, r.Reporter.Report(ctx, was, is))
}

// bringUp gives the version with the status that it has come to. was may become a member of its function by it.
func (r *Reconciler) bringUp(ctx context.Context, was *v1alpha1.Version) (deploy.Outcome, *v1alpha1.Version) {
	fn, err := family.Function(ctx, r.Client, was.Namespace, was.Spec.FunctionName)
	if err == nil {
		err = family.Adopt(ctx, r.Client, was, fn)
	}
	is := was.DeepCopy()
	is.Default()
	if is.Status.LastModified == nil {
		is.Status.LastModified = new(metav1.NewMicroTime(r.Now()))
	}
	if fn == nil {
		is.Status.MarkFailed(is.Generation, err)
		return deploy.Outcome{}, is // its coming is an event
	}
	if err != nil {
		return deploy.Outcome{Again: err}, is
	}
	if faults := is.Validate(); len(faults) > 0 {
		is.Status.MarkFailed(is.Generation, v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "%v", faults.ToAggregate()))
		return deploy.Outcome{}, is
	}
	provisioned, err := r.provisioned(ctx, is)
	if err != nil {
		return deploy.Outcome{Again: err}, is
	}
	return r.Deployer.Deploy(ctx, &deploy.Subject{
		Workload:     resources.VersionWorkload(is, was, fn, provisioned),
		Status:       &is.Status,
		FunctionName: fn.Name,
		Generation:   is.Generation,
		Image:        is.Spec.Image,
		Pinned:       true,
	}), is
}

// provisioned is how many environments the version and the aliases that point to it ask for.
func (r *Reconciler) provisioned(ctx context.Context, v *v1alpha1.Version) (int32, error) {
	sum := ptr.Deref(v.Spec.ProvisionedConcurrency, 0)
	aliases, err := family.AliasesOf(ctx, r.Client, v)
	for i := range aliases {
		a := &aliases[i].Spec
		if family.TargetName(a.FunctionName, a.FunctionVersion) == v.Name {
			sum += ptr.Deref(a.ProvisionedConcurrency, 0)
		}
	}
	return sum, err
}
