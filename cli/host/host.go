// Package host is what `lambkin serve` serves: an engine with all its doors behind one address.
//
// On one machine ([Start]) the engine is the local one, and requests find their door by host and path:
//
//	FUNCTION.localhost, QUALIFIER.FUNCTION.localhost   the function's front door (plain HTTP, CloudEvents)
//	/_url/FUNCTION[:QUALIFIER]/…                       the same, for clients that cannot resolve such names
//	/apis/…, /lambkin/…                                objects, code and logs for lambkin itself (package remote)
//	everything else                                    the AWS Lambda API (package gateway)
//
// In a cluster ([StartCluster]) it is the gateway, and the engine is the cluster:
//
//	/lambkin/v1/namespaces/NAMESPACE/…   code and invocations for lambkin itself (package remote)
//	/namespaces/NAMESPACE/…              the AWS Lambda API of a namespace, if the operator allows it
//	/_lambkin/healthz, /_lambkin/readyz  for the kubelet
//	everything else                      the AWS Lambda API of the namespace default, same
//
// The local engine runs this very program again, to build sandboxes and for the runtimes exec and go1.x: its main must begin
// with [process.MaybeHelper] and [runner.MaybeRun].
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/signature"
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
	// Buckets is where code comes from that the Lambda API names by bucket and key; nil refuses it.
	Buckets *bucket.Store
	// Messages sends records to queues, topics and event buses; nil: nobody may name one as a destination.
	Messages *messaging.Client
	// NoAuth serves everybody who reaches the server, without asking who it is. It is refused but on the loopback address.
	NoAuth bool
	// URLDomain makes function URLs of the form ID.lambda-url.REGION.URLDomain; see [gateway.Config].
	URLDomain string
	// TLS serves HTTPS with a certificate and its key; see [TLSFiles].
	TLS TLSFiles
	// Log takes what the server has to say; nil discards it.
	Log *slog.Logger
	// Audit gets a line for every operation; nil discards them.
	Audit *slog.Logger
}

// Server is a running server.
type Server struct {
	// URL is where it is reached.
	URL string
	// SecureURL is where HTTPS is served beside URL; empty if it is nowhere.
	SecureURL string
	// Engine is what is behind it.
	Engine engine.Engine
	// Credentials is the path of a file in the form of AWS's shared credentials file with a key that may do everything. It is
	// empty if nobody is asked for one.
	Credentials string
	// Sandbox says why functions do not see /var/task, /opt and a /tmp of their own; nil if they do.
	Sandbox error

	local   *local.Engine
	tracer  *tracing.Tracer // nil if nobody takes spans
	serving *serving
	closing context.CancelFunc
}

// Start opens the data and begins to serve. The caller must Close the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Audit == nil {
		c.Audit = slog.New(slog.DiscardHandler)
	}
	serving, err := listen(ctx, c.Addr, c.TLS, c.Log)
	if err != nil {
		return nil, err
	}
	if c.NoAuth && !serving.loopback() {
		return nil, errors.Join(ErrOpen, serving.drop())
	}
	s := &Server{URL: serving.url, SecureURL: serving.secureURL(), Sandbox: process.Supports().Sandbox, serving: serving}
	s.local, err = local.Open(ctx, s.engineConfig(c))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the data in %q: %w", c.DataDir, err), serving.drop())
	}
	if !c.NoAuth {
		s.Credentials, err = credentials(c.DataDir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make an access key: %w", err), serving.drop(), s.local.Close(ctx))
	}
	s.tracer = trace(c.Identity, c.Log)
	s.Engine = tracedEngine{Engine: s.local, invoker: s.tracer.Invoker(s.local)}
	closing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.closing = cancel
	serving.begin(s.tracer.Handler(s.handler(closing, c)), c.Log)
	return s, nil
}

// ErrOpen says that a server which asks nobody who he is would be reached from elsewhere.
var ErrOpen = errors.New("without authentication a server may listen on the loopback address only: whoever reaches it can run code as you")

// credentials makes the file of the one who owns the data, and gives its whole path, as it is shown to people who may be
// elsewhere.
func credentials(dir string) (string, error) {
	path, err := access.Admin(dir, newAdmin)
	if err != nil {
		return "", err
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return path, nil //nolint:nilerr // it is right from here
	}
	return whole, nil
}

// newAdmin makes the key of whoever owns the data directory.
func newAdmin() (access.Key, error) {
	full, _ := access.Named(access.PolicyFull)
	return access.New("admin", access.AnyNamespace, full, time.Now())
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
		DataDir: c.DataDir, Identity: c.Identity, Logger: c.Log, Environ: c.Environ, Messages: c.Messages,
		Sandbox: s.Sandbox == nil, Cgroup: cgroup, Program: runner.Self,
		URL: func(fn lambda.Name, qualifier string) string {
			return s.URL + v1alpha1.FunctionURLPath + lambda.Reference{Name: fn, Qualifier: qualifier}.String() + "/"
		},
		FunctionURL: func(u *v1alpha1.FunctionURLConfig) (string, error) {
			if c.NoAuth && u.Spec.AuthType == v1alpha1.AuthTypeIAM {
				return "", v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "authType AWS_IAM: this server asks nobody for a signature, "+
					"so the URL refuses every request; start it without --no-auth, or use NONE")
			}
			return gateway.URLAddress(u, s.URL, c.Identity.Region, c.URLDomain), nil
		},
	}
}

// handler routes requests to their doors. closing ends the logs that are being followed.
func (s *Server) handler(closing context.Context, c Config) http.Handler {
	keys := access.Open(c.DataDir)
	tmp := filepath.Join(c.DataDir, "tmp")
	watch, plane := sentry{audit: c.Audit, replays: new(signature.Replays)}, s.Engine
	if !c.NoAuth {
		watch.auth = &gateway.Signatures{Keys: keys, Identity: c.Identity, TempDir: tmp}
		plane = guarded{Engine: s.Engine, identity: c.Identity}
	}
	api := gateway.New(s.Engine, gateway.Config{
		Identity: c.Identity, BaseURL: s.URL, URLDomain: c.URLDomain, Logger: c.Log, Audit: c.Audit, TempDir: tmp, Authenticator: watch.auth,
		Buckets: c.Buckets, Reach: reach(c.Messages),
		FrontDoor: func(t gateway.URLTarget) http.Handler {
			return server.NewFrontDoor(server.FrontDoorConfig{Invoker: s.Engine, Function: t.Function, Identity: c.Identity, Stream: t.Stream, CORS: t.CORS})
		},
	})
	own := http.NewServeMux()
	own.Handle("/", endWith(closing, remote.Handler(plane)))
	own.Handle(keysPath, keyDesk{keys, c.Identity.Account}.handler())
	own.Handle(keysPath+"/", keyDesk{keys, c.Identity.Account}.handler())
	return s.doorOf(c, &doors{engine: s.Engine, identity: c.Identity, sentry: watch}, watch.require(own), api)
}

// doorOf finds the door of a request: a function's, lambkin's own or that of the Lambda API.
func (s *Server) doorOf(c Config, doors *doors, own, api http.Handler) http.Handler {
	admin := remote.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/apis/") || strings.HasPrefix(r.URL.Path, planePath) {
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
		case gateway.HostedURL(r.Host, c.Identity.Region, c.URLDomain) != "":
			api.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, v1alpha1.FunctionURLPath) || strings.Contains(r.Host, ".lambda-url."):
			public.ServeHTTP(w, r)
		default:
			admin.ServeHTTP(w, r)
		}
	})
}

// reach says where records can be sent to.
func reach(m *messaging.Client) func(arn string) error {
	if m == nil {
		return nil
	}
	return func(arn string) error { return m.Endpoints().Check(arn) }
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
func (s *Server) Failed() <-chan error { return s.serving.failed }

// Close takes no new requests, lets those that run come to their end until ctx ends, and lets go of the data.
func (s *Server) Close(ctx context.Context) error {
	s.closing()
	stopped := s.serving.end(ctx)
	if err := s.local.Close(ctx); err != nil {
		stopped = errors.Join(fmt.Errorf("close the engine: %w", err), stopped)
	}
	return errors.Join(stopTrace(ctx, s.tracer), stopped)
}
