package resourcepolicy

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/watch"
)

// Setup makes the controller of ResourcePolicies.
func (r *Reconciler) Setup(s watch.Setup) error {
	members := family.Members{Client: r.Client, Log: s.Manager.GetLogger()}
	b := ctrl.NewControllerManagedBy(s.Manager).
		Named("resourcepolicy").
		For(new(v1alpha1.ResourcePolicy), builder.WithPredicates(watch.Wishes()))
	for _, owner := range []v1alpha1.Object{new(v1alpha1.Function), new(v1alpha1.Version), new(v1alpha1.Alias), new(v1alpha1.LayerVersion)} {
		b = b.Watches(owner, handler.EnqueueRequestsFromMapFunc(members.Policies()))
	}
	if err := b.WithOptions(s.Options()).Complete(r); err != nil {
		return fmt.Errorf("set up the controller of policies: %w", err)
	}
	return nil
}
