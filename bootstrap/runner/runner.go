// Package runner is the sub-commands that serve functions without a runtime client of their own: any executable, once per
// event (exec), and Go handlers of the go1.x era (gorpc). Every program of ours that starts functions has them, so such a
// function needs no second file beside the program that runs it.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/lambkin-dev/lambkin/bootstrap/gorpc"
	"github.com/lambkin-dev/lambkin/bootstrap/stdio"
)

// Self is this very program as the processes see it that it starts. It names the file by its process, not by its path:
// in a sandbox, and after the file was replaced by a newer one, the path leads elsewhere or nowhere.
const Self = "/proc/self/exe"

// Is says whether a program's arguments, without its name, ask for a runner.
func Is(args []string) bool { return len(args) > 0 && (args[0] == "exec" || args[0] == "gorpc") }

// Run serves the events of the environment that started it, until ctx ends. args are as for [Is], and after them or after
// "--" the function's executable with its arguments; environ names the Runtime API as AWS_LAMBDA_RUNTIME_API.
func Run(ctx context.Context, args, environ []string) error {
	argv := args[1:]
	if i := slices.Index(argv, "--"); i >= 0 {
		argv = argv[i+1:]
	}
	if len(argv) == 0 {
		return errors.New(args[0] + " runs inside an execution environment and needs the function's executable: " + args[0] + " -- COMMAND ARGS…")
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if args[0] == "exec" {
		return stdio.Program{Argv: argv, Environ: environ, Stderr: os.Stderr, Log: logger}.Run(ctx)
	}
	return gorpc.Program{Argv: argv, Environ: environ, Stdout: os.Stdout, Stderr: os.Stderr, Log: logger}.Run(ctx)
}

// MaybeRun is for the main of every program that names itself as [Self], and for TestMain where a test does. If the
// command line asks for a runner, it serves until the end and exits; everywhere else it returns at once.
func MaybeRun() {
	if !Is(os.Args[1:]) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := Run(ctx, os.Args[1:], os.Environ())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		os.Exit(1) //nolint:forbidigo // it takes the place of main
	}
	os.Exit(0) //nolint:forbidigo // as above
}
