// Package gorpc serves Go functions built for the go1.x runtime, which speak net/rpc rather than HTTP: every handler
// built with github.com/aws/aws-lambda-go before 1.13, and any later one that was not built with the tag lambda.norpc.
//
// The handler's process listens on the port in _LAMBDA_SERVER_PORT. The runner asks it with Function.Ping until it is
// ready, then calls Function.Invoke for each event. A handler that panics asks to be replaced, and is.
package gorpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/rpc"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/lambkin-dev/lambkin/bootstrap/client"
)

// Program is the executable of a go1.x function.
type Program struct {
	Argv    []string  // the executable's path, then its arguments
	Environ []string  // the environment of the runner; AWS_LAMBDA_RUNTIME_API is read from it
	Stdout  io.Writer // where the handler's output goes; an *os.File is handed to the handler as it is
	Stderr  io.Writer
	Log     *slog.Logger
}

// Run serves events until ctx ends or the platform is gone. A handler that does not start is reported as init error; one
// that cannot be replaced after a crash ends the runner, so that the platform starts afresh.
func (p Program) Run(ctx context.Context) error {
	if len(p.Argv) == 0 {
		return errors.New("no executable is named: use runtime-api gorpc -- COMMAND [ARGS]")
	}
	api, err := client.New(client.Getenv(p.Environ, "AWS_LAMBDA_RUNTIME_API"), "gorpc")
	if err != nil {
		return err
	}
	workers, err := client.Concurrency(client.Getenv(p.Environ, "AWS_LAMBDA_MAX_CONCURRENCY"))
	if err != nil {
		return err
	}
	// One process takes one event at a time.
	return client.Workers(ctx, workers, func(ctx context.Context) error { return p.work(ctx, api) })
}

// work is the life of one handler process and its successors.
func (p Program) work(ctx context.Context, api *client.Client) error {
	w := &worker{program: p}
	defer w.stop()
	if err := w.start(ctx); err != nil {
		return errors.Join(err, api.InitError(ctx, initFailure(err)))
	}
	return api.Serve(ctx, w.handle, p.Log)
}

func initFailure(err error) *client.Failure {
	failure := new(client.Failure)
	if errors.As(err, &failure) {
		return failure
	}
	return client.Failuref("Runtime.InvalidEntrypoint", "%v", err)
}

// worker is the current process of one handler.
type worker struct {
	program Program
	process *process
}

func (w *worker) start(ctx context.Context) (err error) {
	w.process, err = w.program.start(ctx)
	return err
}

func (w *worker) stop() {
	if w.process != nil {
		w.process.stop()
	}
}

// handle calls the handler; one that says so or has died is replaced before the next event.
func (w *worker) handle(ctx context.Context, in *client.Invocation) ([]byte, error) {
	request, err := makeRequest(in)
	if err != nil {
		return nil, client.Failuref("Runtime.UnmarshalError", "%v", err)
	}
	response := new(messages.InvokeResponse)
	if err := w.process.call(ctx, "Function.Invoke", request, response); err != nil {
		return nil, w.replace(ctx, w.process.failure(in.ID, err))
	}
	if response.Error == nil {
		return response.Payload, nil
	}
	failure := makeFailure(response.Error)
	if response.Error.ShouldExit {
		return nil, w.replace(ctx, failure)
	}
	return nil, failure
}

// replace starts a fresh process and gives the failure that made it necessary.
func (w *worker) replace(ctx context.Context, failure *client.Failure) error {
	w.process.stop()
	if err := w.start(ctx); err != nil {
		w.program.Log.Error("handler cannot be restarted", "reason", err)
		return fmt.Errorf("%w: %w", client.ErrStop, failure)
	}
	return failure
}

// makeRequest is the event as the handler's library takes it.
func makeRequest(in *client.Invocation) (*messages.InvokeRequest, error) {
	identity, err := parseIdentity(in.Header.Get("Lambda-Runtime-Cognito-Identity"))
	if err != nil {
		return nil, err
	}
	return &messages.InvokeRequest{
		Payload:               in.Payload,
		RequestId:             in.ID,
		XAmznTraceId:          in.Header.Get("Lambda-Runtime-Trace-Id"),
		Deadline:              timestamp(in.Deadline()),
		InvokedFunctionArn:    in.Header.Get("Lambda-Runtime-Invoked-Function-Arn"),
		CognitoIdentityId:     identity.ID,
		CognitoIdentityPoolId: identity.PoolID,
		ClientContext:         []byte(in.Header.Get("Lambda-Runtime-Client-Context")),
	}, nil
}

type cognitoIdentity struct {
	ID     string `json:"cognitoIdentityId"`
	PoolID string `json:"cognitoIdentityPoolId"`
}

func parseIdentity(header string) (identity cognitoIdentity, err error) {
	if header == "" {
		return identity, nil
	}
	if err := json.Unmarshal([]byte(header), &identity); err != nil {
		return identity, fmt.Errorf("parse the header Lambda-Runtime-Cognito-Identity: %w", err)
	}
	return identity, nil
}

func timestamp(t time.Time) messages.InvokeRequest_Timestamp {
	return messages.InvokeRequest_Timestamp{Seconds: t.Unix(), Nanos: int64(t.Nanosecond())}
}

func makeFailure(e *messages.InvokeResponse_Error) *client.Failure {
	failure := &client.Failure{Message: e.Message, Type: e.Type}
	if len(e.StackTrace) > 0 {
		failure.StackTrace = e.StackTrace
	}
	return failure
}

// isServerFault says whether an error was sent by the handler's rpc server, whose connection is then still good.
func isServerFault(err error) bool {
	fault := rpc.ServerError("")
	return errors.As(err, &fault)
}
