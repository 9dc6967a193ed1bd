package gateway

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// Config is what a gateway needs besides its engine. Only Identity is required.
type Config struct {
	// Identity is the account and region that functions have in ARNs.
	Identity lambda.Identity
	// BaseURL is where callers reach the gateway, without a slash at the end, for the URLs in its replies. Empty means
	// the host that each request names.
	BaseURL string
	// BasePath comes after the host where BaseURL is empty: what was taken off the requests' paths before they came here.
	BasePath string
	// URLDomain makes function URLs of the form http://ID.lambda-url.REGION.URLDomain/ instead of BaseURL/_url/ID/.
	// Both forms are served. It may carry a port.
	URLDomain string
	// AwaitURL is how long the reply about a new function URL waits for an engine that gives it an address of its own.
	AwaitURL time.Duration
	// FrontDoor makes the handler that turns plain HTTP requests into a function's events; without it function URLs
	// answer that they are not served here.
	FrontDoor func(URLTarget) http.Handler
	// Authenticator finds out who sends a request, unless its context says so already; nil lets everybody do everything,
	// but call function URLs for signed requests nobody.
	Authenticator Authenticator
	// Clock gives the time; time.Now if nil.
	Clock func() time.Time
	// Logger takes what callers must not see; nil discards it.
	Logger *slog.Logger
	// DownloadKey signs the addresses under which code is downloaded. Gateways that share a load balancer need the same
	// one; a random one is made if it is empty.
	DownloadKey []byte
	// Buckets is where code comes from that requests name by bucket and key; nil refuses such requests.
	Buckets *bucket.Store
	// Volumes says that functions can mount volume claims, which access points of file systems then are.
	Volumes bool
	// Concurrency is the account's limit of concurrent executions, 1000 if zero. Reserved concurrency is taken from it.
	Concurrency int32
	// Reach says why nothing can be sent to a queue, a topic or an event bus, by its ARN; nil: nothing can to any.
	Reach func(arn string) error
	// Audit gets a line for every operation but invocations, whatever became of it; nil discards them.
	Audit *slog.Logger
	// TempDir is where large uploads wait until they are checked; the system's own if empty.
	TempDir string
}

// gateway answers requests. Its state is in the engine but for the index of function URLs, which can be made anew.
type gateway struct {
	Config

	engine engine.Engine
	invoke awshttp.Operations
	bodies awshttp.BodyReader
	urls   urlIndex
	// policyTurn has room for the one change of a policy that is under way.
	policyTurn chan struct{}

	replays signature.Replays
	demands map[string]demand // of each operation
}

// New makes the HTTP handler of the Lambda API for an engine.
func New(e engine.Engine, c Config) http.Handler {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Audit == nil {
		c.Audit = slog.New(slog.DiscardHandler)
	}
	if len(c.DownloadKey) == 0 {
		c.DownloadKey = []byte(rand.Text())
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	g := &gateway{Config: c, engine: e, policyTurn: make(chan struct{}, 1), demands: demands()}
	g.invoke = g.invokeOperations()
	return g.guard(g.route(g.authenticate(g.router())))
}

// defaultConcurrency is the limit of concurrent executions of a new AWS account.
const defaultConcurrency = 1000

// router finds the operation of a request.
func (g *gateway) router() http.Handler {
	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	handlers := g.handlers()
	for _, op := range ordered(operations()) {
		route := r.NewRoute().Methods(op.method).Path(op.path + "{slash:/?}")
		if key, value, ok := strings.Cut(op.query, "="); ok {
			route = route.Queries(key, value)
		}
		route.Handler(g.operation(op, handlers[op.name]))
	}
	r.NewRoute().Methods(http.MethodGet, http.MethodHead).Path(downloadPath + "{Token}").HandlerFunc(g.download)
	r.NotFoundHandler = http.HandlerFunc(unknownOperation)
	r.MethodNotAllowedHandler = http.HandlerFunc(unknownOperation)
	return r
}

// unknownOperation answers requests that are no operation of the API.
func unknownOperation(w http.ResponseWriter, r *http.Request) {
	awshttp.WriteError(w, lambda.Errorf(lambda.CodeUnknownOperation, "No operation of the Lambda API has this method and path. "+
		"Check the endpoint: it must end before the date of the path, such as /2015-03-31/functions."))
}

// guard gives every reply a request id and turns a panic into the reply of a broken service.
func (g *gateway) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := awshttp.RequestID(w)
		out := &watched{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			g.Logger.ErrorContext(r.Context(), "request failed with a panic", "requestId", id, "method", r.Method,
				"path", r.URL.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			if out.started {
				panic(http.ErrAbortHandler) // half a reply must not look like a whole one
			}
			awshttp.WriteError(w, lambda.Errorf(lambda.CodeService, "An error occurred and the request cannot be processed."))
		}()
		next.ServeHTTP(out, r)
	})
}

// watched knows whether a reply has begun.
type watched struct {
	http.ResponseWriter

	started bool
	status  int
}

// WriteHeader begins the reply.
func (w *watched) WriteHeader(status int) {
	w.started, w.status = true, status
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the reply if it has not begun.
func (w *watched) Write(p []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(p) //nolint:wrapcheck // it stands for the writer
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
