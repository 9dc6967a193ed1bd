package policy

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/watch"
)

// Setup makes the controller of network policies. again has all namespaces with functions or policies looked at.
func (r *Reconciler) Setup(s watch.Setup, again *watch.Again) error {
	err := ctrl.NewControllerManagedBy(s.Manager).
		Named("networkpolicy").
		Watches(new(v1alpha1.Function), handler.EnqueueRequestsFromMapFunc(namespaceOf), builder.WithPredicates(watch.ComingAndGoing())).
		Watches(new(networkingv1.NetworkPolicy), handler.EnqueueRequestsFromMapFunc(namespaceOf)).
		WatchesRawSource(again).
		WithOptions(s.Options()).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller of network policies: %w", err)
	}
	return nil
}

// namespaceOf gives the namespace of an object; the request has no name.
func namespaceOf(_ context.Context, obj client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace()}}}
}
