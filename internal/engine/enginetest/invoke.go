package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func invokeCases() []testCase {
	return []testCase{
		{"Failures", failures},
		{"Timeout", timeout},
		{"OutOfMemory", outOfMemory},
		{"InitError", initError},
		{"Payloads", payloads},
		{"Sizes", sizes},
		{"Context", invocationContext},
		{"Names", names},
		{"Stream", streaming},
		{"LogTail", logTail},
		{"CallerLeaves", callerLeaves},
	}
}

func quote(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}

// failures are the function's, so the service answers with a result; the environment comes back from each.
func failures(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	cases := map[string]struct {
		reason string
		event  do
		want   string // in the payload
	}{
		"Error": {"A handler's error.", do{Do: "error", Text: "it went wrong"}, `"errorMessage":"it went wrong"`},
		"Panic": {"A panic is an error with a stack trace.", do{Do: "panic", Text: "help"}, `"errorMessage":"help"`},
		"Exit3": {"A process that exits.", do{Do: "exit", N: 3}, `"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"`},
		"Exit0": {"Even if it says that all is well.", do{Do: "exit"}, `"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"`},
	}
	for name, tc := range cases {
		r := f.call(t, "f", tc.event)
		want := strings.ReplaceAll(tc.want, "ID", r.RequestID)
		if tc.event.Do != "exit" {
			want = tc.want
		}
		if r.FunctionError != lambda.Unhandled || !strings.Contains(string(r.Payload), want) || r.ExecutedVersion != lambda.LatestVersion || r.RequestID == "" {
			t.Errorf("%s: %s\ngot %+v\npayload %s\nwant %s", name, tc.reason, r, r.Payload, want)
		}
		if got := f.answer(t, "f", do{Do: "echo", Data: 1}); got != "1" {
			t.Errorf("%s: after it the function answers %s", name, got)
		}
	}
}

// outOfMemory holds that a function has the memory it asks for, and no more.
func outOfMemory(t *testing.T, f *fixture) {
	f.deploy(t, "small", func(s *v1alpha1.FunctionSpec) { s.MemorySize = 128 })
	f.deploy(t, "large", func(s *v1alpha1.FunctionSpec) { s.MemorySize = 1024 })
	if r := f.call(t, "small", do{Do: "allocate", N: 400}); r.FunctionError != lambda.Unhandled || r.ErrorType != "Runtime.OutOfMemory" {
		t.Errorf("400 MB in 128 MB: %s (%q, %q)", r.Payload, r.FunctionError, r.ErrorType)
	}
	f.answer(t, "small", do{Do: "echo", Data: 1})
	f.answer(t, "large", do{Do: "allocate", N: 400})
}

func timeout(t *testing.T, f *fixture) {
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Timeout = 1 })
	r := f.call(t, "f", do{Do: "sleep", N: 60_000})
	want := fmt.Sprintf(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: Task timed out after 1.00 seconds"}`, r.RequestID)
	if r.FunctionError != lambda.Unhandled || string(r.Payload) != want {
		t.Errorf("got %s, want %s", r.Payload, want)
	}
	if got := f.answer(t, "f", do{Do: "echo", Data: 1}); got != "1" {
		t.Errorf("after a timeout it answers %s", got)
	}
}

func initError(t *testing.T, f *fixture) {
	if f.suite.eager {
		t.Skip("the engine calls no function ready that does not start; Lifecycle/BrokenCode is about that")
	}
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) { s.Environment = variables("FAIL_INIT", "1") })
	r := f.call(t, "f", nil)
	if r.FunctionError != lambda.Unhandled || !strings.Contains(string(r.Payload), "Runtime exited with error: exit status 7") {
		t.Errorf("got %+v, payload %s", r, r.Payload)
	}
}

func payloads(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	cases := map[string]struct {
		reason        string
		payload, want string
	}{
		"Empty":   {"No payload is an empty object.", "", `{}`},
		"Null":    {"null is an event like any other.", "null", "null"},
		"Number":  {"So is a number.", "1.50", "1.50"},
		"String":  {"And a string, with all of Unicode.", `"grüße 😀 \u0000"`, `"grüße 😀 \u0000"`},
		"Array":   {"And an array.", `[1,[2,{}]]`, `[1,[2,{}]]`},
		"Object":  {"And an object, in its order.", `{"do":"event","b":1,"a":2}`, `{"do":"event","b":1,"a":2}`},
		"NoValue": {"A handler that gives nothing gives null.", `{"do":"log","text":"x"}`, "null"},
	}
	for name, tc := range cases {
		in := invocation(t, "f", nil)
		in.Payload = []byte(tc.payload)
		if tc.payload == "" {
			in.Payload = nil
			tc.want = `{"errorMessage":"nothing to do for \"\"","errorType":"errorString"}`
		}
		r, err := f.Invoke(t.Context(), in)
		must(t, err)
		if string(r.Payload) != tc.want {
			t.Errorf("%s: %s\ngot %s, want %s", name, tc.reason, r.Payload, tc.want)
		}
	}
	r := f.call(t, "f", do{Do: "bytes", N: 100_000})
	if len(r.Payload) != 100_000 || r.FunctionError != "" || r.ContentType != "application/octet-stream" {
		t.Errorf("binary answers pass through: %d bytes of %q: %.100q", len(r.Payload), r.ContentType, r.Payload)
	}
}

func sizes(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	text := strings.Repeat("x", lambda.MaxRequestPayload-2)
	if r := f.call(t, "f", text); len(r.Payload) != lambda.MaxRequestPayload || r.FunctionError != "" {
		t.Errorf("the largest request comes back with %d bytes, %s", len(r.Payload), r.FunctionError)
	}
	_, err := f.Invoke(t.Context(), invocation(t, "f", text+"x"))
	wantCode(t, "one byte more", err, lambda.CodeRequestTooLarge)
	if r := f.call(t, "f", do{Do: "string", N: lambda.MaxResponsePayload - 2}); len(r.Payload) != lambda.MaxResponsePayload || r.FunctionError != "" {
		t.Errorf("the largest response has %d bytes, %s", len(r.Payload), r.FunctionError)
	}
	r := f.call(t, "f", do{Do: "string", N: lambda.MaxResponsePayload - 1})
	if r.FunctionError != lambda.Unhandled || !strings.Contains(string(r.Payload), "Function.ResponseSizeTooLarge") {
		t.Errorf("a response that is too large gives %.200s", r.Payload)
	}
	if got := f.answer(t, "f", do{Do: "echo", Data: 1}); got != "1" {
		t.Errorf("after that it answers %s", got)
	}
}

func invocationContext(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	f.publish(t)
	must(t, f.Create(t.Context(), &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1"}}))
	arn := "arn:aws:lambda:us-east-1:000000000000:function:f"
	for name, want := range map[string]string{"f": arn, "f:live": arn + ":live", "f:1": arn + ":1", "f:$LATEST": arn + ":$LATEST"} {
		in := invocation(t, name, do{Do: "context"})
		in.ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
		in.ClientContext = `{"custom":{"k":"v"}}`
		r, err := f.Invoke(t.Context(), in)
		must(t, err)
		var got struct {
			RequestID, ARN string
			Client         map[string]string
		}
		must(t, json.Unmarshal(r.Payload, &got))
		if got.RequestID != in.ID || r.RequestID != in.ID || got.ARN != want || got.Client["k"] != "v" {
			t.Errorf("%s: the function sees %s, want id %s and %s", name, r.Payload, in.ID, want)
		}
	}
}

func names(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	for _, name := range []string{"f", "f:$LATEST", "function:f", "000000000000:f", "arn:aws:lambda:us-east-1:000000000000:function:f"} {
		if got := f.answer(t, name, do{Do: "echo", Data: 1}); got != "1" {
			t.Errorf("%s answers %s", name, got)
		}
	}
	prefix := "Function not found: arn:aws:lambda:us-east-1:000000000000:function:"
	for name, want := range map[string]string{
		"g":    prefix + "g:$LATEST",
		"f:7":  prefix + "f:7",
		"f:no": prefix + "f:no",
		"g:1":  prefix + "g:1",
		"f:01": prefix + "f:01",
		"arn:aws:lambda:eu-west-1:000000000000:function:f": "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
	} {
		_, err := f.Invoke(t.Context(), invocation(t, name, nil))
		if e := lambda.AsError(err); err == nil || e.Code != lambda.CodeResourceNotFound || e.Message != want {
			t.Errorf("%s gives %v, want %s", name, err, want)
		}
	}
}

// recorder takes a stream apart into what was passed on at once.
type recorder struct {
	starts int
	chunks []string
}

// Start counts.
func (r *recorder) Start(string) error { r.starts++; return nil }

// Write keeps a copy.
func (r *recorder) Write(p []byte) (int, error) {
	r.chunks = append(r.chunks, string(p))
	return len(p), nil
}

func streaming(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	in, rec := invocation(t, "f", do{Do: "stream", N: 10}), &recorder{}
	in.Stream = rec
	r, err := f.Invoke(t.Context(), in)
	must(t, err)
	var want strings.Builder
	for i := range 10 {
		fmt.Fprintf(&want, "chunk %d\n", i)
	}
	if rec.starts != 1 || strings.Join(rec.chunks, "") != want.String() || len(rec.chunks) < 2 || len(r.Payload) != 0 || r.FunctionError != "" {
		t.Errorf("a stream comes as %d starts, chunks %q and payload %q, %s", rec.starts, rec.chunks, r.Payload, r.FunctionError)
	}
	broken, rec := invocation(t, "f", do{Do: "stream", N: 2, Text: "broken off"}), &recorder{}
	broken.Stream = rec
	r, err = f.Invoke(t.Context(), broken)
	must(t, err)
	if strings.Join(rec.chunks, "") != "chunk 0\nchunk 1\n" || r.FunctionError != lambda.Unhandled || !strings.Contains(string(r.Payload), "broken off") {
		t.Errorf("a stream that breaks gives %q and then %+v %s", rec.chunks, r, r.Payload)
	}
	if got := f.answer(t, "f", do{Do: "stream", N: 2}); got != "chunk 0\nchunk 1\n" {
		t.Errorf("without a stream the answer is gathered, got %q", got)
	}
}

func logTail(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	in := invocation(t, "f", do{Do: "log", Text: "a line of mine"})
	in.LogTail = true
	r, err := f.Invoke(t.Context(), in)
	must(t, err)
	for _, want := range []string{"START RequestId: " + r.RequestID, "a line of mine", "END RequestId: " + r.RequestID, "REPORT RequestId: " + r.RequestID, "Memory Size: 512 MB"} {
		if !bytes.Contains(r.LogTail, []byte(want)) {
			t.Errorf("the tail lacks %q:\n%s", want, r.LogTail)
		}
	}
	if r := f.call(t, "f", do{Do: "log", Text: "x"}); r.LogTail != nil {
		t.Errorf("a tail that nobody asked for: %q", r.LogTail)
	}
}

// callerLeaves has a caller hang up; the function is there for the next.
func callerLeaves(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	f.answer(t, "f", do{Do: "echo", Data: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := f.Invoke(ctx, invocation(t, "f", do{Do: "sleep", N: 300}))
		done <- err
	}()
	cancel()
	if err := <-done; err == nil {
		t.Error("a call whose context has ended succeeds")
	}
	if got := f.answer(t, "f", do{Do: "echo", Data: 2}); got != "2" {
		t.Errorf("the next caller gets %s", got)
	}
}
