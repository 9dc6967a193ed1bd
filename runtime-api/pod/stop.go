package pod

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

// What the processes of an environment are given to end
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown). Without
// extensions the runtime gets no time and no SIGTERM at all.
const (
	graceInternal = 500 * time.Millisecond  // only internal extensions: for the runtime
	graceRuntime  = 600 * time.Millisecond  // external ones: for the runtime, of the whole
	graceExternal = 2000 * time.Millisecond // external ones: the whole
)

// externals are the names of the extensions to start: the executable regular files of the extensions directory.
func (in *incarnation) externals() []string {
	entries, err := os.ReadDir(in.cfg.Extensions)
	if in.cfg.Extensions == "" || err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(in.cfg.Extensions, e.Name()))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			names = append(names, e.Name())
		}
	}
	return names
}

// startExtensions starts the external extensions and watches over them.
func (in *incarnation) startExtensions(names []string) *invoke.Failure {
	if len(names) > lambda.MaxExtensions {
		return &invoke.Failure{Type: extension.FailureLaunch, Message: "more than 10 extensions in " + in.cfg.Extensions}
	}
	for _, name := range names {
		stdout, stderr := in.story.extensionOutput()
		p, err := process.Start(process.Spec{
			Path:    in.extensionPath(name),
			Dir:     in.cfg.Dir,
			Env:     in.cfg.extensionEnv(in.place),
			Stdout:  stdout,
			Stderr:  stderr,
			Sandbox: in.cfg.Sandbox,
		})
		if err != nil {
			in.registry.LaunchFailed(name, err.Error())
			return in.extensionFailure()
		}
		in.extensions[name] = p
		go in.watch(name, p) // ends with the process, which stop kills
	}
	return nil
}

// extensionPath is where the processes of this environment see an extension: their sandbox may hide where the host has it.
func (in *incarnation) extensionPath(name string) string {
	path := filepath.Join(in.cfg.Extensions, name)
	rel, err := filepath.Rel(in.cfg.Sandbox.Opt, path)
	if in.cfg.Sandbox.Opt == "" || err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return filepath.Join("/opt", rel)
}

func (in *incarnation) watch(name string, p *process.Process) {
	<-p.Done()
	in.registry.Crashed(name, p.Exit().String())
}

// stop ends the processes in the order and with the time that AWS gives them, and then what they held. The callers of
// running invocations do not wait for the graces.
func (in *incarnation) stop(reason string, f invoke.Failure) {
	in.session.End(f)
	grace := in.runtimeGrace()
	deadline := time.Now().Add(graceExternal)
	in.stopRuntime(grace)
	in.registry.Shutdown(reason, deadline)
	in.stopExtensions(deadline)
}

// runtimeGrace is what the runtime is given: it depends on whether anybody registered for the end.
func (in *incarnation) runtimeGrace() time.Duration {
	switch {
	case len(in.extensions) > 0:
		return graceRuntime
	case len(in.registry.Extensions()) > 0:
		return graceInternal
	default:
		return 0
	}
}

func (in *incarnation) stopRuntime(grace time.Duration) {
	if in.runtime == nil {
		return
	}
	if grace > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		in.runtime.Stop(ctx)
	}
	in.runtime.Kill()
}

// stopExtensions waits for the extensions that were told of the end, and sends SIGTERM to those that were not.
func (in *incarnation) stopExtensions(deadline time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	told := make(map[string]bool)
	for _, name := range in.registry.ShutdownSubscribers() {
		told[name] = true
	}
	var all sync.WaitGroup
	for name, p := range in.extensions {
		all.Go(func() {
			if told[name] {
				waitFor(ctx, p)
			}
			p.Stop(ctx)
		})
	}
	all.Wait()
}

func waitFor(ctx context.Context, p *process.Process) {
	select {
	case <-p.Done():
	case <-ctx.Done():
	}
}
