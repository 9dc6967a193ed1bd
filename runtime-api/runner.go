package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"

	"github.com/lambkin-dev/lambkin/bootstrap/gorpc"
	"github.com/lambkin-dev/lambkin/bootstrap/stdio"
)

// isRunner says whether the first argument asks for one of the runtimes that are part of this binary, so that an image
// needs no other file to run an executable or an old Go handler.
func isRunner(args []string) bool { return len(args) > 0 && (args[0] == "exec" || args[0] == "gorpc") }

// runRunner serves the events of the environment that started it.
func runRunner(ctx context.Context, args, environ []string) error {
	argv := args[1:]
	if i := slices.Index(argv, "--"); i >= 0 {
		argv = argv[i+1:]
	}
	if len(argv) == 0 {
		return errors.New(args[0] + " needs the function's executable: runtime-api " + args[0] + " -- COMMAND ARGS…")
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if args[0] == "exec" {
		return stdio.Program{Argv: argv, Environ: environ, Stderr: os.Stderr, Log: logger}.Run(ctx)
	}
	return gorpc.Program{Argv: argv, Environ: environ, Stdout: os.Stdout, Stderr: os.Stderr, Log: logger}.Run(ctx)
}
