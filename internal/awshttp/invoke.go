package awshttp

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// AsyncInvoker takes invocations to run later.
type AsyncInvoker interface {
	// InvokeAsync returns nil once the invocation cannot get lost any more, and a [*lambda.Error] if it is refused.
	InvokeAsync(ctx context.Context, in *lambda.Invocation) error
}

// AsyncInvokerFunc is a function that is an AsyncInvoker.
type AsyncInvokerFunc func(ctx context.Context, in *lambda.Invocation) error

// InvokeAsync calls f.
func (f AsyncInvokerFunc) InvokeAsync(ctx context.Context, in *lambda.Invocation) error {
	return f(ctx, in)
}

// Operations serves Invoke and InvokeWithResponseStream. Only Invoker is needed.
//
// The request's context goes to the Invoker, so a caller that hangs up leaves the queue. Callers route; they pass the
// function that [ParseTarget] found.
type Operations struct {
	// Invoker runs the functions.
	Invoker lambda.Invoker
	// Async takes invocations of type Event; without it they are refused with NotImplementedException.
	Async AsyncInvoker
	// DryRun says whether fn could be invoked; without it a dry run succeeds if its request is valid.
	DryRun func(ctx context.Context, fn lambda.Reference) error
	// Body bounds how long request bodies may take.
	Body BodyReader
	// WriteTimeout is how long a caller may leave written bytes unread before it is given up; 30 seconds if zero.
	WriteTimeout time.Duration
	// Log is told what callers may not see of a failure; nil tells nobody.
	Log *slog.Logger
}

// Invoke answers POST /2015-03-31/functions/{FunctionName}/invocations for the function fn.
func (o *Operations) Invoke(w http.ResponseWriter, r *http.Request, fn lambda.Reference) {
	op := invokeOperation()
	kind, err := op.invocationType(r.Header)
	if err != nil {
		Refuse(o.Log, w, err)
		return
	}
	in, err := invocation(w, r, fn)
	if err != nil {
		Refuse(o.Log, w, err)
		return
	}
	limit := int64(lambda.MaxRequestPayload)
	if kind == typeEvent {
		limit = lambda.MaxAsyncPayload
	}
	if in.Payload, err = o.payload(w, r, op, limit); err != nil {
		Refuse(o.Log, w, err)
		return
	}
	switch kind {
	case typeDryRun:
		o.dryRun(w, r, fn)
	case typeEvent:
		o.enqueue(w, r, in)
	default:
		o.call(w, r, in)
	}
}

// call runs a synchronous invocation.
func (o *Operations) call(w http.ResponseWriter, r *http.Request, in *lambda.Invocation) {
	res, err := o.Invoker.Invoke(r.Context(), in)
	if err != nil {
		Refuse(o.Log, w, err)
		return
	}
	o.writeResult(w, res)
}

// dryRun answers whether the invocation would be accepted.
func (o *Operations) dryRun(w http.ResponseWriter, r *http.Request, fn lambda.Reference) {
	if o.DryRun != nil {
		if err := o.DryRun(r.Context(), fn); err != nil {
			Refuse(o.Log, w, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// enqueue hands an asynchronous invocation over.
func (o *Operations) enqueue(w http.ResponseWriter, r *http.Request, in *lambda.Invocation) {
	if o.Async == nil {
		Refuse(o.Log, w, lambda.Errorf(lambda.CodeNotImplemented, "This endpoint runs functions at once and keeps no queue; "+
			"send invocations of type Event to the gateway."))
		return
	}
	in.LogTail = false // there is no reply to put it in
	if err := o.Async.InvokeAsync(r.Context(), in); err != nil {
		Refuse(o.Log, w, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// writeResult answers with how the invocation ended: one status, one write, whatever the function did.
func (o *Operations) writeResult(w http.ResponseWriter, res *lambda.Result) {
	h := w.Header()
	values := [...]string{res.ExecutedVersion, contentTypeJSON, strconv.Itoa(len(res.Payload))}
	h[headerExecutedVersion] = values[0:1:1]
	h[headerContentType] = values[1:2:2]
	h[headerContentLength] = values[2:3:3]
	if res.FunctionError != "" {
		h[headerFunctionError] = []string{res.FunctionError}
	}
	if len(res.LogTail) > 0 {
		h[headerLogResult] = []string{base64.StdEncoding.EncodeToString(res.LogTail)}
	}
	w.WriteHeader(http.StatusOK)
	WriteBody(w, res.Payload, o.WriteTimeout)
}
