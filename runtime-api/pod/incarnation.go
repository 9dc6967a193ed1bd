package pod

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

// ending is why an incarnation ended.
type ending int

const (
	endFailedInit ending = iota // it never served
	endFailed                   // it had served
	endRetired                  // it is no longer needed
)

// incarnation is one life of an environment's processes, with an API of its own, so that nothing of the one before can
// be heard by the next.
type incarnation struct {
	env      *environment
	cfg      Config
	task     *invoke.Task // given when init is run within an invocation
	session  *invoke.Session
	registry *extension.Registry
	bus      *telemetry.Bus
	story    *story
	place    place

	runtime    *process.Process
	extensions map[string]*process.Process

	launched  chan struct{} // closed when the runtime process is ours to watch and its output is followed
	ready     chan struct{} // closed when runtime and extensions have initialized
	readyOnce sync.Once
	overran   chan struct{} // gets one when the runtime used up its time
	used      chan struct{} // gets one at each hand-over
}

func newIncarnation(e *environment, t *invoke.Task) *incarnation {
	in := &incarnation{
		env:        e,
		cfg:        e.pod.cfg,
		task:       t,
		extensions: make(map[string]*process.Process),
		launched:   make(chan struct{}),
		ready:      make(chan struct{}),
		overran:    make(chan struct{}, 1),
		used:       make(chan struct{}, 1),
		place:      place{tmp: e.tmp, index: e.index},
	}
	in.session = invoke.NewSession(e.pod.queue, invoke.Options{
		Timeout:     in.cfg.Timeout,
		Concurrency: in.cfg.PerEnvironment,
		SnapStart:   in.cfg.SnapStart,
		Tenant:      e.tenant,
		Hooks: invoke.Hooks{
			Ready:   in.onReady,
			Idle:    in.onIdle,
			Started: in.onStarted,
			Ended:   in.onEnded,
			Overran: func() { signal(in.overran) },
		},
	})
	return in
}

// signal notes that something has happened; once is enough.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run lives until a failure, retirement or the end of ctx. When it returns, no process of it is left and every
// invocation that it held has its outcome.
func (in *incarnation) run(ctx context.Context) ending {
	in.env.respawned = time.Now()
	if in.cfg.Sandbox != (process.Sandbox{}) {
		in.cfg.Sandbox.Tmp = in.place.tmp
		in.place.tmp = ""
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return in.stillborn(invoke.Failure{Type: "Runtime.Unavailable", Message: "no port for the Runtime API"}, err)
	}
	in.place.api = ln.Addr().String()
	in.place.logStream = logStreamName(time.Now().UTC().Format("2006/01/02"), in.cfg.Version,
		strings.ReplaceAll(uuid.NewString(), "-", ""))
	external := in.externals()
	in.registry = extension.NewRegistry(extension.Info{
		FunctionName:     string(in.cfg.Function),
		FunctionVersion:  in.cfg.Version,
		Handler:          in.cfg.Handler,
		AccountID:        in.cfg.Identity.Account,
		MultiConcurrency: in.cfg.PerEnvironment > 1,
	}, external)
	in.story = newStory(in)
	in.bus = in.story.bus
	api := &server.API{Session: in.session, Registry: in.registry, Bus: in.bus, Identity: in.cfg.Identity}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var served sync.WaitGroup
	served.Go(func() { in.serve(serving, api, ln) })
	end := in.live(ctx, external)
	stop()
	served.Wait()
	in.story.close()
	return end
}

func (in *incarnation) serve(ctx context.Context, api *server.API, ln net.Listener) {
	if err := api.Serve(ctx, ln); err != nil {
		in.cfg.Logger.Error("the Runtime API stopped", "environment", in.env.index, "error", err)
		signal(in.overran)
	}
}

// stillborn ends an incarnation that could not begin because of the machine, not of the function.
func (in *incarnation) stillborn(f invoke.Failure, cause error) ending {
	in.cfg.Logger.Error("cannot start an execution environment", "environment", in.env.index, "error", cause)
	in.assign()
	in.session.End(f)
	in.env.pod.initialized(&f)
	return endFailedInit
}

// assign puts the invocation within which init is run into the session, once.
func (in *incarnation) assign() {
	if in.task == nil {
		return
	}
	in.session.Assign(in.task) // if its caller has left, init is run for its own sake
	in.task = nil
}

// live initializes and serves.
func (in *incarnation) live(ctx context.Context, external []string) ending {
	began := time.Now()
	within := in.task != nil
	in.story.initStart(within)
	in.assign()
	failure := in.initialize(ctx, external)
	took := time.Since(began)
	errorType := ""
	if failure != nil {
		errorType = failure.Type
	}
	if ctx.Err() == nil {
		in.story.initDone(within, took, failure)
		in.cfg.Observer.Initialized(took, errorType)
		in.env.pod.initialized(failure)
	}
	if failure != nil {
		in.stop(reasonOf(failure), *failure)
		return endFailedInit
	}
	in.env.failedInits = 0
	in.env.pod.mark(in.env, false)
	in.env.pod.count(1)
	defer in.env.pod.count(-1)
	return in.serveInvocations(ctx)
}

// initialize starts extensions and runtime and waits until all are ready. It returns nil when they are.
func (in *incarnation) initialize(ctx context.Context, external []string) *invoke.Failure {
	limit := in.cfg.initLimit(in.place.index)
	if in.session.Busy() > 0 {
		limit = in.cfg.Timeout + time.Second // the invocation's own time runs and ends it first
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	if f := in.startExtensions(external); f != nil {
		return f
	}
	if f := in.await(ctx, timer, in.registry.Registered()); f != nil {
		return f
	}
	if f := in.startRuntime(); f != nil {
		return f
	}
	return in.await(ctx, timer, in.ready)
}

// await waits for one step of init, or for what makes it fail.
func (in *incarnation) await(ctx context.Context, timer *time.Timer, step <-chan struct{}) *invoke.Failure {
	var exited <-chan struct{}
	if in.runtime != nil {
		exited = in.runtime.Done()
	}
	initDone := in.session.InitDone()
	for {
		select {
		case <-step:
			return nil
		case <-initDone:
			if f := in.session.InitFailure(); f != nil {
				return f
			}
			initDone = nil // the extensions are still to come
		case <-exited:
			return in.exitFailure()
		case <-in.registry.Failed():
			return in.extensionFailure()
		case <-in.overran:
			f := invoke.TimedOut(in.cfg.Timeout)
			return &f
		case <-timer.C:
			f := invoke.TimedOut(in.cfg.initLimit(in.place.index))
			return &f
		case <-ctx.Done():
			f := invoke.Exited("signal: killed", false)
			return &f
		}
	}
}

// exitFailure is the failure of what a dead runtime held. A runtime that reported why before it exited is believed.
func (in *incarnation) exitFailure() *invoke.Failure {
	if f := in.session.InitFailure(); f != nil {
		return f
	}
	exit := in.runtime.Exit()
	f := invoke.Exited(exit.String(), exit.OOM)
	return &f
}

func (in *incarnation) extensionFailure() *invoke.Failure {
	f := invoke.Failure{Type: invoke.TypeExtensionCrash, Message: "an extension failed"}
	if err := in.registry.Err(); err != nil {
		f = invoke.Failure{Type: err.Type, Message: err.Message}
	}
	return &f
}

// serveInvocations lives until a failure, retirement or the end of ctx.
func (in *incarnation) serveInvocations(ctx context.Context) ending {
	idle := time.NewTimer(in.cfg.Idle)
	defer idle.Stop()
	for {
		select {
		case <-in.used:
			idle.Reset(in.cfg.Idle)
		case <-idle.C:
			if in.env.index >= in.cfg.Min && in.session.Retire() {
				in.stop(extension.ReasonSpindown, invoke.Exited("signal: killed", false))
				return endRetired
			}
			idle.Reset(in.cfg.Idle)
		case <-in.env.tenant.Evicted():
			if in.vacate() {
				return endRetired
			}
		case <-in.runtime.Done():
			in.stop(extension.ReasonFailure, *in.exitFailure())
			return endFailed
		case <-in.registry.Failed():
			in.stop(extension.ReasonFailure, *in.extensionFailure())
			return endFailed
		case <-in.overran:
			in.stop(extension.ReasonTimeout, invoke.TimedOut(in.cfg.Timeout))
			return endFailed
		case <-ctx.Done():
			in.stop(extension.ReasonSpindown, invoke.Exited("signal: killed", false))
			return endRetired
		}
	}
}

// startRuntime starts the runtime process.
func (in *incarnation) startRuntime() *invoke.Failure {
	stdout, stderr := in.story.runtimeOutput()
	p, err := process.Start(process.Spec{
		Path:    in.cfg.Command[0],
		Args:    in.cfg.Command[1:],
		Dir:     in.cfg.Dir,
		Env:     in.cfg.runtimeEnv(in.place),
		Stdout:  stdout,
		Stderr:  stderr,
		Memory:  in.memory(),
		Cgroup:  in.cfg.Cgroup,
		Sandbox: in.cfg.Sandbox,
	})
	if err != nil {
		return launchFailure(err)
	}
	in.runtime = p
	in.story.runtimeStarted(p)
	close(in.launched)
	return nil
}

func (in *incarnation) memory() int64 {
	if !in.cfg.EnforceMemory {
		return 0
	}
	return int64(in.cfg.Memory) << 20
}

// launchFailure is the failure of a runtime that cannot be executed. Only the system's own words are passed on.
func launchFailure(err error) *invoke.Failure {
	f := invoke.Failure{Type: invoke.TypeInvalidEntrypoint, Message: "the runtime process could not be started"}
	path := new(fs.PathError)
	if errors.As(err, &path) {
		f.Message = path.Error()
	}
	return &f
}

func reasonOf(f *invoke.Failure) string {
	if f.Type == invoke.TypeTimeout {
		return extension.ReasonTimeout
	}
	return extension.ReasonFailure
}
