package knative

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// gatewayPlane is a namespace's plane at the gateway behind the API server's service proxy. What the API server says itself,
// because the request does not come through, must not be taken for the gateway's word on a function.
type gatewayPlane struct{ remote remote.Plane }

// Invoke runs a function.
func (g gatewayPlane) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	if len(in.Payload) > lambda.MaxRequestPayload {
		return nil, tooLarge(lambda.MaxRequestPayload) // it need not travel to be refused
	}
	result, err := g.remote.Invoke(ctx, in)
	return result, throughProxy(err)
}

// Enqueue accepts an event.
func (g gatewayPlane) Enqueue(ctx context.Context, in *lambda.Invocation) error {
	if len(in.Payload) > lambda.MaxAsyncPayload {
		return tooLarge(lambda.MaxAsyncPayload)
	}
	return throughProxy(g.remote.Enqueue(ctx, in))
}

// PutCode stores an archive.
func (g gatewayPlane) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	b, err := g.remote.PutCode(ctx, r, limit)
	return b, throughProxy(err)
}

// OpenCode reads an archive back.
func (g gatewayPlane) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	r, err := g.remote.OpenCode(ctx, b)
	return r, throughProxy(err)
}

// throughProxy says what it means that a request did not reach the gateway.
func throughProxy(err error) error {
	foreign := new(remote.Foreign)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, remote.ErrUnreachable):
		return unanswered(err)
	case !errors.As(err, &foreign):
		return err
	}
	gateway := platform.Namespace + "/" + platform.GatewayService
	switch foreign.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &lambda.Error{Code: lambda.CodeAccessDenied, Err: foreign, Message: "Uploads and invocations go through the API server's proxy to the Service " +
			gateway + ", which these credentials may not use (rights get and create on services/proxy): " + foreign.Text}
	case http.StatusNotFound:
		return &lambda.Error{Code: lambda.CodeService, Err: foreign,
			Message: "The cluster has no gateway (Service " + gateway + "). Install Lambkin with \"lambkin install\"."}
	default:
		return &lambda.Error{Code: lambda.CodeServiceUnavailable, Err: foreign, RetryAfter: retryAfter,
			Message: "The gateway (Service " + gateway + ") does not answer through the API server's proxy: " + foreign.Error()}
	}
}
