package image

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Await waits until a registry answers.
func Await(ctx context.Context, registry string) error {
	r, err := name.NewRegistry(registry, name.Insecure)
	if err != nil {
		return fmt.Errorf("registry %q: %w", registry, err)
	}
	for {
		_, err := remote.Catalog(ctx, r)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("registry %q does not answer: %w", registry, err), context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Push builds the images one by one and pushes them to a registry that speaks plain HTTP and whose blobs are files in
// blobs, on this machine.
func Push(ctx context.Context, registry, blobs string, images []Image) error {
	for _, i := range images {
		if err := push(ctx, registry, blobs, i); err != nil {
			return err
		}
	}
	return nil
}

func push(ctx context.Context, registry, blobs string, i Image) error {
	for _, l := range i.Layers {
		l, ok := l.(*fileLayer)
		if !ok {
			continue
		}
		if err := l.seed(blobs); err != nil {
			return fmt.Errorf("layer of %q: %w", i.Ref, err)
		}
	}
	img, err := i.Build()
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(registry+"/"+i.Ref, name.Insecure)
	if err != nil {
		return fmt.Errorf("image name %q: %w", i.Ref, err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("push of %q: %w", i.Ref, err)
	}
	return nil
}
