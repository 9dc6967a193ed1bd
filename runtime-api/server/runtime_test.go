package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

// runtimeFixture is a Runtime API on a real port, with its queue.
type runtimeFixture struct {
	*testing.T
	queue   *invoke.Queue
	session *invoke.Session
	addr    string
	stop    context.CancelFunc
	served  chan error // gets what Serve returns
}

func serveRuntime(t *testing.T, opts invoke.Options) *runtimeFixture {
	t.Helper()
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	q := invoke.NewQueue(100)
	f := &runtimeFixture{T: t, queue: q, session: invoke.NewSession(q, opts), addr: ln.Addr().String(), served: make(chan error, 1)}
	api := &API{
		Session:  f.session,
		Registry: extension.NewRegistry(extension.Info{}, nil),
		Bus:      telemetry.NewBus(false),
		Identity: lambda.Identity{Region: "eu-west-1", Account: "123456789012"},
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	go func() { f.served <- api.Serve(ctx, ln) }()
	t.Cleanup(func() { cancel(); f.session.End(invoke.Exited("", false)) })
	return f
}

// submit puts an invocation into the queue.
func (f *runtimeFixture) submit(in lambda.Invocation) *invoke.Task {
	f.Helper()
	in.Function.Name = "fn"
	t, _, err := f.queue.Submit(context.Background(), &in)
	if err != nil {
		f.Fatal(err)
	}
	return t
}

// running submits an invocation and has the runtime take it.
func (f *runtimeFixture) running(id string) *invoke.Task {
	f.Helper()
	t := f.submit(lambda.Invocation{ID: id})
	if got := f.dial().call(nextRequest); got.Header.Get("Lambda-Runtime-Aws-Request-Id") != id {
		f.Fatalf("next gave %+v, want %q", got, id)
	}
	return t
}

func (f *runtimeFixture) dial() *wire {
	f.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close() })
	return newWire(f.T, conn)
}

const nextRequest = "GET " + pathNext + " HTTP/1.1\r\nHost: x\r\n\r\n"

// wire is a connection on which a test speaks HTTP word by word.
type wire struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func newWire(t *testing.T, conn net.Conn) *wire {
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // a test that would hang fails instead
	return &wire{T: t, Conn: conn, in: bufio.NewReader(conn)}
}

// say sends text; a peer that has closed shows when its answer is read.
func (w *wire) say(text string) { _, _ = io.WriteString(w.Conn, text) }

// heard is what came back.
type heard struct {
	Status int
	Header http.Header
	Body   string
	Close  bool // the connection ends with it
}

// hear reads the next answer that is no interim one.
func (w *wire) hear() heard {
	w.Helper()
	for {
		resp, err := http.ReadResponse(w.in, nil) //nolint:bodyclose // read to its end; the connection goes on
		if err != nil {
			w.Fatalf("read the answer: %v", err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			w.Fatalf("read the answer's body: %v", err)
		}
		if resp.StatusCode != http.StatusContinue {
			return heard{resp.StatusCode, resp.Header, string(body), resp.Close}
		}
	}
}

func (w *wire) call(text string) heard {
	w.Helper()
	w.say(text)
	return w.hear()
}

// ended says that the peer closes the connection without a further word.
func (w *wire) ended() {
	w.Helper()
	if rest, err := io.ReadAll(w.in); len(rest) > 0 || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		w.Errorf("the connection goes on with %q, %v; want it closed", rest, err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// ways are headers that choose who answers: the lean loop, or net/http.
func ways() map[string]string {
	return map[string]string{
		"Lean":      "",
		"Closing":   "Connection: close\r\n",
		"Expecting": "Expect: 100-continue\r\n",
		"Odd":       "X!: 1\r\n",
	}
}

func post(path, headers, body string) func(string) string {
	return func(way string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%s%sContent-Length: %d\r\n\r\n%s", path, way, headers, len(body), body)
	}
}

func chunked(path, headers, body string) func(string) string {
	return func(way string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + way + headers + "Transfer-Encoding: chunked\r\n\r\n" + body
	}
}

func get(path string) func(string) string {
	return func(way string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + way + "\r\n" }
}

const (
	responseA = pathInvocation + "a/response"
	errorA    = pathInvocation + "a/error"
	ok        = `{"status":"OK"}` + "\n"
	jsonType  = "application/json"
	announce  = "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
)

func refused(errorType, message string) string {
	return fmt.Sprintf(`{"errorMessage":%q,"errorType":%q}`+"\n", message, errorType)
}

// TestRuntimeAPI makes each call on the lean loop and on net/http, and compares the answers with what is documented.
func TestRuntimeAPI(t *testing.T) {
	big := strings.Repeat("x", lambda.MaxResponsePayload+1)
	document := base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"late"}`))
	cases := map[string]struct {
		reason  string
		opts    invoke.Options
		before  func(*runtimeFixture) *invoke.Task // nil: the runtime holds the invocation a
		request func(way string) string
		status  int
		media   string
		body    string
		want    *lambda.Result // the invocation's outcome; nil: none is looked at
	}{
		"Response": {reason: "plain", request: post(responseA, "Content-Type: text/x\r\n", "\x00hi"), status: 202, media: jsonType, body: ok,
			want: &lambda.Result{Payload: []byte("\x00hi"), ContentType: "text/x"}},
		"Empty": {reason: "shell bootstraps may answer nothing", request: post(responseA, "", ""), status: 202, media: jsonType, body: ok,
			want: &lambda.Result{Payload: []byte{}}},
		"NoLength": {reason: "neither length nor chunks is an empty body", status: 202, media: jsonType, body: ok,
			request: func(way string) string { return "POST " + responseA + " HTTP/1.1\r\nHost: x\r\n" + way + "\r\n" },
			want:    &lambda.Result{Payload: []byte{}}},
		"Chunked": {reason: "as Go's client sends it", request: chunked(responseA, announce, "2\r\nhi\r\n1;x=y\r\n!\r\n0\r\n\r\n"), status: 202, media: jsonType, body: ok,
			want: &lambda.Result{Payload: []byte("hi!")}},
		"ChunkedEmpty": {reason: "no chunk at all", request: chunked(responseA, "", "0\r\n\r\n"), status: 202, media: jsonType, body: ok,
			want: &lambda.Result{}},
		"Trailers": {reason: "an error after the first byte", status: 202, media: jsonType, body: ok,
			request: chunked(responseA, announce, "5\r\nbegun\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Oops\r\nlambda-runtime-function-error-body: "+document+"\r\n\r\n"),
			want:    &lambda.Result{Payload: []byte(`{"errorMessage":"late"}`), FunctionError: "Unhandled", ErrorType: "Function.Oops"}},
		"Streaming": {reason: "the mode that exists", request: post(responseA, headerResponseMode+": streaming\r\n", "hi"), status: 202, media: jsonType, body: ok,
			want: &lambda.Result{Payload: []byte("hi")}},
		"BadMode": {reason: "one that does not", request: post(responseA, headerResponseMode+": buffered\r\n", "hi"),
			status: 400, media: jsonType, body: refused("InvalidFunctionResponseMode", "Invalid function response mode")},
		"Largest": {reason: "the limit is inclusive", request: post(responseA, "", big[1:]), status: 202, media: jsonType, body: ok,
			want: &lambda.Result{Payload: []byte(big[1:])}},
		"TooLarge": {reason: "the runtime sees the refusal, not a broken connection", request: post(responseA, "", big),
			status: 413, media: jsonType, body: refused("RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")},
		"TooLargeChunked": {reason: "nor if nobody knew the size", request: chunked(responseA, "", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(big), big)),
			status: 413, media: jsonType, body: refused("RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")},
		"UnknownID": {reason: "ids come before states", request: post(pathInvocation+"b/response", "", strings.Repeat("x", 1<<20)),
			status: 400, media: jsonType, body: refused("InvalidRequestID", "Invalid request ID")},
		"BeforeNext": {reason: "there is no id yet", before: func(*runtimeFixture) *invoke.Task { return nil }, request: post(responseA, "", "x"),
			status: 400, media: jsonType, body: refused("InvalidRequestID", "Invalid request ID")},
		"Twice": {reason: "the first answer counts", request: post(responseA, "", "again"), status: 403, media: jsonType,
			before: func(f *runtimeFixture) *invoke.Task {
				task := f.running("a")
				f.dial().call(post(responseA, "", "first")(""))
				return task
			},
			body: refused("InvalidStateTransition", "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State transition is not allowed"),
			want: &lambda.Result{Payload: []byte("first")}},
		"Error": {reason: "Ruby's Content-Type", request: post(errorA, "Content-Type: application/x-www-form-urlencoded\r\nLambda-Runtime-Function-Error-Type: Function.Bad\r\n", `{"errorMessage":"m"}`),
			status: 202, media: jsonType, body: ok,
			want: &lambda.Result{Payload: []byte(`{"errorMessage":"m"}`), ContentType: "application/x-www-form-urlencoded", FunctionError: "Unhandled", ErrorType: "Function.Bad"}},
		"ErrorHugeHeader": {reason: "a cause for X-Ray may have 1 MiB", status: 202, media: jsonType, body: ok,
			request: post(errorA, "Lambda-Runtime-Function-XRay-Error-Cause: "+strings.Repeat("x", 1<<20)+"\r\n", "{}"),
			want:    &lambda.Result{Payload: []byte("{}"), FunctionError: "Unhandled", ErrorType: "Runtime.Unknown"}},
		"InitError": {reason: "Python sends no Content-Type", before: func(*runtimeFixture) *invoke.Task { return nil },
			request: post("/2018-06-01/runtime/init/error", "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n", "{}"), status: 202, media: jsonType, body: ok},
		"InitErrorForm": {reason: "curl says form", before: func(*runtimeFixture) *invoke.Task { return nil },
			request: post("/2018-06-01/runtime/init/error", "Content-Type: application/x-www-form-urlencoded\r\n", "a=b"), status: 202, media: jsonType, body: ok},
		"InitErrorHugeHeader": {reason: "as with errors", before: func(*runtimeFixture) *invoke.Task { return nil },
			request: post("/2018-06-01/runtime/init/error", "Lambda-Runtime-Function-XRay-Error-Cause: "+strings.Repeat("x", 1<<20)+"\r\n", "{}"), status: 202, media: jsonType, body: ok},
		"InitErrorRunning": {reason: "init is over", request: post("/2018-06-01/runtime/init/error", "", "{}"), status: 403, media: jsonType,
			body: refused("InvalidStateTransition", "State transition from Running to InitError failed for runtime. Error: State transition is not allowed")},
		"NextAfterInitError": {reason: "nor does it come back", request: get(pathNext), status: 403, media: jsonType,
			before: func(f *runtimeFixture) *invoke.Task {
				f.dial().call(post("/2018-06-01/runtime/init/error", "", "{}")(""))
				return nil
			},
			body: refused("InvalidStateTransition", "State transition from InitError to Ready failed for runtime. Error: State transition is not allowed")},
		"Ping":        {reason: "for old hands", request: get("/2018-06-01/ping"), status: 200, media: "text/plain; charset=utf-8", body: "pong"},
		"NoSnapStart": {reason: "the path does not exist", request: get("/2018-06-01/runtime/restore/next"), status: 404, media: "text/plain; charset=utf-8", body: "404 page not found\n"},
		"Restore": {reason: "it exists with SnapStart", opts: invoke.Options{SnapStart: true}, before: func(*runtimeFixture) *invoke.Task { return nil },
			request: get("/2018-06-01/runtime/restore/next"), status: 200},
		"RestoreError": {reason: "hooks may fail", opts: invoke.Options{SnapStart: true}, status: 202, media: jsonType, body: ok,
			before: func(f *runtimeFixture) *invoke.Task {
				f.dial().call(get("/2018-06-01/runtime/restore/next")(""))
				return nil
			},
			request: post("/2018-06-01/runtime/restore/error", "", "{}")},
		"WrongMethod":  {reason: "the path is known", request: post(pathNext, "", "x"), status: 405},
		"WrongMethod2": {reason: "both ways round", request: get(responseA), status: 405},
		"UnknownPath":  {reason: "this one is not", request: get("/2018-06-01/other"), status: 404, media: "text/plain; charset=utf-8", body: "404 page not found\n"},
		"NoHost": {reason: "HTTP/1.1 asks for it", status: 400, media: "text/plain; charset=utf-8", body: "400 Bad Request: missing required Host header",
			request: func(way string) string { return "GET " + pathNext + " HTTP/1.1\r\n" + way + "\r\n" }},
	}
	for name, tc := range cases {
		for way, header := range ways() {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				f := serveRuntime(t, tc.opts)
				var task *invoke.Task
				if tc.before == nil {
					task = f.running("a")
				} else {
					task = tc.before(f)
				}
				got := f.dial().call(tc.request(header))
				if got.Status != tc.status || got.Body != tc.body || got.Header.Get("Content-Type") != tc.media {
					t.Errorf("%s: got %d %q %q\nwant %d %q %q", tc.reason, got.Status, got.Header.Get("Content-Type"), got.Body, tc.status, tc.media, tc.body)
				}
				if tc.want != nil {
					wantOutcome(t, task, *tc.want)
				}
			})
		}
	}
}

func wantOutcome(t *testing.T, task *invoke.Task, want lambda.Result) {
	t.Helper()
	select {
	case <-task.Done():
	case <-time.After(time.Minute):
		t.Fatal("the invocation has no outcome")
	}
	got := *task.Result()
	got.Duration, want.RequestID = 0, task.In.ID
	if !bytes.Equal(want.Payload, got.Payload) {
		t.Errorf("payload of %d bytes %.100q, want %d bytes", len(got.Payload), got.Payload, len(want.Payload))
	}
	want.Payload, got.Payload = nil, nil
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("outcome (-want +got):\n%s", d)
	}
}

// TestNextHeaders has an event with everything, and one with nothing, taken both ways.
func TestNextHeaders(t *testing.T) {
	whole := lambda.Invocation{ID: "a", Payload: []byte(`{"n":1}`), Trace: "Root=1;Parent=2;Sampled=0", ClientContext: "{\n\"custom\":{}}",
		CognitoIdentity: "{}", TenantID: "blue", CloudEvent: `{"id":"é"}`, Function: lambda.Reference{Qualifier: "prod"}}
	cases := map[string]struct {
		reason string
		in     lambda.Invocation
		body   string
		want   map[string]string
	}{
		"Whole": {"each header once, on one line", whole, `{"n":1}`, map[string]string{
			"Content-Type": jsonType, "Lambda-Runtime-Aws-Request-Id": "a",
			"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:fn:prod",
			"Lambda-Runtime-Trace-Id":             "Root=1;Parent=2;Sampled=0", "Lambda-Runtime-Client-Context": `{ "custom":{}}`,
			"Lambda-Runtime-Cognito-Identity": "{}", "Lambda-Runtime-Aws-Tenant-Id": "blue", "Lambda-Runtime-Cloudevents-Context": `{"id":"é"}`,
		}},
		"Bare": {"an empty event is an object, and empty headers are none", lambda.Invocation{ID: "a"}, "{}", map[string]string{
			"Content-Type": jsonType, "Lambda-Runtime-Aws-Request-Id": "a",
			"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:fn",
		}},
	}
	for name, tc := range cases {
		for way, header := range ways() {
			t.Run(name+"/"+way, func(t *testing.T) {
				f := serveRuntime(t, invoke.Options{})
				task := f.submit(tc.in)
				got := f.dial().call(get(pathNext)(header))
				if got.Status != 200 || got.Body != tc.body {
					t.Errorf("%s: got %d %q", tc.reason, got.Status, got.Body)
				}
				if ms := got.Header.Get("Lambda-Runtime-Deadline-Ms"); ms != fmt.Sprint(task.Deadline().UnixMilli()) {
					t.Errorf("deadline %q, want %d", ms, task.Deadline().UnixMilli())
				}
				seen := make(map[string]string)
				for name, values := range got.Header {
					if name == "Content-Type" || strings.HasPrefix(name, "Lambda-") && name != "Lambda-Runtime-Deadline-Ms" {
						seen[name] = strings.Join(values, "|")
					}
				}
				if d := cmp.Diff(tc.want, seen); d != "" {
					t.Errorf("%s (-want +got):\n%s", tc.reason, d)
				}
			})
		}
	}
}
