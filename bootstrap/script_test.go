package bootstrap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
)

// patience bounds a failing run; no test depends on its length.
const patience = time.Minute

// script is a function of a few lines and what it has to do with some events.
type script struct {
	reason  string
	files   map[string]string // below the function's folder; "opt/…" is below the layers'
	handler string
	env     []string
	steps   []step
	last    string // an event after the steps that is not answered
	exit    int    // the exit code after that, if it is not 0
	log     string // what the output has to hold
}

// step is one event and the end of its invocation.
type step struct {
	event  string
	header map[string]string
	result string // the JSON of the result, or
	fails  string // the error type, or
	raw    string // the bytes of the response
}

// runScripts starts every script with a runtime of the catalogue.
func runScripts(t *testing.T, runtimeID string, scripts map[string]script) {
	runtimeDir, err := bootstrap.Extract(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	interpreters := &bootstrap.Interpreters{}
	for name, s := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Log(s.reason)
			s.run(t, runtimeID, bootstrap.Host{RuntimeDir: runtimeDir, Interpreters: interpreters})
		})
	}
}

func (s script) run(t *testing.T, runtimeID string, host bootstrap.Host) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	platform, process := s.start(t, runtimeID, host)
	for n, step := range s.steps {
		o, err := platform.Invoke(ctx, protocoltest.Event{ID: fmt.Sprintf("id-%d", n), Payload: step.event, Header: step.header})
		if err != nil {
			t.Fatal(err)
		}
		step.check(t, o)
	}
	if s.last != "" {
		if _, err := platform.Hand(ctx, protocoltest.Event{ID: "id-last", Payload: s.last}); err != nil {
			t.Fatal(err)
		}
	}
	if s.exit != 0 {
		if code := process.Exit(ctx, t); code != s.exit {
			t.Errorf("exit code %d, want %d", code, s.exit)
		}
	}
	if out := process.Output(t); !strings.Contains(out, s.log) {
		t.Errorf("output %q, want %q in it", out, s.log)
	}
}

// start writes the script and starts its process as the catalogue says.
func (s script) start(t *testing.T, runtimeID string, host bootstrap.Host) (*protocoltest.Platform, *protocoltest.Process) {
	t.Helper()
	root := t.TempDir()
	host.TaskRoot, host.OptRoot, host.Handler = filepath.Join(root, "task"), filepath.Join(root, "opt"), s.handler
	host.Environ = append([]string{"PATH=" + os.Getenv("PATH")}, s.env...)
	for name, text := range s.files {
		if !strings.HasPrefix(name, "opt/") {
			name = "task/" + name
		}
		writeFile(t, filepath.Join(root, name), text, 0o755)
	}
	runtime, ok := bootstrap.Lookup(runtimeID)
	if !ok {
		t.Fatalf("runtime %q is not in the catalogue", runtimeID)
	}
	argv, env, err := runtime.Command(host)
	if err != nil {
		t.Skip(err)
	}
	platform := protocoltest.NewPlatform(t)
	env = append(append(env, s.env...), "_HANDLER="+s.handler)
	return platform, protocoltest.StartProcess(t, platform, argv, env, host.TaskRoot)
}

func (s step) check(t *testing.T, o protocoltest.Outcome) {
	t.Helper()
	if s.fails != "" {
		if o.Path != "error" || o.ErrorDocument(t)["errorType"] != s.fails {
			t.Fatalf("event %s ended with %s %.500s, want error %s", s.event, o.Path, o.Body, s.fails)
		}
		return
	}
	got, want := string(o.Body), s.raw
	if s.raw == "" {
		got, want = canonical(t, o.Body), canonical(t, []byte(s.result))
	}
	if o.Path != "response" || got != want {
		t.Fatalf("event %s ended with %s %.500s, want %s", s.event, o.Path, o.Body, want)
	}
}

// canonical gives JSON in one spelling.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%.200q is not JSON: %v", text, err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
