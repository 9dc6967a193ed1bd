package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// output collects a log; each Write separately.
type output struct {
	mu     sync.Mutex
	writes []string
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes = append(o.writes, string(p))
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.writes, "")
}

func newLogger(t *testing.T, cfg LoggerConfig) (*Logger, *output) {
	t.Helper()
	out := new(output)
	cfg.Out = out
	if cfg.Bus == nil {
		cfg.Bus = newBus(t)
	}
	return NewLogger(cfg), out
}

// listen puts a subscriber on a Bus whose events the test reads directly.
func listen(t *testing.T, b *Bus, sources source) *subscriber {
	t.Helper()
	s := newSubscriber("ext", TelemetryAPI, request{
		schema: Schema20221213, sources: sources, protocol: "TCP", port: 1,
		limits: limits{items: 10000, bytes: 1 << 20, timeout: time.Hour},
	})
	b.publish(append(*b.current.Load(), s))
	return s
}

// heard gives the types and records of the events that a subscriber has buffered.
func heard(s *subscriber) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for l := range strings.Lines(string(s.pending.body) + "\n") {
		if _, rest, ok := strings.Cut(l, `","type":`); ok {
			b.WriteString(rest)
		}
	}
	return b.String()
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if n, err := io.WriteString(w, s); n != len(s) || err != nil {
		t.Fatalf("Write: %d, %v", n, err)
	}
}

var success = Report{RequestID: "r1", Status: StatusSuccess, Metrics: ReportMetrics{Duration: Milliseconds(2530 * time.Microsecond), BilledMs: 3}}

func TestTextInvocation(t *testing.T) {
	l, out := newLogger(t, LoggerConfig{})
	stdout := l.Function()
	l.Emit(InitStart{RuntimeVersion: "provided"})
	write(t, stdout, "loading\n")
	l.Start(Start{RequestID: "r1", Version: "$LATEST"}, false)
	write(t, stdout, "one\ntwo\nun")
	write(t, stdout, "finished")
	l.RuntimeDone(RuntimeDone{RequestID: "r1", Status: StatusSuccess})
	if tail := l.Finish(success); tail != nil {
		t.Errorf("nobody asked for a tail, got %q", tail)
	}
	want := []string{
		"INIT_START Runtime Version: provided\n",
		"loading\n",
		"START RequestId: r1 Version: $LATEST\n",
		"one\ntwo\n",
		"unfinished\n",
		"END RequestId: r1\nREPORT RequestId: r1\tDuration: 2.53 ms\tBilled Duration: 3 ms\t\n",
	}
	if diff := cmp.Diff(want, out.writes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSubscribersHearTheSameOrder(t *testing.T) {
	b := newBus(t)
	all := listen(t, b, platform|function|extension)
	l, _ := newLogger(t, LoggerConfig{Bus: b})
	stdout, ext := l.Function(), l.Extension()
	l.Start(Start{RequestID: "r1", Version: "1"}, false)
	write(t, stdout, "one\nleft")
	write(t, ext, "aside\nhalf")
	l.RuntimeDone(RuntimeDone{RequestID: "r1", Status: StatusSuccess})
	l.Finish(success)
	if err := ext.Close(); err != nil {
		t.Fatal(err)
	}
	want := `"platform.start","record":{"requestId":"r1","version":"1"}}
"function","record":"one"}
"extension","record":"aside"}
"function","record":"left"}
"platform.runtimeDone","record":{"requestId":"r1","status":"success","metrics":{"durationMs":0}}}
"platform.report","record":{"requestId":"r1","status":"success","metrics":{"durationMs":2.53,"billedDurationMs":3}}}
"extension","record":"half"}
`
	if diff := cmp.Diff(want, heard(all)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSONLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus(t)
		all := listen(t, b, function|platform)
		l, out := newLogger(t, LoggerConfig{Bus: b, Format: JSON, System: LevelInfo, Application: LevelWarn})
		stdout := l.Function()
		l.Emit(InitStart{InitializationType: InitOnDemand, Phase: PhaseInit})
		l.Start(Start{RequestID: "r1", Version: "1"}, false)
		write(t, stdout, "plain text\n"+`{"level":"INFO","message":"quiet"}`+"\n"+`{"message":"no level"}`+"\n")
		write(t, stdout, ` {"level":"ERROR", "message":"loud"}`+"\n"+`["not an object"]`+"\n")
		l.RuntimeDone(RuntimeDone{RequestID: "r1", Status: StatusSuccess})
		l.TimedOut("r1", 3*time.Second)
		l.Emit(Fault{"r1", "gone", "Runtime.ExitError"})
		l.Finish(Report{RequestID: "r1", Status: StatusTimeout})
		want := `{"time":"2000-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"r1","version":"1"}}
plain text
 {"level":"ERROR", "message":"loud"}
["not an object"]
{"time":"2000-01-01T00:00:00.000Z","type":"platform.fault","record":"2000-01-01T00:00:00.000Z r1 Task timed out after 3.00 seconds"}
{"time":"2000-01-01T00:00:00.000Z","type":"platform.fault","record":"RequestId: r1 Error: gone"}
{"time":"2000-01-01T00:00:00.000Z","type":"platform.report","record":{"requestId":"r1","status":"timeout","metrics":{"durationMs":0}}}
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("log: -want +got:\n%s", diff)
		}
		want = `"platform.initStart","record":{"initializationType":"on-demand","phase":"init"}}
"platform.start","record":{"requestId":"r1","version":"1"}}
"function","record":"plain text"}
"function","record":{"level":"INFO","message":"quiet"}}
"function","record":{"message":"no level"}}
"function","record":{"level":"ERROR","message":"loud"}}
"function","record":"[\"not an object\"]"}
"platform.runtimeDone","record":{"requestId":"r1","status":"success","metrics":{"durationMs":0}}}
"platform.report","record":{"requestId":"r1","status":"timeout","metrics":{"durationMs":0}}}
`
		if diff := cmp.Diff(want, heard(all)); diff != "" {
			t.Errorf("levels do not concern subscribers: -want +got:\n%s", diff)
		}
	})
}

func TestSystemLevels(t *testing.T) {
	cases := map[string]struct {
		level Level
		want  []string
	}{
		"None":  {0, []string{"platform.start", "platform.runtimeDone", "platform.report"}},
		"Debug": {LevelDebug, []string{"platform.start", "platform.runtimeDone", "platform.report"}},
		"Info":  {LevelInfo, []string{"platform.start", "platform.report"}},
		"Warn":  {LevelWarn, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, out := newLogger(t, LoggerConfig{Format: JSON, System: tc.level})
			l.Start(Start{RequestID: "r1"}, false)
			l.RuntimeDone(RuntimeDone{RequestID: "r1", Status: StatusSuccess})
			l.Finish(success)
			var got []string
			for line := range strings.Lines(out.String()) {
				_, rest, _ := strings.Cut(line, `"type":"`)
				kind, _, _ := strings.Cut(rest, `"`)
				got = append(got, kind)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTextTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLogger(t, LoggerConfig{})
		stdout := l.Function()
		l.Start(Start{RequestID: "r1", Version: "1"}, true)
		write(t, stdout, "wor")
		l.TimedOut("r1", 3*time.Second)
		tail := l.Finish(Report{RequestID: "r1", Status: StatusTimeout})
		want := "START RequestId: r1 Version: 1\nwor\n2000-01-01T00:00:00.000Z r1 Task timed out after 3.00 seconds\n\n" +
			"END RequestId: r1\nREPORT RequestId: r1\tDuration: 0.00 ms\tStatus: timeout\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("log: -want +got:\n%s", diff)
		}
		if diff := cmp.Diff(want, string(tail)); diff != "" {
			t.Errorf("tail: -want +got:\n%s", diff)
		}
	})
}

// A tail holds the end of one invocation's log, and nothing of any other's.
func TestTail(t *testing.T) {
	l, _ := newLogger(t, LoggerConfig{})
	stdout := l.Function()
	write(t, stdout, "before\n")
	l.Start(Start{RequestID: "r1", Version: "1"}, true)
	for i := range 1000 {
		write(t, stdout, fmt.Sprintf("line %d\n", i))
	}
	tail := string(l.Finish(success))
	write(t, stdout, "after\n")
	end := "line 999\nEND RequestId: r1\nREPORT RequestId: r1\tDuration: 2.53 ms\tBilled Duration: 3 ms\t\n"
	if len(tail) != 4096 || !strings.HasSuffix(tail, end) {
		t.Errorf("%d bytes ending in %q", len(tail), tail[max(0, len(tail)-200):])
	}
	l.Start(Start{RequestID: "r2", Version: "1"}, true)
	if tail := string(l.Finish(Report{RequestID: "r2", Status: StatusSuccess})); strings.Contains(tail, "after") || strings.Contains(tail, "r1") {
		t.Errorf("tail of r2: %q", tail)
	}
}

func TestTailOfUnfinishedInvocation(t *testing.T) {
	l, _ := newLogger(t, LoggerConfig{})
	l.Start(Start{RequestID: "lost"}, true)
	l.Start(Start{RequestID: "r2"}, false)
	if len(l.tails) != 0 {
		t.Error("an invocation that was never finished still costs memory")
	}
}

// With invocations at once, only lines that name their request are in its tail.
func TestTailWithMultiConcurrency(t *testing.T) {
	l, out := newLogger(t, LoggerConfig{Format: JSON, System: LevelError, MultiConcurrency: true})
	stdout := l.Function()
	l.Start(Start{RequestID: "a"}, true)
	l.Start(Start{RequestID: "b"}, true)
	l.Start(Start{RequestID: "c"}, false)
	const lines = `{"requestId":"a","message":"1"}` + "\nwhose?\n" + `{"requestId":"b","message":"2"}` + "\n" + `{"requestId":"c"}` + "\n{\"requestId\":7}\n"
	write(t, stdout, lines)
	got := []string{string(l.Finish(Report{RequestID: "b", Status: StatusSuccess})), string(l.Finish(Report{RequestID: "a", Status: StatusSuccess}))}
	want := []string{`{"requestId":"b","message":"2"}` + "\n", `{"requestId":"a","message":"1"}` + "\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if out.String() != lines {
		t.Errorf("the log has everything: got %q", out.String())
	}
}

func TestSubscriptionIsLogged(t *testing.T) {
	b := newBus(t)
	_, out := newLogger(t, LoggerConfig{Bus: b})
	port, _ := listener(t, ok)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(port))
	if got, want := out.String(), "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The hot path: text, no subscriber, no tail.
func TestPlainInvocationAllocatesNothing(t *testing.T) {
	l := NewLogger(LoggerConfig{Out: io.Discard, Bus: newBus(t)})
	stdout := l.Function()
	text := []byte("a line of the function\n")
	trace := &Tracing{Type: "X-Amzn-Trace-Id", Value: "Root=1-2;Sampled=0"}
	allocs := testing.AllocsPerRun(200, func() {
		l.Start(Start{RequestID: "r1", Version: "$LATEST", Tracing: trace}, false)
		_, _ = stdout.Write(text)
		l.RuntimeDone(RuntimeDone{RequestID: "r1", Status: StatusSuccess})
		l.Finish(success)
	})
	if allocs != 0 {
		t.Errorf("%v allocations per invocation, want 0", allocs)
	}
}

func BenchmarkInvocation(b *testing.B) {
	bus := NewBus(false)
	defer bus.Shutdown(b.Context())
	l := NewLogger(LoggerConfig{Out: io.Discard, Bus: bus})
	b.ReportAllocs()
	for b.Loop() {
		l.Start(Start{RequestID: "79104EXAMPLEB723", Version: "$LATEST"}, false)
		l.RuntimeDone(RuntimeDone{RequestID: "79104EXAMPLEB723", Status: StatusSuccess})
		l.Finish(success)
	}
}

func TestTailRing(t *testing.T) {
	var all bytes.Buffer
	ring := newTail()
	for i := range 300 {
		piece := strings.Repeat(string(rune('a'+i%26)), i%97+i/200*5000)
		all.WriteString(piece)
		ring.write([]byte(piece))
		want := all.Bytes()[max(0, all.Len()-4096):]
		if got := ring.bytes(); !bytes.Equal(got, want) {
			t.Fatalf("after %d writes: got %d bytes, want the last %d", i+1, len(got), len(want))
		}
	}
}
