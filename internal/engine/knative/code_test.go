package knative

import (
	"context"
	"io"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// noCode holds nothing.
type noCode struct{}

func (noCode) PutCode(context.Context, io.Reader, int64) (v1alpha1.Blob, error) {
	return v1alpha1.Blob{}, io.ErrClosedPipe
}

func (noCode) OpenCode(_ context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	return nil, lambda.Errorf(lambda.CodeResourceNotFound, "no code with digest %q", b.SHA256)
}
