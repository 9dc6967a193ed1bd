package host

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
	"github.com/lambkin-dev/lambkin/runtime-api/tracing"
)

const (
	planePath      = "/lambkin/"
	namespacesPath = "/namespaces/"
	healthPath     = "/_lambkin/healthz"
	readyPath      = "/_lambkin/readyz"
	// defaultNamespace is where the Lambda API is without a namespace in the path.
	defaultNamespace = "default"
	// maxAPIs bounds for how many namespaces handlers of the Lambda API are kept.
	maxAPIs = 1000
)

// gatewayNames are the names that the gateway has within its cluster. Nobody outside can make one of them point elsewhere.
func gatewayNames(domain string) []string {
	if domain == "" {
		domain = "cluster.local"
	}
	inNamespace := platform.GatewayService + "." + platform.Namespace
	return []string{platform.GatewayService, inNamespace, inNamespace + ".svc", inNamespace + ".svc." + domain}
}

// engines makes the engine of a namespace. A direct one finds what its caller has just written and only that; the other
// one is for many calls.
type engines func(namespace string, code engine.Code, direct bool) engine.Engine

// gate is the gateway's HTTP handler. What it does follows from the operator's configuration, which may change.
//
// It has no passwords yet. Code and invocations are reached through the API server, which lets pass who may use the
// gateway's service proxy, but also by every pod of the cluster; they give such a pod nothing that it could not have
// otherwise: functions' cluster-local addresses are open to it, and code is named by a digest that it has to know. The
// Lambda API, which can change everything, is off unless the operator wants it so.
type gate struct {
	log        *slog.Logger
	tempDir    string
	buckets    *bucket.Store
	allowHosts []string
	synced     func() bool
	engines    func(knative.Settings) engines

	current atomic.Pointer[configured]
	leaving atomic.Bool
	tracer  atomic.Pointer[tracing.Tracer] // nil before the first configuration
}

// configured is the gateway under one configuration.
type configured struct {
	gate     *gate
	settings knative.Settings
	engine   engines
	registry *image.Registry
	tracer   *tracing.Tracer
	handler  http.Handler

	mu   sync.Mutex
	apis map[string]http.Handler // of the Lambda API, by namespace
}

// configure takes over a configuration. Requests that run go on under the one before.
func (g *gate) configure(s knative.Settings) {
	if c := g.current.Load(); c != nil && reflect.DeepEqual(c.settings, s) {
		return // something else of the ConfigMap has changed
	}
	if g.tracer.Load() == nil {
		g.tracer.Store(trace(s.Identity.Lambda(), g.log))
	}
	c := &configured{gate: g, settings: s, engine: g.engines(s), registry: newRegistry(s.Registry), tracer: g.tracer.Load()}
	c.handler = c.tracer.Handler(c.routes())
	g.current.Store(c)
	g.log.Info("configured", "registry", s.Registry.Prefix, "awsAPI", s.AWSAPI.AllowUnsigned)
}

// ServeHTTP answers one request.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case healthPath:
		w.WriteHeader(http.StatusOK)
		return
	case readyPath:
		g.tellReady(w)
		return
	}
	c := g.current.Load()
	if c == nil {
		awshttp.WriteError(w, &lambda.Error{Code: lambda.CodeServiceUnavailable, RetryAfter: registryRetry,
			Message: "The gateway has not read its configuration yet: the ConfigMap " + platform.Namespace + "/" + platform.ConfigMap + "."})
		return
	}
	c.handler.ServeHTTP(w, r)
}

// tellReady says whether requests may be sent here, and if not why.
func (g *gate) tellReady(w http.ResponseWriter) {
	reason := ""
	switch {
	case g.leaving.Load():
		reason = "leaving"
	case g.current.Load() == nil:
		reason = "ConfigMap " + platform.Namespace + "/" + platform.ConfigMap + " has not been read"
	case !g.synced():
		reason = "functions have not been read"
	}
	if reason != "" {
		http.Error(w, reason, http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (g *gate) close(ctx context.Context) error { return stopTrace(ctx, g.tracer.Load()) }

// routes finds the door of a request.
func (c *configured) routes() http.Handler {
	plane := remote.GuardOrigin(remote.PlaneHandler(c.plane, c.gate.log))
	api := remote.Guard(http.HandlerFunc(c.api), c.gate.allowHosts...)
	if !c.settings.AWSAPI.AllowUnsigned {
		api = http.HandlerFunc(refuseUnsigned)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, planePath) {
			plane.ServeHTTP(w, r) // under any name: behind the API server's proxy it is that server's
			return
		}
		api.ServeHTTP(w, r)
	})
}

// plane gives code and invocations of a namespace.
func (c *configured) plane(namespace string) (remote.Plane, error) {
	if err := checkNamespace(namespace); err != nil {
		return nil, err
	}
	return c.open(namespace, true), nil
}

// open makes the engine of a namespace.
func (c *configured) open(namespace string, direct bool) engine.Engine {
	e := c.engine(namespace, codeIn(c.registry, c.settings.Registry, namespace, c.gate.tempDir), direct)
	return tracedEngine{Engine: e, invoker: c.tracer.Invoker(e)}
}

// checkNamespace refuses what is no namespace: it becomes a part of paths.
func checkNamespace(namespace string) error {
	if faults := validation.IsDNS1123Label(namespace); len(faults) > 0 {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "namespace %q: %s", namespace, strings.Join(faults, "; "))
	}
	return nil
}

// refuseUnsigned answers for the Lambda API where it is off.
func refuseUnsigned(w http.ResponseWriter, _ *http.Request) {
	awshttp.WriteError(w, lambda.Errorf(lambda.CodeAccessDenied, "The Lambda API is off in this cluster: its gateway does not check signatures yet, so it "+
		"would let everybody in who reaches it. Use lambkin or kubectl, which need no such permission, or have the operator set awsAPI.allowUnsigned in "+
		"%s of the ConfigMap %s/%s.", platform.Key, platform.Namespace, platform.ConfigMap))
}

// api serves the Lambda API of the namespace that the path names.
func (c *configured) api(w http.ResponseWriter, r *http.Request) {
	namespace, prefix := defaultNamespace, ""
	if rest, found := strings.CutPrefix(r.URL.Path, namespacesPath); found {
		namespace, _, _ = strings.Cut(rest, "/")
		prefix = namespacesPath + namespace
	}
	if err := checkNamespace(namespace); err != nil {
		awshttp.WriteError(w, err)
		return
	}
	c.apiOf(namespace, prefix).ServeHTTP(w, awshttp.WithoutPrefix(r, prefix))
}

// apiOf keeps the handlers that it makes. Those of the namespace default under its two addresses are two.
func (c *configured) apiOf(namespace, prefix string) http.Handler {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.apis[prefix]; known != nil {
		return known
	}
	if c.apis == nil || len(c.apis) >= maxAPIs {
		c.apis = make(map[string]http.Handler)
	}
	e := c.open(namespace, false)
	identity := c.settings.Identity.Lambda()
	c.apis[prefix] = gateway.New(e, gateway.Config{
		Identity: identity, BasePath: prefix, Logger: c.gate.log, TempDir: c.gate.tempDir, Buckets: c.gate.buckets, Volumes: true,
		// All replicas must know it. It need not be a secret: what it protects can be had by its digest, see above.
		DownloadKey: []byte(c.settings.UID + namespace),
		Reach:       c.settings.Destinations.Messaging().Check,
		FrontDoor: func(t gateway.URLTarget) http.Handler {
			return server.NewFrontDoor(server.FrontDoorConfig{Invoker: e, Function: t.Function, Identity: identity, Stream: t.Stream, CORS: t.CORS})
		},
	})
	return c.apis[prefix]
}
