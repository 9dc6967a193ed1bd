package host

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
	"github.com/lambkin-dev/lambkin/internal/signature"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
	"github.com/lambkin-dev/lambkin/runtime-api/tracing"
)

const (
	planePath  = "/lambkin/"
	healthPath = "/_lambkin/healthz"
	readyPath  = "/_lambkin/readyz"
	// defaultNamespace is where the Lambda API is without a namespace in the path.
	defaultNamespace = "default"
	// urlPatience is how long the controller may take to give a new function URL its address.
	urlPatience = 5 * time.Second
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

// urls finds the namespace that has the function URL of an id; empty if none has.
type urls func(ctx context.Context, id string) (namespace string, err error)

// gate is the gateway's HTTP handler. What it does follows from the operator's configuration, which may change.
//
// Everybody has to say who he is: by the signature of an access key, by the token of a ServiceAccount, or, for code and
// invocations, by a token that only they can make who may run pods in the namespace, because the API server's proxy does not
// say for whom it asks. The operator may open the Lambda API to everybody; the rest stays closed even then.
type gate struct {
	log        *slog.Logger
	tempDir    string
	buckets    *bucket.Store
	allowHosts []string
	audit      *slog.Logger
	urlDomain  string
	synced     func() bool
	engines    func(knative.Settings) engines
	urls       urls
	keys       access.Keys
	reviews    reviews

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

	replays signature.Replays // of the plane

	mu   sync.Mutex
	apis map[place]http.Handler // of the Lambda API
}

// place is where the Lambda API of a namespace is served: prefix is what its paths begin with, which is empty where the key
// says which namespace is meant.
type place struct{ namespace, prefix string }

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
	g.log.Info("configured", "registry", s.Registry.Prefix, "unsigned", s.AWSAPI.AllowUnsigned)
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
	watch := sentry{auth: planeAuth{c}, audit: c.gate.audit, replays: &c.replays}
	plane := remote.GuardOrigin(watch.require(remote.PlaneHandler(c.plane, c.gate.log)))
	api := remote.Guard(http.HandlerFunc(c.api), c.gate.allowHosts...)
	public := remote.GuardHost(http.HandlerFunc(c.api), c.gate.allowHosts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := gateway.HostedURL(r.Host, c.settings.Identity.Region, c.gate.urlDomain)
		switch {
		case id != "":
			c.hosted(w, r, id)
		case strings.HasPrefix(r.URL.Path, planePath):
			plane.ServeHTTP(w, r) // under any name: behind the API server's proxy it is that server's
		case forFunctionURL(r):
			public.ServeHTTP(w, r) // pages of other origins may use it if its policy says so
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// hosted serves a function URL that has a host of its own. One that is not there is refused as any that may not be called.
func (c *configured) hosted(w http.ResponseWriter, r *http.Request, id string) {
	namespace, err := c.gate.urls(r.Context(), id)
	if err != nil {
		awshttp.WriteError(w, err)
		return
	}
	c.apiOf(place{namespace: cmp.Or(namespace, defaultNamespace)}).ServeHTTP(w, r)
}

// placeOf is the place that a path names.
func placeOf(path string) place {
	rest, found := strings.CutPrefix(path, platform.NamespacesPath)
	if !found {
		return place{namespace: defaultNamespace}
	}
	namespace, _, _ := strings.Cut(rest, "/")
	return place{namespace: namespace, prefix: platform.NamespacesPath + namespace}
}

// forFunctionURL reports whether a request is for a function URL, in whatever namespace.
func forFunctionURL(r *http.Request) bool {
	return gateway.ForFunctionURL(r.Host, strings.TrimPrefix(r.URL.Path, placeOf(r.URL.Path).prefix))
}

// plane gives code and invocations of a namespace.
func (c *configured) plane(namespace string) (remote.Plane, error) {
	if err := checkNamespace(namespace); err != nil {
		return nil, err
	}
	return guarded{Engine: c.open(namespace, true), identity: c.settings.Identity.Lambda(), namespace: namespace}, nil
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

// api serves the Lambda API of the namespace that the path names, or else the caller's key.
func (c *configured) api(w http.ResponseWriter, r *http.Request) {
	at := placeOf(r.URL.Path)
	if err := checkNamespace(at.namespace); err != nil {
		awshttp.WriteError(w, err)
		return
	}
	if at.prefix == "" && !c.settings.AWSAPI.AllowUnsigned && !forFunctionURL(r) {
		caller, signed, err := c.authenticator(at.prefix, "").Authenticate(w, r)
		if err != nil {
			awshttp.Refuse(c.gate.log, w, err)
			return
		}
		if caller.Namespace != access.AnyNamespace {
			at.namespace = caller.Namespace
		}
		r = signed.WithContext(access.WithCaller(signed.Context(), caller))
	}
	c.apiOf(at).ServeHTTP(w, awshttp.WithoutPrefix(r, at.prefix))
}

// authenticator finds out who sends requests whose paths begin with prefix: whoever is for the namespace, or for any if that is
// empty.
func (c *configured) authenticator(prefix, namespace string) gateway.Authenticator {
	identity := c.settings.Identity.Lambda()
	signatures := &gateway.Signatures{Keys: c.gate.keys, Identity: identity, TempDir: c.gate.tempDir, Prefix: prefix, Namespace: namespace}
	return apiAuth{signatures: signatures, tokens: tokens{c.gate.reviews, identity}, namespace: namespace}
}

// apiOf keeps the handlers that it makes.
func (c *configured) apiOf(at place) http.Handler {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.apis[at]; known != nil {
		return known
	}
	if c.apis == nil || len(c.apis) >= maxAPIs {
		c.apis = make(map[place]http.Handler)
	}
	e := c.open(at.namespace, false)
	identity := c.settings.Identity.Lambda()
	config := gateway.Config{
		Identity: identity, BasePath: at.prefix, Logger: c.gate.log, Audit: c.gate.audit, TempDir: c.gate.tempDir, URLDomain: c.gate.urlDomain,
		Buckets: c.gate.buckets, Volumes: true, Reach: c.settings.Destinations.Messaging().Check, AwaitURL: urlPatience,
		// All replicas must know it. What it protects is named by its digest, which has to be known besides.
		DownloadKey: []byte(c.settings.UID + at.namespace),
		FrontDoor: func(t gateway.URLTarget) http.Handler {
			return server.NewFrontDoor(server.FrontDoorConfig{Invoker: e, Function: t.Function, Identity: identity, Stream: t.Stream, CORS: t.CORS})
		},
	}
	if at.namespace != defaultNamespace {
		config.BasePath = platform.NamespacesPath + at.namespace // addresses carry no key that would say it
	}
	if !c.settings.AWSAPI.AllowUnsigned {
		config.Authenticator = c.authenticator(at.prefix, at.namespace)
	}
	c.apis[at] = gateway.New(e, config)
	return c.apis[at]
}
