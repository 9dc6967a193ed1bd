package protocoltest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// cases gives the suite, in the order of the table.
func cases() []testCase {
	return []testCase{
		{"echo", "a client polls, answers with the id it was given, and polls again", caseEcho},
		{"unicode", "payloads are UTF-8 in both directions", caseUnicode},
		{"null", "null comes in and nothing goes out as null", caseNull},
		{"function error", "callers read type, message and stack of what a handler raises", caseFail},
		{"init error", "a function that cannot be loaded says why, once, and exits", caseInit},
		{"bad event", "an event that is not JSON fails its invocation, not the process", caseBadEvent},
		{"6 MB payload", "payloads may have 6 MB both ways", caseBigPayload},
		{"oversize result", "a result that the platform refuses (413) must not cost the process", caseOversize},
		{"late answer", "a result that comes too late (410) must not cost the process", caseLate},
		{"context", "handlers read the invocation's facts from the context", caseContext},
		{"client context", "client context and identity arrive decoded", caseClientContext},
		{"tenant", "tenant isolation hands the tenant's id to the handler", caseTenant},
		{"trace id", "SDKs find the trace in the environment, and never that of the last invocation", caseTrace},
		{"reuse", "globals live as long as the process", caseReuse},
		{"binary result", "bytes are not JSON", caseBinary},
		{"exit", "a process that ends in the middle says nothing more", caseExit},
		{"logs", "each record is a line with its request id", caseLogs},
		{"JSON logs", "AWS_LAMBDA_LOG_FORMAT=JSON makes each record an object, filtered by level", caseJSONLogs},
		{"concurrency", "AWS_LAMBDA_MAX_CONCURRENCY lets one process hold several invocations", caseConcurrency},
		{"stream", "a stream is declared, and its bytes come in order", caseStream},
		{"stream prelude", "status and headers come before eight zero bytes", casePrelude},
		{"stream error midway", "an error after the first byte travels in trailers", caseMidfail},
		{"stream error early", "an error before the first byte is an ordinary one", casePrefail},
	}
}

func caseEcho(t *testing.T, s *session) {
	s.start(t, "echo")
	s.respond(t, Event{ID: "id-1", Payload: `{"a":1}`}, `{"a":1}`)
	o := s.respond(t, Event{ID: "id-2", Payload: `[1,"two"]`}, `[1,"two"]`)
	if agent := o.Header.Get("User-Agent"); agent == "" {
		t.Error("no User-Agent: the platform cannot tell which client it is")
	}
	want := []string{
		"GET /2018-06-01/runtime/invocation/next", "POST /2018-06-01/runtime/invocation/id-1/response",
		"GET /2018-06-01/runtime/invocation/next", "POST /2018-06-01/runtime/invocation/id-2/response",
	}
	if got := s.platform.Calls(); len(got) < 4 || !slices.Equal(got[:4], want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

func caseUnicode(t *testing.T, s *session) {
	s.start(t, "echo")
	const text = `{"k":"grüße 😀 \u0000 \u2028"}`
	s.respond(t, Event{ID: "u", Payload: text}, compact(t, []byte(text)))
}

func caseNull(t *testing.T, s *session) {
	s.start(t, "echo")
	s.respond(t, Event{ID: "null", Payload: `null`}, `null`)
	other := newSession(t, s.client)
	other.start(t, "nothing")
	other.respond(t, Event{ID: "nothing", Payload: `{}`}, `null`)
}

func caseFail(t *testing.T, s *session) {
	s.start(t, "fail")
	for _, id := range []string{"first", "second"} {
		o := s.invoke(t, Event{ID: id, Payload: `{}`})
		s.checkError(t, o, "error", s.client.Traits.FailType)
		document := o.ErrorDocument(t)
		if want := cmp.Or(s.client.Traits.FailMessage, "boom"); document["errorMessage"] != want {
			t.Errorf("errorMessage %q, want %q", document["errorMessage"], want)
		}
		stack, _ := document[s.client.Traits.TraceField].([]any)
		if s.client.Traits.TraceField != "" && len(stack) == 0 {
			t.Errorf("no stack in %q: %s", s.client.Traits.TraceField, o.Body)
		}
	}
}

// checkError demands an error post of the given type.
func (s *session) checkError(t *testing.T, o Outcome, path, errorType string) {
	t.Helper()
	if o.Path != path {
		t.Fatalf("ended with %s, want %s: %.500s", o.Path, path, o.Body)
	}
	if got := o.ErrorDocument(t)["errorType"]; got != errorType {
		t.Errorf("errorType %q, want %q: %s", got, errorType, o.Body)
	}
}

func caseInit(t *testing.T, s *session) {
	for handler, errorType := range s.client.Traits.InitTypes {
		t.Run(handler, func(t *testing.T) {
			s := newSession(t, s.client)
			process := s.start(t, handler)
			o, err := s.platform.InitError(s.ctx)
			if err != nil {
				t.Fatal(err)
			}
			s.checkError(t, o, "init/error", errorType)
			if o.Header.Get("Lambda-Runtime-Function-Error-Type") == "" {
				t.Error("no Lambda-Runtime-Function-Error-Type")
			}
			if code := process.Exit(s.ctx, t); code == 0 {
				t.Error("exit code 0 after a failed init")
			}
			if calls := s.platform.Calls(); len(calls) != 1 {
				t.Errorf("calls %q, want init/error alone", calls)
			}
		})
	}
}

func caseBadEvent(t *testing.T, s *session) {
	process := s.start(t, "echo")
	const secret = "this-is-no-json"
	o := s.invoke(t, Event{ID: "bad", Payload: secret})
	s.checkError(t, o, "error", s.client.Traits.BadEventType)
	s.respond(t, Event{ID: "good", Payload: `1`}, `1`)
	if strings.Contains(process.Output(t), secret) {
		t.Errorf("the payload is in the log: %s", process.Output(t))
	}
}

func caseBigPayload(t *testing.T, s *session) {
	s.start(t, "echo")
	payload := `"` + strings.Repeat("x", lambda.MaxRequestPayload-2) + `"`
	s.respond(t, Event{ID: "big", Payload: payload}, payload)
}

func caseOversize(t *testing.T, s *session) {
	s.start(t, "large")
	o := s.invoke(t, Event{ID: "huge", Payload: fmt.Sprintf(`{"size":%d}`, lambda.MaxResponsePayload+1)})
	if o.Status != http.StatusRequestEntityTooLarge {
		t.Fatalf("status %d, want the case to be refused", o.Status)
	}
	s.respond(t, Event{ID: "small", Payload: `{"size":3}`}, `"xxx"`)
}

func caseLate(t *testing.T, s *session) {
	s.start(t, "echo")
	s.invoke(t, Event{ID: "late", Payload: `1`, Reply: http.StatusGone})
	s.respond(t, Event{ID: "next", Payload: `2`}, `2`)
}

// facts is what the function context returns.
type facts struct {
	RequestID string  `json:"requestId"`
	ARN       string  `json:"arn"`
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Memory    string  `json:"memory"`
	Group     string  `json:"group"`
	Stream    string  `json:"stream"`
	Tenant    *string `json:"tenant"`
	Remaining int64   `json:"remaining"`
	Custom    *string `json:"custom"`
	Identity  *string `json:"identity"`
}

func (s *session) facts(t *testing.T, e Event) facts {
	t.Helper()
	s.start(t, "context")
	o := s.invoke(t, e)
	got := facts{}
	if err := json.Unmarshal(o.Body, &got); o.Path != "response" || err != nil {
		t.Fatalf("ended with %s %s: %v", o.Path, o.Body, err)
	}
	return got
}

func caseContext(t *testing.T, s *session) {
	const timeout = time.Hour
	got := s.facts(t, Event{ID: "id-7", Payload: `{}`, Timeout: timeout})
	if got.Remaining <= 0 || got.Remaining > timeout.Milliseconds() {
		t.Errorf("remaining %d ms, want more than 0 and at most %d", got.Remaining, timeout.Milliseconds())
	}
	got.Remaining, got.Tenant, got.Custom, got.Identity = 0, nil, nil, nil
	want := facts{
		RequestID: "id-7", ARN: FunctionARN, Name: "fixture", Version: "$LATEST", Memory: "128", Group: "/aws/lambda/fixture",
		Stream: "2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef",
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func caseClientContext(t *testing.T, s *session) {
	got := s.facts(t, Event{ID: "mobile", Payload: `{}`, Header: map[string]string{
		"Lambda-Runtime-Client-Context":   `{"client":{"installation_id":"i"},"custom":{"k":"grün"},"env":{"locale":"de"}}`,
		"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"who","cognitoIdentityPoolId":"pool"}`,
	}})
	if got.Custom == nil || *got.Custom != "grün" {
		t.Errorf("custom value of the client context: %v, want grün", got.Custom)
	}
	if got.Identity == nil || *got.Identity != "who" {
		t.Errorf("identity: %v, want who", got.Identity)
	}
}

func caseTenant(t *testing.T, s *session) {
	got := s.facts(t, Event{ID: "t", Payload: `{}`, Header: map[string]string{"Lambda-Runtime-Aws-Tenant-Id": "blue"}})
	if got.Tenant == nil || *got.Tenant != "blue" {
		t.Errorf("tenant: %v, want blue", got.Tenant)
	}
}

func caseTrace(t *testing.T, s *session) {
	s.start(t, "trace")
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	s.respond(t, Event{ID: "with", Payload: `{}`, Header: map[string]string{"Lambda-Runtime-Trace-Id": trace}}, `"`+trace+`"`)
	o := s.invoke(t, Event{ID: "without", Payload: `{}`})
	if got := compact(t, o.Body); got != `null` && got != `""` {
		t.Errorf("trace of an invocation without one: %s", got)
	}
}

func caseReuse(t *testing.T, s *session) {
	s.start(t, "count")
	for n := range 3 {
		s.respond(t, Event{ID: fmt.Sprintf("n-%d", n), Payload: `{}`}, fmt.Sprint(n+1))
	}
}

func caseBinary(t *testing.T, s *session) {
	s.start(t, "binary")
	o := s.invoke(t, Event{ID: "bytes", Payload: `{}`})
	want := make([]byte, 256)
	for n := range want {
		want[n] = byte(n)
	}
	if o.Path != "response" || !bytes.Equal(o.Body, want) {
		t.Errorf("ended with %s %.100q, want the bytes 0 to 255", o.Path, o.Body)
	}
	if got := o.Header.Get("Content-Type"); got != s.client.Traits.BinaryType {
		t.Errorf("Content-Type %q, want %q", got, s.client.Traits.BinaryType)
	}
}

func caseExit(t *testing.T, s *session) {
	process := s.start(t, "exit")
	if _, err := s.platform.Hand(s.ctx, Event{ID: "last", Payload: `{}`}); err != nil {
		t.Fatal(err)
	}
	if code := process.Exit(s.ctx, t); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if calls := s.platform.Calls(); len(calls) != 1 {
		t.Errorf("calls %q, want one poll and nothing after it", calls)
	}
}

func caseConcurrency(t *testing.T, s *session) {
	s.start(t, "meet", "AWS_LAMBDA_MAX_CONCURRENCY=2")
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	first, err := s.platform.Hand(s.ctx, Event{ID: "id-a", Payload: fmt.Sprintf(`{"mine":%q,"peer":%q}`, a, b)})
	if err != nil {
		t.Fatal(err)
	}
	s.respond(t, Event{ID: "id-b", Payload: fmt.Sprintf(`{"mine":%q,"peer":%q}`, b, a)}, `"id-b"`)
	o, err := first(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := compact(t, o.Body); got != `"id-a"` {
		t.Errorf("first invocation: %s, want its own id", got)
	}
}

// compact gives JSON without insignificant space and with escapes resolved, so that encoders' habits do not matter.
func compact(t *testing.T, body []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("result %.200q is not JSON: %v", body, err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}
