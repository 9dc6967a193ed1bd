package runner_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
)

// oldHandler makes the test program a Go handler of the go1.x era, which is told its port by this variable.
const oldHandler = "_LAMBDA_SERVER_PORT"

func TestMain(m *testing.M) {
	if os.Getenv(oldHandler) != "" {
		lambda.Start(func(in map[string]string) (string, error) { return "Hello, " + in["name"], nil })
	}
	runner.MaybeRun()
	os.Exit(m.Run())
}

func TestIs(t *testing.T) {
	for line, want := range map[string]bool{
		"": false, "exec": true, "gorpc -- x": true, "serve": false, "-- exec": false, "executable": false,
	} {
		if got := runner.Is(strings.Fields(line)); got != want {
			t.Errorf("Is(%q) = %v, want %v", line, got, want)
		}
	}
}

// TestSelf starts this program as a runner, as an engine does, and calls the function behind it.
func TestSelf(t *testing.T) {
	script := filepath.Join(t.TempDir(), "greet.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"\\\"read $(cat | wc -c) and got $*\\\"\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		args   []string
		event  string
		want   string
	}{
		"Exec":      {"a program per event", []string{"exec", "--", script, "an", "argument"}, `{"a":1}`, "\"read 7 and got an argument\"\n"},
		"ExecShort": {"the dashes may be left out", []string{"exec", script}, `12`, "\"read 2 and got \"\n"},
		"GoRPC":     {"a Go handler without a client of the Runtime API", []string{"gorpc", "--", runner.Self}, `{"name":"Ada"}`, `"Hello, Ada"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			platform := protocoltest.NewPlatform(t)
			program := exec.CommandContext(t.Context(), runner.Self, tc.args...)
			program.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+platform.Address())
			program.Stderr = t.Output()
			if err := program.Start(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			got, err := platform.Invoke(ctx, protocoltest.Event{ID: "id-1", Payload: tc.event})
			if err != nil || got.Path != "response" || string(got.Body) != tc.want {
				t.Errorf("%s: %s %s, %v; want %s", tc.reason, got.Path, got.Body, err, tc.want)
			}
			_ = program.Process.Signal(syscall.SIGTERM)
			_ = program.Wait() // how it ends is a matter of signals
		})
	}
}

func TestRunWithoutAFunction(t *testing.T) {
	for _, verb := range []string{"exec", "gorpc"} {
		for _, args := range [][]string{{verb}, {verb, "--"}} {
			if err := runner.Run(t.Context(), args, nil); err == nil || !strings.Contains(err.Error(), verb+" -- COMMAND") {
				t.Errorf("Run(%q) = %v, want the usage", args, err)
			}
		}
	}
}

func TestFailureIsToldAndCounts(t *testing.T) {
	program := exec.CommandContext(t.Context(), runner.Self, "exec")
	var told bytes.Buffer
	program.Stderr = &told
	if err := program.Run(); err == nil || !strings.Contains(told.String(), "needs the function's executable") {
		t.Errorf("ended with %v and told %q", err, told.String())
	}
}
