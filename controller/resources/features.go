package resources

import (
	"fmt"

	"knative.dev/serving/pkg/apis/config"
)

// Where Knative Serving keeps its settings, and the one read here.
const (
	KnativeNamespace  = "knative-serving"
	FeaturesConfigMap = config.FeaturesConfigName
)

// Features are what Knative lets the pods of its Services have, by the choice of the cluster's operator.
type Features struct {
	// NodeSelector: pods may be bound to nodes by label, and so to an architecture.
	NodeSelector bool
	// RuntimeClass: pods may run in a sandbox.
	RuntimeClass bool
	// EmptyDir: pods may have a volume for temporary files.
	EmptyDir bool
	// Claims: pods may mount volume claims, and write to them.
	Claims bool
}

// FeaturesFrom reads the data of Knative's ConfigMap of features. Without any, Knative's defaults hold.
func FeaturesFrom(data map[string]string) (Features, error) {
	c, err := config.NewFeaturesConfigFromMap(data)
	if err != nil {
		return Features{}, fmt.Errorf("ConfigMap %s/%s: %w", KnativeNamespace, FeaturesConfigMap, err)
	}
	return Features{
		NodeSelector: c.PodSpecNodeSelector != config.Disabled,
		RuntimeClass: c.PodSpecRuntimeClassName != config.Disabled,
		EmptyDir:     c.PodSpecVolumesEmptyDir == config.Enabled,
		Claims:       c.PodSpecPersistentVolumeClaim == config.Enabled && c.PodSpecPersistentVolumeWrite == config.Enabled,
	}, nil
}
