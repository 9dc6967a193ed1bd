package family

import (
	"context"
	"fmt"
	"maps"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Function finds the function of an object by its Lambda name. Without one, or if it is about to go, it fails with
// FunctionNotFound.
func Function(ctx context.Context, c client.Reader, namespace, name string) (*v1alpha1.Function, error) {
	fn := new(v1alpha1.Function)
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.ObjectName(name)}, fn)
	if apierrors.IsNotFound(err) || err == nil && !fn.DeletionTimestamp.IsZero() {
		return nil, v1alpha1.Failf(v1alpha1.ReasonFunctionNotFound, "there is no function %q", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read function %q: %w", name, err)
	}
	return fn, nil
}

// Versions gives the versions of a function, in no order.
func Versions(ctx context.Context, c client.Reader, fn *v1alpha1.Function) ([]v1alpha1.Version, error) {
	var found v1alpha1.VersionList
	if err := c.List(ctx, &found, client.InNamespace(fn.Namespace), client.MatchingFields{byFunction: fn.Name}); err != nil {
		return nil, fmt.Errorf("list the versions of function %q: %w", fn.Name, err)
	}
	return found.Items, nil
}

// AliasesOf gives the aliases that point to a version, in no order.
func AliasesOf(ctx context.Context, c client.Reader, v *v1alpha1.Version) ([]v1alpha1.Alias, error) {
	var found v1alpha1.AliasList
	if err := c.List(ctx, &found, client.InNamespace(v.Namespace), client.MatchingFields{byVersion: v.Name}); err != nil {
		return nil, fmt.Errorf("list the aliases of version %q: %w", v.Name, err)
	}
	return found.Items, nil
}

// Adopt makes an object a member of its owner's family, as it would be had an engine made it: it gets the label by which
// members are found, and goes when the owner goes. It changes nothing that is right already, and nothing of an object
// that belongs to an owner of the same name that is no more: that is about to go. The object afterwards is as the API
// server has it.
func Adopt(ctx context.Context, c client.Client, child, owner v1alpha1.Object) error {
	before, ok := child.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return fmt.Errorf("%T is none of our objects", child)
	}
	kind := kindOf(owner)
	uid, owned := refOf(child, kind)
	labels := defaultLabels(child)
	if owned && (uid != owner.GetUID() || maps.Equal(labels, child.GetLabels())) {
		return nil
	}
	child.SetLabels(labels)
	if !owned {
		child.SetOwnerReferences(append(child.GetOwnerReferences(), metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion().String(), Kind: kind, Name: owner.GetName(), UID: owner.GetUID(),
		}))
	}
	// The list of owners is replaced, so it must not have changed since it was read.
	err := c.Patch(ctx, child, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("make %q a member of %s %q: %w", child.GetName(), kind, owner.GetName(), err)
	}
	return nil
}

// kindOf is the kind of one of our objects, which those from a cache do not say.
func kindOf(obj v1alpha1.Object) string { return reflect.TypeOf(obj).Elem().Name() }

// defaultLabels are the labels that an object would have had an engine made it.
func defaultLabels(obj v1alpha1.Object) map[string]string {
	made, ok := obj.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return obj.GetLabels()
	}
	made.Default()
	return made.GetLabels()
}

// refOf gives the uid of the owner of a kind that an object has.
func refOf(obj metav1.Object, kind string) (uid types.UID, ok bool) {
	for _, ref := range obj.GetOwnerReferences() {
		if ref.Kind == kind && ref.APIVersion == v1alpha1.GroupVersion().String() {
			return ref.UID, true
		}
	}
	return "", false
}
