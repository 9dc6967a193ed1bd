// Builder is the program of the first and last steps of every build, and of the step that deploys.
//
//	builder fetch [flags]                    put source code into a folder
//	builder bake [flags] -- [LAYER…]         put a folder on a base image and push the result
//	builder deploy [flags] -- [NAME=VALUE…]  put an image into a Knative Service or a Function
//
// Each prints a line about what it does, writes its results to files, and ends with 0, with 1 if it failed, or with 2 if
// it was called in a wrong way. See builder COMMAND -help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Exit statuses.
const (
	statusFailed = 1
	statusUsage  = 2
	// statusTemporary is EX_TEMPFAIL of sysexits.h. The controller builds again what ended so.
	statusTemporary = 75
)

// usageError is a call that says something wrong, rather than something that went wrong.
type usageError struct{ error }

// command reads its flags and does its work.
type command func(ctx context.Context, args []string, out io.Writer) error

func commands() map[string]command {
	return map[string]command{"fetch": fetchCommand, "bake": bakeCommand, "deploy": deployCommand}
}

// run runs a command and tells its error. Output of Tekton's steps is one stream, so what is printed is readable there.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	const usage = "usage: builder fetch|bake|deploy [flags]; see builder COMMAND -help"
	if len(args) == 0 || commands()[args[0]] == nil {
		fmt.Fprintln(errOut, usage)
		return statusUsage
	}
	err := commands()[args[0]](ctx, args[1:], out)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(errOut, "builder %s: %v (see builder %s -help)\n", args[0], err, args[0])
		return statusUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(errOut, "ERROR: %s was stopped\n", args[0])
		return statusFailed
	case temporary(err):
		fmt.Fprintf(errOut, "ERROR: %v\n", err)
		return statusTemporary
	default:
		fmt.Fprintf(errOut, "ERROR: %v\n", err)
		return statusFailed
	}
}

// newFlags makes the flags of a command. Asked for help they print about, and themselves.
func newFlags(name, about string, out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // faults are told once, by whoever reads the error
	f.Usage = func() {
		f.SetOutput(out)
		fmt.Fprintf(out, "%s\n\nFlags:\n", about)
		f.PrintDefaults()
		f.SetOutput(io.Discard)
	}
	return f
}

// parse reads the flags, and refuses further arguments unless they are wanted.
func parse(f *flag.FlagSet, args []string, more bool) error {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return flag.ErrHelp
	case err != nil:
		return usageError{err}
	case f.NArg() > 0 && !more:
		return usageError{fmt.Errorf("unexpected argument %q", f.Arg(0))}
	default:
		return nil
	}
}
