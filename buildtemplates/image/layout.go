package image

import (
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
)

// Save writes the image into the OCI layout in the folder dir, which is made if it is not there, under a name. Whatever
// had the name before loses it. Tools read such folders, or tars of them, as oci:DIR:NAME.
func (i *Image) Save(dir, name string) error {
	folder, err := layout.FromPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		folder, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return fmt.Errorf("cannot open layout %q: %w", dir, err)
	}
	named := layout.WithAnnotations(map[string]string{ociRefName: name})
	switch made := i.made.(type) {
	case v1.Image:
		err = folder.ReplaceImage(made, match.Name(name), named)
	case v1.ImageIndex:
		err = folder.ReplaceIndex(made, match.Name(name), named)
	}
	if err != nil {
		return fmt.Errorf("cannot save image %q in %q: %w", name, dir, err)
	}
	return nil
}

// Load opens the image or index of that name in the OCI layout in the folder dir.
func Load(dir, name string) (*Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open layout %q: %w", dir, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("cannot open layout %q: %w", dir, err)
	}
	for _, d := range manifest.Manifests {
		if !match.Name(name)(d) {
			continue
		}
		var made pushable
		if d.MediaType.IsIndex() {
			made, err = index.ImageIndex(d.Digest)
		} else {
			made, err = index.Image(d.Digest)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot load image %q from %q: %w", name, dir, err)
		}
		return &Image{made}, nil
	}
	return nil, fmt.Errorf("layout %q holds no image %q", dir, name)
}
