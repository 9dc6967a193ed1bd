package server

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// FrontDoorConfig says whose door it is and how callers are understood. Invoker and Function are needed; the zero value
// of everything else works.
type FrontDoorConfig struct {
	// Invoker runs the function.
	Invoker lambda.Invoker
	// Function is the function behind the door. Its name is what Invoke calls must name; with its qualifier it is what
	// HTTP requests and CloudEvents invoke.
	Function lambda.Reference
	// Identity completes the function's ARN.
	Identity lambda.Identity
	// Format is how HTTP requests become events and answers responses.
	Format event.Format
	// Stream sends answers to HTTP requests as they are produced (the invoke mode RESPONSE_STREAM).
	Stream bool
	// Reply is how answers to CloudEvents go back; by default not at all.
	Reply event.Reply
	// Sink, if not nil, takes the answers to HTTP requests and CloudEvents; callers learn only whether it did.
	Sink *Sink
	// CORS, if not nil, answers browsers as a function URL does.
	CORS *event.CORS
	// TrustForwarded says that only proxies of ours reach this door, so that X-Forwarded-* headers are true.
	TrustForwarded bool
	// MaxRequest is the largest body of an HTTP request or CloudEvent in bytes; 0 is Lambda's limit.
	MaxRequest int64
	// Body bounds how long request bodies may take.
	Body awshttp.BodyReader
	// WriteTimeout is how long a caller may leave an answer unread; 0 is 30 seconds.
	WriteTimeout time.Duration
	// Log is told what callers may not see of a failure; nil tells nobody.
	Log *slog.Logger
	// Now is the clock of events; nil is time.Now.
	Now func() time.Time
}

// FrontDoor is what callers of one function see: the Invoke and InvokeWithResponseStream operations of the Lambda API
// on their own paths, and on every other path and method a CloudEvent if the headers say so, else an HTTP request.
//
// It bounds the size of requests and the time of their bodies and of reading its answers. The time of their headers is
// the http.Server's to bound: whoever owns it sets ReadHeaderTimeout.
type FrontDoor struct {
	cfg    FrontDoorConfig
	ops    *awshttp.Operations
	router *mux.Router
	// invokePath is the path of nearly every Invoke call. It is compared before the router is asked, which costs more
	// than all the rest of such a call.
	invokePath string
	plain      lambda.Reference
}

// NewFrontDoor makes the door of cfg.Function.
func NewFrontDoor(cfg FrontDoorConfig) *FrontDoor {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sink != nil {
		cfg.Stream = false // a sink takes whole answers
		cfg.Reply = cfg.Sink.reply(cfg.Reply)
	}
	if cfg.MaxRequest <= 0 {
		cfg.MaxRequest = lambda.MaxRequestPayload
	}
	d := &FrontDoor{
		cfg:        cfg,
		ops:        &awshttp.Operations{Invoker: cfg.Invoker, Body: cfg.Body, WriteTimeout: cfg.WriteTimeout, Log: cfg.Log},
		router:     mux.NewRouter().UseEncodedPath().SkipClean(true),
		invokePath: "/2015-03-31/functions/" + string(cfg.Function.Name) + "/invocations",
		plain:      lambda.Reference{Partition: "aws", Name: cfg.Function.Name},
	}
	d.router.Path("/2015-03-31/functions/{FunctionName}/invocations").Methods(http.MethodPost).HandlerFunc(d.operation((*awshttp.Operations).Invoke))
	d.router.Methods(http.MethodPost).Path("/2021-11-15/functions/{FunctionName}/response-streaming-invocations").
		HandlerFunc(d.operation((*awshttp.Operations).InvokeWithResponseStream))
	d.router.NotFoundHandler = http.HandlerFunc(d.request)
	d.router.MethodNotAllowedHandler = d.router.NotFoundHandler
	return d
}

// ServeHTTP answers one caller.
func (d *FrontDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.RawQuery == "" && r.URL.RawPath == "" && r.URL.Path == d.invokePath {
		d.operations(w, r).Invoke(w, r, d.plain)
		return
	}
	d.router.ServeHTTP(w, r)
}

// operations are those for one request. Gateways and the queue of events carry more than the Lambda API has a place for;
// since everybody may call here, nobody is believed to be a Cognito identity.
func (d *FrontDoor) operations(w http.ResponseWriter, r *http.Request) *awshttp.Operations {
	if awshttp.Carries(r.Header) {
		return d.ops.Carrying(w, r, false)
	}
	return d.ops
}

// operation serves an operation of the Lambda API for the function that the path names, if it is ours.
func (d *FrontDoor) operation(serve func(*awshttp.Operations, http.ResponseWriter, *http.Request, lambda.Reference)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fn, err := awshttp.ParseTarget(mux.Vars(r)["FunctionName"], r)
		if err == nil {
			err = d.ours(fn)
		}
		if err != nil {
			awshttp.Refuse(d.cfg.Log, w, err)
			return
		}
		serve(d.operations(w, r), w, r, fn)
	}
}

// ours says whether a caller means the function behind this door. Any qualifier will do: which version stands behind
// an alias was decided before the request came here.
func (d *FrontDoor) ours(fn lambda.Reference) error {
	if fn.Region != "" && d.cfg.Identity.Region != "" && fn.Region != d.cfg.Identity.Region {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Functions from '%s' are not reachable in this region ('%s')", fn.Region, d.cfg.Identity.Region)
	}
	sameAccount := fn.Account == "" || fn.Account == d.cfg.Identity.Account
	if fn.Name == d.cfg.Function.Name && sameAccount {
		return nil
	}
	if fn.Qualifier == "" {
		fn.Qualifier = lambda.LatestVersion
	}
	return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", fn.ARN(d.cfg.Identity))
}

// request serves whatever is not an operation of the Lambda API.
func (d *FrontDoor) request(w http.ResponseWriter, r *http.Request) {
	if d.cfg.CORS != nil {
		if resp, ok := d.cfg.CORS.Preflight(r.Method, r.Header); ok {
			d.write(w, r, resp)
			return
		}
	}
	body, err := d.cfg.Body.Read(w, r, d.cfg.MaxRequest)
	if err != nil {
		awshttp.Refuse(d.cfg.Log, w, bodyError(err, d.cfg.MaxRequest))
		return
	}
	if enc := event.Detect(r.Header); enc != event.EncodingNone {
		d.cloudEvents(w, r, enc, body)
		return
	}
	d.httpRequest(w, r, body)
}

// invocation is one call of the function, under the trace that the request belongs to.
func (d *FrontDoor) invocation(w http.ResponseWriter, r *http.Request) *lambda.Invocation {
	trace := event.TraceOf(r.Header, d.cfg.Now(), rand.Reader)
	w.Header()[event.TraceHeader] = []string{trace}
	return &lambda.Invocation{ID: awshttp.RequestID(w), Function: d.cfg.Function, Trace: trace, TraceStarted: !event.HasTrace(r.Header)}
}

// answer sends what a function's answer means to the caller, or to the sink if there is one.
func (d *FrontDoor) answer(w http.ResponseWriter, r *http.Request, resp event.Response) {
	if d.cfg.Sink != nil {
		var err error
		if resp, err = d.cfg.Sink.deliver(r.Context(), resp); err != nil && d.cfg.Log != nil {
			d.cfg.Log.Error("answer not delivered", "requestId", awshttp.RequestID(w), "error", err)
		}
	}
	d.write(w, r, resp)
}

// write sends a response, with CORS headers over the function's own.
func (d *FrontDoor) write(w http.ResponseWriter, r *http.Request, resp event.Response) {
	d.head(w, r, resp)
	if allowsBody(resp.Status) {
		awshttp.WriteBody(w, resp.Body, d.cfg.WriteTimeout)
	}
}
