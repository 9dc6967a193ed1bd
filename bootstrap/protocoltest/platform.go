package protocoltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxBody bounds what the platform reads of an answer, well above any limit that a case is about.
const maxBody = 64 << 20

// Event is what the platform hands to a client.
type Event struct {
	ID      string
	Payload string
	// Header holds further Lambda-Runtime-* headers.
	Header map[string]string
	// Timeout is how far away the deadline is; a minute if it is 0.
	Timeout time.Duration
	// Reply is the status that the client's answer gets, 202 if it is 0.
	Reply int
}

// Outcome is a POST as it came from the client.
type Outcome struct {
	// Path is the part behind the request id: "response" or "error"; "init/error" for a failed init.
	Path    string
	Header  http.Header
	Trailer http.Header
	Body    []byte
	// Status is what the client was answered.
	Status int
}

// ErrorDocument is the error that the outcome's body holds.
func (o Outcome) ErrorDocument(t *testing.T) map[string]any {
	t.Helper()
	document := map[string]any{}
	if err := json.Unmarshal(o.Body, &document); err != nil {
		t.Fatalf("%s: body %.200q is no error document: %v", o.Path, o.Body, err)
	}
	return document
}

// Platform is a Runtime API that does exactly what a case says and records what comes over the wire. It is as strict as
// the real one where a client could get it wrong: ids must be known, an invocation is answered once, 413 for too much.
type Platform struct {
	server *httptest.Server
	events chan *delivery
	inits  chan Outcome

	mu      sync.Mutex
	running map[string]*delivery
	calls   []string // method and path of every request, in order
}

type delivery struct {
	event   Event
	outcome chan Outcome
}

// NewPlatform starts a platform on a port of its own, until the test ends.
func NewPlatform(t *testing.T) *Platform {
	t.Helper()
	p := &Platform{
		events:  make(chan *delivery),
		inits:   make(chan Outcome, 16),
		running: map[string]*delivery{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{kind}", p.answer)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", p.initError)
	p.server = httptest.NewServer(p.record(mux))
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// Address is the value for AWS_LAMBDA_RUNTIME_API.
func (p *Platform) Address() string { return strings.TrimPrefix(p.server.URL, "http://") }

// Invoke hands an event to the next poll and waits for the answer.
func (p *Platform) Invoke(ctx context.Context, e Event) (Outcome, error) {
	d, err := p.Hand(ctx, e)
	if err != nil {
		return Outcome{}, err
	}
	return d(ctx)
}

// Hand hands an event to the next poll and gives the function that waits for its answer.
func (p *Platform) Hand(ctx context.Context, e Event) (func(context.Context) (Outcome, error), error) {
	d := &delivery{event: e, outcome: make(chan Outcome, 1)}
	select {
	case p.events <- d:
	case <-ctx.Done():
		return nil, fmt.Errorf("nobody polled for event %q: %w", e.ID, ctx.Err())
	}
	return func(ctx context.Context) (Outcome, error) {
		select {
		case o := <-d.outcome:
			return o, nil
		case <-ctx.Done():
			return Outcome{}, fmt.Errorf("event %q was not answered: %w", e.ID, ctx.Err())
		}
	}, nil
}

// InitError waits for a failed init.
func (p *Platform) InitError(ctx context.Context) (Outcome, error) {
	select {
	case o := <-p.inits:
		return o, nil
	case <-ctx.Done():
		return Outcome{}, fmt.Errorf("no init error came: %w", ctx.Err())
	}
}

// Calls gives method and path of every request so far, in the order in which they came.
func (p *Platform) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}

func (p *Platform) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.calls = append(p.calls, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (p *Platform) next(w http.ResponseWriter, r *http.Request) {
	select {
	case d := <-p.events:
		p.mu.Lock()
		p.running[d.event.ID] = d
		p.mu.Unlock()
		maps.Copy(w.Header(), headers(d.event))
		_, _ = io.WriteString(w, d.event.Payload) // a client that is gone shows in the outcome
	case <-r.Context().Done():
	}
}

func headers(e Event) http.Header {
	timeout := e.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", e.ID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", FunctionARN)
	for name, value := range e.Header {
		h.Set(name, value)
	}
	return h
}

func (p *Platform) answer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	d, ok := p.running[r.PathValue("id")]
	delete(p.running, r.PathValue("id"))
	p.mu.Unlock()
	if !ok {
		reply(w, http.StatusBadRequest, "InvalidRequestID")
		return
	}
	o := outcome(r, r.PathValue("kind"))
	o.Status = d.event.Reply
	if o.Status == 0 {
		o.Status = http.StatusAccepted
	}
	if len(o.Body) > lambda.MaxResponsePayload {
		o.Status = http.StatusRequestEntityTooLarge
	}
	reply(w, o.Status, "Refused")
	d.outcome <- o
}

func (p *Platform) initError(w http.ResponseWriter, r *http.Request) {
	o := outcome(r, "init/error")
	reply(w, http.StatusAccepted, "")
	p.inits <- o
}

// outcome reads a request to its end: trailers come behind the body.
func outcome(r *http.Request, path string) Outcome {
	var body bytes.Buffer
	_, err := body.ReadFrom(io.LimitReader(r.Body, maxBody))
	if err != nil {
		path += " (truncated)"
	}
	return Outcome{Path: path, Header: r.Header, Trailer: r.Trailer, Body: body.Bytes()}
}

func reply(w http.ResponseWriter, status int, errorType string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status == http.StatusAccepted {
		_, _ = io.WriteString(w, "{\"status\":\"OK\"}\n")
		return
	}
	_, _ = fmt.Fprintf(w, "{\"errorMessage\":\"refused by the test\",\"errorType\":%q}\n", errorType)
}
