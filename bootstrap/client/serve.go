package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Handler answers one event. An error ends the invocation: a [*Failure] as it says, any other as Runtime.Unknown. An
// error that wraps [ErrStop] also ends the worker once it is reported.
type Handler func(ctx context.Context, in *Invocation) ([]byte, error)

// ErrStop marks an error after which a worker can take no further event.
var ErrStop = errors.New("the worker cannot go on")

// Serve takes events one at a time and answers them, until ctx ends or the platform is gone. Answers that the platform
// refuses are logged and do not end it.
func (c *Client) Serve(ctx context.Context, handle Handler, log *slog.Logger) error {
	for {
		in, err := c.Next(ctx)
		if err != nil {
			return err
		}
		body, failed := handle(ctx, in)
		if err := c.answer(ctx, in.ID, body, failed); errors.Is(err, ErrRefused) {
			log.Warn("answer refused", "requestId", in.ID, "reason", err)
		} else if err != nil {
			return err
		}
		if errors.Is(failed, ErrStop) {
			return failed
		}
	}
}

func (c *Client) answer(ctx context.Context, id string, body []byte, failed error) error {
	if failed != nil {
		return c.Fail(ctx, id, asFailure(failed))
	}
	return c.Respond(ctx, id, body)
}

// Workers runs n copies of work side by side, until the first of them ends, and gives its error.
func Workers(ctx context.Context, n int, work func(ctx context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for range n {
		group.Go(func() error { return work(ctx) })
	}
	return group.Wait()
}

// Concurrency reads the value of AWS_LAMBDA_MAX_CONCURRENCY: how many events a process takes at once, 1 if it is empty.
func Concurrency(value string) (int, error) {
	if value == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 1000 {
		return 0, fmt.Errorf("AWS_LAMBDA_MAX_CONCURRENCY is %q: want a number from 1 to 1000", value)
	}
	return n, nil
}

// Getenv is the value of the last entry of name in environ, which is what a process with that environment sees.
func Getenv(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
