package url

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/watch"
)

// Setup makes the controller of FunctionURLConfigs.
func (r *Reconciler) Setup(s watch.Setup) error {
	members := family.Members{Client: r.Client, Log: s.Manager.GetLogger()}
	err := ctrl.NewControllerManagedBy(s.Manager).
		Named("functionurlconfig").
		For(new(v1alpha1.FunctionURLConfig), builder.WithPredicates(watch.Wishes())).
		Watches(new(v1alpha1.Function), handler.EnqueueRequestsFromMapFunc(members.URLs())).
		Watches(new(v1alpha1.Alias), handler.EnqueueRequestsFromMapFunc(members.URLsOf())).
		WithOptions(s.Options()).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller of function URLs: %w", err)
	}
	return nil
}
