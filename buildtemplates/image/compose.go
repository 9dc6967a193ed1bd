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
func stack(reference string, img v1.Image) ([]part, error) {
	file, err := configFile(reference, img)
	if err != nil {
		return nil, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, fault("read image", reference, err)
	}
	if got, want := len(file.RootFS.DiffIDs), len(manifest.Layers); got != want {
		return nil, brokenImage(reference, fmt.Sprintf("its configuration has %d layers and its manifest %d", got, want))
	}
	parts := make([]part, len(manifest.Layers))
	for i, desc := range manifest.Layers {
		mediaType, known := ociLayer(desc.MediaType)
		if !known {
			return nil, brokenImage(reference, fmt.Sprintf("%.100q is no type of a layer", desc.MediaType))
		}
		desc.MediaType = mediaType
		layer, err := img.LayerByDigest(desc.Digest)
		if err != nil {
			return nil, fault("read image", reference, err)
		}
		parts[i] = part{layer: layer, diffID: file.RootFS.DiffIDs[i], desc: desc}
	}
	return parts, nil
}

// maxConfig bounds the configurations that we read: it is what registries allow for manifests.
const maxConfig = 4 << 20

// configFile reads an image's configuration.
func configFile(reference string, img v1.Image) (*v1.ConfigFile, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, fault("read image", reference, err)
	}
	if manifest.Config.Size > maxConfig {
		return nil, brokenImage(reference, fmt.Sprintf("its configuration has %d bytes", manifest.Config.Size))
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fault("read image", reference, err)
	}
	return file, nil
}

func brokenImage(reference, why string) error {
	return &Error{Kind: KindCorrupt, Op: "read image", Reference: reference, Detail: "the image is broken: " + why}
}

// ociLayer gives OCI's name of a layer's type, and whether it is one. The bytes are the same under either name.
func ociLayer(t types.MediaType) (types.MediaType, bool) {
	switch t {
	case types.DockerLayer:
		return types.OCILayer, true
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer, true
	case types.DockerForeignLayer:
		return types.OCIRestrictedLayer, true
	default:
		return t, t.IsLayer()
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
