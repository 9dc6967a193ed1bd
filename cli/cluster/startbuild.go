package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates"
)

// StartBuild builds a function's source without deploying it, as the controller would: the image goes to the same
// repository. It gives the name of the build. Layers are the archives of the function's layers, the lowest first.
func (c *Cluster) StartBuild(ctx context.Context, fn *v1alpha1.Function, layers []v1alpha1.Blob) (string, error) {
	config, err := c.Platform(ctx)
	if err != nil {
		return "", err
	}
	if config.Registry.Prefix == "" {
		return "", errors.New("the configuration of Lambkin names no registry: \"lambkin install --registry HOST/PATH\" does")
	}
	settings, err := config.BuildSettings()
	if err != nil {
		return "", err
	}
	runtime := fn.Spec.Runtime
	if fn.Spec.Code.Source.Dockerfile != "" {
		runtime = buildtemplates.Dockerfile
	}
	entry, err := buildtemplates.Lookup(runtime, config.Runtimes)
	if err != nil {
		return "", fmt.Errorf("build %q: %w", fn.Name, err)
	}
	if err := c.ensureAccount(ctx, settings.ServiceAccountName); err != nil {
		return "", err
	}
	store := config.Registry.Prefix + "/" + c.Namespace
	run := buildtemplates.MakeTaskRun(buildtemplates.TaskRunInput{
		Metadata: metav1.ObjectMeta{
			Namespace: c.Namespace, GenerateName: fn.Name + "-only-", Labels: map[string]string{v1alpha1.LabelFunction: fn.Name},
			OwnerReferences: c.ownerOf(ctx, fn.Name),
		},
		Entry: entry, Source: *fn.Spec.Code.Source, Image: store + "/" + fn.Name + ":build-only", Store: store, Handler: fn.Spec.Handler,
		Architecture: cmp.Or(append(fn.Spec.Architectures, v1alpha1.ArchitectureX86)...), Layers: layers, Settings: settings,
	})
	if err := c.Client.Create(ctx, run); err != nil {
		return "", ofTekton("start a build of "+fn.Name, err)
	}
	return run.Name, nil
}

// ownerOf lets a build go with its function, if that is there. It is not the controller's build, which would have it
// counted.
func (c *Cluster) ownerOf(ctx context.Context, name string) []metav1.OwnerReference {
	fn := new(v1alpha1.Function)
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, fn); err != nil {
		return nil
	}
	return []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion().String(), Kind: "Function", Name: fn.Name, UID: fn.UID}}
}

// ensureAccount makes the account that builds run as, where the controller has not made it yet.
func (c *Cluster) ensureAccount(ctx context.Context, name string) error {
	no := false
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: name}, AutomountServiceAccountToken: &no}
	err := c.Client.Get(ctx, client.ObjectKeyFromObject(account), new(corev1.ServiceAccount))
	if apierrors.IsNotFound(err) {
		err = c.Client.Create(ctx, account)
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make the service account %q of builds: %w", name, err)
	}
	return nil
}
