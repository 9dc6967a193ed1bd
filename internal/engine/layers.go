package engine

import (
	"context"
	"slices"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// AnnotationDeleted marks a LayerVersion that was deleted: nobody can name it any more, but functions that use it go
// on, and its number is not given again. That is what deletion means on AWS.
const AnnotationDeleted = v1alpha1.Group + "/deleted"

// PublishLayerVersion makes the next version of a layer; the spec's number is set here. It fails with
// ResourceConflictException if others keep publishing at the same time.
func PublishLayerVersion(ctx context.Context, objects Objects, spec v1alpha1.LayerVersionSpec) (*v1alpha1.LayerVersion, error) {
	var taken int64
	for range maxCollisions {
		all, err := allLayerVersions(ctx, objects, spec.LayerName)
		if err != nil {
			return nil, err
		}
		if last := len(all) - 1; last >= 0 {
			taken = max(taken, all[last].Spec.Version)
		}
		spec.Version = taken + 1
		layer := &v1alpha1.LayerVersion{Spec: *spec.DeepCopy()}
		if last := len(all) - 1; last >= 0 {
			inheritTags(layer, &all[last])
		}
		layer.Default()
		err = objects.Create(ctx, layer)
		if err == nil {
			return layer, nil
		}
		if lambda.CodeOf(err) != lambda.CodeResourceConflict {
			return nil, err
		}
		taken++ // by somebody else, or once by a version that was removed
	}
	return nil, lambda.Errorf(lambda.CodeResourceConflict, "Too many versions of layer %s are being published at once. Try again.", spec.LayerName)
}

// LayerVersions gives the versions of a layer that were not deleted, lowest first; of all layers if the name is empty.
func LayerVersions(ctx context.Context, objects Objects, layerName string) ([]v1alpha1.LayerVersion, error) {
	all, err := allLayerVersions(ctx, objects, layerName)
	return slices.DeleteFunc(all, func(l v1alpha1.LayerVersion) bool { return Deleted(&l) }), err
}

// Deleted reports whether a layer version was deleted.
func Deleted(l *v1alpha1.LayerVersion) bool { return l.Annotations[AnnotationDeleted] != "" }

// DeleteLayerVersion hides a version of a layer from everybody but the functions that use it, and removes its policy. It is no error if there is
// no such version.
func DeleteLayerVersion(ctx context.Context, objects Objects, layerName string, version int64) error {
	var layer v1alpha1.LayerVersion
	err := objects.Get(ctx, v1alpha1.LayerVersionObjectName(layerName, version), &layer)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if layer.Annotations == nil {
		layer.Annotations = make(map[string]string, 1)
	}
	layer.Annotations[AnnotationDeleted] = "true"
	if err := objects.Update(ctx, &layer); err != nil {
		return err
	}
	policy := new(v1alpha1.ResourcePolicy)
	policy.Name = v1alpha1.LayerPolicyObjectName(layerName, version)
	if err := objects.Delete(ctx, policy); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		return err
	}
	return nil
}

func allLayerVersions(ctx context.Context, objects Objects, layerName string) ([]v1alpha1.LayerVersion, error) {
	var labels map[string]string
	if layerName != "" {
		labels = map[string]string{v1alpha1.LabelLayer: v1alpha1.ObjectName(layerName)}
	}
	var found v1alpha1.LayerVersionList
	if err := objects.List(ctx, &found, labels); err != nil {
		return nil, err
	}
	slices.SortFunc(found.Items, func(a, b v1alpha1.LayerVersion) int { return int(a.Spec.Version - b.Spec.Version) })
	return found.Items, nil
}
