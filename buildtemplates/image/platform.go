package image

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// source is an image or index in a registry, opened.
type source struct {
	reference string // as it was given
	ref       name.Reference
	digest    v1.Hash
	index     bool
	images    map[string]opener // by architecture; for Linux
}

// opener reads an image's manifest if that was not done yet.
type opener func() (v1.Image, error)

// open reads what a reference names. Of an index only the list is read here, and the images when they are used.
func (s *session) open(ctx context.Context, reference string) (*source, error) {
	const op = "read image"
	ref, err := s.registry.parse(reference)
	if err != nil {
		return nil, err
	}
	desc, err := s.puller.Get(ctx, ref)
	if err != nil {
		return nil, fault(op, reference, err)
	}
	src := &source{reference: reference, ref: ref, digest: desc.Digest, index: desc.MediaType.IsIndex()}
	switch {
	case src.index:
		src.images, err = platforms(desc)
	case desc.MediaType.IsImage():
		src.images, err = single(reference, desc)
	default:
		return nil, &Error{
			Kind: KindUnsupported, Op: op, Reference: reference,
			Detail: fmt.Sprintf("it is %s, neither an OCI image nor one of Docker's schema 2; push it again with a current tool", short(string(desc.MediaType))),
		}
	}
	if err != nil {
		return nil, fault(op, reference, err)
	}
	return src, nil
}

// single takes an image by itself, whose configuration says which architecture it is for.
func single(reference string, desc *remote.Descriptor) (map[string]opener, error) {
	img, err := desc.Image()
	if err != nil {
		return nil, fmt.Errorf("cannot read manifest: %w", err)
	}
	config, err := configFile(reference, img)
	if err != nil {
		return nil, err
	}
	if config.OS != "linux" && config.OS != "" {
		return nil, nil
	}
	return map[string]opener{config.Architecture: func() (v1.Image, error) { return img, nil }}, nil
}

// platforms takes the images of an index that are for Linux, one for each architecture. Of several variants it takes
// the one that every machine of that architecture can run.
func platforms(desc *remote.Descriptor) (map[string]opener, error) {
	index, err := desc.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("cannot read index: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("cannot read index: %w", err)
	}
	best := map[string]v1.Descriptor{}
	for _, d := range manifest.Manifests {
		if d.Platform == nil || d.Platform.OS != "linux" || !d.MediaType.IsImage() {
			continue // also the attestations that are kept beside images, for platform unknown
		}
		if had, ok := best[d.Platform.Architecture]; !ok || rank(*d.Platform) < rank(*had.Platform) {
			best[d.Platform.Architecture] = d
		}
	}
	images := make(map[string]opener, len(best))
	for arch, d := range best {
		images[arch] = func() (v1.Image, error) { return index.Image(d.Digest) }
	}
	return images, nil
}

// rank orders the variants of an architecture by how many machines cannot run them.
func rank(p v1.Platform) int {
	switch p.Variant {
	case "", "v8": // arm64's baseline is v8, amd64's is written v1 or not at all
		return 0
	case "v1":
		return 1
	default:
		return 2
	}
}

// architectures are those there is an image for, sorted.
func (s *source) architectures() []string { return slices.Sorted(maps.Keys(s.images)) }

// image gives the one for an architecture.
func (s *source) image(arch string) (v1.Image, error) {
	if open, ok := s.images[arch]; ok {
		img, err := open()
		return img, fault("read image", s.reference, err)
	}
	has := strings.Join(s.architectures(), ", ")
	return nil, &Error{
		Kind: KindPlatformMissing, Op: "use image", Reference: s.reference,
		Detail: fmt.Sprintf("it is not made for linux/%s, only for: %s", arch, cmp.Or(has, "other systems than Linux")),
	}
}

// shared gives the architectures that an image is to be made for, and whether as an index.
func shared(base, runtime *source, arch string) (archs []string, index bool, err error) {
	if arch != "" {
		return []string{arch}, false, nil
	}
	archs = base.architectures()
	if runtime != nil {
		archs = slices.DeleteFunc(archs, func(a string) bool { return runtime.images[a] == nil })
	}
	if len(archs) > 0 {
		return archs, base.index, nil
	}
	e := &Error{Kind: KindPlatformMissing, Op: "use image", Reference: base.reference, Detail: "it is not made for Linux"}
	if len(base.images) > 0 {
		e.Detail = fmt.Sprintf("it is made for %s, and the runtime %q for %s; no architecture is in both",
			strings.Join(base.architectures(), ", "), runtime.reference, strings.Join(runtime.architectures(), ", "))
	}
	return nil, false, e
}
