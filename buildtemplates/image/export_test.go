package image

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/internal/archive"
)

// ZipLayer makes one layer without a registry.
func ZipLayer(dir string, a Archive, root string, limits archive.Limits) (v1.Layer, error) {
	zip, err := a.spool(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	defer zip.Close()
	layer, _, err := zipLayer(context.Background(), dir, zip, root, limits)
	return layer, err
}

// Raw gives an assembled image as go-containerregistry sees it.
func Raw(i *Image) v1.Image {
	img, _ := i.made.(v1.Image)
	return img
}
