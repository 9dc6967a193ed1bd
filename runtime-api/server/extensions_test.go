package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

// sandbox serves the extension APIs of one environment on a real port.
type sandbox struct {
	*httptest.Server
	registry *extension.Registry
	bus      *telemetry.Bus
}

func newSandbox(t *testing.T, external ...string) *sandbox {
	t.Helper()
	s := &sandbox{
		registry: extension.NewRegistry(extension.Info{
			FunctionName: "hello", FunctionVersion: "$LATEST", Handler: "index.handler", AccountID: "123456789012",
		}, external),
		bus: telemetry.NewBus(false),
	}
	r := mux.NewRouter()
	extensionRoutes(r, s.registry)
	telemetryRoutes(r, s.bus, s.registry)
	s.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		s.bus.Shutdown(t.Context())
	})
	return s
}

// reply is what a client sees.
type reply struct {
	Code   int
	Type   string
	Body   string
	header http.Header
}

// call sends one request; headers come as name, value pairs.
func (s *sandbox) call(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header.Get("Content-Type"), string(raw), resp.Header}
}

// register registers and gives the identifier.
func (s *sandbox) register(t *testing.T, name, body string) string {
	t.Helper()
	got := s.call(t, "POST", "/2020-01-01/extension/register", body, "Lambda-Extension-Name", name)
	if got.Code != http.StatusOK {
		t.Fatalf("register %q: %d %s", name, got.Code, got.Body)
	}
	return got.header.Get("Lambda-Extension-Identifier")
}

func same(t *testing.T, reason string, want, got reply) {
	t.Helper()
	got.header, want.header = nil, nil
	if got.Code != want.Code || got.Type != want.Type || got.Body != want.Body {
		t.Errorf("%s:\n got %d %q %q\nwant %d %q %q", reason, got.Code, got.Type, got.Body, want.Code, want.Type, want.Body)
	}
}

// refusal is the reply that carries an error.
func refusal(code int, errorType, message string) reply {
	return reply{Code: code, Type: "application/json", Body: fmt.Sprintf(`{"errorMessage":%q,"errorType":%q}`, message, errorType) + "\n"}
}

func TestRegister(t *testing.T) {
	const known = `{"functionName":"hello","functionVersion":"$LATEST","handler":"index.handler"}` + "\n"
	const withAccount = `{"functionName":"hello","functionVersion":"$LATEST","handler":"index.handler","accountId":"123456789012"}` + "\n"
	cases := map[string]struct {
		reason  string
		name    string
		body    string
		headers []string
		want    reply
	}{
		"External": {"the usual call", "ext", `{"events":["INVOKE","SHUTDOWN"]}`, nil, reply{200, "application/json", known, nil}},
		"NullEvents": {
			"the Go client registers so, to get a SIGTERM", "GoLangEnableSIGTERM", `{"events":null}`, nil, reply{200, "application/json", known, nil},
		},
		"EmptyEvents": {"no events are fine", "ext", `{"events":[]}`, nil, reply{200, "application/json", known, nil}},
		"FormEncoded": {
			"curl says form-urlencoded, which nobody looks at", "ext", `{"events":[]}`,
			[]string{"Content-Type", "application/x-www-form-urlencoded"},
			reply{200, "application/json", known, nil},
		},
		"AccountID": {
			"features are a list", "ext", `{}`, []string{"Lambda-Extension-Accept-Feature", "other, accountId"},
			reply{200, "application/json", withAccount, nil},
		},
		"UnknownFeature": {"unknown features are ignored", "ext", `{}`, []string{"Lambda-Extension-Accept-Feature", "accountID"}, reply{200, "application/json", known, nil}},
		"NoName":         {"the name is looked at first", "", `}`, nil, refusal(403, "Extension.InvalidExtensionName", "Empty extension name")},
		"NotJSON":        {"the decoder's text", "ext", `}`, nil, refusal(403, "InvalidRequestFormat", "invalid character '}' looking for beginning of value")},
		"NoBody":         {"a body is needed", "ext", ``, nil, refusal(403, "InvalidRequestFormat", "unexpected end of JSON input")},
		"TooLarge":       {"bodies are bounded", "ext", strings.Repeat(" ", maxExtensionBody) + "{}", nil, refusal(403, "InvalidRequestFormat", "request is too large")},
		"ConfigurationKeys": {
			"an early feature of the API that is gone", "ext", `{"configurationKeys":["a"]}`, nil,
			refusal(403, "InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead"),
		},
		"BadEvent": {"the registry's refusals come through", "ext", `{"events":["FOO"]}`, nil, refusal(403, "Extension.InvalidEventType", "FOO: ErrorInvalidEventType")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t, "ext")
			got := s.call(t, "POST", "/2020-01-01/extension/register", tc.body, append(tc.headers, "Lambda-Extension-Name", tc.name)...)
			same(t, tc.reason, tc.want, got)
			if id := got.header.Get("Lambda-Extension-Identifier"); (len(id) == 36) != (got.Code == 200) {
				t.Errorf("identifier %q with status %d", id, got.Code)
			}
		})
	}
}

func TestIdentifierRefusals(t *testing.T) {
	const stranger = "00000000-0000-4000-8000-000000000000"
	s := newSandbox(t)
	calls := []struct{ method, path string }{
		{"GET", "/2020-01-01/extension/event/next"},
		{"POST", "/2020-01-01/extension/init/error"},
		{"POST", "/2020-01-01/extension/exit/error"},
		{"PUT", "/2022-07-01/telemetry"},
		{"PUT", "/2020-08-15/logs"},
	}
	for _, c := range calls {
		same(t, c.path, refusal(403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
			s.call(t, c.method, c.path, "{}"))
		same(t, c.path, refusal(403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
			s.call(t, c.method, c.path, "{}", "Lambda-Extension-Identifier", "me"))
		same(t, c.path, refusal(403, "Extension.UnknownExtensionIdentifier", "Unknown extension "+stranger),
			s.call(t, c.method, c.path, "{}", "Lambda-Extension-Identifier", stranger))
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	s := newSandbox(t)
	notFound := reply{Code: 404, Type: "text/plain; charset=utf-8", Body: "404 page not found\n"}
	for _, path := range []string{"/", "/2020-01-01/extension", "/2020-01-01/extension/event", "/2022-07-01/telemetry/x", "/2020-08-15/log"} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			same(t, method+" "+path, notFound, s.call(t, method, path, ""))
		}
	}
	notAllowed := reply{Code: 405}
	for path, method := range map[string]string{
		"/2020-01-01/extension/register":   "GET",
		"/2020-01-01/extension/event/next": "POST",
		"/2020-01-01/extension/init/error": "GET",
		"/2022-07-01/telemetry":            "POST",
		"/2020-08-15/logs":                 "GET",
	} {
		same(t, method+" "+path, notAllowed, s.call(t, method, path, ""))
	}
}

// nextAsync polls for an event in the background.
func (s *sandbox) nextAsync(t *testing.T, id string) <-chan reply {
	t.Helper()
	ch := make(chan reply, 1)
	go func() {
		ch <- s.call(t, "GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
	}()
	return ch
}

// A whole life: register, be ready, one invocation, shutdown.
func TestExtensionLife(t *testing.T) {
	s := newSandbox(t, "ext")
	id := s.register(t, "ext", `{"events":["INVOKE","SHUTDOWN"]}`)
	<-s.registry.Registered()
	waiting := s.nextAsync(t, id)
	s.registry.CloseRegistration()
	<-s.registry.Ready()
	s.registry.Invoke(extension.Invocation{RequestID: "r1", FunctionARN: "arn", Trace: "Root=1", Deadline: time.UnixMilli(1700000000123)})
	got := <-waiting
	same(t, "the event", reply{
		Code: 200, Type: "application/json",
		Body: `{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"r1","invokedFunctionArn":"arn",` +
			`"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}` + "\n",
	}, got)
	if event := got.header.Get("Lambda-Extension-Event-Identifier"); len(event) != 36 {
		t.Errorf("event identifier %q, want a UUID", event)
	}
	waiting = s.nextAsync(t, id)
	<-s.registry.Idle()
	s.registry.Shutdown(extension.ReasonSpindown, time.UnixMilli(1700000002123))
	got = <-waiting
	same(t, "the end", reply{
		Code: 200, Type: "text/plain; charset=utf-8",
		Body: `{"eventType":"SHUTDOWN","deadlineMs":1700000002123,"shutdownReason":"spindown"}` + "\n",
	}, got)
	if _, has := got.header["Lambda-Extension-Event-Identifier"]; has {
		t.Error("SHUTDOWN has no event identifier")
	}
}

func TestExtensionReports(t *testing.T) {
	accepted := reply{Code: 202, Type: "application/json", Body: `{"status":"OK"}` + "\n"}
	cases := map[string]struct {
		path string
		want *extension.Failure
	}{
		"Init": {"/2020-01-01/extension/init/error", &extension.Failure{Extension: "ext", Type: "Extension.NoConfig", Message: "no config"}},
		"Exit": {"/2020-01-01/extension/exit/error", &extension.Failure{Extension: "ext", Type: "Extension.NoConfig", Message: "no config"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t, "ext")
			id := s.register(t, "ext", `{}`)
			const body = `{"errorMessage":"no config","errorType":"x","stackTrace":[]}`
			same(t, "the type header is needed", refusal(403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"),
				s.call(t, "POST", tc.path, body, "Lambda-Extension-Identifier", id))
			same(t, "a report is accepted", accepted,
				s.call(t, "POST", tc.path, body, "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.NoConfig"))
			if diff := cmp.Diff(tc.want, s.registry.Err()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			same(t, "afterwards there are no events", refusal(403, "Extension.InvalidExtensionState",
				fmt.Sprintf("State transition from %s to Ready failed for extension %s. Error: State transition is not allowed", s.registry.External()[0].State, id)),
				s.call(t, "GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id))
		})
	}
}

// An extension that polls again while its old connection looks alive, as after a network hiccup, loses no event.
func TestExtensionPollsAgain(t *testing.T) {
	s := newSandbox(t, "ext")
	id := s.register(t, "ext", `{"events":["INVOKE"]}`)
	s.registry.CloseRegistration()
	old := s.nextAsync(t, id)
	<-s.registry.Ready()
	newer := s.nextAsync(t, id)
	same(t, "the old call gives way", refusal(403, "Extension.InvalidExtensionState",
		"State transition from Ready to Ready failed for extension "+id+". Error: State transition is not allowed"), <-old)
	s.registry.Invoke(extension.Invocation{RequestID: "r1", Deadline: time.Now()})
	if got := <-newer; got.Code != 200 || !strings.Contains(got.Body, `"r1"`) {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

// An extension that hangs up while it waits takes no event with it.
func TestExtensionHangsUp(t *testing.T) {
	reg := extension.NewRegistry(extension.Info{}, nil)
	id, _, err := reg.Register("ext", []string{"INVOKE"}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := mux.NewRouter()
	extensionRoutes(r, reg)
	left := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req)
		left <- struct{}{}
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: %s\r\n\r\n", id)
	reg.CloseRegistration()
	<-reg.Ready()
	_ = conn.Close()
	<-left // the handler has noticed
	reg.Invoke(extension.Invocation{RequestID: "r1"})
	if e, err := reg.Next(t.Context(), id); err != nil || e.RequestID != "r1" {
		t.Errorf("the next call got %+v, %v", e, err)
	}
}

// An extension that is not a Go program: raw HTTP/1.1 on one connection, as a shell script would do.
func TestRawExtension(t *testing.T) {
	s := newSandbox(t, "raw.sh")
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	call := func(request string) (int, http.Header, map[string]any) {
		t.Helper()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, body
	}
	code, header, body := call("POST /2020-01-01/extension/register HTTP/1.1\r\nhost: 127.0.0.1\r\nlambda-extension-name: raw.sh\r\n" +
		"content-type: application/x-www-form-urlencoded\r\ncontent-length: 21\r\n\r\n" + `{"events":["INVOKE"]}`)
	if code != 200 || body["functionName"] != "hello" {
		t.Fatalf("register: %d %v", code, body)
	}
	poll := "GET /2020-01-01/extension/event/next HTTP/1.1\r\nhost: 127.0.0.1\r\nlambda-extension-identifier: " +
		header.Get("Lambda-Extension-Identifier") + "\r\n\r\n"
	s.registry.Invoke(extension.Invocation{RequestID: "r1", Deadline: time.UnixMilli(1)})
	if code, _, body = call(poll); code != 200 || body["eventType"] != "INVOKE" || body["requestId"] != "r1" {
		t.Errorf("event/next: %d %v", code, body)
	}
}

// Whatever a registration says, it is taken or refused; a refusal has a reason.
func FuzzRegistration(f *testing.F) {
	f.Add("ext", `{"events":["INVOKE","SHUTDOWN"]}`, "accountId")
	f.Add("inside", `{"events":null}`, "")
	f.Add("", `{"configurationKeys":["x"],"events":[1]}`, "a,,accountId ,")
	f.Fuzz(func(t *testing.T, name, body, features string) {
		reg := extension.NewRegistry(extension.Info{FunctionName: "hello"}, []string{"ext"})
		r := mux.NewRouter()
		extensionRoutes(r, reg)
		req := httptest.NewRequest(http.MethodPost, "/2020-01-01/extension/register", strings.NewReader(body))
		req.Header.Set("Lambda-Extension-Name", name)
		req.Header.Set("Lambda-Extension-Accept-Feature", features)
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req)
		var got struct{ ErrorType, ErrorMessage, FunctionName string }
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatalf("%d %q: %v", rec.Code, rec.Body, err)
		}
		taken := rec.Code == http.StatusOK && got.FunctionName == "hello" && rec.Header().Get("Lambda-Extension-Identifier") != ""
		refused := rec.Code == http.StatusForbidden && got.ErrorType != "" && got.ErrorMessage != ""
		if !taken && !refused {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}
