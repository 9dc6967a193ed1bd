package knative

import (
	"context"
	"io"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Engine is the functions of one namespace. All fields are needed by what they are for and must not change once used.
type Engine struct {
	// Client reads and writes objects at the API server itself; a cache behind it would break what the port promises.
	Client client.Client
	// Namespace is the one that all objects are in.
	Namespace string
	// Identity is the region and account in ARNs.
	Identity lambda.Identity
	// Code holds archives. Objects that name one that it does not hold are refused.
	Code engine.Code
	// Invoker runs functions.
	Invoker lambda.Invoker
	// Async takes events; nil makes objects of them, with the rights of Client.
	Async engine.Async
	// Cache may be late. It is asked first whether there is a function for an event, and for recent objects. Nil: only Client is.
	Cache client.Reader
	// Backlog bounds how many events may wait; nil: nothing does.
	Backlog *Backlog
	// Pods gives the logs of pods.
	Pods Pods
}

var (
	_ engine.Engine = (*Engine)(nil)
	_ engine.Recent = (*Engine)(nil)
)

// Invoke runs a function. See [lambda.Invoker].
func (e *Engine) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	return e.Invoker.Invoke(ctx, in)
}

// PutCode stores an archive.
func (e *Engine) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	return e.Code.PutCode(ctx, r, limit)
}

// OpenCode reads an archive back.
func (e *Engine) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	return e.Code.OpenCode(ctx, b)
}
