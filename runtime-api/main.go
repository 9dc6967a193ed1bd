// Runtime-api is PID 1 of every function container: it starts the function's runtime process in as many execution
// environments as it is told, speaks the Lambda Runtime API to them, and answers callers on its front door.
//
//	runtime-api [flags] -- COMMAND ARGS…
//
// See runtime-api -help for the flags; each can also be given as an environment variable.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func main() {
	process.MaybeHelper()
	if os.Getpid() == 1 {
		// Before all else: Go's signal handling alone may take the main thread for good.
		if err := process.Reap(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "runtime-api: orphaned processes will not be reaped:", err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "runtime-api:", err)
		os.Exit(1) //nolint:gocritic // nothing is left that a deferred call would clean up
	}
}
