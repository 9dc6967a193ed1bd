package family

import (
	"context"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

// ToFunction gives the function of a version, an alias or a URL.
func ToFunction(_ context.Context, obj client.Object) []reconcile.Request {
	if name := FunctionName(obj); name != "" {
		return []reconcile.Request{request(obj, v1alpha1.ObjectName(name))}
	}
	return nil
}

// ToTargets gives the versions that an alias points to.
func ToTargets(_ context.Context, obj client.Object) []reconcile.Request {
	a, ok := obj.(*v1alpha1.Alias)
	if !ok {
		return nil
	}
	var all []reconcile.Request
	for _, name := range targetsOf(a) {
		if name != v1alpha1.ObjectName(a.Spec.FunctionName) {
			all = append(all, request(obj, name))
		}
	}
	return all
}

// ToFunctionByLabel gives the function whose $LATEST a Revision or a pod runs; nothing for those of versions.
func ToFunctionByLabel(_ context.Context, obj client.Object) []reconcile.Request {
	labels := obj.GetLabels()
	if labels[v1alpha1.LabelFunction] == "" || labels[resources.LabelVersion] != resources.LatestLabel {
		return nil
	}
	return []reconcile.Request{request(obj, labels[v1alpha1.LabelFunction])}
}

// ToVersionByLabel gives the version that a Revision or a pod runs; nothing for those of $LATEST.
func ToVersionByLabel(_ context.Context, obj client.Object) []reconcile.Request {
	labels := obj.GetLabels()
	function, version := labels[v1alpha1.LabelFunction], labels[resources.LabelVersion]
	if function == "" || version == "" || version == resources.LatestLabel {
		return nil
	}
	return []reconcile.Request{request(obj, function+"."+version)}
}

// Members says which objects of a kind belong to another object, for changes of that.
type Members struct {
	// Client reads from a cache with the indexes of [Index].
	Client client.Reader
	// Log takes what cannot be found for an error, which a cache has only if it was set up wrongly.
	Log logr.Logger
}

// Versions gives the versions of a function.
func (m Members) Versions() handler.MapFunc { return m.find(new(v1alpha1.VersionList), byFunction) }

// Aliases gives the aliases of a function.
func (m Members) Aliases() handler.MapFunc { return m.find(new(v1alpha1.AliasList), byFunction) }

// AliasesTo gives the aliases that point to a version.
func (m Members) AliasesTo() handler.MapFunc { return m.find(new(v1alpha1.AliasList), byVersion) }

// URLs gives the URLs of a function.
func (m Members) URLs() handler.MapFunc {
	return m.find(new(v1alpha1.FunctionURLConfigList), byFunction)
}

// URLsOf gives the URLs of an alias.
func (m Members) URLsOf() handler.MapFunc {
	return m.find(new(v1alpha1.FunctionURLConfigList), byAlias)
}

// Policies gives the policy of a function, version, alias or layer version.
func (m Members) Policies() handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		owner, ok := obj.(v1alpha1.Object)
		if !ok {
			return nil
		}
		return m.Every(ctx, new(v1alpha1.ResourcePolicyList), client.InNamespace(obj.GetNamespace()), client.MatchingFields{byOwner: ownerKey(owner)})
	}
}

// FunctionsWith gives the functions that use a layer version.
func (m Members) FunctionsWith() handler.MapFunc { return m.find(new(v1alpha1.FunctionList), byLayer) }

// FunctionsBeside gives the functions of an object's namespace, any of which may name it.
func (m Members) FunctionsBeside() handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		return m.Every(ctx, new(v1alpha1.FunctionList), client.InNamespace(obj.GetNamespace()))
	}
}

// VersionsWith gives the versions that use a layer version.
func (m Members) VersionsWith() handler.MapFunc { return m.find(new(v1alpha1.VersionList), byLayer) }

// find makes a map function that looks an object's name up in an index.
func (m Members) find(kind client.ObjectList, index string) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		return m.Every(ctx, kind, client.InNamespace(obj.GetNamespace()), client.MatchingFields{index: obj.GetName()})
	}
}

// Every gives a request for each object that the options choose. kind, an empty list, is not changed.
func (m Members) Every(ctx context.Context, kind client.ObjectList, options ...client.ListOption) []reconcile.Request {
	found, ok := kind.DeepCopyObject().(client.ObjectList)
	if !ok {
		return nil
	}
	if err := m.Client.List(ctx, found, options...); err != nil {
		m.Log.Error(err, "objects that should be looked at were not found", "list", kind)
		return nil
	}
	items, err := meta.ExtractList(found)
	if err != nil {
		return nil // it is a list
	}
	var all []reconcile.Request
	for _, item := range items {
		if obj, ok := item.(client.Object); ok {
			all = append(all, request(obj, obj.GetName()))
		}
	}
	return all
}

func request(near client.Object, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: near.GetNamespace(), Name: name}}
}
