package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

// FieldOwner is in whose name objects are applied.
const FieldOwner = "lambkin-install"

// tekton is the group of kinds that a cluster may lack.
const tekton = "tekton.dev"

// Installer brings the objects of a manifest to a cluster.
type Installer struct {
	Client client.Client
	// Settings go into the operator's configuration.
	Settings Settings
	// Tell takes a line for each object that was written or left out, and Doing what is being done just now.
	Tell  func(format string, args ...any)
	Doing func(what string)
	// Patience is how long is waited for what was installed to work.
	Patience time.Duration
}

// Run does it all. It can be run again, after a failure or with another release.
func (in *Installer) Run(ctx context.Context, objects []*Object) error {
	objects = ordered(objects)
	foundations := slices.IndexFunc(objects, func(o *Object) bool { return !isFoundation(o) })
	if foundations < 0 {
		foundations = len(objects)
	}
	steps := []struct {
		doing string
		do    func(ctx context.Context) error
	}{
		{"read the configuration", func(ctx context.Context) error { return in.configure(ctx, objects) }},
		{"apply namespaces and kinds", func(ctx context.Context) error { return in.apply(ctx, objects[:foundations]) }},
		{"wait for the kinds", func(ctx context.Context) error { return in.wait(ctx, objects[:foundations]) }},
		{"apply the rest", func(ctx context.Context) error { return in.apply(ctx, objects[foundations:]) }},
		{"wait until it works", func(ctx context.Context) error { return in.wait(ctx, objects[foundations:]) }},
	}
	for _, s := range steps {
		in.Doing(s.doing)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.doing, err)
		}
	}
	return nil
}

// isFoundation reports whether other objects need this one to be there before them.
func isFoundation(o *Object) bool {
	return o.GetKind() == "Namespace" || o.GetKind() == "CustomResourceDefinition"
}

// ordered puts namespaces first, then kinds, and leaves the rest as it is.
func ordered(objects []*Object) []*Object {
	rank := func(o *Object) int {
		if i := slices.Index([]string{"Namespace", "CustomResourceDefinition"}, o.GetKind()); i >= 0 {
			return i
		}
		return 2
	}
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b *Object) int { return rank(a) - rank(b) })
	return sorted
}

func (in *Installer) configure(ctx context.Context, objects []*Object) error {
	kept := new(corev1.ConfigMap)
	err := in.Client.Get(ctx, client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}, kept)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read ConfigMap %s/%s: %w", platform.Namespace, platform.ConfigMap, err)
	}
	return in.Settings.Complete(objects, kept.Data[platform.Key])
}

func (in *Installer) apply(ctx context.Context, objects []*Object) error {
	for _, o := range objects {
		err := in.applyOne(ctx, o)
		if meta.IsNoMatchError(err) && o.GroupVersionKind().Group == tekton {
			in.Tell("%s left out: the cluster has no Tekton Pipelines; install them and run this again to build code from source", Name(o))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", Name(o), wayOut(err))
		}
	}
	return nil
}

func wayOut(err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%w; installing needs the rights of a cluster administrator", err)
	}
	return err
}

func (in *Installer) applyOne(ctx context.Context, o *Object) error {
	before := new(Object)
	before.SetGroupVersionKind(o.GroupVersionKind())
	err := in.Client.Get(ctx, client.ObjectKeyFromObject(o), before)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("read it: %w", err)
	}
	after := o.DeepCopy()
	err = in.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(after), client.FieldOwner(FieldOwner), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	did := "configured"
	if missing {
		did = "created"
	}
	if !missing && after.GetResourceVersion() == before.GetResourceVersion() {
		did = "unchanged"
	}
	in.Tell("%s %s", Name(o), did)
	return nil
}

// Name is how an object is told of, such as deployment/lambkin-controller.
func Name(o *Object) string { return strings.ToLower(o.GetKind()) + "/" + o.GetName() }
