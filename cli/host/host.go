// Package host is the server of one machine: the local engine with all its doors behind one address. Requests find their
// door by host and path:
//
//	FUNCTION.localhost, QUALIFIER.FUNCTION.localhost   the function's front door (plain HTTP, CloudEvents)
//	/_url/FUNCTION[:QUALIFIER]/…                       the same, for clients that cannot resolve such names
//	/apis/…, /lambkin/…                                objects, code and logs for lambkin itself (package remote)
//	everything else                                    the AWS Lambda API (package gateway)
//
// The engine runs this very program again, to build sandboxes and for the runtimes exec and go1.x: its main must begin
// with [process.MaybeHelper] and [runner.MaybeRun].
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
	"github.com/lambkin-dev/lambkin/runtime-api/tracing"
)

// Config says where a server listens and keeps its data.
type Config struct {
	// Addr is the address to listen on, such as 127.0.0.1:9000.
	Addr string
	// DataDir keeps objects, code and logs.
	DataDir string
	// AllowHosts are further names under which the server may be called.
	AllowHosts []string
	// Identity is the region and account of all functions.
	Identity lambda.Identity
	// Environ are variables for all functions, as NAME=VALUE.
	Environ []string
	// Log takes what the server has to say; nil discards it.
	Log *slog.Logger
}

// Server is a running server.
type Server struct {
	// URL is where it is reached.
	URL string
	// Engine is what is behind it.
	Engine engine.Engine
	// Sandbox says why functions do not see /var/task, /opt and a /tmp of their own; nil if they do.
	Sandbox error

	local   *local.Engine
	tracer  *tracing.Tracer // nil if nobody takes spans
	http    *http.Server
	served  chan error
	closing context.CancelFunc
}

// headerTimeout bounds how long a caller may take over its headers.
const headerTimeout = 10 * time.Second

// Start opens the data and begins to serve. The caller must Close the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (choose another address with --addr)", c.Addr, err)
	}
	s := &Server{URL: "http://" + reachable(ln.Addr()), Sandbox: process.Supports().Sandbox, served: make(chan error, 1)}
	s.local, err = local.Open(ctx, s.engineConfig(c))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the data in %q: %w", c.DataDir, err), ln.Close())
	}
	s.tracer, err = tracing.Start(os.Getenv, tracing.Config{Service: "lambkin", Identity: c.Identity, Log: c.Log})
	if err != nil {
		c.Log.Warn("invocations have no spans", "reason", err)
	}
	s.Engine = tracedEngine{Engine: s.local, invoker: s.tracer.Invoker(s.local)}
	closing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.closing = cancel
	s.http = &http.Server{
		Handler:           s.tracer.Handler(s.handler(closing, c)),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	go func() { s.served <- s.http.Serve(ln) }()
	return s, nil
}

// tracedEngine is an engine whose invocations have spans.
type tracedEngine struct {
	engine.Engine
	invoker lambda.Invoker
}

// Invoke runs a function within a span.
func (t tracedEngine) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	return t.invoker.Invoke(ctx, in)
}

func (s *Server) engineConfig(c Config) local.Config {
	cgroup, err := process.Delegate()
	if err != nil {
		c.Log.Debug("memory is watched, not enforced by the kernel", "reason", err)
	}
	return local.Config{
		DataDir: c.DataDir, Identity: c.Identity, Logger: c.Log, Environ: c.Environ,
		Sandbox: s.Sandbox == nil, Cgroup: cgroup, Program: runner.Self,
		URL: func(fn lambda.Name, qualifier string) string {
			return s.URL + urlPath + lambda.Reference{Name: fn, Qualifier: qualifier}.String() + "/"
		},
		FunctionURL: func(u *v1alpha1.FunctionURLConfig) string { return s.URL + gateway.URLPath(u) },
	}
}

// reachable turns an address that means all interfaces into one that can be called.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}

// handler routes requests to their doors. closing ends the logs that are being followed.
func (s *Server) handler(closing context.Context, c Config) http.Handler {
	doors := &doors{engine: s.Engine, identity: c.Identity}
	api := gateway.New(s.Engine, gateway.Config{
		Identity: c.Identity, BaseURL: s.URL, Logger: c.Log, TempDir: filepath.Join(c.DataDir, "tmp"),
		FrontDoor: func(t gateway.URLTarget) http.Handler {
			return server.NewFrontDoor(server.FrontDoorConfig{Invoker: s.Engine, Function: t.Function, Identity: c.Identity, Stream: t.Stream, CORS: t.CORS})
		},
	})
	own := endWith(closing, remote.Handler(s.Engine))
	admin := remote.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/apis/") || strings.HasPrefix(r.URL.Path, "/lambkin/") {
			own.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}), c.AllowHosts...)
	public := remote.GuardHost(api, c.AllowHosts...) // function URLs made with the AWS API
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ref, prefix, found := doors.find(r)
		switch {
		case found:
			remote.GuardHost(doors.of(ref, prefix), c.AllowHosts...).ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, urlPath) || strings.Contains(r.Host, ".lambda-url."):
			public.ServeHTTP(w, r)
		default:
			admin.ServeHTTP(w, r)
		}
	})
}

// endWith ends the context of requests when closing ends.
func endWith(closing context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(closing, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Failed gives the error that ended serving before Close.
func (s *Server) Failed() <-chan error { return s.served }

// Close takes no new requests, lets those that run come to their end until ctx ends, and lets go of the data.
func (s *Server) Close(ctx context.Context) error {
	s.closing()
	stopped := s.http.Shutdown(ctx)
	if stopped != nil {
		stopped = s.http.Close() // those that remain had their time
	}
	if stopped != nil {
		stopped = fmt.Errorf("end the connections: %w", stopped)
	}
	if err := s.local.Close(ctx); err != nil {
		stopped = errors.Join(fmt.Errorf("close the engine: %w", err), stopped)
	}
	if err := s.tracer.Stop(ctx); err != nil {
		stopped = errors.Join(fmt.Errorf("send the last spans: %w", err), stopped)
	}
	return stopped
}
