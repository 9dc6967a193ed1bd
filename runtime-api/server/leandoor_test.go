package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// doorFixture is a lean door on a real port, with the server behind it.
type doorFixture struct {
	*testing.T
	door   *LeanDoor
	server *http.Server
	addr   string
	passed atomic.Int32 // connections that were passed on to net/http
}

// Accept counts what is passed on.
func (f *doorFixture) Accept() (net.Conn, error) {
	c, err := f.door.Accept()
	if err == nil {
		f.passed.Add(1)
	}
	return c, err
}

func (f *doorFixture) Close() error   { return f.door.Close() }
func (f *doorFixture) Addr() net.Addr { return f.door.Addr() }

func openDoor(t *testing.T, h http.Handler, change func(*leanLimits)) *doorFixture {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limits := usualLimits()
	if change != nil {
		change(&limits)
	}
	f := &doorFixture{T: t, door: newLeanDoor(ln, h, limits), server: &http.Server{Handler: h}, addr: ln.Addr().String()}
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(f) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = f.server.Close()
		_ = f.door.Wait(ctx)
		if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("the server behind the door ended with %v", err)
		}
	})
	return f
}

func (f *doorFixture) dial() *wire {
	f.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close() })
	return newWire(f.T, conn)
}

const pathFn = pathFunctions + "fn" + pathInvocations

// callFn is a plain Invoke call.
func callFn(headers, body string) string { return post(pathFn, headers, body)("") }

// frontDoor is the door of the function fn, which does what its event says.
func frontDoor() *FrontDoor {
	return NewFrontDoor(FrontDoorConfig{
		Function: lambda.Reference{Name: "fn"},
		Format:   event.FormatRaw,
		Identity: lambda.Identity{Region: "eu-west-1", Account: "123456789012"},
		Invoker: lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
			r := &lambda.Result{Payload: in.Payload, ExecutedVersion: "$LATEST"}
			switch string(in.Payload) {
			case `"fail"`:
				r.FunctionError = lambda.Unhandled
			case `"throttle"`:
				return nil, lambda.Throttled(lambda.ReasonConcurrency, time.Second)
			case `"break"`:
				return nil, errors.New("secret")
			}
			if in.LogTail {
				r.LogTail = []byte("a line\n")
			}
			return r, nil
		}),
	})
}

// words reads one answer word by word: the lines of its head in order, without what differs from call to call, and its body.
func (w *wire) words() (head []string, body string) {
	w.Helper()
	length := -1
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			w.Fatalf("read the answer's head: %v after %q", err, head)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Date", "X-Amzn-Requestid", "X-Amzn-Trace-Id":
			line = name
		case "Content-Length":
			length, _ = strconv.Atoi(value)
		}
		head = append(head, line)
	}
	if strings.Contains(head[0], " 204 ") {
		length = 0
	}
	slices.Sort(head)
	rest := io.Reader(w.in)
	if length >= 0 {
		rest = io.LimitReader(rest, int64(length))
	}
	text, err := io.ReadAll(rest)
	if err != nil || length >= 0 && len(text) != length {
		w.Fatalf("read the answer's body: %d bytes of %d, %v", len(text), length, err)
	}
	return head, string(text)
}

// TestLeanDoorAnswersAsNetHTTP has each request answered by the door and by net/http alone; nothing may differ.
func TestLeanDoorAnswersAsNetHTTP(t *testing.T) {
	big := strings.Repeat("x", lambda.MaxRequestPayload)
	withHead := func(line, headers string) string { return line + "\r\nHost: x\r\n" + headers + "\r\n42" }
	const line = "POST " + pathFn + " HTTP/1.1"
	cases := map[string]struct {
		reason  string
		request string
		lean    bool
	}{
		"Echo":          {"the plain call", callFn("", `{"n":1}`), true},
		"Empty":         {"no event", callFn("", ""), true},
		"Explicit":      {"the type that is the default", callFn("X-Amz-Invocation-Type: RequestResponse\r\n", "42"), true},
		"Tail":          {"with the log", callFn("X-Amz-Log-Type: Tail\r\n", "42"), true},
		"Qualifier":     {"versions are none of its business", post(pathFunctions+"fn:7"+pathInvocations, "", "42")(""), true},
		"FunctionError": {"the function fails", callFn("", `"fail"`), true},
		"Throttled":     {"the service refuses", callFn("", `"throttle"`), true},
		"Broken":        {"the service fails", callFn("", `"break"`), true},
		"OtherFunction": {"not here", post(pathFunctions+"other"+pathInvocations, "", "42")(""), true},
		"BadLogType":    {"refused before the body is read", callFn("X-Amz-Log-Type: All\r\n", "42"), true},
		"BadContext":    {"same", callFn("X-Amz-Client-Context: !\r\n", "42"), true},
		"Buffer":        {"a body of more than one buffer", callFn("", `"`+big[:100_000]+`"`), true},
		"Largest":       {"the most that a call may carry", callFn("", `"`+big[2:]+`"`), true},
		"TooLarge":      {"one more", callFn("", `"`+big+`"`), true},
		"KeepAlive":     {"HTTP/1.0 habits", callFn("Connection: keep-alive\r\n", "42"), true},

		"DryRun":          {"rare", callFn("X-Amz-Invocation-Type: DryRun\r\n", "42"), false},
		"Event":           {"not served here", callFn("X-Amz-Invocation-Type: Event\r\n", "42"), false},
		"UnknownType":     {"nor this", callFn("X-Amz-Invocation-Type: X\r\n", "42"), false},
		"Closing":         {"a last request", callFn("Connection: close\r\n", "42"), false},
		"Chunked":         {"no length", chunked(pathFn, "", "2\r\n42\r\n0\r\n\r\n")(""), false},
		"Query":           {"a qualifier elsewhere", post(pathFn+"?Qualifier=1", "", "42")(""), false},
		"Encoded":         {"another spelling of a path", post(pathFunctions+"%66n"+pathInvocations, "", "42")(""), false},
		"NoFunction":      {"HTTP for the function", post(pathFunctions+pathInvocations, "", "42")(""), false},
		"Deeper":          {"same", post(pathFunctions+"a/b"+pathInvocations, "", "42")(""), false},
		"HTTP":            {"same", "GET /any HTTP/1.1\r\nHost: x\r\n\r\n", false},
		"OldHTTP":         {"ends with its connection", withHead("POST "+pathFn+" HTTP/1.0", "Content-Length: 2\r\n"), false},
		"Absolute":        {"as proxies get it", withHead("POST http://x"+pathFn+" HTTP/1.1", "Content-Length: 2\r\n"), false},
		"TwoLengths":      {"which one?", withHead(line, "Content-Length: 2\r\nContent-Length: 1\r\n"), false},
		"SameLengths":     {"twice the same", withHead(line, "Content-Length: 2\r\nContent-Length: 2\r\n"), false},
		"LengthAndChunks": {"which one?", line + "\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		"SignedLength":    {"no number", withHead(line, "Content-Length: +2\r\n"), false},
		"SpacedName":      {"a name with a space", withHead(line, "Content-Length : 2\r\n"), false},
		"Fold":            {"a header of two lines", withHead(line, "X: a\r\n b\r\nContent-Length: 2\r\n"), false},
		"BareNewline":     {"a header in a header", withHead(line, "X: a\nContent-Length: 2\r\nContent-Length: 2\r\n"), false},
		"BareNewlines":    {"an end that is none of ours", "POST " + pathFn + " HTTP/1.1\nHost: x\nContent-Length: 2\n\n42", false},
		"NoHost":          {"HTTP/1.1 asks for it", line + "\r\nContent-Length: 2\r\n\r\n42", false},
		"TwoHosts":        {"which one?", withHead(line, "Host: y\r\nContent-Length: 2\r\n"), false},
		"BadHost":         {"no host at all", line + "\r\nHost: a b\r\nContent-Length: 2\r\n\r\n42", false},
		"LongHead":        {"more than the loop holds", callFn("X: "+big[:readAhead]+"\r\n", "42"), false},
	}
	handler := frontDoor()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openDoor(t, handler, nil)
			lean := f.dial()
			lean.say(tc.request)
			head, body := lean.words()
			if passed := f.passed.Load(); (passed == 0) != tc.lean {
				t.Errorf("%s: %d connections went to net/http; want the lean loop: %v", tc.reason, passed, tc.lean)
			}
			plain := &http.Server{Handler: handler}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = plain.Serve(ln) }()
			defer func() { _ = plain.Close() }()
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			standard := newWire(t, conn)
			standard.say(tc.request)
			wantHead, wantBody := standard.words()
			if d := cmp.Diff(wantHead, head); d != "" {
				t.Errorf("%s: head (-net/http +lean):\n%s", tc.reason, d)
			}
			if body != wantBody {
				t.Errorf("%s: body %.200q, net/http says %.200q", tc.reason, body, wantBody)
			}
		})
	}
}

func TestLeanDoorManyCallsOnOneConnection(t *testing.T) {
	f := openDoor(t, frontDoor(), nil)
	w := f.dial()
	w.say(callFn("", "1") + callFn("X-Amz-Log-Type: Tail\r\n", "2") + callFn("", "3") + callFn("X-Amz-Invocation-Type: DryRun\r\n", "4") + callFn("", "5"))
	for _, want := range []heard{{Status: 200, Body: "1"}, {Status: 200, Body: "2"}, {Status: 200, Body: "3"}, {Status: 204}, {Status: 200, Body: "5"}} {
		got := w.hear()
		if got.Status != want.Status || got.Body != want.Body || (got.Header.Get("X-Amz-Log-Result") != "") != (want.Body == "2") {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// Half of a body, then nothing: the reply comes, and whoever goes on sending can read it.
func TestLeanDoorEarlyReplyIsHeard(t *testing.T) {
	f := openDoor(t, frontDoor(), nil)
	w := f.dial()
	body := strings.Repeat("x", 4<<20)
	w.say(callFn("X-Amz-Log-Type: All\r\n", body)) // refused by its head
	if got := w.hear(); got.Status != 400 || !got.Close {
		t.Errorf("got %+v", got)
	}
	w.ended()
}

// queued is an Invoker that only puts invocations into a queue.
func queued(q *invoke.Queue, submitted chan<- struct{}) lambda.InvokerFunc {
	return func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		t, _, err := q.Submit(ctx, in)
		if err != nil {
			return nil, err
		}
		submitted <- struct{}{}
		select {
		case <-t.Done():
			return &lambda.Result{}, nil
		case <-ctx.Done():
			t.Abandon()
			return nil, ctx.Err()
		}
	}
}

func TestLeanDoorHangUpWhileQueued(t *testing.T) {
	q, submitted := invoke.NewQueue(10), make(chan struct{}, 2)
	handler := NewFrontDoor(FrontDoorConfig{Invoker: queued(q, submitted), Function: lambda.Reference{Name: "fn"}})
	f := openDoor(t, handler, func(l *leanLimits) { l.patrol = time.Hour }) // nobody notices before the hand-over
	first, second := f.dial(), f.dial()
	first.say(callFn("", "1"))
	<-submitted
	second.say(callFn("", "2"))
	<-submitted
	_ = first.Close()
	eventually(t, "the kernel has heard of it", func() bool {
		gone := false
		f.door.each(func(c *leanCaller) { gone = gone || c.peek() == peerGone })
		return gone
	})
	task, err := q.Take(t.Context(), nil, func() bool { return true })
	if err != nil || string(task.In.Payload) != "2" {
		t.Fatalf("took %q, %v; its caller has gone", task.In.Payload, err)
	}
	task.Abandon()
	second.hear()
}

func TestLeanDoorHangUpWhileRunning(t *testing.T) {
	started, told := make(chan struct{}), make(chan struct{})
	f := openDoor(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(told)
	}), func(l *leanLimits) { l.patrol = time.Millisecond })
	w := f.dial()
	w.say(callFn("", "x"))
	<-started
	_ = w.Close()
	<-told
}

func TestLeanDoorSlowCallers(t *testing.T) {
	handler := NewFrontDoor(FrontDoorConfig{Invoker: frontDoor().cfg.Invoker, Function: lambda.Reference{Name: "fn"},
		Body: awshttp.BodyReader{Grace: 50 * time.Millisecond}})
	quick := func(l *leanLimits) {
		*l = leanLimits{head: 50 * time.Millisecond, idle: time.Hour, patrol: time.Millisecond}
	}
	t.Run("HeadStops", func(t *testing.T) {
		w := openDoor(t, handler, quick).dial()
		w.say(callFn("", "x")[:30])
		w.ended()
	})
	t.Run("HeadTrickles", func(t *testing.T) {
		w := openDoor(t, handler, quick).dial()
		stop := make(chan struct{})
		var trickle sync.WaitGroup
		trickle.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					w.say(callFn("", "x")[min(i, 30):][:1])
				}
			}
		})
		w.ended()
		close(stop)
		trickle.Wait()
	})
	t.Run("BodyStops", func(t *testing.T) {
		w := openDoor(t, handler, quick).dial()
		w.say("POST " + pathFn + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
		if got := w.hear(); got.Status != 400 || !got.Close {
			t.Errorf("got %+v", got)
		}
		w.ended()
	})
	t.Run("Idle", func(t *testing.T) {
		f := openDoor(t, handler, func(l *leanLimits) { l.idle, l.patrol = 50*time.Millisecond, time.Millisecond })
		silent, once := f.dial(), f.dial()
		if got := once.call(callFn("", "1")); got.Status != 200 {
			t.Errorf("got %+v", got)
		}
		once.ended()
		silent.ended()
	})
}

func TestLeanDoorPanicEndsItsOwnConnection(t *testing.T) {
	for name, value := range map[string]any{"Abort": http.ErrAbortHandler, "Other": "boom"} {
		t.Run(name, func(t *testing.T) {
			f := openDoor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) == "panic" {
					panic(value)
				}
			}), nil)
			calm, other := f.dial(), f.dial()
			calm.call(callFn("", "x"))
			other.say(callFn("", "panic"))
			other.ended()
			if got := calm.call(callFn("", "x")); got.Status != 200 {
				t.Errorf("the other connection got %+v", got)
			}
		})
	}
}

// TestLeanDoorClosesGracefully closes a door under load: whatever a handler has begun is answered, and nothing stays.
func TestLeanDoorClosesGracefully(t *testing.T) {
	var handled, answered atomic.Int64
	enough := make(chan struct{})
	f := openDoor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if handled.Add(1) == 200 {
			close(enough)
		}
		time.Sleep(time.Millisecond)
		_, _ = io.WriteString(w, "done")
	}), nil)
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			conn, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			in := bufio.NewReader(conn)
			for {
				if _, err := io.WriteString(conn, callFn("", "x")); err != nil {
					return
				}
				resp, err := http.ReadResponse(in, nil) //nolint:bodyclose // read to its end; the connection is closed below
				if err != nil {
					return
				}
				body, err := io.ReadAll(resp.Body)
				if err == nil && string(body) == "done" {
					answered.Add(1)
				}
				if resp.Close {
					return
				}
			}
		})
	}
	silent := f.dial()
	<-enough
	if err := f.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.door.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	callers.Wait()
	if h, a := handled.Load(), answered.Load(); h != a {
		t.Errorf("%d calls were begun, %d answered", h, a)
	}
	silent.ended()
	if !f.door.empty() {
		t.Error("connections are left")
	}
	if _, err := net.Dial("tcp", f.addr); err == nil {
		t.Error("the port is still open")
	}
}

func TestLeanDoorWaitCutsOffWhatTakesTooLong(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	f := openDoor(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(started); <-release }), nil)
	w := f.dial()
	w.say(callFn("", "x"))
	<-started
	if err := f.door.Close(); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if err := f.door.Wait(ctx); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	w.ended()
	close(release)
	if err := f.door.Wait(t.Context()); err != nil {
		t.Errorf("after the handler has returned: %v", err)
	}
}

func TestLeanDoorOutlivesFailuresToAccept(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := NewLeanDoor(&flaky{ln, 3}, frontDoor())
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if got := newWire(t, conn).call(callFn("", "42")); got.Body != "42" {
		t.Errorf("got %+v", got)
	}
	_ = ln.Close() // by somebody else
	if _, err := door.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the server behind it got %v", err)
	}
	if err := door.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// A handler may write without saying a length, in pieces, or nothing at all.
func TestLeanDoorUndeclaredLengths(t *testing.T) {
	cases := map[string]struct {
		handler http.HandlerFunc
		want    heard
	}{
		"Nothing": {func(http.ResponseWriter, *http.Request) {}, heard{Status: 200}},
		"Status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
		}, heard{Status: http.StatusTeapot}},
		"Pieces": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range 3 {
				fmt.Fprintf(w, "%d,", i)
			}
			_ = http.NewResponseController(w).Flush()
		}, heard{Status: 200, Body: "0,1,2,"}},
		"Declared": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "hi")
			if _, err := io.WriteString(w, "more"); !errors.Is(err, http.ErrContentLength) {
				panic(err)
			}
		}, heard{Status: 200, Body: "hi"}},
		"Injection": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", "a\r\nContent-Length: 5") }, heard{Status: 200}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := openDoor(t, tc.handler, nil).dial()
			for range 2 {
				got := w.call(callFn("", "x"))
				if got.Status != tc.want.Status || got.Body != tc.want.Body {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
			}
		})
	}
}
