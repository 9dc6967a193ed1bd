package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

// terminationLog is a file as the kubelet makes one for a container, with the words of the container before in it.
func terminationLog(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "termination-log")
	if err := os.WriteFile(path, []byte(strings.Repeat("what another container said ", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// lastWords is what the file holds.
func lastWords(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRunFailsOnInit(t *testing.T) {
	cases := map[string]struct {
		reason  string
		environ []string
		args    []string
		want    string
	}{
		"Exit": {reason: "the runtime ended", environ: []string{"INIT=exit"}, args: []string{"--", handler},
			want: "Runtime.ExitError: Runtime exited with error: exit status 7"},
		"OneOfMany": {reason: "the first to end decides", environ: []string{"INIT=exit"}, args: []string{"-environments", "3", "--", handler},
			want: "Runtime.ExitError: Runtime exited with error: exit status 7"},
		"Timeout": {reason: "the runtime never asked for work", environ: []string{"INIT=hang"}, args: []string{"-init-timeout", "0.2", "--", handler},
			want: "Sandbox.Timedout: Task timed out after 0.20 seconds"},
		"Reported": {reason: "the runtime said why, in more than one line", args: []string{"--", binary, "exec", "--", "/nonexistent"},
			want: "Runtime."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := terminationLog(t)
			c := start(t, append(tc.environ, "LAMBKIN_FAIL_ON_INIT=true", "LAMBKIN_TERMINATION_LOG="+path), tc.args...)
			<-c.ended
			if c.err == nil || !strings.Contains(c.err.Error(), "init failed: "+tc.want) {
				t.Errorf("%s: ended with %v, want it to say %q", tc.reason, c.err, tc.want)
			}
			if got := lastWords(t, path); !strings.HasPrefix(got, tc.want) || strings.ContainsAny(got, "\r\n") {
				t.Errorf("%s: the last words are %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// TestRunFailsWithoutEntrypoint has nothing to start, which only -fail-on-init makes a case for the cluster.
func TestRunFailsWithoutEntrypoint(t *testing.T) {
	path := terminationLog(t)
	c := start(t, nil, "-fail-on-init", "-termination-log", path, "--", "no-such-program")
	<-c.ended
	want := `Runtime.InvalidEntrypoint: the runtime's command: exec: "no-such-program": executable file not found in $PATH`
	if got := lastWords(t, path); c.err == nil || got != want {
		t.Errorf("ended with %v, the last words are %q, want %q", c.err, got, want)
	}
	before := lastWords(t, path)
	c = start(t, nil, "-termination-log", path, "--", "no-such-program")
	<-c.ended
	if got := lastWords(t, path); c.err == nil || got != before {
		t.Errorf("without -fail-on-init: ended with %v, the last words are %q", c.err, got)
	}
}

func TestRunFailsWithNobodyToTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	c := start(t, []string{"INIT=exit"}, "-fail-on-init", "-termination-log", path, "--", handler)
	<-c.ended
	if c.err == nil || !strings.Contains(c.err.Error(), "init failed") {
		t.Errorf("ended with %v", c.err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made that nobody asked for")
	}
}

// TestRunForgivesLaterInits lets the runtime die after its first success: the pod comes back by itself as ever.
func TestRunForgivesLaterInits(t *testing.T) {
	path := terminationLog(t)
	before := lastWords(t, path)
	gate := filepath.Join(t.TempDir(), "gate")
	script := `[ -e "$0" ] && rm "$0" && exit 9; exec "$1"` // an init with the gate in its way fails
	c := start(t, nil, "-fail-on-init", "-termination-log", path, "--", "/bin/sh", "-c", script, gate, handler)
	c.mustInvoke(`{}`)
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, body, err := invoke(c.url, `{"do":"exit","n":1}`); err != nil || !strings.Contains(body, "Runtime.ExitError") {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	waitFor(t, "init has failed", func() bool { _, err := os.Stat(gate); return err != nil })
	waitFor(t, "the function works again", func() bool {
		status, body, err := invoke(c.url, `{}`)
		return err == nil && status == http.StatusOK && strings.Contains(body, `"calls":`)
	})
	if c.over() || lastWords(t, path) != before {
		t.Errorf("given up: %v, %q", c.err, lastWords(t, path))
	}
}

// TestRunEndsBeforeItsFirstInit has nobody wait for an init that will not end.
func TestRunEndsBeforeItsFirstInit(t *testing.T) {
	c := start(t, []string{"INIT=hang"}, "-fail-on-init", "-init-timeout", "600", "-termination-log", terminationLog(t), "--", handler)
	c.stop()
	if <-c.ended; c.err != nil {
		t.Errorf("ended with %v", c.err)
	}
}

func TestReadyWaitsForTheFirstInit(t *testing.T) {
	f := &podFunction{Pod: pod.New(pod.Config{Function: "fn", Command: []string{handler}, Min: 1}), over: make(chan struct{})}
	never, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Ready(never); err == nil || !strings.Contains(err.Error(), "no execution environment has initialized yet") {
		t.Errorf("before it is started, and without patience: %v", err)
	}
	f.Start()
	t.Cleanup(func() { _ = f.Shutdown(context.Background()) })
	if err := f.Ready(t.Context()); err != nil {
		t.Errorf("asked while it initializes: %v", err)
	}
}

func TestRunThrottles(t *testing.T) {
	metrics := freeAddr(t)
	c := start(t, []string{"LAMBKIN_THROTTLE=true"}, "-metrics-addr", metrics, "--", "/nonexistent/is/never/started")
	if status, body := get(t, c.url+"/_lambkin/readyz"); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, body)
	}
	resp, err := http.Post(c.url+"/2015-03-31/functions/fn/invocations", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Amzn-Errortype") != "TooManyRequestsException" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("invoke: %d %v", resp.StatusCode, resp.Header)
	}
	if status, body, err := invoke(c.url, `{}`); err != nil || status != http.StatusTooManyRequests ||
		!strings.Contains(body, `"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"`) {
		t.Errorf("invoke: %d %s, %v", status, body, err)
	}
	if status, _ := get(t, c.url+"/any"); status != http.StatusTooManyRequests {
		t.Errorf("HTTP: %d", status)
	}
	if _, text := get(t, "http://"+metrics+"/metrics"); !strings.Contains(text, `lambkin_throttles_total{function="fn",reason="reserved",version="$LATEST"} 3`) {
		t.Errorf("metrics:\n%s", text)
	}
	c.stop()
	if <-c.ended; c.err != nil {
		t.Errorf("ended with %v", c.err)
	}
}

func TestInitFailureLine(t *testing.T) {
	cases := map[string]struct{ reason, message, want string }{
		"Plain":   {"as it is", "no module", "T: no module"},
		"Lines":   {"one line", "a\r\nb\tc\x1b[31m", "T: a  b c [31m"},
		"Invalid": {"it must be UTF-8", "a\xffb", "T: ab"},
		"Long":    {"Kubernetes keeps so much", strings.Repeat("é", 4000), "T: " + strings.Repeat("é", (maxTermination-3)/2)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := (&initFailure{kind: "T", message: tc.message}).line()
			if got != tc.want || len(got) > maxTermination || !utf8.ValidString(got) {
				t.Errorf("%s: got %d bytes %q, want %d bytes %q", tc.reason, len(got), got, len(tc.want), tc.want)
			}
		})
	}
}

func TestSaidBy(t *testing.T) {
	cases := map[string]struct {
		reason, payload, want string
	}{
		"Report":  {"the runtime said what its code lacks", `{"errorType":"ImportError","errorMessage":"no module named x"}`, "no module named x"},
		"Nothing": {"the process ended without a word", ``, "Runtime exited"},
		"Foreign": {"a report in a form of its own", `["no"]`, "Runtime exited"},
		"Silent":  {"a report without a sentence", `{"errorType":"ImportError"}`, "Runtime exited"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := saidBy([]byte(tc.payload), "Runtime exited")
			if got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
