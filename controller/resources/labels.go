package resources

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Labels of the objects made here, beside [v1alpha1.LabelFunction]. Knative hands those of a Service's template on to
// its Revisions, and these to their pods, so that caches, logs and network policies find them.
const (
	// LabelVersion is the version that a Service or a pod runs: a number, or "latest" for $LATEST.
	LabelVersion = v1alpha1.Group + "/version"
	// LabelAlias is the object name of the alias that a Route is for.
	LabelAlias = v1alpha1.Group + "/alias"
	// LabelManagedBy and ManagedBy mark what the controller keeps that no single function owns.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "lambkin"
)

// LatestLabel is the value of [LabelVersion] that stands for $LATEST, which is no value of a label.
const LatestLabel = "latest"

// Container is the name of the container that runs the function, as it is in all pods of Knative.
const Container = "user-container"

// versionLabel is a version as the value of a label.
func versionLabel(version string) string {
	if version == lambda.LatestVersion {
		return LatestLabel
	}
	return version
}

// controllerRef makes an object a child of one of ours.
func controllerRef(owner v1alpha1.Object, kind string) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion:         v1alpha1.GroupVersion().String(),
		Kind:               kind,
		Name:               owner.GetName(),
		UID:                owner.GetUID(),
		Controller:         new(true),
		BlockOwnerDeletion: new(true),
	}
}
