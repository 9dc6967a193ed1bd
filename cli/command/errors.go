package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Exit codes. They are part of the interface: scripts decide by them. The help of the root command lists them.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitFunction    = 3
	exitUnreachable = 4
	exitInterrupted = 130
)

// usageError says that the command line itself is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// functionError says that a function ran and failed; its answer has been printed already.
type functionError struct{ kind string }

func (e *functionError) Error() string { return "the function failed: " + e.kind }

// errTold says that everything about a failure has been printed.
var errTold = errors.New("failed")

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var usage *usageError
	var function *functionError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &function):
		return exitFunction
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case unreachable(err):
		return exitUnreachable
	default:
		return exitError
	}
}

// unreachable reports whether no server, or no cluster, has answered.
func unreachable(err error) bool {
	return errors.Is(err, remote.ErrUnreachable) || cluster.Unreachable(err)
}

// tell prints an error: one line that says what failed, then, where there is more, every fault or the tool's own words.
func (a *App) tell(err error, path string) {
	if err == nil || errors.Is(err, errTold) || errors.Is(err, context.Canceled) {
		return
	}
	a.IO.Notef("%s %s", a.IO.Paint(terminal.Bad, "lambkin:"), a.renamed(a.sentence(err)))
	if faults := remote.FaultsOf(err); len(faults) > 1 {
		for _, f := range faults {
			a.IO.Notef("  - %s", f)
		}
	}
	if tool := new(source.ToolError); errors.As(err, &tool) && tool.Output != "" {
		a.IO.Notef("%s", tool.Output)
	}
	if usage := new(usageError); errors.As(err, &usage) {
		a.IO.Notef("Run \"%s --help\" for how to use it.", path)
	}
}

// sentence is what failed, without what the lines below it tell anyway.
func (a *App) sentence(err error) string {
	if unreachable(err) && !a.flags.debug {
		return a.unreachable(err)
	}
	if own := new(missingError); errors.As(err, &own) && !a.flags.debug {
		return err.Error()
	}
	service := new(lambda.Error)
	if a.flags.debug || !errors.As(err, &service) {
		return err.Error()
	}
	if hint := a.keyHint(service.Code); hint != "" {
		return service.Message + ": " + hint
	}
	before, after, _ := strings.Cut(err.Error(), service.Error())
	faults := remote.FaultsOf(err)
	switch len(faults) {
	case 0:
		return before + service.Message + after
	case 1:
		return before + "refused: " + faults[0].String() + after
	}
	return before + fmt.Sprintf("refused, %s:", count(len(faults), "fault")) + after
}

// keyHint says what to do about a server that does not take our signature, or that got none.
func (a *App) keyHint(code lambda.Code) string {
	if a.onCluster() {
		return ""
	}
	const name = "name the file that the server wrote, \"credentials\" in its data directory, with LAMBKIN_CREDENTIALS"
	endpoint, err := a.endpoint()
	if err != nil {
		return ""
	}
	_, from, err := a.credentials(endpoint.value)
	switch {
	case err != nil:
		return ""
	case code == lambda.CodeMissingAuthenticationToken:
		return "the server at " + endpoint.value + " asks for an access key, and there is none: " + name
	case code == lambda.CodeUnrecognizedClient || code == lambda.CodeInvalidSignature:
		return "the server at " + endpoint.value + " does not take the access key from " + from + ": " + name
	default:
		return ""
	}
}

// missingError says in our own words what is not there, and keeps the engine's error for the exit code.
type missingError struct {
	sentence string
	err      error
}

func (e *missingError) Error() string { return e.sentence }
func (e *missingError) Unwrap() error { return e.err }

// noFunction says that there is no such function.
func noFunction(name string, err error) error {
	return &missingError{fmt.Sprintf("there is no function %q: \"lambkin get\" lists what there is, \"lambkin deploy %s\" makes one", name, name), err}
}

// count gives a number with its noun, such as "2 faults".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// unreachable tells how to get a server, or what keeps the cluster from answering.
func (a *App) unreachable(err error) string {
	if a.onCluster() {
		return a.clusterSilent(err)
	}
	endpoint, err := a.endpoint()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("no server answers at %s (from %s): start one with \"lambkin serve\", or name another with --endpoint, "+
		"LAMBKIN_ENDPOINT or \"lambkin config endpoint URL\"", endpoint.value, endpoint.from)
}

func (a *App) clusterSilent(err error) string {
	where := "the cluster"
	if w, err := a.whereabouts(); err == nil {
		where = cluster.Place{Context: w.Context, Server: w.Server, From: w.Kubeconfig}.String()
	}
	cause := err
	if request := new(url.Error); errors.As(err, &request) {
		cause = request.Err
	}
	return fmt.Sprintf("no cluster answers at %s: %v: choose another with --context or \"lambkin config use\"", where, cause)
}
