package telemetry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// delivery is what a real HTTP subscriber got.
type delivery struct {
	Method, Path, Host, ContentType, SequenceID, Body string
}

// listener is a real HTTP subscriber.
func listener(t *testing.T, answer func(n int) int) (port string, got <-chan delivery) {
	t.Helper()
	ch := make(chan delivery, 100)
	var mu sync.Mutex
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		n++
		code := answer(n)
		mu.Unlock()
		w.WriteHeader(code)
		if code < 400 {
			ch <- delivery{r.Method, r.URL.Path, r.Host, r.Header.Get("Content-Type"), r.Header.Get("Sequence-Id"), string(body)}
		}
	}))
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, ch
}

func ok(int) int { return http.StatusOK }

// subscribe subscribes to a port with the shortest buffering.
func subscribeTo(t *testing.T, b *Bus, api API, schema Schema, destination string) {
	t.Helper()
	body := fmt.Sprintf(`{"schemaVersion":%q,"types":["platform","function"],"destination":%s,"buffering":{"timeoutMs":25}}`, schema, destination)
	if err := b.Subscribe(api, "ext", []byte(body)); err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
}

func httpTo(port string) string {
	return fmt.Sprintf(`{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s/events"}`, port)
}

func newBus(t *testing.T) *Bus {
	t.Helper()
	b := NewBus(false)
	t.Cleanup(func() { b.Shutdown(context.Background()) })
	return b
}

// The name sandbox.localdomain need not resolve on this machine.
func TestHTTPDelivery(t *testing.T) {
	port, got := listener(t, ok)
	b := newBus(t)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(port))
	b.Emit(at, line("hello"))
	first := <-got
	for !strings.Contains(first.Body, "hello") { // the subscription's own event may come alone
		first = <-got
	}
	if !strings.HasSuffix(first.Body, `{"time":"2026-01-31T00:00:00.123Z","type":"function","record":"hello"}]`) || first.Body[0] != '[' {
		t.Errorf("body: %s", first.Body)
	}
	first.Body, first.SequenceID = "", ""
	want := delivery{Method: "POST", Path: "/events", Host: "sandbox.localdomain:" + port, ContentType: "application/json"}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSubscriptionIsAnnounced(t *testing.T) {
	port, got := listener(t, ok)
	b := newBus(t)
	subscribeTo(t, b, LogsAPI, Schema20200815, httpTo(port))
	want := `"type":"platform.logsSubscription","record":{"name":"ext","state":"Subscribed","types":["platform","function"]}}]`
	if d := <-got; !strings.HasSuffix(d.Body, want) || d.SequenceID != "1" {
		t.Errorf("batch %s: got %s, want …%s", d.SequenceID, d.Body, want)
	}
}

func TestHTTPErrorIsRetried(t *testing.T) {
	port, got := listener(t, func(n int) int {
		if n == 1 {
			return http.StatusServiceUnavailable
		}
		return http.StatusAccepted
	})
	b := newBus(t)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(port))
	b.Emit(at, line("hello"))
	if d := <-got; d.SequenceID != "1" {
		t.Errorf("batch %q was delivered, want the first", d.SequenceID)
	}
}

func TestTCPDelivery(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b := newBus(t)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, fmt.Sprintf(`{"protocol":"TCP","port":%d}`, ln.Addr().(*net.TCPAddr).Port))
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("connection ended: %v", lines.Err())
		}
		return lines.Text()
	}
	if got := next(); !strings.Contains(got, "platform.telemetrySubscription") {
		t.Errorf("got %s, want the subscription first", got)
	}
	b.Emit(at, line("one"))
	b.Emit(at, line("two"))
	for _, want := range []string{"one", "two"} {
		if got := next(); got != `{"time":"2026-01-31T00:00:00.123Z","type":"function","record":"`+want+`"}` {
			t.Errorf("got %s, want one JSON object per line", got)
		}
	}
	// The next batch finds the connection gone and makes a new one, sooner or later.
	_ = conn.Close()
	again := make(chan net.Conn, 1)
	go func() {
		if c, err := ln.Accept(); err == nil {
			again <- c
		}
	}()
	for {
		b.Emit(at, line("more"))
		select {
		case c := <-again:
			_ = c.Close()
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestSubscriptionsClose(t *testing.T) {
	cases := map[API]string{
		TelemetryAPI: "Telemetry.SubscriptionClosed: Telemetry API subscription is closed",
		LogsAPI:      "Logs.SubscriptionClosed: Logs API subscription is closed",
	}
	for api, want := range cases {
		b := newBus(t)
		b.CloseSubscriptions()
		e := new(Error)
		if err := b.Subscribe(api, "ext", []byte("not even JSON")); !errors.As(err, &e) || e.Status != 403 || e.Error() != want {
			t.Errorf("got %v, want 403 %s", err, want)
		}
	}
}

func TestSubscribeAgainReplaces(t *testing.T) {
	oldPort, old := listener(t, ok)
	newPort, got := listener(t, ok)
	b := newBus(t)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(oldPort))
	b.Emit(at, line("before"))
	subscribeTo(t, b, TelemetryAPI, Schema20220701, httpTo(newPort))
	b.Emit(at, line("after"))
	b.Shutdown(t.Context())
	all := func(ch <-chan delivery) (s string) {
		for len(ch) > 0 {
			s += (<-ch).Body
		}
		return s
	}
	if s := all(old); !strings.Contains(s, "before") || strings.Contains(s, "after") {
		t.Errorf("the old destination got %s", s)
	}
	if s := all(got); strings.Contains(s, "before") || !strings.Contains(s, "after") {
		t.Errorf("the new destination got %s", s)
	}
}

func TestOneAPIPerExtension(t *testing.T) {
	port, _ := listener(t, ok)
	b := newBus(t)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(port))
	err := b.Subscribe(LogsAPI, "ext", []byte(`{"types":["platform"],"destination":{"protocol":"TCP","port":1}}`))
	if err == nil || err.Error() != "Logs.ValidationError: extension is subscribed through the Telemetry API" {
		t.Errorf("got %v", err)
	}
	if err := b.Subscribe(LogsAPI, "other", []byte(`{"types":["platform"],"destination":{"protocol":"TCP","port":1}}`)); err != nil {
		t.Errorf("another extension is free to choose: %v", err)
	}
}

func TestShutdownFlushes(t *testing.T) {
	port, got := listener(t, ok)
	b := NewBus(false)
	body := `{"schemaVersion":"2022-12-13","types":["function"],"destination":` + httpTo(port) + `,"buffering":{"timeoutMs":30000}}`
	if err := b.Subscribe(TelemetryAPI, "ext", []byte(body)); err != nil {
		t.Fatal(err)
	}
	b.Emit(at, line("last words"))
	b.Shutdown(t.Context())
	b.Shutdown(t.Context()) // harmless
	b.Emit(at, line("from beyond"))
	if len(got) != 1 {
		t.Fatalf("%d deliveries after Shutdown, want 1", len(got))
	}
	if d := <-got; !strings.Contains(d.Body, "last words") {
		t.Errorf("got %s", d.Body)
	}
	if err := b.Subscribe(TelemetryAPI, "ext", []byte(body)); err == nil {
		t.Error("a Bus that has ended takes no subscription")
	}
}

// A program that never answers does not hold Shutdown longer than its context.
func TestShutdownEnds(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b := NewBus(false)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)))
	b.Emit(at, line("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.Shutdown(ctx)
	b.wg.Wait() // nobody is left behind
}

func TestConcurrentUse(t *testing.T) {
	port, got := listener(t, ok)
	b := newBus(t)
	subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(port))
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 500 {
				b.Emit(at, line("event"))
			}
		})
	}
	work.Go(func() {
		for range 3 {
			subscribeTo(t, b, TelemetryAPI, Schema20221213, httpTo(port))
		}
	})
	work.Wait()
	b.Shutdown(t.Context())
	events := 0
	for len(got) > 0 {
		events += strings.Count((<-got).Body, `"event"`)
	}
	// An event may meet a subscription that was just replaced, and be lost; the rest arrives exactly once.
	if events == 0 || events > 2000 {
		t.Errorf("%d of 2000 events arrived", events)
	}
}

func TestEmitWithoutSubscribersIsFree(t *testing.T) {
	b := newBus(t)
	allocs := testing.AllocsPerRun(100, func() {
		if b.wants(platform | function | extension) {
			t.Fatal("nobody subscribed")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

// Shutdown takes at most FlushTimeout, however long the context is.
func TestShutdownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBus(false)
		sink := &fakeSink{slow: time.Hour}
		s := startSubscriber(t, sink, nil)
		s.end() // that one ran without the Bus
		again := newSubscriber("ext", TelemetryAPI, request{schema: Schema20221213, sources: function, limits: s.limits, port: 1, protocol: "TCP"})
		again.sink = sink
		b.wg.Go(func() { again.run(b.ctx) })
		b.publish([]*subscriber{again})
		b.Emit(at, line("x"))
		begin := time.Now()
		b.Shutdown(context.Background())
		if took := time.Since(begin); took != FlushTimeout {
			t.Errorf("Shutdown took %v, want %v", took, FlushTimeout)
		}
	})
}
