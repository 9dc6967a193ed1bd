package function

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/deploy"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/watch"
)

// Setup makes the controller of Functions. again has all of them looked at.
func (r *Reconciler) Setup(s watch.Setup, again *watch.Again) error {
	w := deploy.Watches{Setup: s, Owner: new(v1alpha1.Function), ByLabel: family.ToFunctionByLabel}
	members := family.Members{Client: r.Client, Log: s.Manager.GetLogger()}
	b := ctrl.NewControllerManagedBy(s.Manager).
		Named("function").
		For(new(v1alpha1.Function), builder.WithPredicates(watch.Wishes())).
		Watches(new(v1alpha1.Version), handler.EnqueueRequestsFromMapFunc(family.ToFunction), builder.WithPredicates(watch.Coming())).
		Watches(new(v1alpha1.LayerVersion), handler.EnqueueRequestsFromMapFunc(members.FunctionsWith()), builder.WithPredicates(watch.Coming())).
		Watches(new(v1alpha1.CodeSigningConfig), handler.EnqueueRequestsFromMapFunc(members.FunctionsBeside()), builder.WithPredicates(watch.Wishes())).
		WatchesRawSource(again).
		WithOptions(s.Options())
	c, err := w.Pods(b).Build(r)
	if err != nil {
		return fmt.Errorf("set up the controller of functions: %w", err)
	}
	w.Late(c)
	return nil
}
