package pod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// log is a function's log that a test may read while it is written.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts a pod with the test function and ends it with the test.
func start(t *testing.T, change func(*Config)) (*Pod, *log) {
	t.Helper()
	out := &log{}
	cfg := Config{
		Function: "fn",
		Command:  []string{handler},
		Min:      1,
		Timeout:  20 * time.Second,
		Output:   out,
		TmpDir:   t.TempDir(),
	}
	if change != nil {
		change(&cfg)
	}
	p := New(cfg)
	p.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", out)
		}
	})
	return p, out
}

func call(t *testing.T, p *Pod, event string) *lambda.Result {
	t.Helper()
	r, err := p.Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "fn"}, Payload: []byte(event)})
	if err != nil {
		t.Fatalf("invoke with %s: %v", event, err)
	}
	return r
}

// counted is what the test function answers by default.
type counted struct{ Calls, PID int }

func mustCount(t *testing.T, p *Pod) counted {
	t.Helper()
	r := call(t, p, `{}`)
	var c counted
	if err := json.Unmarshal(r.Payload, &c); err != nil || r.FunctionError != "" {
		t.Fatalf("got %s (%q), want a count", r.Payload, r.FunctionError)
	}
	return c
}

func TestInvoke(t *testing.T) {
	p, out := start(t, func(c *Config) { c.Runtime = "provided.al2023" })
	first, second := mustCount(t, p), mustCount(t, p)
	if second.Calls != 2 || second.PID != first.PID {
		t.Errorf("a warm environment must keep its process: %+v, then %+v", first, second)
	}
	if r := call(t, p, ``); string(r.Payload) == "" || r.ExecutedVersion != "$LATEST" || r.RequestID == "" {
		t.Errorf("got %+v", r)
	}
	for _, want := range []string{"INIT_START", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "Init Duration: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, out)
		}
	}
}

// Each row ruins an environment in its own way. The caller gets AWS's answer, and the next call is served.
func TestFailures(t *testing.T) {
	cases := map[string]struct {
		event, payload, errorType string
		sameProcess               bool
		change                    func(*Config)
	}{
		"HandledError": {event: `{"do":"error"}`, errorType: "Runtime.Unknown", sameProcess: true,
			payload: `{"errorMessage":"handled","errorType":"errorString"}`},
		"ExitZero": {event: `{"do":"exit"}`, errorType: "Runtime.ExitError",
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"}`},
		"ExitThree": {event: `{"do":"exit","n":3}`, errorType: "Runtime.ExitError",
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"}`},
		"Killed": {event: `{"do":"kill"}`, errorType: "Runtime.ExitError",
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}`},
		"Timeout": {event: `{"do":"sleep","n":60000}`, errorType: "Sandbox.Timedout",
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`,
			change:  func(c *Config) { c.Timeout = time.Second }},
		"IgnoresSIGTERM": {event: `{"do":"stubborn"}`, errorType: "Sandbox.Timedout",
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`,
			change:  func(c *Config) { c.Timeout = time.Second }},
		"OutOfMemory": {event: `{"do":"allocate","n":400}`, errorType: "Runtime.OutOfMemory",
			payload: `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}`,
			change:  func(c *Config) { c.EnforceMemory = true }},
		"TooLarge": {event: `{"do":"big","n":6291600}`, errorType: "Function.ResponseSizeTooLarge",
			payload: `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := start(t, tc.change)
			before := mustCount(t, p)
			r := call(t, p, tc.event)
			if r.FunctionError != "Unhandled" || r.ErrorType != tc.errorType {
				t.Errorf("got %q of type %q, want type %q", r.FunctionError, r.ErrorType, tc.errorType)
			}
			if want := strings.ReplaceAll(tc.payload, "ID", r.RequestID); string(r.Payload) != want {
				t.Errorf("payload\n got %s\nwant %s", r.Payload, want)
			}
			if after := mustCount(t, p); (after.PID == before.PID) != tc.sameProcess {
				t.Errorf("process %d before, %d after; want the same: %v", before.PID, after.PID, tc.sameProcess)
			}
		})
	}
}

func TestOneFailureLeavesTheOthersAlone(t *testing.T) {
	p, _ := start(t, func(c *Config) { c.Min, c.Timeout = 2, 2*time.Second })
	<-p.Ready()
	var all sync.WaitGroup
	all.Go(func() {
		if r := call(t, p, `{"do":"sleep","n":60000}`); r.ErrorType != "Sandbox.Timedout" {
			t.Errorf("got %+v", r)
		}
	})
	for range 20 {
		all.Go(func() {
			if r := call(t, p, `{"do":"sleep","n":50}`); r.FunctionError != "" {
				t.Errorf("an innocent invocation failed: %s", r.Payload)
			}
		})
	}
	all.Wait()
}

func TestInitFailures(t *testing.T) {
	exit := `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 7"}`
	cases := map[string]struct {
		reason  string
		change  func(*testing.T, *Config)
		payload string // empty: it succeeds
	}{
		"Exit": {
			reason:  "the invocation within which init is run again gets the error",
			change:  func(_ *testing.T, c *Config) { c.Env = []string{"INIT=exit"} },
			payload: exit,
		},
		"ExitOnce": {
			reason: "a first failed init is nobody's business",
			change: func(t *testing.T, c *Config) { c.Env = []string{"INIT=once", "MARK=" + t.TempDir() + "/mark"} },
		},
		"Hang": {
			reason: "init that hangs uses up the invocation's time",
			change: func(_ *testing.T, c *Config) {
				c.Env, c.InitTimeout, c.Timeout = []string{"INIT=hang"}, 500*time.Millisecond, time.Second
			},
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`,
		},
		"Missing": {
			reason:  "the system's own words are passed on",
			change:  func(_ *testing.T, c *Config) { c.Command = []string{"/nonexistent/bootstrap"} },
			payload: `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: fork/exec /nonexistent/bootstrap: no such file or directory"}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := start(t, func(c *Config) { c.Min, c.Max = 0, 1; tc.change(t, c) })
			r := call(t, p, `{}`)
			if tc.payload == "" {
				if r.FunctionError != "" {
					t.Errorf("%s, but got %s", tc.reason, r.Payload)
				}
				return
			}
			if want := strings.ReplaceAll(tc.payload, "ID", r.RequestID); string(r.Payload) != want {
				t.Errorf("%s\n got %s\nwant %s", tc.reason, r.Payload, want)
			}
			if p.InitFailure() == nil {
				t.Error("the failure is not reported")
			}
		})
	}
}

func TestScalesFromZeroAndBack(t *testing.T) {
	p, _ := start(t, func(c *Config) { c.Min, c.Max, c.Idle = 0, 3, 200*time.Millisecond })
	if n, _ := p.Environments(); n != 0 {
		t.Errorf("%d environments before the first call", n)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { call(t, p, `{"do":"sleep","n":500}`) })
	}
	all.Wait()
	waitUntil(t, "all environments are retired", func() bool { live, serving := p.Environments(); return live == 0 && serving == 0 })
	mustCount(t, p)
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

func TestFullQueue(t *testing.T) {
	p, _ := start(t, func(c *Config) { c.QueueDepth = 100 })
	<-p.Ready()
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 1000 {
		all.Go(func() {
			_, err := p.Invoke(t.Context(), &lambda.Invocation{Payload: []byte(`{"do":"sleep","n":5}`)})
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprint(lambda.CodeOf(err))]++
		})
	}
	all.Wait()
	if got[""] < 100 || got[string(lambda.CodeTooManyRequests)] == 0 || got[""]+got[string(lambda.CodeTooManyRequests)] != 1000 {
		t.Errorf("1,000 callers at a queue of 100: %v", got)
	}
}

func TestCallerThatLeaves(t *testing.T) {
	p, out := start(t, nil)
	before := mustCount(t, p)
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		call(t, p, `{"do":"sleep","n":1000}`)
	}()
	waitUntil(t, "the environment is busy", func() bool { return strings.Count(out.String(), "START RequestId") == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := p.Invoke(ctx, &lambda.Invocation{}); err == nil {
		t.Error("a caller that left got an answer")
	}
	<-blocked
	if after := mustCount(t, p); after.Calls > before.Calls+3 {
		t.Errorf("the abandoned invocation was executed: %+v then %+v", before, after)
	}
}

// What was accepted before a shutdown comes to its end; what comes later is told so and was not executed.
func TestShutdownLosesNothing(t *testing.T) {
	p, _ := start(t, func(c *Config) { c.Min = 2 })
	<-p.Ready()
	var all sync.WaitGroup
	var served atomic.Int32
	for range 20 {
		all.Go(func() {
			r, err := p.Invoke(t.Context(), &lambda.Invocation{Payload: []byte(`{"do":"sleep","n":50}`)})
			switch {
			case errors.Is(err, ErrShuttingDown):
			case err != nil || r.FunctionError != "":
				t.Errorf("got %+v, %v", r, err)
			default:
				served.Add(1)
			}
		})
	}
	waitUntil(t, "callers wait", func() bool { return p.queue.Waiting() > 10 })
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	all.Wait()
	if served.Load() < 11 {
		t.Errorf("%d of at least 11 accepted invocations were served", served.Load())
	}
	_, err := p.Invoke(t.Context(), &lambda.Invocation{})
	if e := lambda.AsError(err); !errors.Is(err, ErrShuttingDown) || e.Code.Status() != http.StatusServiceUnavailable || e.RetryAfter == 0 {
		t.Errorf("a pod that is shut down gives %v, want a 503 that says when to come again", err)
	}
}

func TestShutdownWaitsForWhatItsCallerHasLeft(t *testing.T) {
	p, out := start(t, nil)
	<-p.Ready()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if _, err := p.Invoke(ctx, &lambda.Invocation{Payload: []byte(`{"do":"sleep","n":1000}`)}); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that left got %v", err)
		}
	}()
	waitUntil(t, "the function runs", func() bool { return strings.Contains(out.String(), "START RequestId") })
	leave()
	<-left
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "REPORT") || strings.Contains(out.String(), "Runtime.ExitError") {
		t.Errorf("the invocation was not let to its end:\n%s", out)
	}
}

func TestManyInOneProcess(t *testing.T) {
	p, _ := start(t, func(c *Config) { c.PerEnvironment = 4 })
	<-p.Ready()
	begin := time.Now()
	var all sync.WaitGroup
	pids := make(chan int, 8)
	for range 8 {
		all.Go(func() {
			var c counted
			r := call(t, p, `{"do":"sleep","n":400}`)
			if err := json.Unmarshal(r.Payload, &c); err != nil {
				t.Errorf("got %s", r.Payload)
			}
			pids <- c.PID
		})
	}
	all.Wait()
	close(pids)
	first := <-pids
	for pid := range pids {
		if pid != first {
			t.Errorf("ran in processes %d and %d", first, pid)
		}
	}
	if took := time.Since(begin); took > 8*400*time.Millisecond {
		t.Errorf("8 invocations of 400 ms, 4 at once, took %v: as long as one after the other", took)
	}
}

func TestEnvironmentVariables(t *testing.T) {
	p, _ := start(t, func(c *Config) {
		c.Handler = "main"
		c.Env = []string{"MINE=kept", "AWS_LAMBDA_FUNCTION_NAME=foo", "PATH=/usr/bin:/bin"}
		c.Memory = 256
	})
	var env []string
	if err := json.Unmarshal(call(t, p, `{"do":"env"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MINE=kept", "AWS_LAMBDA_FUNCTION_NAME=fn", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "_HANDLER=main", "PATH=/usr/bin:/bin", "AWS_REGION=us-east-1", "TZ=:UTC",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/fn"} {
		if !strings.Contains("\n"+strings.Join(env, "\n")+"\n", "\n"+want+"\n") {
			t.Errorf("the function's environment lacks %s", want)
		}
	}
	if joined := strings.Join(env, "\n"); strings.Contains(joined, "AWS_LAMBDA_MAX_CONCURRENCY") || strings.Contains(joined, "_LAMBDA_SERVER_PORT") {
		t.Error("variables that change how clients behave must be absent unless meant")
	}
}

// TestProvisioned holds that environments which are kept by wish know it and have long to initialize, and that those which
// a burst adds to them are on demand.
func TestProvisioned(t *testing.T) {
	c := Config{Min: 2, Provisioned: true, Timeout: time.Second}.withDefaults()
	long := Config{Min: 1, Provisioned: true, Timeout: 200 * time.Second}.withDefaults()
	cases := map[string]struct {
		reason string
		config Config
		index  int
		want   string
		limit  time.Duration
	}{
		"Kept":     {"one of those that are kept", c, 1, "provisioned-concurrency", 130 * time.Second},
		"Added":    {"one that a burst added", c, 2, "on-demand", 10 * time.Second},
		"LongTime": {"the function's own time, where that is longer", long, 0, "provisioned-concurrency", 200 * time.Second},
		"Pod":      {"a container's environments are kept, too, and nobody provisioned them", Config{Min: 1}.withDefaults(), 0, "on-demand", 10 * time.Second},
	}
	for name, tc := range cases {
		if got, limit := tc.config.initializationType(tc.index), tc.config.initLimit(tc.index); got != tc.want || limit != tc.limit {
			t.Errorf("%s: %s: got %s with %v, want %s with %v", name, tc.reason, got, limit, tc.want, tc.limit)
		}
	}
	p, out := start(t, func(c *Config) {
		c.Min, c.Max, c.Provisioned, c.InitTimeout, c.LogFormat = 1, 1, true, time.Nanosecond, "JSON"
	})
	<-p.Ready() // InitTimeout does not count for it
	var env []string
	if err := json.Unmarshal(call(t, p, `{"do":"env"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(env, "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency") {
		t.Errorf("the function is not told: %q", env)
	}
	if !strings.Contains(out.String(), `"initializationType":"provisioned-concurrency"`) {
		t.Errorf("the log is not told:\n%s", out)
	}
}

func TestLogTail(t *testing.T) {
	p, _ := start(t, nil)
	r, err := p.Invoke(t.Context(), &lambda.Invocation{Payload: []byte(`{"do":"print"}`), LogTail: true})
	if err != nil {
		t.Fatal(err)
	}
	tail := string(r.LogTail)
	for _, want := range []string{"START RequestId: " + r.RequestID, "printed by the function\n", "REPORT RequestId: " + r.RequestID} {
		if !strings.Contains(tail, want) {
			t.Errorf("the tail lacks %q:\n%s", want, tail)
		}
	}
}
