package alias

import (
	"fmt"

	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/watch"
)

// Setup makes the controller of Aliases. again has all of them looked at.
func (r *Reconciler) Setup(s watch.Setup, again *watch.Again) error {
	members := family.Members{Client: r.Client, Log: s.Manager.GetLogger()}
	c, err := ctrl.NewControllerManagedBy(s.Manager).
		Named("alias").
		For(new(v1alpha1.Alias), builder.WithPredicates(watch.Wishes())).
		Watches(new(v1alpha1.Version), handler.EnqueueRequestsFromMapFunc(members.AliasesTo())).
		Watches(new(v1alpha1.Function), handler.EnqueueRequestsFromMapFunc(members.Aliases())).
		WatchesRawSource(again).
		WithOptions(s.Options()).
		Build(r)
	if err != nil {
		return fmt.Errorf("set up the controller of aliases: %w", err)
	}
	owner := handler.EnqueueRequestForOwner(s.Manager.GetScheme(), s.Manager.GetRESTMapper(), new(v1alpha1.Alias), handler.OnlyControllerOwner())
	s.Kinds.When(servingv1.SchemeGroupVersion.WithKind("Route"), func() error {
		return c.Watch(source.Kind[client.Object](s.Manager.GetCache(), new(servingv1.Route), owner))
	})
	return nil
}
