package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// AnnotationLayerTags holds the tags of a layer as a JSON object. A layer has no object of its own, so that each of its
// versions has them all.
const AnnotationLayerTags = v1alpha1.Group + "/layer-tags"

// LayerTags gives the tags that a version of a layer holds for the layer; nil if there are none.
func LayerTags(l *v1alpha1.LayerVersion) map[string]string {
	var tags map[string]string
	if json.Unmarshal([]byte(l.Annotations[AnnotationLayerTags]), &tags) != nil {
		return nil
	}
	return tags
}

// inheritTags gives a new version of a layer the tags of the one before.
func inheritTags(layer, last *v1alpha1.LayerVersion) {
	if text := last.Annotations[AnnotationLayerTags]; text != "" {
		layer.Annotations = map[string]string{AnnotationLayerTags: text}
	}
}

// TagLayer replaces the tags of a layer.
func TagLayer(ctx context.Context, objects Objects, layerName string, tags map[string]string) error {
	text, err := json.Marshal(tags)
	if err != nil {
		return fmt.Errorf("encode tags: %w", err)
	}
	all, err := allLayerVersions(ctx, objects, layerName)
	if err != nil {
		return err
	}
	for i := range all {
		if err := annotateLayer(ctx, objects, &all[i], string(text)); err != nil {
			return err
		}
	}
	return nil
}

// annotateLayer writes the tags into one version. One that has gone in the meantime needs none.
func annotateLayer(ctx context.Context, objects Objects, l *v1alpha1.LayerVersion, tags string) error {
	for range maxCollisions {
		if l.Annotations == nil {
			l.Annotations = make(map[string]string, 1)
		}
		l.Annotations[AnnotationLayerTags] = tags
		err := objects.Update(ctx, l)
		if lambda.CodeOf(err) == lambda.CodePreconditionFailed { // it may have been deleted, which is an annotation too
			err = objects.Get(ctx, l.Name, l)
			if err == nil {
				continue
			}
		}
		if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
			return nil
		}
		return err
	}
	return lambda.Errorf(lambda.CodeResourceConflict, "The tags of layer %s are being changed by others. Try again.", l.Spec.LayerName)
}
