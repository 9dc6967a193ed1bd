package stdio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// serve runs a shell script per event until the test ends.
func serve(t *testing.T, script string, log *bytes.Buffer) *protocoltest.Platform {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	platform, _ := start(t, []string{path}, log)
	return platform
}

// start runs a program and gives its end.
func start(t *testing.T, argv []string, log io.Writer) (*protocoltest.Platform, <-chan error) {
	t.Helper()
	platform := protocoltest.NewPlatform(t)
	p := Program{
		Argv:    argv,
		Environ: []string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + platform.Address()},
		Stderr:  log,
		Log:     slog.New(slog.DiscardHandler),
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel() })
	go func() { ended <- p.Run(ctx) }()
	return platform, ended
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

func TestRun(t *testing.T) {
	cases := map[string]struct {
		reason  string
		script  string
		event   string
		path    string
		body    string // of a response
		message string // of an error
		log     string
	}{
		"echo": {reason: "event in, answer out", script: "cat", event: `{"a":1}`, path: "response", body: `{"a":1}`},
		"event not read": {
			reason: "a program need not care for its event", script: "echo 1", event: strings.Repeat("x", 1<<20), path: "response", body: "1\n",
		},
		"standard error": {
			reason: "goes to the log, not to the caller", script: "echo note >&2; echo 1", path: "response", body: "1\n", log: "note\n",
		},
		"exit status": {
			reason: "the last line that says something is the reason", script: "echo first >&2; echo why >&2; echo >&2; exit 3", path: "error",
			message: "exit status 3: why", log: "first\nwhy\n\n",
		},
		"exit status without a word": {reason: "the status alone", script: "exit 4", path: "error", message: "exit status 4"},
		"output of a failure":        {reason: "is not an answer", script: "echo 1; exit 1", path: "error", message: "exit status 1"},
		"signal":                     {reason: "is named", script: "kill -9 $$", path: "error", message: "signal: killed"},
		"grandchild keeps the pipes": {
			reason: "the program's end ends the invocation, whoever holds its output", script: "sleep 60 & echo 1", path: "response", body: "1\n",
		},
		"its variables": {
			reason: "an invocation is described by the environment", script: "echo $LAMBDA_RUNTIME_AWS_REQUEST_ID $_X_AMZN_TRACE_ID ${LAMBDA_RUNTIME_CLIENT_CONTEXT-none}",
			path: "response", body: "id Root=1 none\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			platform := serve(t, tc.script, &log)
			o := invoke(t, platform, protocoltest.Event{ID: "id", Payload: tc.event, Header: map[string]string{"Lambda-Runtime-Trace-Id": "Root=1"}})
			if o.Path != tc.path {
				t.Fatalf("%s: ended with %s %s", tc.reason, o.Path, o.Body)
			}
			if tc.message == "" && string(o.Body) != tc.body {
				t.Errorf("%s: body %q, want %q", tc.reason, o.Body, tc.body)
			}
			if tc.message != "" && o.ErrorDocument(t)["errorMessage"] != tc.message {
				t.Errorf("%s: %s, want message %q", tc.reason, o.Body, tc.message)
			}
			if log.String() != tc.log {
				t.Errorf("%s: log %q, want %q", tc.reason, log.String(), tc.log)
			}
		})
	}
}

func TestEndlessOutputIsStopped(t *testing.T) {
	var log bytes.Buffer
	platform := serve(t, `if grep -q endless; then exec cat /dev/zero; fi; echo 1`, &log)
	o := invoke(t, platform, protocoltest.Event{ID: "endless", Payload: `"endless"`})
	if len(o.Body) != lambda.MaxResponsePayload+1 || o.Status != 413 {
		t.Errorf("sent %d bytes and got %d, want just enough to be refused", len(o.Body), o.Status)
	}
	if o := invoke(t, platform, protocoltest.Event{ID: "next", Payload: `1`}); string(o.Body) != "1\n" {
		t.Errorf("the next event gave %q", o.Body)
	}
}

// What an executable wrote before its end is all there, however late its reader comes, and whoever else holds the pipe.
func TestLateReader(t *testing.T) {
	cases := map[string]struct{ reason, script string }{
		"alone":    {"the pipe is at its end", "echo a >&2; sleep 0.1; echo b >&2; printf 1"},
		"children": {"the pipe has no end yet", "sleep 5 & echo a >&2; sleep 0.1; echo b >&2; printf 1"},
		"much":     {"it fills the pipe again", "sleep 5 & i=0; while [ $i -lt 3000 ]; do echo line-of-thirty-characters-more $i >&2; i=$((i+1)); done; echo b >&2; printf 1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			log := &lateWriter{late: 5 * pipeGrace}
			platform, _ := start(t, []string{"/bin/sh", "-c", tc.script}, log)
			if o := invoke(t, platform, protocoltest.Event{ID: "id", Payload: `1`}); string(o.Body) != "1" {
				t.Fatalf("result %s", o.Body)
			}
			if got := log.String(); !strings.HasSuffix(got, "b\n") {
				t.Errorf("%s: of the log came %d bytes, ending in %.40q", tc.reason, len(got), got[max(0, len(got)-40):])
			}
		})
	}
}

// lateWriter is a log that is slow to take its first piece.
type lateWriter struct {
	late time.Duration
	mu   sync.Mutex
	buf  bytes.Buffer
}

func (w *lateWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf.Len() == 0 {
		time.Sleep(w.late)
	}
	return w.buf.Write(p)
}

func (w *lateWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func TestInitErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		argv   []string
	}{
		"nothing":   {"there is nothing to run", nil},
		"missing":   {"it is not there", []string{filepath.Join(dir, "missing")}},
		"no x bit":  {"it may not be run", []string{plain}},
		"directory": {"it is no program", []string{dir}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			platform, ended := start(t, tc.argv, &bytes.Buffer{})
			o, err := platform.InitError(t.Context())
			if err != nil || o.ErrorDocument(t)["errorType"] != "Runtime.InvalidEntrypoint" {
				t.Errorf("%s: %s, %v", tc.reason, o.Body, err)
			}
			if err := <-ended; err == nil {
				t.Error("the runner ended without an error")
			}
		})
	}
}

// A file with its x bit that the kernel cannot run shows only when it is run.
func TestExecFormatError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd")
	if err := os.WriteFile(path, []byte("\x00\x01\x02"), 0o755); err != nil {
		t.Fatal(err)
	}
	platform, _ := start(t, []string{path}, &bytes.Buffer{})
	o := invoke(t, platform, protocoltest.Event{ID: "id", Payload: `1`})
	if o.ErrorDocument(t)["errorType"] != "Runtime.InvalidEntrypoint" {
		t.Errorf("error %s", o.Body)
	}
}

func TestRunNeedsAnAddress(t *testing.T) {
	if err := (Program{Argv: []string{"true"}}).Run(t.Context()); err == nil {
		t.Error("it ran without AWS_LAMBDA_RUNTIME_API")
	}
	bad := Program{Argv: []string{"true"}, Environ: []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", "AWS_LAMBDA_MAX_CONCURRENCY=x"}}
	if err := bad.Run(t.Context()); err == nil {
		t.Error("it ran with a concurrency of x")
	}
}

func TestLastLine(t *testing.T) {
	cases := map[string]struct {
		reason string
		writes []string
		want   string
	}{
		"nothing":     {"no line, no reason", nil, ""},
		"one":         {"a line need not end", []string{"only"}, "only"},
		"in pieces":   {"lines come as the pipe cuts them", []string{"a\nlo", "ng", "er\n"}, "longer"},
		"blank tail":  {"blank lines say nothing", []string{"why\n\n  \n"}, "why"},
		"too long":    {"messages are bounded", []string{strings.Repeat("x", 20)}, strings.Repeat("x", 8)},
		"cut in half": {"half a character is none", []string{"1234567é"}, "1234567\uFFFD"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var passed strings.Builder
			l := &lastLine{next: &passed, limit: 8}
			for _, w := range tc.writes {
				if _, err := l.Write([]byte(w)); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.String(); got != tc.want {
				t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
			}
			if passed.String() != strings.Join(tc.writes, "") {
				t.Errorf("passed on %q", passed.String())
			}
		})
	}
}

func TestLastLinePassesErrorsOn(t *testing.T) {
	l := &lastLine{next: failingWriter{}, limit: 8}
	if _, err := l.Write([]byte("x")); err == nil {
		t.Error("the log's error was swallowed")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, iotest.ErrTimeout }

func FuzzLastLine(f *testing.F) {
	f.Add("a\nb\n", 1)
	f.Add("\xff\xfe\n\n", 3)
	f.Add(strings.Repeat("long", 1000), 7)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		var whole, pieces bytes.Buffer
		a, b := &lastLine{next: &whole, limit: 16}, &lastLine{next: &pieces, limit: 16}
		fmt.Fprint(a, text)
		at := max(0, min(cut, len(text)))
		fmt.Fprint(b, text[:at])
		fmt.Fprint(b, text[at:])
		if a.String() != b.String() || whole.String() != text || pieces.String() != text {
			t.Errorf("cut at %d: %q and %q", at, a.String(), b.String())
		}
	})
}
