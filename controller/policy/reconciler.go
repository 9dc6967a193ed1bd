// Package policy keeps a NetworkPolicy in each namespace that has functions, if the operator wants that.
package policy

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

// Reconciler reconciles namespaces: a request's namespace says which.
type Reconciler struct {
	// Client reads from a cache that holds our own policies alone, and writes.
	Client client.Client
	// Wanted says whether the operator wants policies.
	Wanted func() bool
}

// Reconcile sees to it that a namespace has the policy exactly if it should. One of the same name that is not ours is left
// alone: whoever wrote it knows better.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	wanted, err := r.wanted(ctx, q.Namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.bringAbout(ctx, q.Namespace, wanted)
}

func (r *Reconciler) wanted(ctx context.Context, namespace string) (bool, error) {
	if !r.Wanted() {
		return false, nil
	}
	var one v1alpha1.FunctionList
	if err := r.Client.List(ctx, &one, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return false, fmt.Errorf("look for functions in namespace %q: %w", namespace, err)
	}
	return len(one.Items) > 0, nil
}

// bringAbout compares, and creates, updates or deletes.
func (r *Reconciler) bringAbout(ctx context.Context, namespace string, wanted bool) error {
	made := resources.MakeNetworkPolicy(namespace)
	live := new(networkingv1.NetworkPolicy)
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(made), live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read NetworkPolicy %q: %w", client.ObjectKeyFromObject(made), err)
	}
	switch there := err == nil; {
	case there && live.Labels[resources.LabelManagedBy] != resources.ManagedBy:
		return nil
	case there && !wanted:
		err = client.IgnoreNotFound(r.Client.Delete(ctx, live, client.Preconditions{UID: &live.UID}))
	case there && !equality.Semantic.DeepEqual(live.Spec, made.Spec):
		live.Spec = made.Spec
		err = r.Client.Update(ctx, live)
	case !there && wanted:
		err = r.create(ctx, made)
	default:
		err = nil
	}
	if err != nil {
		return fmt.Errorf("keep NetworkPolicy %q: %w", client.ObjectKeyFromObject(made), err)
	}
	return nil
}

// create makes the policy. Where there is one already it is somebody else's, or ours and not in the cache yet; and in a
// namespace that is going nothing can be made, or needs to.
func (r *Reconciler) create(ctx context.Context, made *networkingv1.NetworkPolicy) error {
	err := r.Client.Create(ctx, made)
	if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return err //nolint:wrapcheck // the caller says what it was about
}
