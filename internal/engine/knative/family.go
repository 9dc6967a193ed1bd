package knative

import (
	"context"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// deleters is how many children of a deleted object are deleted at once.
const deleters = 8

// admit checks a new object against the others: what it belongs to must be there and becomes its owner, and a version's
// number must be one that was never used.
func (e *Engine) admit(ctx context.Context, obj v1alpha1.Object) error {
	var functionName string
	switch o := obj.(type) {
	case *v1alpha1.Version:
		return e.admitVersion(ctx, o)
	case *v1alpha1.ResourcePolicy:
		owner := o.Owner()
		if err := e.read(ctx, owner.GetName(), owner); err != nil {
			return err
		}
		own(o, owner)
		return nil
	case *v1alpha1.Alias:
		functionName = o.Spec.FunctionName
	case *v1alpha1.FunctionURLConfig:
		functionName = o.Spec.FunctionName
	default:
		return nil
	}
	fn, err := e.parent(ctx, functionName)
	if err != nil {
		return err
	}
	own(obj, fn)
	return nil
}

func (e *Engine) parent(ctx context.Context, functionName string) (*v1alpha1.Function, error) {
	fn := new(v1alpha1.Function)
	return fn, e.read(ctx, v1alpha1.ObjectName(functionName), fn)
}

// own makes the owner that of obj, so that the cluster deletes obj with it. It is the owner that the controller gives to
// objects that came another way.
func own(obj, owner v1alpha1.Object) {
	obj.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion().String(), Kind: kindOf(owner), Name: owner.GetName(), UID: owner.GetUID(),
	}})
}

// admitVersion counts the function's versions. The count is raised before the version is made: if that fails a number is
// left out, but none is given twice.
func (e *Engine) admitVersion(ctx context.Context, v *v1alpha1.Version) error {
	for range maxCollisions {
		fn, err := e.parent(ctx, v.Spec.FunctionName)
		if err != nil {
			return err
		}
		if v.Spec.Version <= fn.Status.LatestVersion {
			return lambda.Errorf(lambda.CodeResourceConflict, "Version %d of function %q was published already; the next is %d",
				v.Spec.Version, v.Spec.FunctionName, fn.Status.LatestVersion+1)
		}
		own(v, fn)
		counted := fn.DeepCopy()
		counted.Status.LatestVersion = v.Spec.Version
		err = e.Client.Status().Patch(ctx, counted, client.MergeFromWithOptions(fn, client.MergeFromWithOptimisticLock{}))
		if !apierrors.IsConflict(err) {
			return objectError(ctx, kindOf(fn), fn.Name, err)
		}
	}
	return lambda.Errorf(lambda.CodeResourceConflict, "Function %q is being changed by too many at once. Try again.", v.Spec.FunctionName)
}

// Delete removes obj and all that belongs to it. The controller's objects for it follow; what the function is doing at
// that time it does to its end.
func (e *Engine) Delete(ctx context.Context, obj v1alpha1.Object) error {
	was := likeNew(obj)
	if err := e.current(ctx, obj, was); err != nil {
		return err
	}
	// Children are found first, so that those of a later function of the same name are not among them.
	children, err := e.children(ctx, was)
	if err != nil {
		return err
	}
	if err := e.remove(ctx, was, obj.GetResourceVersion()); err != nil {
		return objectError(ctx, kindOf(was), was.GetName(), err)
	}
	var group errgroup.Group
	group.SetLimit(deleters)
	for _, child := range children {
		group.Go(func() error {
			err := e.remove(ctx, child, "")
			if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
				return nil // it has gone, or is another one by now
			}
			return objectError(ctx, kindOf(child), child.GetName(), err)
		})
	}
	return group.Wait()
}

// remove deletes this very life of an object, in this revision if one is given. What it owns is deleted by the cluster in
// its own time.
func (e *Engine) remove(ctx context.Context, obj v1alpha1.Object, revision string) error {
	uid := obj.GetUID()
	pre := client.Preconditions{UID: &uid}
	if revision != "" {
		pre.ResourceVersion = &revision
	}
	return e.Client.Delete(ctx, obj, pre, client.PropagationPolicy(metav1.DeletePropagationBackground)) //nolint:wrapcheck // the caller asks what it is
}

// children finds what goes when obj goes: a function takes its versions, aliases, URLs and policies with it, an alias its
// URL, and what has a policy that. Most have an owner, and the cluster would delete them after a while; but whoever deleted a
// function must not find its versions.
func (e *Engine) children(ctx context.Context, obj v1alpha1.Object) ([]v1alpha1.Object, error) {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return e.labelled(ctx, o.Name, new(v1alpha1.VersionList), new(v1alpha1.AliasList), new(v1alpha1.FunctionURLConfigList),
			new(v1alpha1.ResourcePolicyList))
	case *v1alpha1.Version:
		return e.existing(ctx, policyOf(v1alpha1.VersionObjectName(o.Spec.FunctionName, o.Spec.Version)))
	case *v1alpha1.Alias:
		u := new(v1alpha1.FunctionURLConfig)
		u.Name = v1alpha1.FunctionURLObjectName(o.Spec.FunctionName, o.Spec.Name)
		return e.existing(ctx, u, policyOf(v1alpha1.ResourcePolicyObjectName(o.Spec.FunctionName, o.Spec.Name)))
	case *v1alpha1.LayerVersion:
		return e.existing(ctx, policyOf(v1alpha1.LayerPolicyObjectName(o.Spec.LayerName, o.Spec.Version)))
	default:
		return nil, nil
	}
}

func policyOf(name string) v1alpha1.Object {
	p := new(v1alpha1.ResourcePolicy)
	p.Name = name
	return p
}

// existing are those of the objects, which have but their names, that are there.
func (e *Engine) existing(ctx context.Context, named ...v1alpha1.Object) ([]v1alpha1.Object, error) {
	var found []v1alpha1.Object
	for _, obj := range named {
		err := e.read(ctx, obj.GetName(), obj)
		if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, obj)
	}
	return found, nil
}

// labelled finds the objects of a function in lists of these kinds.
func (e *Engine) labelled(ctx context.Context, function string, kinds ...client.ObjectList) ([]v1alpha1.Object, error) {
	var all []v1alpha1.Object
	for _, list := range kinds {
		found, err := e.pages(ctx, list, map[string]string{v1alpha1.LabelFunction: function}, 0)
		if err != nil {
			return nil, objectError(ctx, kindOf(list), "", err)
		}
		all = append(all, found...)
	}
	return all, nil
}
