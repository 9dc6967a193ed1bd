package knative

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Pods reads pods and their logs. Errors are the API server's.
type Pods interface {
	// List gives the pods of a namespace that a label selector selects.
	List(ctx context.Context, namespace, selector string) ([]corev1.Pod, error)
	// Log opens the log of a pod's container.
	Log(ctx context.Context, namespace, pod string, opts *corev1.PodLogOptions) (io.ReadCloser, error)
}

// corePods are the pods of an API server.
type corePods struct{ client typedcorev1.PodsGetter }

// List asks the API server.
func (p corePods) List(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	list, err := p.client.Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list pods of %q: %w", selector, err)
	}
	return list.Items, nil
}

// Log asks the API server, which asks the pod's node.
func (p corePods) Log(ctx context.Context, namespace, pod string, opts *corev1.PodLogOptions) (io.ReadCloser, error) {
	r, err := p.client.Pods(namespace).GetLogs(pod, opts).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of pod %q: %w", pod, err)
	}
	return r, nil
}
