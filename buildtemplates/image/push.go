package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// pushable is an image or an index.
type pushable interface {
	remote.Taggable
	partial.Describable
}

// deliver pushes what is not there yet.
func (s *session) deliver(ctx context.Context, to destination, made pushable) (Result, error) {
	const op = "push image"
	result, err := describeResult(to.repository, made)
	if err != nil {
		return Result{}, fault(op, to.repository.Name(), err)
	}
	byDigest := to.repository.Digest(result.Digest)
	if result.Reused, err = s.exists(ctx, byDigest); err != nil {
		return Result{}, err
	}
	if !result.Reused {
		if err := s.push(ctx, byDigest, made); err != nil {
			return Result{}, fault(op, result.Reference, err)
		}
	}
	if to.tag != nil {
		if err := s.tag(ctx, *to.tag, result.Digest, made); err != nil {
			return Result{}, err
		}
	}
	return result, nil
}

// push sends what is missing. It begins with one layer of each repository that layers can be mounted from: with the first
// go-containerregistry asks for the right to read there, and while it does so nothing else may be under way.
func (s *session) push(ctx context.Context, ref name.Digest, made pushable) error {
	images, err := imagesOf(made)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, img := range images {
		layers, err := img.Layers()
		if err != nil {
			return fmt.Errorf("cannot read what was made: %w", err)
		}
		for _, layer := range layers {
			mountable, ok := layer.(*remote.MountableLayer)
			if !ok || known[mountable.Reference.Context().Name()] {
				continue
			}
			known[mountable.Reference.Context().Name()] = true
			if err := s.pusher.Upload(ctx, ref.Context(), layer); err != nil {
				return fmt.Errorf("cannot upload layer: %w", err)
			}
		}
	}
	if err := s.pusher.Push(ctx, ref, made); err != nil {
		return fmt.Errorf("cannot upload: %w", err)
	}
	return nil
}

// imagesOf gives the image itself, or the images of an index.
func imagesOf(made pushable) ([]v1.Image, error) {
	if img, ok := made.(v1.Image); ok {
		return []v1.Image{img}, nil
	}
	index, ok := made.(v1.ImageIndex)
	if !ok {
		return nil, nil
	}
	children, err := partial.Manifests(index)
	if err != nil {
		return nil, fmt.Errorf("cannot read what was made: %w", err)
	}
	var images []v1.Image
	for _, child := range children {
		if img, ok := child.(v1.Image); ok {
			images = append(images, img)
		}
	}
	return images, nil
}

// exists asks for a manifest. Some registries forbid what is not there, so that is no answer.
func (s *session) exists(ctx context.Context, ref name.Reference) (bool, error) {
	_, err := s.puller.Head(ctx, ref)
	answer := new(transport.Error)
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusForbidden) {
		return false, nil
	}
	return err == nil, fault("look for", ref.Name(), err)
}

// tag points a tag at the image unless it does already.
func (s *session) tag(ctx context.Context, tag name.Tag, digest string, made pushable) error {
	if at, err := s.puller.Head(ctx, tag); err == nil && at.Digest.String() == digest {
		return nil
	}
	return fault("tag image", tag.Name(), s.pusher.Put(ctx, tag, made))
}

// describeResult says what was made, before it is pushed.
func describeResult(repository name.Repository, made pushable) (Result, error) {
	digest, err := made.Digest()
	if err != nil {
		return Result{}, fmt.Errorf("cannot read what was made: %w", err)
	}
	mediaType, err := made.MediaType()
	if err != nil {
		return Result{}, fmt.Errorf("cannot read what was made: %w", err)
	}
	size, err := weigh(made)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Reference: repository.Digest(digest.String()).Name(), Digest: digest.String(), MediaType: string(mediaType), Size: size,
	}, nil
}

// weigh adds up the bytes of a manifest and of what it names, for an index over all its images.
func weigh(made pushable) (int64, error) {
	size, err := made.Size()
	if err != nil {
		return 0, fmt.Errorf("cannot read what was made: %w", err)
	}
	if img, ok := made.(v1.Image); ok {
		manifest, err := img.Manifest()
		if err != nil {
			return 0, fmt.Errorf("cannot read what was made: %w", err)
		}
		size += manifest.Config.Size
		for _, l := range manifest.Layers {
			size += l.Size
		}
		return size, nil
	}
	images, err := imagesOf(made)
	if err != nil {
		return 0, err
	}
	for _, img := range images {
		n, err := weigh(img)
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}
