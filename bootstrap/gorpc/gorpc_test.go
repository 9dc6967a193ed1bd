package gorpc

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/lambkin-dev/lambkin/bootstrap/client"
	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
)

// handler builds, once, a handler with the real aws-lambda-go.
var handler = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gorpc-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "handler")
	out, err := exec.Command("go", "build", "-o", path, "../testdata/aws-lambda-go").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := handler(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// start runs a function of the fixture until the test ends, and gives the runner's end.
func start(t *testing.T, function string, argv ...string) (*protocoltest.Platform, <-chan error) {
	t.Helper()
	platform := protocoltest.NewPlatform(t)
	p := Program{
		Argv: argv,
		Environ: []string{
			"PATH=" + os.Getenv("PATH"), "_HANDLER=" + function, "AWS_LAMBDA_RUNTIME_API=" + platform.Address(),
		},
		Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Log: slog.New(slog.DiscardHandler),
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- p.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		for range ended {
		}
	})
	return platform, ended
}

func startHandler(t *testing.T, function string) *protocoltest.Platform {
	t.Helper()
	path, err := handler()
	if err != nil {
		t.Fatal(err)
	}
	platform, _ := start(t, function, path)
	return platform
}

func invoke(t *testing.T, p *protocoltest.Platform, e protocoltest.Event) protocoltest.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o, err := p.Invoke(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPanicReplacesTheProcess(t *testing.T) {
	platform := startHandler(t, "panic")
	for _, id := range []string{"first", "second"} {
		o := invoke(t, platform, protocoltest.Event{ID: id, Payload: `{}`})
		document := o.ErrorDocument(t)
		if o.Path != "error" || document["errorMessage"] != "boom" || document["errorType"] != "string" {
			t.Errorf("ended with %s %s", o.Path, o.Body)
		}
		stack, _ := document["stackTrace"].([]any)
		if len(stack) == 0 {
			t.Fatalf("no stack in %s", o.Body)
		}
		frame, _ := stack[0].(map[string]any)
		if frame["path"] == nil || frame["line"] == nil || frame["label"] == nil {
			t.Errorf("frame %v: want path, line and label", frame)
		}
	}
}

func TestCrashIsReportedAndReplaced(t *testing.T) {
	platform := startHandler(t, "exit")
	for _, id := range []string{"first", "second"} {
		o := invoke(t, platform, protocoltest.Event{ID: id, Payload: `{}`})
		document := o.ErrorDocument(t)
		want := "RequestId: " + id + " Error: Runtime exited with error: exit status 3"
		if document["errorType"] != "Runtime.ExitError" || document["errorMessage"] != want {
			t.Errorf("ended with %s, want message %q", o.Body, want)
		}
	}
}

func TestBadIdentityFailsItsInvocation(t *testing.T) {
	platform := startHandler(t, "count")
	o := invoke(t, platform, protocoltest.Event{ID: "bad", Payload: `{}`, Header: map[string]string{"Lambda-Runtime-Cognito-Identity": "{"}})
	if o.ErrorDocument(t)["errorType"] != "Runtime.UnmarshalError" {
		t.Errorf("ended with %s", o.Body)
	}
	if o := invoke(t, platform, protocoltest.Event{ID: "good", Payload: `{}`}); string(o.Body) != "1" {
		t.Errorf("the next event gave %s, want the first call of the same process", o.Body)
	}
}

func TestInitErrors(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cases := map[string]struct {
		reason, program, errorType, says string
	}{
		"missing": {"there is nothing to start", filepath.Join(dir, "missing"), "Runtime.InvalidEntrypoint", "start the handler"},
		"exits":   {"a handler that ends before it listens says why", script("exits", "exit 5"), "Runtime.ExitError", "exit status 5"},
		"exits 0": {"so does one that ends well", script("ends", "exit 0"), "Runtime.ExitError", "without providing a reason"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			platform, ended := start(t, "echo", tc.program)
			o, err := platform.InitError(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			document := o.ErrorDocument(t)
			message, _ := document["errorMessage"].(string)
			if document["errorType"] != tc.errorType || !strings.Contains(message, tc.says) {
				t.Errorf("%s: %s", tc.reason, o.Body)
			}
			if err := <-ended; err == nil {
				t.Error("the runner ended without an error")
			}
		})
	}
}

func TestRunNeedsACommand(t *testing.T) {
	if err := (Program{}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "runtime-api gorpc") {
		t.Errorf("error %v, want the usage", err)
	}
	if err := (Program{Argv: []string{"true"}}).Run(t.Context()); err == nil {
		t.Error("it ran without AWS_LAMBDA_RUNTIME_API")
	}
}

func TestMakeRequest(t *testing.T) {
	in := &client.Invocation{ID: "id", Payload: []byte(`{}`), Header: map[string][]string{
		"Lambda-Runtime-Deadline-Ms":          {"1700000000123"},
		"Lambda-Runtime-Trace-Id":             {"Root=1"},
		"Lambda-Runtime-Invoked-Function-Arn": {"arn:x"},
		"Lambda-Runtime-Client-Context":       {`{"custom":{}}`},
		"Lambda-Runtime-Cognito-Identity":     {`{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}`},
	}}
	got, err := makeRequest(in)
	if err != nil {
		t.Fatal(err)
	}
	want := &messages.InvokeRequest{
		Payload: []byte(`{}`), RequestId: "id", XAmznTraceId: "Root=1", InvokedFunctionArn: "arn:x",
		// Seconds, not milliseconds: handlers would see a deadline in the year 55000.
		Deadline:          messages.InvokeRequest_Timestamp{Seconds: 1700000000, Nanos: 123000000},
		CognitoIdentityId: "i", CognitoIdentityPoolId: "p", ClientContext: []byte(`{"custom":{}}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseIdentity(f *testing.F) {
	for _, seed := range []string{"", "{", "null", "[]", `{"cognitoIdentityId":7}`, `{"cognitoIdentityId":"i"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		identity, err := parseIdentity(header)
		if err != nil && header == "" {
			t.Errorf("no header failed: %v", err)
		}
		if header == "" && identity != (cognitoIdentity{}) {
			t.Errorf("no header gave %+v", identity)
		}
	})
}
