package deploy

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/serving/pkg/apis/serving"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/controller/resources"
)

// indexRevision is the index of pods by their revision.
const indexRevision = "revision"

// IndexPods makes the index that [Deployer] reads pods by.
func IndexPods(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, new(corev1.Pod), indexRevision, RevisionOf); err != nil {
		return fmt.Errorf("index pods by revision: %w", err)
	}
	return nil
}

// RevisionOf is what a pod is indexed by.
func RevisionOf(obj client.Object) []string {
	if name := obj.GetLabels()[serving.RevisionLabelKey]; name != "" {
		return []string{name}
	}
	return nil
}

// StripPod leaves of a pod what is read here, so that a cache of all functions' pods stays small. It is a transform of a
// cache, and leaves all other objects alone.
func StripPod(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	lean := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
		Labels: pod.Labels, DeletionTimestamp: pod.DeletionTimestamp, CreationTimestamp: pod.CreationTimestamp,
	}}
	if slices.ContainsFunc(pod.Status.Conditions, isReady) {
		lean.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == resources.Container {
			lean.Status.ContainerStatuses = append(lean.Status.ContainerStatuses, c)
		}
	}
	return lean, nil
}

// Trouble is what keeps a pod from becoming ready, as text to compare; empty if nothing can be seen.
func Trouble(pod *corev1.Pod) string {
	if failure := podFailure(pod); failure != nil {
		return failure.Message
	}
	return ""
}
