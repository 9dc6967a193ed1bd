package main

import (
	"context"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// plainOf is the Service that somebody would write who runs the function's program as an HTTP server, and wants for it what
// the function has: queue-proxy and autoscaler are set alike, and the resources are the same.
func plainOf(made *servingv1.Service, name, image string) *servingv1.Service {
	is := made.Spec.Template
	template := servingv1.RevisionTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: maps.Clone(is.Annotations)},
		Spec: servingv1.RevisionSpec{
			ContainerConcurrency: is.Spec.ContainerConcurrency, TimeoutSeconds: is.Spec.TimeoutSeconds,
			ResponseStartTimeoutSeconds: is.Spec.ResponseStartTimeoutSeconds, IdleTimeoutSeconds: is.Spec.IdleTimeoutSeconds,
			PodSpec: corev1.PodSpec{Containers: []corev1.Container{{Image: image, Resources: *is.Spec.Containers[0].Resources.DeepCopy()}}},
		},
	}
	maps.DeleteFunc(template.Annotations, func(name, _ string) bool { return strings.HasPrefix(name, "prometheus.io/") })
	return &servingv1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: made.Namespace, Name: name},
		Spec:       servingv1.ServiceSpec{ConfigurationSpec: servingv1.ConfigurationSpec{Template: template}},
	}
}

// serviceOf is the Service that the controller made of a function.
func (b *bench) serviceOf(ctx context.Context, fn *v1alpha1.Function) (*servingv1.Service, error) {
	svc := new(servingv1.Service)
	err := b.client.Get(ctx, client.ObjectKey{Namespace: fn.Namespace, Name: v1alpha1.FunctionServiceName(fn.Name)}, svc)
	return svc, err
}

// plainImage puts the program on the functions' base image and gives the image as the cluster calls it.
func (b *bench) plainImage(ctx context.Context, mark string) (string, error) {
	zip, err := b.program(mark)
	if err != nil {
		return "", err
	}
	code, baker := image.BytesArchive(zip), image.Baker{Registry: b.shelf.registry}
	repository := fmt.Sprintf("%s/%s/plain", b.shelf.inside, b.namespace)
	spec := image.Spec{Base: b.shelf.here(b.shelf.base), Code: &code, Architecture: architecture(), EntryPoint: []string{"/var/task/bootstrap"}}
	made, err := baker.Bake(ctx, spec, b.shelf.here(repository))
	return repository + "@" + made.Digest, err
}

// create makes a plain Service and gives it when it is ready.
func (b *bench) create(ctx context.Context, svc *servingv1.Service) (*servingv1.Service, error) {
	if err := b.client.Create(ctx, svc); err != nil {
		return nil, err
	}
	return await(ctx, b, svc.Name, new(servingv1.ServiceList), func(svc *servingv1.Service) (bool, error) {
		if svc.IsFailed() {
			return false, fmt.Errorf("plain Service %q failed: %v", svc.Name, svc.Status.Conditions)
		}
		return svc.IsReady(), nil
	})
}
