package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

// The paths of the two calls that every invocation makes.
const (
	pathNext       = "/2018-06-01/runtime/invocation/next"
	pathInvocation = "/2018-06-01/runtime/invocation/"
)

// API is what the processes of one execution environment speak to: the Runtime API 2018-06-01, the Extensions API
// 2020-01-01, the Telemetry API 2022-07-01 and the Logs API 2020-08-15.
type API struct {
	// Session is the conversation with the runtime.
	Session *invoke.Session
	// Registry keeps the environment's extensions.
	Registry *extension.Registry
	// Bus takes telemetry subscriptions.
	Bus *telemetry.Bus
	// NoExtensions closes the Extensions, Telemetry and Logs APIs.
	NoExtensions bool
	// Identity completes the ARNs of functions that callers named without one.
	Identity lambda.Identity
}

// Handler gives the API as an http.Handler. Serve uses it for all that is not on the path of every invocation.
func (a *API) Handler() http.Handler {
	r := mux.NewRouter().UseEncodedPath()
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	r.Path("/2018-06-01/ping").Methods(http.MethodGet).HandlerFunc(ping)
	r.Path(pathNext).Methods(http.MethodGet).HandlerFunc(a.next)
	r.Path(pathInvocation + "{id}/response").Methods(http.MethodPost).HandlerFunc(a.answer((*invoke.Session).Respond))
	r.Path(pathInvocation + "{id}/error").Methods(http.MethodPost).HandlerFunc(a.answer((*invoke.Session).Fail))
	r.Path("/2018-06-01/runtime/init/error").Methods(http.MethodPost).HandlerFunc(a.initReport((*invoke.Session).InitError))
	r.Path("/2018-06-01/runtime/restore/error").Methods(http.MethodPost).HandlerFunc(a.initReport((*invoke.Session).RestoreError))
	r.Path("/2018-06-01/runtime/restore/next").Methods(http.MethodGet).HandlerFunc(a.restoreNext)
	if !a.NoExtensions {
		extensionRoutes(r, a.Registry)
		telemetryRoutes(r, a.Bus, a.Registry)
	}
	return r
}

func ping(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "pong") // the caller has gone otherwise
}

// next blocks until there is an event. A poller that hangs up loses nothing.
func (a *API) next(w http.ResponseWriter, r *http.Request) {
	t, err := a.Session.Next(r.Context(), func() bool { return r.Context().Err() == nil })
	if err != nil {
		refuse(w, err)
		return
	}
	for _, h := range a.nextHeaders(t) {
		w.Header().Set(h.name, h.value)
	}
	payload := eventOf(t)
	w.Header().Set("Content-Length", strconv.Itoa(len(payload)))
	if _, err := w.Write(payload); err != nil {
		a.Session.Undelivered(t)
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		a.Session.Undelivered(t)
	}
}

// eventOf is the event as the runtime gets it: an empty payload reaches functions as an empty object.
func eventOf(t *invoke.Task) []byte {
	if len(t.In.Payload) == 0 {
		return []byte("{}")
	}
	return t.In.Payload
}

// header is one line of a reply's head.
type header struct{ name, value string }

// nextHeaders are the headers of an event, each only if there is something to say. Content-Type is exactly this for
// every event: runtime clients parse JSON for no other value.
func (a *API) nextHeaders(t *invoke.Task) []header {
	in := t.In
	hs := make([]header, 0, 9)
	hs = append(hs,
		header{"Content-Type", "application/json"},
		header{"Lambda-Runtime-Aws-Request-Id", in.ID},
		header{"Lambda-Runtime-Deadline-Ms", strconv.FormatInt(t.Deadline().UnixMilli(), 10)},
		header{"Lambda-Runtime-Invoked-Function-Arn", in.Function.ARN(a.Identity)},
	)
	for _, h := range [...]header{
		{"Lambda-Runtime-Trace-Id", in.Trace},
		{"Lambda-Runtime-Client-Context", in.ClientContext},
		{"Lambda-Runtime-Cognito-Identity", in.CognitoIdentity},
		{"Lambda-Runtime-Aws-Tenant-Id", in.TenantID},
		{"Lambda-Runtime-Cloudevents-Context", in.CloudEvent},
	} {
		if h.value != "" {
			hs = append(hs, header{h.name, oneLine(h.value)})
		}
	}
	return hs
}

// oneLine makes a value fit for a header line. Line breaks only ever stand between tokens of the JSON that is sent this
// way, where a space means the same.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n\x00") {
		return s
	}
	return strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(s)
}

// answer takes a result or an error of an invocation.
func (a *API) answer(take func(*invoke.Session, string, invoke.Answer) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := take(a.Session, mux.Vars(r)["id"], answerOf(r)); err != nil {
			refuse(w, err)
			return
		}
		writeStatus(w, http.StatusAccepted)
	}
}

func (a *API) initReport(take func(*invoke.Session, invoke.Answer) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := take(a.Session, answerOf(r)); err != nil {
			refuse(w, err)
			return
		}
		writeStatus(w, http.StatusAccepted)
	}
}

func (a *API) restoreNext(w http.ResponseWriter, _ *http.Request) {
	if err := a.Session.RestoreNext(); err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func answerOf(r *http.Request) invoke.Answer {
	ans := invoke.Answer{
		ContentType: r.Header.Get("Content-Type"),
		ErrorType:   r.Header.Get("Lambda-Runtime-Function-Error-Type"),
		Body:        r.Body,
		Size:        r.ContentLength,
		Trailer:     func(name string) string { return r.Trailer.Get(name) },
	}
	if mode, ok := r.Header[headerResponseMode]; ok {
		ans.Mode = &mode[0]
	}
	return ans
}

// headerResponseMode is the canonical form of Lambda-Runtime-Function-Response-Mode.
const headerResponseMode = "Lambda-Runtime-Function-Response-Mode"

// refuse writes what a session refused.
func refuse(w http.ResponseWriter, err error) {
	refusal := new(invoke.Error)
	switch {
	case errors.As(err, &refusal) && refusal.Type == "":
		http.Error(w, "404 page not found", refusal.Status)
	case errors.As(err, &refusal):
		writeError(w, refusal.Status, refusal.Type, refusal.Message)
	case errors.Is(err, invoke.ErrClosed), errors.Is(err, context.Canceled):
		// The environment is going away or the poller has gone: a cut connection says so, an answer would not.
		panic(http.ErrAbortHandler)
	default:
		writeError(w, http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
	}
}
