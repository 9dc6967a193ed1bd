package image

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// part is a layer in its place in an image.
type part struct {
	layer   v1.Layer
	diffID  v1.Hash
	desc    v1.Descriptor
	history v1.History
}

// composed is an image of given layers. It implements v1.Image; layers keep their own types, so that the pusher can
// mount those that lie in the same registry.
type composed struct {
	config, manifest []byte
	layers           []v1.Layer
}

// compose makes the image of these parts, with the configuration file except what follows from the parts.
func compose(file v1.ConfigFile, parts []part, notes map[string]string) (*composed, error) {
	c := &composed{}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: notes}
	file.RootFS = v1.RootFS{Type: "layers"}
	for _, p := range parts {
		file.RootFS.DiffIDs = append(file.RootFS.DiffIDs, p.diffID)
		if p.history != (v1.History{}) {
			file.History = append(file.History, p.history)
		}
		manifest.Layers = append(manifest.Layers, p.desc)
		c.layers = append(c.layers, p.layer)
	}
	var err error
	if c.config, err = json.Marshal(file); err != nil {
		return nil, fmt.Errorf("cannot write image configuration: %w", err)
	}
	manifest.Config = describe(c.config, types.OCIConfigJSON)
	if c.manifest, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("cannot write image manifest: %w", err)
	}
	return c, nil
}

// stack turns an image's layers into parts, under the names that OCI has for them. Nothing but its manifest and
// configuration is read.
func stack(img v1.Image) ([]part, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read configuration: %w", err)
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("image is broken: its configuration has %d layers and its manifest %d", len(config.RootFS.DiffIDs), len(manifest.Layers))
	}
	parts := make([]part, len(manifest.Layers))
	for i, desc := range manifest.Layers {
		layer, err := img.LayerByDigest(desc.Digest)
		if err != nil {
			return nil, fmt.Errorf("cannot read layer: %w", err)
		}
		if desc.MediaType, err = ociLayer(desc.MediaType); err != nil {
			return nil, err
		}
		parts[i] = part{layer: layer, diffID: config.RootFS.DiffIDs[i], desc: desc}
	}
	return parts, nil
}

// ociLayer gives OCI's name of a layer's type. The bytes are the same under either name.
func ociLayer(t types.MediaType) (types.MediaType, error) {
	switch t {
	case types.DockerLayer:
		return types.OCILayer, nil
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer, nil
	case types.DockerForeignLayer:
		return types.OCIRestrictedLayer, nil
	case types.OCILayer, types.OCILayerZStd, types.OCIUncompressedLayer, types.OCIRestrictedLayer, types.OCIUncompressedRestrictedLayer:
		return t, nil
	default:
		return "", fmt.Errorf("image is broken: %.100q is no type of a layer", t)
	}
}

// join makes an index of images, one for each architecture, in the order given.
func join(archs []string, images []*composed, notes map[string]string) (v1.ImageIndex, error) {
	adds := make([]mutate.IndexAddendum, len(images))
	for i, img := range images {
		adds[i] = mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: archs[i]}},
		}
	}
	index, ok := mutate.Annotations(mutate.AppendManifests(empty.Index, adds...), notes).(v1.ImageIndex)
	if !ok {
		return nil, errors.New("an index with annotations is no index")
	}
	return index, nil
}

func describe(data []byte, t types.MediaType) v1.Descriptor {
	hash, size := sum(data)
	return v1.Descriptor{MediaType: t, Digest: hash, Size: size}
}

// Layers gives the layers, the lowest first.
func (c *composed) Layers() ([]v1.Layer, error) { return c.layers, nil }

// MediaType is OCI's.
func (c *composed) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// Size is that of the manifest.
func (c *composed) Size() (int64, error) { return int64(len(c.manifest)), nil }

// ConfigName is the configuration's digest.
func (c *composed) ConfigName() (v1.Hash, error) { return partial.ConfigName(c) } //nolint:wrapcheck // cannot fail

// ConfigFile is the configuration, parsed.
func (c *composed) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(c) } //nolint:wrapcheck // it is our own JSON

// RawConfigFile is the configuration.
func (c *composed) RawConfigFile() ([]byte, error) { return c.config, nil }

// Digest is that of the manifest.
func (c *composed) Digest() (v1.Hash, error) { return partial.Digest(c) } //nolint:wrapcheck // cannot fail

// Manifest is the manifest, parsed.
func (c *composed) Manifest() (*v1.Manifest, error) { return partial.Manifest(c) } //nolint:wrapcheck // it is our own JSON

// RawManifest is the manifest.
func (c *composed) RawManifest() ([]byte, error) { return c.manifest, nil }

// LayerByDigest finds a layer, or the configuration.
func (c *composed) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if config, err := c.ConfigName(); err == nil && h == config {
		return partial.ConfigLayer(c) //nolint:wrapcheck // cannot fail
	}
	for _, l := range c.layers {
		if digest, err := l.Digest(); err == nil && digest == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("image has no blob %s", h)
}

// LayerByDiffID finds a layer by what it is unpacked.
func (c *composed) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	digest, err := partial.DiffIDToBlob(c, h)
	if err != nil {
		return nil, fmt.Errorf("image has no layer %s: %w", h, err)
	}
	return c.LayerByDigest(digest)
}
