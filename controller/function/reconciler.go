// Package function brings about what Functions ask for: their code becomes an image, the image a Knative Service. A change
// of nothing makes nothing; a change that fails leaves what served before serving, and says why.
//
// Everything that is made belongs to the Function by its controller reference, so Kubernetes removes it with the Function
// and no finalizer is needed, also in the middle of a build.
package function

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// Reconciler reconciles Functions.
type Reconciler struct {
	// Client reads from a cache with the indexes of family.Index.
	Client client.Reader
	// Deployer brings about Services.
	Deployer Deployer
	// Reporter writes status and events.
	Reporter *report.Reporter
	// Now is the time.
	Now func() time.Time
}

// Reconcile brings about what one Function asks for. One that has gone, or is going, asks for nothing.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	was := new(v1alpha1.Function)
	if err := r.Client.Get(ctx, q.NamespacedName, was); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read function %q: %w", q.NamespacedName, err)
	}
	if !was.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	is := was.DeepCopy()
	is.Default()
	if err := r.note(ctx, is); err != nil {
		return reconcile.Result{}, err
	}
	out := r.bringUp(ctx, was, is)
	return report.Result(out.After, out.Again, r.Reporter.Report(ctx, was, is))
}

// note keeps up what the status tells of the object itself: when it last changed, and the highest number of a version
// seen so far, which is never used again.
func (r *Reconciler) note(ctx context.Context, fn *v1alpha1.Function) error {
	if fn.Status.ObservedGeneration != fn.Generation {
		fn.Status.LastModified = new(metav1.NewMicroTime(r.Now()))
	}
	versions, err := family.Versions(ctx, r.Client, fn)
	for i := range versions {
		fn.Status.LatestVersion = max(fn.Status.LatestVersion, versions[i].Spec.Version)
	}
	return err
}

func (r *Reconciler) bringUp(ctx context.Context, asked, fn *v1alpha1.Function) deploy.Outcome {
	if faults := fn.Validate(); len(faults) > 0 {
		fn.Status.MarkFailed(fn.Generation, v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "%v", faults.ToAggregate()))
		return deploy.Outcome{}
	}
	return r.Deployer.Deploy(ctx, &deploy.Subject{
		Workload:     resources.FunctionWorkload(fn, asked),
		Status:       &fn.Status,
		FunctionName: fn.Name,
		Generation:   fn.Generation,

		CodeSigningConfig: fn.Spec.CodeSigningConfig,
	})
}
