package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// eventually waits for what happens elsewhere.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// asked is a fixture that tells when the runtime has asked for work.
func asked(t *testing.T) (f *runtimeFixture, waiting chan struct{}) {
	waiting = make(chan struct{}, 10)
	tell := func(context.Context) error { waiting <- struct{}{}; return nil }
	return serveRuntime(t, invoke.Options{Hooks: invoke.Hooks{Ready: tell, Idle: tell}}), waiting
}

func TestPollerThatDisconnectsLosesNothing(t *testing.T) {
	cases := map[string]func(*net.TCPConn) error{
		"FIN": (*net.TCPConn).Close,
		"RST": func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
	}
	for name, hangUp := range cases {
		for way, header := range ways() {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				f, waiting := asked(t)
				first := f.dial()
				first.say(get(pathNext)(header))
				<-waiting
				if err := hangUp(first.Conn.(*net.TCPConn)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond) // net/http learns of it in the background
				f.submit(lambda.Invocation{ID: "a"})
				if got := f.dial().call(nextRequest); got.Header.Get("Lambda-Runtime-Aws-Request-Id") != "a" {
					t.Errorf("the next poller got %+v", got)
				}
			})
		}
	}
}

func TestHeadInManyPackets(t *testing.T) {
	for way, header := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			f := serveRuntime(t, invoke.Options{})
			task := f.running("a")
			w := f.dial()
			_ = w.Conn.(*net.TCPConn).SetNoDelay(true)
			for _, b := range post(responseA, "Content-Type: text/x\r\n", "body")(header) {
				w.say(string(b))
				runtime.Gosched()
			}
			if got := w.hear(); got.Status != 202 {
				t.Errorf("got %+v", got)
			}
			wantOutcome(t, task, lambda.Result{Payload: []byte("body"), ContentType: "text/x"})
		})
	}
}

func TestPipelinedRequests(t *testing.T) {
	for way, header := range ways() {
		if way == "Closing" {
			continue // nothing can follow
		}
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			f := serveRuntime(t, invoke.Options{})
			a, b := f.submit(lambda.Invocation{ID: "a"}), f.submit(lambda.Invocation{ID: "b"})
			w := f.dial()
			w.say(get(pathNext)(header) + chunked(responseA, "", "1\r\nA\r\n0\r\n\r\n")("") + get("/2018-06-01/ping")("") +
				nextRequest + post(pathInvocation+"b/response", "", "B")(""))
			for i, want := range []int{200, 202, 200, 200, 202} {
				if got := w.hear(); got.Status != want {
					t.Errorf("answer %d: %+v, want %d", i, got, want)
				}
			}
			wantOutcome(t, a, lambda.Result{Payload: []byte("A")})
			wantOutcome(t, b, lambda.Result{Payload: []byte("B")})
		})
	}
}

func TestHalfSentRequests(t *testing.T) {
	truncated := &lambda.Result{FunctionError: "Unhandled", ErrorType: invoke.TypeTruncatedResponse,
		Payload: []byte(`{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: a Error: Response was cut off"}`)}
	cases := map[string]struct {
		reason, request string
		want            *lambda.Result // nil: the invocation goes on
	}{
		"Head":     {"no request at all", "POST " + responseA + " HTTP/1.1\r\nHost: x\r\n", nil},
		"Line":     {"nor this", "POST " + responseA, nil},
		"Sized":    {"half an answer is none", "POST " + responseA + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf", truncated},
		"Chunk":    {"in a chunk", "POST " + responseA + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhalf", truncated},
		"Chunks":   {"between chunks", "POST " + responseA + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", truncated},
		"Trailers": {"in the trailers", "POST " + responseA + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nLambda-", truncated},
		"NoColon":  {"malformed trailers", "POST " + responseA + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nnonsense\r\n\r\n", truncated},
	}
	for name, tc := range cases {
		for way, header := range ways() {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				f := serveRuntime(t, invoke.Options{})
				task := f.running("a")
				w := f.dial()
				w.say(strings.Replace(tc.request, "Host: x\r\n", "Host: x\r\n"+header, 1))
				if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, w.in) // the server closes
				if tc.want != nil {
					wantOutcome(t, task, *tc.want)
					return
				}
				if got := f.dial().call(post(responseA, "", "whole")("")); got.Status != 202 {
					t.Errorf("%s: the answer after it got %+v", tc.reason, got)
				}
				wantOutcome(t, task, lambda.Result{Payload: []byte("whole")})
			})
		}
	}
}

func TestTrailersAreBounded(t *testing.T) {
	f := serveRuntime(t, invoke.Options{})
	task := f.running("a")
	w := f.dial()
	w.say("POST " + responseA + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n")
	line := "X: " + strings.Repeat("x", 1020) + "\r\n"
	for range maxTrailers/len(line) + 1 {
		w.say(line)
	}
	<-task.Done()
	if r := task.Result(); r.ErrorType != invoke.TypeTruncatedResponse {
		t.Errorf("ended with %+v", r)
	}
	_, _ = io.Copy(io.Discard, w.in) // closed or reset, but not open for ever
}

func TestLargestErrorDocumentFitsTrailers(t *testing.T) {
	f := serveRuntime(t, invoke.Options{})
	task := f.running("a")
	got := f.dial().call(chunked(responseA, announce, "2\r\nhi\r\n0\r\n"+invoke.TrailerErrorType+": Function.Big\r\n"+
		invoke.TrailerErrorBody+": "+strings.Repeat("eHh4", 300<<10)+"\r\n\r\n")(""))
	if got.Status != 202 {
		t.Errorf("got %+v", got)
	}
	wantOutcome(t, task, lambda.Result{Payload: []byte(strings.Repeat("xxx", 300<<10)), FunctionError: "Unhandled", ErrorType: "Function.Big"})
}

func TestSlowSenderBlocksNobody(t *testing.T) {
	for way, header := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			f := serveRuntime(t, invoke.Options{Concurrency: 2})
			a, b := f.running("a"), f.running("b")
			slow := f.dial()
			slow.say("POST " + responseA + " HTTP/1.1\r\nHost: x\r\n" + header + "Content-Length: 2\r\n\r\nA")
			if got := f.dial().call(post(pathInvocation+"b/response", "", "B")("")); got.Status != 202 {
				t.Errorf("the other got %+v", got)
			}
			wantOutcome(t, b, lambda.Result{Payload: []byte("B")})
			slow.say("A")
			if got := slow.hear(); got.Status != 202 {
				t.Errorf("the slow one got %+v", got)
			}
			wantOutcome(t, a, lambda.Result{Payload: []byte("AA")})
		})
	}
}

// A refused body that is too large to be read to its end must not be taken for requests.
func TestRestOfRefusedBodyIsNoRequest(t *testing.T) {
	f := serveRuntime(t, invoke.Options{})
	task := f.running("a")
	w := f.dial()
	hidden := post(responseA, "", "smuggled")("")
	go func() {
		w.say("POST " + pathInvocation + "unknown/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
		block := strings.Repeat("x", 1<<20)
		for range drainLimit >> 20 {
			w.say(block)
		}
		w.say(hidden)
	}()
	if got := w.hear(); got.Status != 400 || !strings.Contains(got.Body, "InvalidRequestID") {
		t.Errorf("got %+v", got)
	}
	_, _ = io.Copy(io.Discard, w.in)
	select {
	case <-task.Done():
		t.Errorf("the invocation ended with %q", task.Result().Payload)
	default:
	}
}

// goroutines gives the stacks of those that run code of this package's servers.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	var found []string
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "server.(*API)") || strings.Contains(g, "server.(*leanRuntime)") || strings.Contains(g, "http.(*conn).serve") {
			found = append(found, g)
		}
	}
	return found
}

// Not parallel: it looks at all goroutines.
func TestServeEndsWithItsContext(t *testing.T) {
	eventually(t, "other tests' servers are gone", func() bool { return len(goroutines()) == 0 })
	f, waiting := asked(t)
	var open []*wire
	dial := func(text string) {
		w := f.dial()
		w.say(text)
		open = append(open, w)
	}
	dial("")
	dial(nextRequest)
	<-waiting
	dial("GET " + pathNext + " HTTP/1.1\r\n")
	dial("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	dial(get(pathNext)("X!: 1\r\n"))
	<-waiting
	dial("POST " + errorA + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	dial("POST " + responseA + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	if got := open[3].hear(); got.Status != 404 {
		t.Fatalf("got %+v", got)
	}
	f.stop()
	if err := <-f.served; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	// net/http tells that a connection is closed from the goroutine that served it, which ends a moment later.
	eventually(t, "its goroutines are gone", func() bool { return len(goroutines()) == 0 })
	for _, w := range open {
		_, err := io.Copy(io.Discard, w.in)
		if isTimeout(err) {
			t.Error("a connection was left open")
		}
	}
	if _, err := net.Dial("tcp", f.addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the port is still open: %v", err)
	}
}

// flaky is a listener out of descriptors now and then.
type flaky struct {
	net.Listener
	failures int
}

func (l *flaky) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestServeOutlivesFailuresToAccept(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api := &API{Session: invoke.NewSession(invoke.NewQueue(1), invoke.Options{}), NoExtensions: true}
	served := make(chan error, 1)
	go func() { served <- api.Serve(t.Context(), &flaky{ln, 3}) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, conn)
	if got := w.call(get("/2018-06-01/ping")("")); got.Status != http.StatusOK {
		t.Errorf("got %+v", got)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener closed by others: Serve returned %v", err)
	}
	w.ended()
}
