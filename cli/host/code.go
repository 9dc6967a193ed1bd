package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// registryRetry is what callers are told who found the registry unreachable.
const registryRetry = 5 * time.Second

// registryCode keeps archives in the cluster's registry.
type registryCode struct{ store *image.Store }

// codeIn makes the code of a namespace.
func codeIn(registry *image.Registry, c platform.Registry, namespace, tempDir string) engine.Code {
	if c.Prefix == "" {
		return noCode{}
	}
	return registryCode{&image.Store{Registry: registry, Prefix: c.Prefix + "/" + namespace, TempDir: tempDir}}
}

func newRegistry(c platform.Registry) *image.Registry {
	r := &image.Registry{PlainHTTP: c.PlainHTTP}
	if c.CAFile != "" {
		r.CAFiles = []string{c.CAFile}
	}
	return r
}

// PutCode stores an archive.
func (c registryCode) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	digest, size, err := c.store.Put(ctx, r, limit)
	if err != nil {
		return v1alpha1.Blob{}, registryError(err)
	}
	return v1alpha1.Blob{SHA256: digest, Size: size}, nil
}

// OpenCode reads an archive back.
func (c registryCode) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	r, err := c.store.Open(ctx, b.SHA256, b.Size)
	return r, registryError(err)
}

// registryError tells callers what the registry is to blame for. They cannot mend it, but know whom to ask.
func registryError(err error) error {
	fault := new(image.Error)
	if !errors.As(err, &fault) || lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return err
	}
	e := &lambda.Error{Code: lambda.CodeService, Message: fmt.Sprintf("The cluster's registry for code: %v", fault), Err: err}
	if image.Temporary(err) {
		e.Code, e.RetryAfter = lambda.CodeServiceUnavailable, registryRetry
	}
	return e
}

// noCode is the code of a cluster whose operator has not said where it is to be kept.
type noCode struct{}

func errNoRegistry() error {
	return lambda.Errorf(lambda.CodeService, "The cluster has no place for code yet: its operator must set registry.prefix in %s of the ConfigMap %s/%s.",
		platform.Key, platform.Namespace, platform.ConfigMap)
}

// PutCode refuses.
func (noCode) PutCode(context.Context, io.Reader, int64) (v1alpha1.Blob, error) {
	return v1alpha1.Blob{}, errNoRegistry()
}

// OpenCode refuses.
func (noCode) OpenCode(context.Context, v1alpha1.Blob) (io.ReadCloser, error) {
	return nil, errNoRegistry()
}
