package enginetest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// fixture is an engine with what cases do over and over.
type fixture struct {
	engine.Engine
	suite *suite
}

// file is one entry of an archive.
type file struct {
	name string
	body []byte
	mode fs.FileMode // 0 means 0644
}

// pack makes a zip.
func pack(t testing.TB, files ...file) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Store}
		if f.mode == 0 {
			f.mode = 0o644
		}
		h.SetMode(f.mode)
		w, err := zw.CreateHeader(h)
		must(t, err)
		_, err = w.Write(f.body)
		must(t, err)
	}
	must(t, zw.Close())
	return buf.Bytes()
}

// buildHandler builds testdata/handler with the go command.
func buildHandler() ([]byte, error) {
	dir, err := os.MkdirTemp("", "enginetest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	out := filepath.Join(dir, "bootstrap")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", out,
		"github.com/lambkin-dev/lambkin/internal/engine/enginetest/testdata/handler")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, &buildError{text: string(text), err: err}
	}
	return os.ReadFile(out)
}

// buildError says why the handler could not be built.
type buildError struct {
	text string
	err  error
}

// Error gives what the go command said.
func (e *buildError) Error() string {
	return "building the suite's handler: " + e.err.Error() + "\n" + e.text
}

// Unwrap gives the cause.
func (e *buildError) Unwrap() error { return e.err }

// goHandler is the suite's function as an archive whose version.txt holds the given text.
func (f *fixture) goHandler(t testing.TB, version string) []byte {
	t.Helper()
	binary, err := f.suite.handler()
	must(t, err)
	return pack(t, file{name: "bootstrap", body: binary, mode: 0o755}, file{name: "version.txt", body: []byte(version)})
}

// shellHandler is a function without any library: a loop around curl, as custom runtimes are first written.
func shellHandler(t testing.TB, body string) []byte {
	t.Helper()
	script := `#!/bin/sh
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
headers="$(mktemp)"
while true; do
  event="$(curl -sS -L -D "$headers" "$api/next")"
  id="$(grep -i '^Lambda-Runtime-Aws-Request-Id:' "$headers" | tr -d '[:space:]' | cut -d: -f2)"
  answer="$(` + body + `)"
  curl -sS -X POST "$api/$id/response" -d "$answer" >/dev/null
done
`
	return pack(t, file{name: "bootstrap", body: []byte(script), mode: 0o755})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, reason string, err error, want lambda.Code) {
	t.Helper()
	if got := lambda.CodeOf(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", reason, got, err, want)
	}
}

// put uploads an archive.
func (f *fixture) put(t testing.TB, data []byte) v1alpha1.Blob {
	t.Helper()
	b, err := f.PutCode(t.Context(), bytes.NewReader(data), lambda.MaxZip)
	must(t, err)
	return b
}

// function is a Function that runs an archive.
func (f *fixture) function(t testing.TB, name string, code []byte) *v1alpha1.Function {
	t.Helper()
	b := f.put(t, code)
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
		FunctionName: name, Runtime: "provided.al2023", Handler: "bootstrap",
		Code: v1alpha1.Code{Zip: &b}, Architectures: []v1alpha1.Architecture{native()}, Timeout: 30, MemorySize: 512,
	}}
	f.suite.spec(&fn.Spec)
	return fn
}

// deploy creates the suite's function and waits until it is ready. change may alter it before.
func (f *fixture) deploy(t testing.TB, name string, change ...func(*v1alpha1.FunctionSpec)) *v1alpha1.Function {
	t.Helper()
	fn := f.function(t, name, f.goHandler(t, "first"))
	for _, c := range change {
		c(&fn.Spec)
	}
	must(t, f.Create(t.Context(), fn))
	return f.ready(t, fn.Name)
}

// settled waits until a function's Ready condition is about its generation and decided, and gives it.
func (f *fixture) settled(t testing.TB, name string) *v1alpha1.Function {
	t.Helper()
	fn := new(v1alpha1.Function)
	f.eventually(t, "function "+name+" to be decided upon", func() bool {
		must(t, f.Get(t.Context(), name, fn))
		c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && fn.Status.ObservedGeneration == fn.Generation && c.Status != "Unknown"
	})
	return fn
}

func (f *fixture) ready(t testing.TB, name string) *v1alpha1.Function {
	t.Helper()
	fn := f.settled(t, name)
	if !meta.IsStatusConditionTrue(fn.Status.Conditions, v1alpha1.ConditionReady) {
		t.Fatalf("function %q is not ready: %+v", name, fn.Status.Conditions)
	}
	return fn
}

// publish makes a version of function f as it is and waits until it is ready.
func (f *fixture) publish(t testing.TB) {
	t.Helper()
	fn := new(v1alpha1.Function)
	must(t, f.Get(t.Context(), "f", fn))
	v, _, err := engine.PublishVersion(t.Context(), f, fn, "")
	must(t, err)
	f.eventually(t, "version to be ready", func() bool {
		must(t, f.Get(t.Context(), v.Name, v))
		return meta.IsStatusConditionTrue(v.Status.Conditions, v1alpha1.ConditionReady)
	})
}

// eventually waits until a condition holds; nothing depends on how long it took.
func (f *fixture) eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(f.suite.patience); !holds(); time.Sleep(f.suite.pause) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// invocation is a call of a function by the name, with qualifier if there is one, as callers write it.
func invocation(t testing.TB, name string, event any) *lambda.Invocation {
	t.Helper()
	ref, err := lambda.ParseReference(name)
	must(t, err)
	payload, err := json.Marshal(event)
	must(t, err)
	return &lambda.Invocation{Function: ref, Payload: payload}
}

// call invokes and wants a result of the service, whatever the function made of it.
func (f *fixture) call(t testing.TB, name string, event any) *lambda.Result {
	t.Helper()
	r, err := f.Invoke(t.Context(), invocation(t, name, event))
	must(t, err)
	return r
}

// answer invokes and wants success; it gives the payload.
func (f *fixture) answer(t testing.TB, name string, event any) string {
	t.Helper()
	r := f.call(t, name, event)
	if r.FunctionError != "" {
		t.Fatalf("%s failed: %s", name, r.Payload)
	}
	return string(r.Payload)
}

// do is an event for the suite's function.
type do struct {
	Do   string `json:"do"`
	Data any    `json:"data,omitempty"`
	Text string `json:"text,omitempty"`
	N    int    `json:"n,omitempty"`
}
