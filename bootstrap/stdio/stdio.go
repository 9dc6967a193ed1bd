// Package stdio serves a function that is any executable: it is started once per event, reads the event from standard
// input and writes its answer to standard output. What it writes to standard error goes to the log.
//
// The invocation is described by environment variables, each named like the Runtime API's header in capitals:
// LAMBDA_RUNTIME_AWS_REQUEST_ID, LAMBDA_RUNTIME_DEADLINE_MS, LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN, LAMBDA_RUNTIME_TRACE_ID,
// LAMBDA_RUNTIME_CLIENT_CONTEXT, LAMBDA_RUNTIME_COGNITO_IDENTITY and LAMBDA_RUNTIME_AWS_TENANT_ID; those that the
// platform did not send are absent. _X_AMZN_TRACE_ID is set too, for the tools that look for it.
//
// Exit status 0 makes standard output the result. Any other end makes a Runtime.ExitError whose message holds the last
// line of standard error. Timeouts are the platform's: it kills the process group, which the executable shares.
package stdio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/bootstrap/client"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// maxOutput is one byte more than a result may have. That byte makes the platform refuse it and tell the caller so.
	maxOutput = lambda.MaxResponsePayload + 1
	// maxLine bounds how much of standard error's last line an error message holds.
	maxLine = 1024
	// pipeGrace is how long an executable's children may hold each of its pipes after it has ended.
	pipeGrace = 100 * time.Millisecond
)

// Program is an executable that serves events.
type Program struct {
	Argv    []string  // the executable's path, then its arguments
	Environ []string  // the environment of the runner; AWS_LAMBDA_RUNTIME_API is read from it
	Stderr  io.Writer // where standard error of the executable goes; safe for concurrent use, as an *os.File is
	Log     *slog.Logger
}

// Run serves events until ctx ends or the platform is gone. An executable that cannot be run is reported as init error.
func (p Program) Run(ctx context.Context) error {
	api, err := client.New(client.Getenv(p.Environ, "AWS_LAMBDA_RUNTIME_API"), "exec")
	if err != nil {
		return err
	}
	workers, err := client.Concurrency(client.Getenv(p.Environ, "AWS_LAMBDA_MAX_CONCURRENCY"))
	if err != nil {
		return err
	}
	if err := p.check(); err != nil {
		failure := client.Failuref("Runtime.InvalidEntrypoint", "%v", err)
		return errors.Join(failure, api.InitError(ctx, failure))
	}
	return client.Workers(ctx, workers, func(ctx context.Context) error { return api.Serve(ctx, p.handle, p.Log) })
}

func (p Program) check() error {
	if len(p.Argv) == 0 {
		return errors.New("no executable is named: use runtime-api exec -- COMMAND [ARGS]")
	}
	if _, err := exec.LookPath(p.Argv[0]); err != nil {
		return fmt.Errorf("find the executable %q: %w", p.Argv[0], err)
	}
	return nil
}

// handle runs the executable for one event.
func (p Program) handle(ctx context.Context, in *client.Invocation) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	output := &boundedBuffer{limit: maxOutput, full: cancel}
	last := &lastLine{next: p.Stderr, limit: maxLine}

	cmd := exec.CommandContext(ctx, p.Argv[0], p.Argv[1:]...)
	cmd.Env = slices.Concat(p.Environ, describe(in))
	cmd.Stdin = bytes.NewReader(in.Payload)
	cmd.WaitDelay = pipeGrace
	return outcome(run(cmd, output, last), output, last)
}

// run is cmd.Run, except that stdout and stderr have all that the executable wrote when it returns.
func run(cmd *exec.Cmd, stdout, stderr io.Writer) error {
	out, err := newPipe(stdout)
	if err != nil {
		return err
	}
	problems, err := newPipe(stderr)
	if err != nil {
		out.discard()
		return err
	}
	cmd.Stdout, cmd.Stderr = out.to, problems.to
	if err := cmd.Start(); err != nil {
		out.discard()
		problems.discard()
		return fmt.Errorf("start it: %w", err)
	}
	out.follow()
	problems.follow()
	err = cmd.Wait()
	out.finish(pipeGrace)
	problems.finish(pipeGrace)
	if err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	return nil
}

// outcome judges the end of the executable.
func outcome(err error, output *boundedBuffer, last *lastLine) ([]byte, error) {
	exit := new(exec.ExitError)
	switch {
	case output.overflown():
		// It was stopped for it; the bytes so far are enough for the platform to refuse them.
		return output.Bytes(), nil
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return output.Bytes(), nil
	case errors.As(err, &exit):
		return nil, client.Failuref("Runtime.ExitError", "%s", withReason(exit.ProcessState.String(), last.String()))
	default:
		return nil, client.Failuref("Runtime.InvalidEntrypoint", "%v", err)
	}
}

func withReason(status, line string) string {
	if line == "" {
		return status
	}
	return status + ": " + line
}

// describe makes the variables that tell an executable about its invocation.
func describe(in *client.Invocation) []string {
	var env []string
	for name, values := range in.Header {
		env = append(env, variable(name)+"="+values[0])
	}
	if trace := in.Header.Get("Lambda-Runtime-Trace-Id"); trace != "" {
		env = append(env, "_X_AMZN_TRACE_ID="+trace)
	}
	slices.Sort(env)
	return env
}

func variable(header string) string {
	return strings.ToUpper(strings.ReplaceAll(header, "-", "_"))
}
