package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
	"github.com/lambkin-dev/lambkin/runtime-api/tracing"
)

// readHeaderTimeout bounds how long a caller may take to send a request's head.
const readHeaderTimeout = 10 * time.Second

// run is the command: it serves until ctx ends and then drains.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if runner.Is(args) {
		return runner.Run(ctx, args, environ)
	}
	s, err := read(args, environ, stderr)
	if err != nil {
		return err
	}
	if environment(environ)("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(threads(s.environments * s.concurrency))
	}
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	out := newBatch(stdout)
	defer out.Close()
	metrics := prometheus.NewRegistry()
	fn, err := s.function(environ, out, logger, server.NewMetrics(metrics, s.name, s.version))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("open the front door: %w", err)
	}
	if s.metricsAddr != "" {
		stop, err := serveMetrics(s.metricsAddr, metrics)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		defer stop()
	}
	spans := s.tracer(environ, logger)
	defer stopTracer(ctx, spans, logger)
	handler, err := s.handlerOf(fn, spans, logger)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	front := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // callers that hang up are no news
	}
	err = serve(ctx, fn, front, server.NewLeanDoor(ln, handler), time.Duration(s.grace))
	if failed := new(initFailure); errors.As(err, &failed) {
		s.giveUp(logger, failed)
	}
	return err
}

// invocationsPerThread is how many invocations under way one thread looks after with ease.
const invocationsPerThread = 32

// threads is how many threads run at once. A pod server moves bytes between sockets, and one thread does that for
// thousands of invocations a second; a second one that is mostly idle costs each of them the time to wake it.
func threads(invocations int) int {
	return min(1+invocations/invocationsPerThread, runtime.NumCPU())
}

// pod is what the settings say of the pod.
func (s *settings) pod(environ []string) (pod.Config, error) {
	env := environment(environ)
	root, err := taskRoot(env)
	if err != nil {
		return pod.Config{}, err
	}
	cfg := pod.Config{
		Function:            lambda.Name(s.name),
		Version:             s.version,
		Identity:            lambda.Identity{Region: s.region, Account: s.account},
		Runtime:             s.runtime,
		Handler:             s.handler,
		Memory:              s.memory,
		Timeout:             time.Duration(s.timeout),
		InitTimeout:         time.Duration(s.initTimeout),
		Env:                 append(environ[:len(environ):len(environ)], "LAMBDA_TASK_ROOT="+root, "HOME="+homeOf(env)),
		Extensions:          s.extensions,
		TmpDir:              s.tmpDir,
		Min:                 s.environments,
		Max:                 s.environments,
		PerEnvironment:      s.concurrency,
		QueueDepth:          s.queueDepth,
		LogFormat:           s.logFormat,
		ApplicationLogLevel: s.logLevel,
		SystemLogLevel:      s.systemLogLevel,
		LogGroup:            env("AWS_LAMBDA_LOG_GROUP_NAME"),
		SnapStart:           env("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
		Provisioned:         env("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency",
	}
	if s.tenantIsolation {
		cfg.TenantIsolation = true
		if s.tmpDir == "" {
			cfg.Scratch, cfg.Min, cfg.Max = sharedTmp, 1, 1
		}
	}
	if err := s.setCommand(&cfg, root); err != nil {
		return cfg, err
	}
	cfg.Env = settled(cfg.Env)
	return cfg, nil
}

// sharedTmp is where functions keep files that are to go with their environment.
const sharedTmp = "/tmp"

// settled leaves the last setting of each variable, which counts; programs would find the first.
func settled(environ []string) []string {
	var last []string
	seen := make(map[string]bool, len(environ))
	for _, v := range slices.Backward(environ) {
		name, _, _ := strings.Cut(v, "=")
		if !seen[name] {
			seen[name] = true
			last = append(last, v)
		}
	}
	slices.Reverse(last)
	return last
}

// setCommand takes the command as given, looked up on PATH, or the bootstrap that the runtime's images bring.
func (s *settings) setCommand(cfg *pod.Config, root string) error {
	if len(s.command) > 0 {
		path, err := exec.LookPath(s.command[0])
		if err != nil {
			return fmt.Errorf("the runtime's command: %w", err)
		}
		cfg.Command = append([]string{path}, s.command[1:]...)
		return nil
	}
	id := s.runtime
	if id == "" {
		id = "provided.al2023"
	}
	rt, ok := bootstrap.Lookup(id)
	if !ok {
		return fmt.Errorf("-runtime is %q, which is not known: give the runtime's command after --", id)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	clients, err := s.extractClients(rt)
	if err != nil {
		return err
	}
	argv, env, err := rt.Command(bootstrap.Host{TaskRoot: root, OptRoot: "/opt", ImageRuntimeDir: imageRuntimeDir, RuntimeDir: clients,
		Self: self, Handler: s.handler, Environ: cfg.Env})
	if err != nil {
		return fmt.Errorf("no runtime to start (give its command after --): %w", err)
	}
	cfg.Command, cfg.Dir, cfg.Env = argv, root, append(cfg.Env, env...)
	return nil
}

// imageRuntimeDir is where AWS's base images keep their runtime client.
const imageRuntimeDir = "/var/runtime"

// extractClients unpacks our runtime clients where the image has none for this runtime.
func (s *settings) extractClients(rt bootstrap.Runtime) (string, error) {
	switch rt.Family {
	case bootstrap.Node, bootstrap.Python, bootstrap.Ruby:
	default:
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(imageRuntimeDir, "bootstrap")); err == nil {
		return "", nil
	}
	dir, err := bootstrap.Extract(s.clients)
	if err != nil {
		return "", fmt.Errorf("unpack the runtime clients into -clients %q: %w", s.clients, err)
	}
	return dir, nil
}

// hopeless is how long a function may take to end whose first init has failed.
const hopeless = time.Second

// serve answers at the door until ctx ends, or the function is given up. Then it refuses new calls, lets accepted ones
// end, and ends the processes.
func serve(ctx context.Context, fn function, front *http.Server, door *server.LeanDoor, grace time.Duration) error {
	fn.Start()
	served := make(chan error, 1)
	go func() { served <- front.Serve(door) }()
	var cause error
	select {
	case err := <-served:
		return errors.Join(err, fn.Shutdown(ctx))
	case cause = <-fn.GivenUp():
		grace = min(grace, hopeless)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- fn.Shutdown(drain) }()
	err := front.Shutdown(drain)
	if err != nil {
		_ = front.Close() // the grace is over
	}
	return errors.Join(cause, err, door.Wait(drain), <-drained)
}

// tracer is what makes spans; nil if nobody wants any. The environment's wishes are the function's too, so one that
// only the function can fulfil is no reason not to start.
func (s *settings) tracer(environ []string, logger *slog.Logger) *tracing.Tracer {
	t, err := tracing.Start(environment(environ), tracing.Config{
		Service:  s.name,
		Identity: lambda.Identity{Region: s.region, Account: s.account},
		Log:      logger,
	})
	if err != nil {
		logger.Warn("no spans will be made", "error", err)
	}
	return t
}

// flushTimeout is how long the last spans may take to be sent.
const flushTimeout = 5 * time.Second

func stopTracer(ctx context.Context, t *tracing.Tracer, logger *slog.Logger) {
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.Stop(flush); err != nil {
		logger.Warn("spans may be lost", "error", err)
	}
}

// handlerOf is the front door with the probes beside it.
func (s *settings) handlerOf(fn function, spans *tracing.Tracer, logger *slog.Logger) (http.Handler, error) {
	sink, err := s.sinkOf()
	if err != nil {
		return nil, err
	}
	door := spans.Handler(server.NewFrontDoor(server.FrontDoorConfig{
		Invoker:        spans.Invoker(fn),
		Sink:           sink,
		Function:       lambda.Reference{Name: lambda.Name(s.name)},
		Identity:       lambda.Identity{Region: s.region, Account: s.account},
		Format:         s.format,
		Stream:         s.stream,
		Reply:          s.reply,
		TrustForwarded: true, // within a cluster only the ingress and queue-proxy reach a pod
		MaxRequest:     s.maxRequest,
		Log:            logger,
	}))
	health := server.NewHealth(func(context.Context) error { return nil }, fn.Ready)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, server.HealthPrefix) {
			health.ServeHTTP(w, r)
			return
		}
		door.ServeHTTP(w, r)
	}), nil
}

// sinkOf is where answers go instead of to callers; nil if nowhere.
func (s *settings) sinkOf() (*server.Sink, error) {
	if s.sink == "" {
		return nil, nil //nolint:nilnil // no sink is no fault
	}
	return server.NewSink(s.sink, 0)
}

func serveMetrics(addr string, metrics *prometheus.Registry) (stop func(), err error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("open the metrics port: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	go func() { _ = srv.Serve(ln) }() // ends with stop
	return func() { _ = srv.Close() }, nil
}
