package lambda

import (
	"context"
	"io"
	"time"
)

// Invocation is one request to run a function. It is immutable once handed to an [Invoker].
type Invocation struct {
	// ID is the request id (a UUID) that caller, function, logs and traces share. An Invoker assigns one if it is empty.
	ID string
	// Function is what the caller named: a name, partial ARN or ARN, with or without a qualifier, already parsed.
	Function Reference
	// Payload is the event, byte for byte. Empty becomes `{}` at hand-over, as AWS does.
	Payload []byte
	// ClientContext is decoded JSON text (not the base64 of the Invoke header), or empty.
	ClientContext string
	// CognitoIdentity is JSON text, or empty.
	CognitoIdentity string
	// TenantID is the tenant of a tenant-isolated function, or empty.
	TenantID string
	// Trace is the X-Ray trace header (Root=…;Parent=…;Sampled=…), or empty.
	Trace string
	// TraceStarted says that the caller brought no trace and whoever took the request in began Trace, unsampled. Functions
	// with active tracing then have it sampled.
	TraceStarted bool
	// CloudEvent is the JSON of the CloudEvents attributes the event came with, or empty.
	CloudEvent string
	// LogTail asks for the last 4 KiB of this invocation's log in the Result.
	LogTail bool
	// Stream, if not nil, receives the response as it is produced; the Result then carries no payload on success.
	Stream ResponseStream
}

// ResponseStream takes a streamed response. Calls come from one goroutine at a time, and none after Invoke has returned.
type ResponseStream interface {
	// Start is called once, before the first Write, when the function has begun to answer.
	Start(contentType string) error
	// Write takes the next bytes and passes them on before it returns; it must not keep p.
	io.Writer
}

// Result is how an invocation ended, seen by its caller.
type Result struct {
	// RequestID is the id under which the function ran.
	RequestID string
	// ExecutedVersion is the version that ran: "$LATEST" or a number.
	ExecutedVersion string
	// Payload is the function's answer, or the error document if FunctionError is set. For an invocation with a
	// Stream it is empty on success.
	Payload []byte
	// ContentType is what the runtime declared for Payload, or empty.
	ContentType string
	// FunctionError is empty on success and [Unhandled] on every function failure.
	FunctionError string
	// ErrorType is the failure's type for metrics and traces, such as "Sandbox.Timedout"; empty on success.
	ErrorType string
	// LogTail holds the last 4 KiB of the log if it was asked for.
	LogTail []byte
	// Duration is the time from hand-over to the end of the response.
	Duration time.Duration
}

// Unhandled is the only value AWS gives X-Amz-Function-Error today.
const Unhandled = "Unhandled"

// Invoker runs functions.
//
// Invoke blocks until the invocation has exactly one outcome or ctx ends. It returns a Result for everything that the
// function did or failed to do, and an [*Error] for what the service could not do (unknown function, throttled,
// shutting down). It is safe for concurrent use. Cancelling ctx takes a queued invocation out of the queue unexecuted;
// one that already runs goes on to its end, as on Lambda, and only its answer is dropped.
type Invoker interface {
	Invoke(ctx context.Context, in *Invocation) (*Result, error)
}

// InvokerFunc is a function that is an Invoker.
type InvokerFunc func(ctx context.Context, in *Invocation) (*Result, error)

// Invoke calls f.
func (f InvokerFunc) Invoke(ctx context.Context, in *Invocation) (*Result, error) { return f(ctx, in) }
