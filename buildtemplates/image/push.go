package image

import (
	"context"
	"errors"
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
		return Result{}, fault(op, result.Reference, err)
	}
	if !result.Reused {
		if err := s.pusher.Push(ctx, byDigest, made); err != nil {
			return Result{}, fault(op, result.Reference, err)
		}
	}
	if to.tag != nil {
		if err := s.tag(ctx, *to.tag, result.Digest, made); err != nil {
			return Result{}, fault("tag image", to.tag.Name(), err)
		}
	}
	return result, nil
}

// exists asks for a manifest. Some registries forbid what is not there, so that is no answer.
func (s *session) exists(ctx context.Context, ref name.Reference) (bool, error) {
	_, err := s.puller.Head(ctx, ref)
	answer := new(transport.Error)
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusForbidden) {
		return false, nil
	}
	return err == nil, err
}

// tag points a tag at the image unless it does already.
func (s *session) tag(ctx context.Context, tag name.Tag, digest string, made pushable) error {
	if at, err := s.puller.Head(ctx, tag); err == nil && at.Digest.String() == digest {
		return nil
	}
	return s.pusher.Put(ctx, tag, made)
}

// describeResult says what was made, before it is pushed.
func describeResult(repository name.Repository, made pushable) (Result, error) {
	digest, err := made.Digest()
	if err != nil {
		return Result{}, err
	}
	mediaType, err := made.MediaType()
	if err != nil {
		return Result{}, err
	}
	size, err := weigh(made)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Reference: repository.Digest(digest.String()).Name(), Digest: digest.String(), MediaType: string(mediaType), Size: size,
	}, nil
}

// weigh adds up the bytes of an image, or of an index with its images.
func weigh(made pushable) (int64, error) {
	size, err := made.Size()
	if err != nil {
		return 0, err
	}
	if img, ok := made.(v1.Image); ok {
		manifest, err := img.Manifest()
		if err != nil {
			return 0, err
		}
		size += manifest.Config.Size
		for _, l := range manifest.Layers {
			size += l.Size
		}
		return size, nil
	}
	index, ok := made.(v1.ImageIndex)
	if !ok {
		return size, nil
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return 0, err
	}
	for _, d := range manifest.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			return 0, err
		}
		n, err := weigh(img)
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}
