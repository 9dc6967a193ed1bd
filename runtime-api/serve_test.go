package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// output is what a command prints, for a test to read meanwhile.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// freeAddr is an address on which nobody listens right now.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// command is a run of the command within the test.
type command struct {
	*testing.T
	url            string
	stop           context.CancelFunc
	ended          chan struct{}
	err            error // valid when ended is closed
	stdout, stderr *output
}

// start runs the command with a front door of its own and waits until that listens.
func start(t *testing.T, environ []string, args ...string) *command {
	t.Helper()
	addr := freeAddr(t)
	ctx, stop := context.WithCancel(context.Background())
	c := &command{T: t, url: "http://" + addr, stop: stop, ended: make(chan struct{}), stdout: &output{}, stderr: &output{}}
	environ = append([]string{"GOMAXPROCS=2", "PATH=" + os.Getenv("PATH"), "LAMBDA_TASK_ROOT=" + t.TempDir()}, environ...)
	go func() {
		defer close(c.ended)
		c.err = run(ctx, append([]string{"-addr", addr, "-function-name", "fn"}, args...), environ, c.stdout, c.stderr)
	}()
	t.Cleanup(func() {
		stop()
		<-c.ended
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", c.stdout, c.stderr)
		}
	})
	waitFor(t, "the front door listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil || c.over()
	})
	return c
}

func (c *command) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// get asks for a path and gives status and body.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// invoke calls the function.
func invoke(url, event string) (status int, body string, err error) {
	return invokeWith(context.Background(), url, event)
}

func invokeWith(ctx context.Context, url, event string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/2015-03-31/functions/fn/invocations", strings.NewReader(event))
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func (c *command) mustInvoke(event string) string {
	c.Helper()
	status, body, err := invoke(c.url, event)
	if err != nil || status != http.StatusOK {
		c.Fatalf("invoke with %s: %d %s, %v", event, status, body, err)
	}
	return body
}

func TestRunServes(t *testing.T) {
	metrics := freeAddr(t)
	c := start(t, []string{"MARKER=kept"}, "-metrics-addr", metrics, "-memory", "256", "--", handler)
	if body := c.mustInvoke(`{}`); !strings.Contains(body, `"calls":1`) {
		t.Errorf("got %s", body)
	}
	var environ []string
	if err := json.Unmarshal([]byte(c.mustInvoke(`{"do":"env"}`)), &environ); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MARKER=kept", "AWS_LAMBDA_FUNCTION_NAME=fn", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "BOOTSTRAP_INDEX=0"} {
		if !strings.Contains(strings.Join(environ, "\n"), want) {
			t.Errorf("the function's environment lacks %s", want)
		}
	}
	if status, body := get(t, c.url+"/any?x=1"); status != http.StatusOK || !strings.Contains(body, "calls") {
		t.Errorf("HTTP: %d %s", status, body)
	}
	for path, want := range map[string]string{"healthz": "ok\n", "readyz": "ok\n"} {
		if status, body := get(t, c.url+"/_lambkin/"+path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	status, text := get(t, "http://"+metrics+"/metrics")
	if status != http.StatusOK || !strings.Contains(text, `lambkin_invocations_total{function="fn",outcome="success",version="$LATEST"} 3`) {
		t.Errorf("metrics: %d\n%s", status, text)
	}
	c.stop()
	if <-c.ended; c.err != nil {
		t.Errorf("ended with %v", c.err)
	}
	if out := c.stdout.String(); strings.Count(out, "REPORT RequestId: ") != 3 {
		t.Errorf("the log:\n%s", out)
	}
	if _, err := net.Dial("tcp", metrics); err == nil {
		t.Error("the metrics port is still open")
	}
}

func TestRunIsReadyAfterInit(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	c := start(t, nil, "-init-timeout", "60", "--", "/bin/sh", "-c", `while [ ! -e "$0" ]; do sleep 0.01; done; exec "$1"`, gate, handler)
	if status, body := get(t, c.url+"/_lambkin/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no execution environment has initialized yet") {
		t.Errorf("before init: %d %s", status, body)
	}
	if status, _ := get(t, c.url+"/_lambkin/healthz"); status != http.StatusOK {
		t.Errorf("a pod that initializes is alive, got %d", status)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the pod is ready", func() bool { status, _ := get(t, c.url+"/_lambkin/readyz"); return status == http.StatusOK })
}

func TestRunSaysWhyItIsNotReady(t *testing.T) {
	c := start(t, []string{"INIT=exit"}, "--", handler)
	waitFor(t, "init has failed", func() bool {
		status, body := get(t, c.url+"/_lambkin/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "init failed: Runtime.ExitError: Runtime exited with error: exit status 7")
	})
}

// TestRunDrains ends the command while 50 callers wait: each gets its answer.
func TestRunDrains(t *testing.T) {
	const callers = 50
	c := start(t, nil, "-environments", "2", "-grace", "60", "--", handler)
	c.mustInvoke(`{}`)
	var answered, sent atomic.Int64
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent.Add(1) }})
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			status, body, err := invokeWith(ctx, c.url, `{"do":"sleep","n":80}`)
			if err != nil || status != http.StatusOK || !strings.Contains(body, "calls") {
				t.Errorf("caller %d: %d %s, %v", i, status, body, err)
				return
			}
			answered.Add(1)
		})
	}
	waitFor(t, "all have sent their calls", func() bool { return sent.Load() == callers })
	get(t, c.url+"/_lambkin/healthz")  // whoever came before it has been let in
	time.Sleep(300 * time.Millisecond) // and is in the queue, in which all together spend two seconds
	c.stop()
	all.Wait()
	if <-c.ended; c.err != nil || answered.Load() != callers {
		t.Errorf("%d of %d answered, ended with %v", answered.Load(), callers, c.err)
	}
	if _, _, err := invoke(c.url, `{}`); err == nil {
		t.Error("the door is still open")
	}
}

func TestRunGraceIsBounded(t *testing.T) {
	c := start(t, nil, "-timeout", "60", "-grace", "0.1", "--", handler)
	c.mustInvoke(`{}`)
	answered := make(chan int)
	go func() {
		status, _, _ := invoke(c.url, `{"do":"stubborn"}`)
		answered <- status
	}()
	waitFor(t, "the call runs", func() bool { return strings.Count(c.stdout.String(), "START RequestId: ") == 2 })
	c.stop()
	if <-c.ended; c.err == nil {
		t.Error("invocations were cut off, and nobody was told")
	}
	<-answered // with whatever: it does not hang
}

func TestRunStartFaults(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cases := map[string]struct {
		reason, want string
		args         []string
	}{
		"Port":        {"a second start", "open the front door: listen tcp " + taken.Addr().String(), []string{"-addr", taken.Addr().String(), "--", handler}},
		"MetricsPort": {"same", "open the metrics port: listen tcp " + taken.Addr().String(), []string{"-addr", "127.0.0.1:0", "-metrics-addr", taken.Addr().String(), "--", handler}},
		"Command":     {"no such program", `the runtime's command: exec: "no-such-program"`, []string{"-addr", "127.0.0.1:0", "--", "no-such-program"}},
		"Runtime":     {"no such runtime", `-runtime is "cobol85"`, []string{"-addr", "127.0.0.1:0", "-runtime", "cobol85"}},
		"Bootstrap":   {"nothing to start", "give its command after --", []string{"-addr", "127.0.0.1:0"}},
		"Sink":        {"no URL", `sink "x" is no http or https URL`, []string{"-addr", "127.0.0.1:0", "-sink", "x", "--", handler}},
		"Runner":      {"no program to run", "needs the function's executable", []string{"exec", "--"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), tc.args, []string{"GOMAXPROCS=2", "PATH=/usr/bin:/bin", "LAMBDA_TASK_ROOT=" + t.TempDir()}, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want it to say %q", tc.reason, err, tc.want)
			}
		})
	}
}

// TestRunExec has this binary itself as the runtime of an executable that gets its event on stdin.
func TestRunExec(t *testing.T) {
	c := start(t, nil, "--", binary, "exec", "--", "/bin/sh", "-c", `tr a-z A-Z`)
	if got := c.mustInvoke(`"hello"`); got != `"HELLO"` {
		t.Errorf("got %s", got)
	}
}

// TestRunMakesSpans has a collector's double take the spans, the last of them when the command ends.
func TestRunMakesSpans(t *testing.T) {
	got := make(chan *tracepb.TracesData, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		data := new(tracepb.TracesData)
		if err = cmp.Or(err, proto.Unmarshal(body, data)); err != nil {
			t.Error(err)
		}
		got <- data
	}))
	defer collector.Close()
	c := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL}, "--", handler)
	c.mustInvoke(`{"do":"error"}`)
	c.stop()
	<-c.ended
	select {
	case data := <-got:
		span := data.ResourceSpans[0].ScopeSpans[0].Spans[0]
		if trace := fmt.Sprintf("1-%x-%x", span.TraceId[:4], span.TraceId[4:]); span.Name != "fn" || !strings.Contains(c.stdout.String(), "XRAY TraceId: "+trace) {
			t.Errorf("span %v; the log does not name its trace %s", span, trace)
		}
	case <-time.After(time.Minute):
		t.Error("no span came")
	}
}

func TestRunWithoutSpansThatCannotBe(t *testing.T) {
	c := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "--", handler)
	c.mustInvoke(`{}`)
	if !strings.Contains(c.stderr.String(), "no spans will be made") {
		t.Errorf("stderr: %s", c.stderr)
	}
}
