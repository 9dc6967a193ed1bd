package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/test/cluster/ingress/route"
)

// table has one host, app.test, with these splits.
func table(change func(*v1alpha1.HTTPIngressPath), splits ...v1alpha1.IngressBackendSplit) *route.Table {
	p := v1alpha1.HTTPIngressPath{Splits: splits}
	if change != nil {
		change(&p)
	}
	public, _ := route.Tables([]*v1alpha1.Ingress{{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{networking.IngressClassAnnotationKey: "x"}},
		Spec: v1alpha1.IngressSpec{Rules: []v1alpha1.IngressRule{{
			Hosts: []string{"app.test"}, HTTP: &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{p}},
		}}},
	}})
	return public
}

func split(name string, percent int) v1alpha1.IngressBackendSplit {
	return v1alpha1.IngressBackendSplit{IngressBackend: v1alpha1.IngressBackend{ServiceName: name}, Percent: percent}
}

// listen serves HTTP/1 and HTTP/2 without TLS, as the ingress does.
func listen(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// proxied serves a table whose only service has these addresses.
func proxied(t *testing.T, h2c bool, addresses ...string) (address string) {
	t.Helper()
	p := New(func(context.Context, *v1alpha1.IngressBackendSplit) (route.Target, error) {
		return route.Target{Addresses: addresses, H2C: h2c}, nil
	}, slog.New(slog.DiscardHandler))
	p.Use(table(nil, split("app", 100)))
	return listen(t, p)
}

func request(t *testing.T, method, address string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/path?q=1", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "app.test"
	return req
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// refusing is an address that nobody listens on.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestRequestsPassAsTheyAre(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "1")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s for=%s proto=%s host=%s", r.Method, r.Host, r.RequestURI, body,
			r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"))
	}))
	req := request(t, http.MethodPut, proxied(t, false, backend), strings.NewReader("data"))
	req.Header.Set("X-Forwarded-For", "192.0.2.1")
	code, body := do(t, req)
	want := "PUT app.test /path?q=1 data for=192.0.2.1, 127.0.0.1 proto=http host=app.test"
	if code != http.StatusTeapot || body != want {
		t.Errorf("answer %d %q, want %d %q", code, body, http.StatusTeapot, want)
	}
}

func TestRulesChangeRequests(t *testing.T) {
	var got http.Header
	var host string
	backend := listen(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, host = r.Header, r.Host }))
	p := New(func(context.Context, *v1alpha1.IngressBackendSplit) (route.Target, error) {
		return route.Target{Addresses: []string{backend}}, nil
	}, slog.New(slog.DiscardHandler))
	s := split("app", 100)
	s.AppendHeaders = map[string]string{"Knative-Serving-Revision": "app-00001"}
	p.Use(table(func(p *v1alpha1.HTTPIngressPath) {
		p.RewriteHost, p.AppendHeaders = "app.ns.svc.cluster.local", map[string]string{"K-Original-Host": "app.test"}
	}, s))
	req := request(t, http.MethodGet, listen(t, p), nil)
	req.Header.Set("Knative-Serving-Revision", "forged")
	if code, body := do(t, req); code != http.StatusOK {
		t.Fatalf("answer %d %q", code, body)
	}
	if host != "app.ns.svc.cluster.local" {
		t.Errorf("host = %q, want the one that the rule sets", host)
	}
	for name, want := range map[string]string{"Knative-Serving-Revision": "app-00001", "K-Original-Host": "app.test"} {
		if diff := cmp.Diff([]string{want}, got.Values(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNowhereToGo(t *testing.T) {
	nobody := New(func(context.Context, *v1alpha1.IngressBackendSplit) (route.Target, error) {
		return route.Target{}, errors.New("no endpoint is ready")
	}, slog.New(slog.DiscardHandler))
	address := listen(t, nobody)
	if code, _ := do(t, request(t, http.MethodGet, address, nil)); code != http.StatusNotFound {
		t.Errorf("without rules: %d, want 404", code)
	}
	nobody.Use(table(nil, split("app", 100)))
	if code, _ := do(t, request(t, http.MethodGet, address, nil)); code != http.StatusServiceUnavailable {
		t.Errorf("without endpoints: %d, want 503", code)
	}
	if code, _ := do(t, request(t, http.MethodGet, proxied(t, false, refusing(t), refusing(t)), nil)); code != http.StatusBadGateway {
		t.Errorf("with endpoints that refuse: %d, want 502", code)
	}
}

// An answer must come through piece by piece, not when it is whole.
func TestStreaming(t *testing.T) {
	next := make(chan struct{})
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "piece %d\n", i)
			http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	}))
	resp, err := http.DefaultClient.Do(request(t, http.MethodGet, proxied(t, false, backend), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if want := fmt.Sprintf("piece %d\n", i); line != want || err != nil {
			t.Fatalf("read %q, %v, want %q before the next is sent", line, err, want)
		}
		next <- struct{}{}
	}
}

// A request must come through piece by piece too, while the answer already flows.
func TestBothDirectionsAtOnce(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, strings.ToUpper(lines.Text()))
			_ = control.Flush()
		}
	}))
	for _, h2c := range []bool{false, true} {
		body, send := io.Pipe()
		answers := make(chan *http.Response, 1)
		go func() {
			resp, err := h2Client().Do(request(t, http.MethodPost, proxied(t, h2c, backend), body)) //nolint:bodyclose // below
			if err != nil {
				t.Error(err)
			}
			answers <- resp
		}()
		if _, err := io.WriteString(send, "first\n"); err != nil {
			t.Fatal(err)
		}
		resp := <-answers
		if resp == nil {
			return
		}
		lines := bufio.NewReader(resp.Body)
		for _, next := range []string{"second\n", ""} {
			if line, err := lines.ReadString('\n'); err != nil || (line != "FIRST\n" && line != "SECOND\n") {
				t.Fatalf("HTTP/2 behind: %t: read %q, %v, want an answer to each line before the next is sent", h2c, line, err)
			}
			if _, err := io.WriteString(send, next); err != nil {
				t.Fatal(err)
			}
		}
		_ = errors.Join(send.Close(), resp.Body.Close())
	}
}

// TestAnswersThatBeginEarly has a backend that answers as soon as it has the last byte of a request, as fast as it can: the
// answer must come whole although the proxy may not have seen the end of the request yet.
func TestAnswersThatBeginEarly(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, r.ContentLength))
		fmt.Fprint(w, "first")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(5 * time.Millisecond)
		fmt.Fprint(w, " second")
	}))
	address := proxied(t, false, backend)
	for i := range 300 {
		resp, err := http.DefaultClient.Do(request(t, http.MethodPost, address, strings.NewReader("event")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "first second" || err != nil {
			t.Fatalf("answer %d is %q, %v", i, body, err)
		}
	}
}

func h2Client() *http.Client {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: &p}}
}

func TestHTTP2OnBothSides(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s te=%s", r.Proto, body, r.Header.Get("Te"))
		w.Header().Set("Grpc-Status", "0")
	}))
	req := request(t, http.MethodPost, proxied(t, true, backend), strings.NewReader("message"))
	req.Header.Set("Te", "trailers")
	resp, err := h2Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if want := "HTTP/2.0 message te=trailers"; string(body) != want || err != nil {
		t.Errorf("answer %q, %v, want %q", body, err, want)
	}
	if resp.ProtoMajor != 2 || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("answer in HTTP/%d with trailers %v, want HTTP/2 with Grpc-Status", resp.ProtoMajor, resp.Trailer)
	}
}

// A connection that stops to be HTTP, such as WebSocket's, stays open in both directions.
func TestUpgrade(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		for {
			line, err := buffered.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprint(conn, "echo ", line)
		}
	}))
	conn, err := net.Dial("tcp4", proxied(t, false, backend))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil) //nolint:bodyclose // an answer that changes protocols has none
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("upgrade: %v, %v", resp, err)
	}
	for i := range 3 {
		fmt.Fprintf(conn, "message %d\n", i)
		if got, err := answers.ReadString('\n'); err != nil || got != fmt.Sprintf("echo message %d\n", i) {
			t.Fatalf("answer %q, %v", got, err)
		}
	}
}

// An endpoint that takes no connection is passed over, with the body that nobody has read.
func TestRefusedConnectionsArePassedOver(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	for range 20 { // the order is by chance
		address := proxied(t, false, refusing(t), backend, refusing(t))
		code, body := do(t, request(t, http.MethodPost, address, io.MultiReader(strings.NewReader("body")))) // of unknown length
		if code != http.StatusOK || body != "body" {
			t.Fatalf("answer %d %q, want the body from the endpoint that listens", code, body)
		}
	}
}

// A request that was sent is never sent again: it may have had its effect.
func TestSentRequestsAreNotRepeated(t *testing.T) {
	var calls atomic.Int32
	breaking := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler)
	})
	code, _ := do(t, request(t, http.MethodPost, proxied(t, false, listen(t, breaking), listen(t, breaking)), strings.NewReader("x")))
	if code != http.StatusBadGateway || calls.Load() != 1 {
		t.Errorf("answer %d after %d calls, want 502 after 1", code, calls.Load())
	}
}

func TestCallerWhoGoesEndsTheRequest(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	backend := listen(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	req := request(t, http.MethodGet, proxied(t, false, backend), nil).WithContext(ctx)
	go func() { <-began; cancel() }()
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) { //nolint:bodyclose // there is no answer
		t.Errorf("Do = %v, want %v", err, context.Canceled)
	}
	<-ended
}

func TestBodyThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	resp, err := http.DefaultClient.Do(request(t, http.MethodGet, proxied(t, false, backend), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("an answer that broke off was read as %q", body)
	}
}

// Rules and endpoints change while requests run: each gets an answer of the old or of the new, and none is lost.
func TestRollingUpdate(t *testing.T) {
	serve := func(version string) string {
		return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, version, len(body))
		}))
	}
	targets := map[string]route.Target{"v1": {Addresses: []string{serve("v1-"), serve("v1-")}}, "v2": {Addresses: []string{serve("v2-")}}}
	p := New(func(_ context.Context, s *v1alpha1.IngressBackendSplit) (route.Target, error) {
		return targets[s.ServiceName], nil
	}, slog.New(slog.DiscardHandler))
	p.Use(table(nil, split("v1", 100)))
	address := listen(t, p)

	var mu sync.Mutex
	got := map[string]int{}
	var callers sync.WaitGroup
	const each = 100
	for range 8 {
		callers.Go(func() {
			for i := range each {
				if i == each/2 {
					p.Use(table(nil, split("v1", 50), split("v2", 50)))
				}
				resp, err := http.DefaultClient.Do(request(t, http.MethodPost, address, strings.NewReader("1234")))
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				mu.Lock()
				got[fmt.Sprint(resp.StatusCode, " ", string(body))]++
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if n := got["200 v1-4"] + got["200 v2-4"]; n != 8*each || got["200 v2-4"] == 0 {
		t.Errorf("answers %v, want %d of both versions and nothing else", got, 8*each)
	}
}

func TestOrder(t *testing.T) {
	var l load
	addresses := []string{"a", "b", "c"}
	l.add("a", 5)
	l.add("b", 5)
	first := map[string]int{}
	for range 300 {
		order := l.order(addresses)
		first[order[0]]++
		slices.Sort(order)
		if diff := cmp.Diff([]string{"a", "b", "c"}, order); diff != "" {
			t.Fatalf("each address is tried once (-want +got):\n%s", diff)
		}
	}
	if first["c"] < 150 || first["a"] == 0 || first["b"] == 0 {
		t.Errorf("first were %v, want the idle one most often and the others too", first)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, addresses); diff != "" {
		t.Errorf("the addresses were changed (-want +got):\n%s", diff)
	}
	l.add("a", -5)
	l.add("b", -5)
	if len(l.count) != 0 {
		t.Errorf("without requests there are counts: %v", l.count)
	}
}

// What is counted as under way must not grow with the requests that were.
func TestLoadEndsWithItsRequests(t *testing.T) {
	backend := listen(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	p := New(func(context.Context, *v1alpha1.IngressBackendSplit) (route.Target, error) {
		return route.Target{Addresses: []string{backend, refusing(t)}}, nil
	}, slog.New(slog.DiscardHandler))
	p.Use(table(nil, split("app", 100)))
	address := listen(t, p)
	for range 10 {
		do(t, request(t, http.MethodGet, address, nil))
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		p.load.mu.Lock()
		n := len(p.load.count)
		p.load.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d addresses are still busy", n)
		}
		time.Sleep(time.Millisecond)
	}
}
