package version

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

// Setup makes the controller of Versions. again has all of them looked at.
func (r *Reconciler) Setup(s watch.Setup, again *watch.Again) error {
	w := deploy.Watches{Setup: s, Owner: new(v1alpha1.Version), ByLabel: family.ToVersionByLabel}
	members := family.Members{Client: r.Client, Log: s.Manager.GetLogger()}
	b := ctrl.NewControllerManagedBy(s.Manager).
		Named("version").
		For(new(v1alpha1.Version), builder.WithPredicates(watch.Wishes())).
		Watches(new(v1alpha1.Function), handler.EnqueueRequestsFromMapFunc(members.Versions()), builder.WithPredicates(watch.Wishes())).
		Watches(new(v1alpha1.Alias), handler.EnqueueRequestsFromMapFunc(family.ToTargets), builder.WithPredicates(watch.Wishes())).
		Watches(new(v1alpha1.LayerVersion), handler.EnqueueRequestsFromMapFunc(members.VersionsWith()), builder.WithPredicates(watch.Coming())).
		WatchesRawSource(again).
		WithOptions(s.Options())
	c, err := w.Pods(b).Build(r)
	if err != nil {
		return fmt.Errorf("set up the controller of versions: %w", err)
	}
	w.Late(c)
	return nil
}
