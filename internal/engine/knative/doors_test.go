package knative

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

// clusterNet is the network of a cluster: what a Service's name leads to.
type clusterNet struct {
	mu       sync.Mutex
	services map[string]http.Handler // by host
	hosts    []string                // that were called
	refuse   atomic.Int32            // connections still to be refused
}

// serve puts a handler behind a Service of the namespace.
func (n *clusterNet) serve(service string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.services == nil {
		n.services = map[string]http.Handler{}
	}
	n.services[service+"."+namespace+".svc.cluster.local"] = h
}

// ServeHTTP is the ingress.
func (n *clusterNet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	h := n.services[r.Host]
	n.hosts = append(n.hosts, r.Host)
	n.mu.Unlock()
	if h == nil {
		http.Error(w, "no route for host", http.StatusNotFound)
		return
	}
	h.ServeHTTP(w, r)
}

// open gives doors into the network.
func (n *clusterNet) open(t testing.TB, objects client.Reader) *Doors {
	t.Helper()
	srv := httptest.NewServer(n)
	t.Cleanup(srv.Close)
	transport := NewTransport()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		if n.refuse.Add(-1) >= 0 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Doors{Objects: objects, Identity: identity(), Transport: transport}
}

// frontDoor is the real front door of a version of function f, over a function in Go.
func frontDoor(version string, run lambda.InvokerFunc) http.Handler {
	return server.NewFrontDoor(server.FrontDoorConfig{
		Function: lambda.Reference{Name: "f", Qualifier: version}, Identity: identity(),
		Invoker: lambda.InvokerFunc(func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
			r, err := run(ctx, in)
			if r != nil {
				r.RequestID, r.ExecutedVersion = in.ID, version
			}
			return r, err
		}),
	})
}

func echo(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	return &lambda.Result{Payload: in.Payload}, nil
}

// gather is a ResponseStream in memory.
type gather struct {
	bytes.Buffer

	starts int
}

func (g *gather) Start(string) error {
	g.starts++
	return nil
}

func TestInvokeCarriesEverything(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f", isolated)
	var seen *lambda.Invocation
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		seen = in
		return &lambda.Result{Payload: []byte("\x00\x01"), ContentType: "application/octet-stream", LogTail: []byte("END"), Duration: 3 * time.Millisecond}, nil
	}))
	in := &lambda.Invocation{
		ID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", Function: reference(t, "f"), Payload: []byte(`{"a":1}`), ClientContext: `{"custom":{}}`,
		TenantID: "t1", CloudEvent: `{"id":"ü"}`, LogTail: true, Trace: "Root=1-5759e988-bd862e3fe1be46a994272793",
	}
	r, err := n.open(t, api).In(namespace).Invoke(t.Context(), in)
	must(t, err)
	if string(r.Payload) != "\x00\x01" || r.ContentType != "application/octet-stream" || string(r.LogTail) != "END" || r.Duration != 3*time.Millisecond ||
		r.RequestID != in.ID || r.ExecutedVersion != lambda.LatestVersion {
		t.Errorf("the result is %+v", r)
	}
	if seen.ID != in.ID || string(seen.Payload) != `{"a":1}` || seen.ClientContext != in.ClientContext || seen.TenantID != "t1" || seen.CloudEvent != in.CloudEvent ||
		!strings.HasPrefix(seen.Trace, in.Trace) {
		t.Errorf("the function sees %+v", seen)
	}
	in.CognitoIdentity = "{}"
	_, err = n.open(t, api).In(namespace).Invoke(t.Context(), in)
	wantCode(t, "what would get lost", err, lambda.CodeNotImplemented)
}

func TestInvokeTellsFailures(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if in.Stream != nil {
			if _, err := in.Stream.Write([]byte("begun")); err != nil {
				return nil, err
			}
		}
		return &lambda.Result{Payload: []byte(`{"errorType":"Boom"}`), FunctionError: lambda.Unhandled, ErrorType: "Runtime.OutOfMemory"}, nil
	}))
	d := n.open(t, api)
	r, err := d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	must(t, err)
	if r.FunctionError != lambda.Unhandled || r.ErrorType != "Runtime.OutOfMemory" || string(r.Payload) != `{"errorType":"Boom"}` {
		t.Errorf("the result is %+v %s", r, r.Payload)
	}
	out := new(gather)
	r, err = d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f"), Stream: out})
	must(t, err)
	if r.FunctionError != lambda.Unhandled || out.String() != "begun" || out.starts != 1 {
		t.Errorf("the streamed result is %+v after %q", r, out)
	}
}

func TestReferencesLeadToServices(t *testing.T) {
	e, api := newEngine(t)
	fn := deploy(t, e, "f")
	for range 2 {
		must(t, e.Get(t.Context(), "f", fn))
		fn.Spec.Timeout++
		must(t, e.Update(t.Context(), fn))
		must(t, e.Get(t.Context(), "f", fn))
		_, _, err := engine.PublishVersion(t.Context(), e, fn, "")
		must(t, err)
	}
	for name, spec := range map[string]v1alpha1.AliasSpec{
		"live":   {FunctionVersion: "1", AdditionalVersionWeights: map[string]v1alpha1.Weight{"2": "0.25"}},
		"newest": {FunctionVersion: lambda.LatestVersion},
		"lost":   {FunctionVersion: "7"},
	} {
		spec.FunctionName, spec.Name = "f", name
		must(t, e.Create(t.Context(), &v1alpha1.Alias{Spec: spec}))
	}
	deploy(t, e, "0rders")
	deploy(t, e, "Orders")
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:"
	cases := map[string]struct {
		reason, ref      string
		lot              float64
		service, version string // empty: not found
	}{
		"Name":         {reason: "a plain name", ref: "f", service: "f", version: lambda.LatestVersion},
		"Latest":       {reason: "the version that moves", ref: "f:$LATEST", service: "f", version: lambda.LatestVersion},
		"ARN":          {reason: "an ARN of ours", ref: arn + "f", service: "f", version: lambda.LatestVersion},
		"Account":      {reason: "an account of ours", ref: "000000000000:f", service: "f", version: lambda.LatestVersion},
		"Version":      {reason: "a version has a Service of its own", ref: "f:1", service: v1alpha1.VersionServiceName("f", 1), version: "1"},
		"AliasMost":    {reason: "the alias's own version has the rest", ref: "f:live", lot: 0.25, service: v1alpha1.VersionServiceName("f", 1), version: "1"},
		"AliasFew":     {reason: "the further one has its weight", ref: "f:live", lot: 0.2499, service: v1alpha1.VersionServiceName("f", 2), version: "2"},
		"AliasLatest":  {reason: "an alias may move with the function", ref: "f:newest", service: "f", version: lambda.LatestVersion},
		"Digit":        {reason: "Knative wants a letter first", ref: "0rders", service: v1alpha1.FunctionServiceName("0rders"), version: lambda.LatestVersion},
		"Upper":        {reason: "objects have lower-case names", ref: "Orders", service: v1alpha1.ObjectName("Orders"), version: lambda.LatestVersion},
		"None":         {reason: "no such function", ref: "g"},
		"NoVersion":    {reason: "no such version", ref: "f:3"},
		"NoAlias":      {reason: "no such alias", ref: "f:dead"},
		"AliasToNone":  {reason: "an alias to no version", ref: "f:lost"},
		"Zeros":        {reason: "numbers have one form", ref: "f:01"},
		"Huge":         {reason: "and a size", ref: "f:99999999999999999999"},
		"OtherRegion":  {reason: "not here", ref: strings.Replace(arn, "us-east-1", "eu-west-1", 1) + "f"},
		"OtherAccount": {reason: "not ours", ref: "123456789012:f"},
		"ObjectName":   {reason: "the name of an object is not that of its function", ref: v1alpha1.ObjectName("Orders")},
	}
	for name, tc := range cases {
		r := router{namespace: namespace, identity: identity(), lot: func() float64 { return tc.lot }}
		to, err := r.find(t.Context(), api, reference(t, tc.ref))
		if tc.service == "" {
			wantCode(t, name+": "+tc.reason, err, lambda.CodeResourceNotFound)
			continue
		}
		if err != nil || to.service != tc.service || to.version != tc.version {
			t.Errorf("%s: %s: %+v, %v; want %s of version %s", name, tc.reason, to, err, tc.service, tc.version)
		}
	}
	_, err := (router{namespace: "other", identity: identity()}).find(t.Context(), api, reference(t, "f"))
	wantCode(t, "another namespace", err, lambda.CodeResourceNotFound)
	if e := lambda.AsError(err); e.Message != "Function not found: "+arn+"f:$LATEST" {
		t.Errorf("the sentence is %q", e.Message)
	}
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	e, api := newEngine(t)
	set := func(name string, change func(*v1alpha1.Function)) {
		fn := deploy(t, e, name)
		change(fn)
		status := fn.Status
		fn.ResourceVersion = ""
		must(t, e.Update(t.Context(), fn))
		must(t, e.Get(t.Context(), name, fn))
		fn.Status = status
		must(t, api.Status().Update(t.Context(), fn))
	}
	set("stopped", func(fn *v1alpha1.Function) { fn.Spec.Concurrency.Reserved = new(int32) })
	set("pending", func(fn *v1alpha1.Function) { fn.Status = v1alpha1.FunctionStatus{} })
	set("failed", func(fn *v1alpha1.Function) {
		fn.Status = v1alpha1.FunctionStatus{}
		fn.Status.MarkFailed(fn.Generation, v1alpha1.Failf(v1alpha1.ReasonCodeInvalid, "no zip"))
	})
	set("updating", func(fn *v1alpha1.Function) { fn.Status.MarkFailed(fn.Generation, errors.New("later")) })
	set("web", func(fn *v1alpha1.Function) {
		fn.Status.Protocol, fn.Status.URL = v1alpha1.ProtocolHTTP, "http://web.shop.example"
	})
	n := new(clusterNet)
	n.serve("updating", server.NewFrontDoor(server.FrontDoorConfig{Function: lambda.Reference{Name: "updating"}, Invoker: lambda.InvokerFunc(echo)}))
	cases := map[string]struct {
		reason   string
		code     lambda.Code
		sentence string
	}{
		"stopped":  {"a reserved concurrency of 0 stops it", lambda.CodeTooManyRequests, "Rate Exceeded"},
		"pending":  {"it was never ready", lambda.CodeResourceConflict, "in the following state: Pending"},
		"failed":   {"nor will it be", lambda.CodeResourceConflict, "in the following state: Failed"},
		"web":      {"it takes no events", lambda.CodeInvalidRequestContent, "http://web.shop.example"},
		"updating": {"what serves goes on while an update fails", "", ""},
	}
	d := n.open(t, api)
	for name, tc := range cases {
		_, err := d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, name)})
		wantCode(t, name+": "+tc.reason, err, tc.code)
		if err != nil && !strings.Contains(lambda.AsError(err).Message, tc.sentence) {
			t.Errorf("%s: the sentence is %q, want %q in it", name, lambda.AsError(err).Message, tc.sentence)
		}
	}
	_, err := d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "stopped")})
	if e := lambda.AsError(err); e.Reason != lambda.ReasonReservedConcurrency || e.RetryAfter <= 0 {
		t.Errorf("a stopped function gives %+v", e)
	}
	_, err = d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "updating"), Payload: make([]byte, lambda.MaxRequestPayload+1)})
	wantCode(t, "a payload that is too large", err, lambda.CodeRequestTooLarge)
}

// TestReservedConcurrency has callers come while as many calls run as are allowed.
func TestReservedConcurrency(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f", func(s *v1alpha1.FunctionSpec) {
		two := int32(2)
		s.Concurrency = &v1alpha1.Concurrency{Reserved: &two}
	})
	entered, gate := make(chan struct{}), make(chan struct{})
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		entered <- struct{}{}
		<-gate
		return echo(ctx, in)
	}))
	d := n.open(t, api)
	call := func() error {
		_, err := d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
		return err
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		})
		<-entered
	}
	e2 := lambda.AsError(call())
	if e2.Code != lambda.CodeTooManyRequests || e2.Reason != lambda.ReasonReservedConcurrency || e2.RetryAfter <= 0 {
		t.Errorf("the third call gives %+v", e2)
	}
	close(gate)
	group.Wait()
	go func() { <-entered }()
	must(t, call())
	if len(d.running.by) != 0 {
		t.Errorf("counts are left: %v", d.running.by)
	}
}

// TestCacheRefusesNothing has a cache that is behind: it may let calls through, but never keeps one out.
func TestCacheRefusesNothing(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, echo))
	behind := newAPI(t) // which has heard of nothing
	d := n.open(t, api)
	d.Cache = behind
	call := func(i lambda.Invoker) error {
		_, err := i.Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
		return err
	}
	must(t, call(d.In(namespace)))

	pending := function(t, e, "f")
	pending.Default()
	pending.Namespace = namespace
	must(t, behind.Create(t.Context(), pending))
	must(t, behind.Get(t.Context(), client.ObjectKeyFromObject(pending), pending))
	pending.Status = v1alpha1.FunctionStatus{}
	must(t, behind.Status().Update(t.Context(), pending))
	must(t, call(d.In(namespace)))

	pending.Status.MarkReady(1)
	must(t, behind.Status().Update(t.Context(), pending))
	must(t, e.Delete(t.Context(), &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "f"}}))
	must(t, call(d.In(namespace))) // the cache has not heard that it has gone
	wantCode(t, "a caller who deleted it", call(d.Directly(namespace)), lambda.CodeResourceNotFound)
}

func TestCacheSparesTheAPIServer(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, echo))
	d := n.open(t, interceptor.NewClient(api, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewInternalError(errors.New("nobody should ask"))
		},
	}))
	d.Cache = api
	_, err := d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	must(t, err)
	_, err = d.Directly(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	wantCode(t, "the API server fails", err, lambda.CodeService)
}

func TestRefusedConnectionsAreTriedAgain(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	var runs atomic.Int32
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		runs.Add(1)
		return echo(ctx, in)
	}))
	d := n.open(t, api)
	in := &lambda.Invocation{Function: reference(t, "f"), Payload: []byte(`"again"`)}
	n.refuse.Store(2)
	r, err := d.In(namespace).Invoke(t.Context(), in)
	must(t, err)
	if string(r.Payload) != `"again"` || runs.Load() != 1 {
		t.Errorf("after two refusals it answers %s in %d runs", r.Payload, runs.Load())
	}
	d = n.open(t, api)
	n.refuse.Store(1 << 30)
	_, err = d.In(namespace).Invoke(t.Context(), in)
	if e := lambda.AsError(err); e.Code != lambda.CodeServiceUnavailable || e.RetryAfter <= 0 || runs.Load() != 1 {
		t.Errorf("an address that nobody answers gives %+v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.In(namespace).Invoke(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone gets %v", err)
	}
}

// TestWhatBreaksIsNotTriedAgain has a connection that breaks once the function may have run.
func TestWhatBreaksIsNotTriedAgain(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	var runs atomic.Int32
	n := new(clusterNet)
	n.serve("f", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		runs.Add(1)
		panic(http.ErrAbortHandler)
	}))
	_, err := n.open(t, api).In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	if e := lambda.AsError(err); e.Code != lambda.CodeService || !strings.Contains(e.Message, "may have run") || runs.Load() != 1 {
		t.Errorf("it gives %+v after %d runs", e, runs.Load())
	}
}

// TestWhatStandsBeforeThePods has Knative's own parts answer instead of a pod.
func TestWhatStandsBeforeThePods(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	five := int32(5)
	deploy(t, e, "bounded", func(s *v1alpha1.FunctionSpec) { s.Concurrency = &v1alpha1.Concurrency{Reserved: &five} })
	cases := map[string]struct {
		reason     string
		status     int
		body       string
		retryAfter string
		function   string
		want       lambda.Error
		sentence   string
	}{
		"QueueFull":  {"the queue-proxy's breaker", 503, "pending request queue full\n", "", "f", lambda.Error{Code: lambda.CodeTooManyRequests, Reason: lambda.ReasonConcurrency, RetryAfter: time.Second}, ""},
		"Overload":   {"the activator's", 503, "activator overload\n", "", "f", lambda.Error{Code: lambda.CodeTooManyRequests, Reason: lambda.ReasonConcurrency, RetryAfter: time.Second}, ""},
		"Bounded":    {"the function's own limit", 503, "pending request queue full\n", "", "bounded", lambda.Error{Code: lambda.CodeTooManyRequests, Reason: lambda.ReasonReservedConcurrency, RetryAfter: time.Second}, ""},
		"Throttled":  {"an ingress's rate limit", 429, "slow down", "7", "f", lambda.Error{Code: lambda.CodeTooManyRequests, Reason: lambda.ReasonConcurrency, RetryAfter: 7 * time.Second}, ""},
		"BadGateway": {"the container ended", 502, "EOF", "", "f", lambda.Error{Code: lambda.CodeService, RetryAfter: time.Second}, "its container ended or could not be reached (status 502 Bad Gateway: EOF)"},
		"Timeout":    {"no pod in time", 504, "activator request timeout", "", "f", lambda.Error{Code: lambda.CodeService, RetryAfter: time.Second}, "no container was ready for it in time"},
		"NoRoute":    {"the ingress does not know it yet", 404, "404 page not found", "", "f", lambda.Error{Code: lambda.CodeService, RetryAfter: time.Second}, "its address is not served yet"},
		"Down":       {"any other trouble", 503, "upstream connect\nerror", "", "f", lambda.Error{Code: lambda.CodeService, RetryAfter: time.Second}, "status 503 Service Unavailable: upstream connect error"},
		"Redirect":   {"an ingress that wants TLS", 301, "", "", "f", lambda.Error{Code: lambda.CodeService, RetryAfter: time.Second}, "status 301"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := new(clusterNet)
			n.serve(tc.function, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.retryAfter != "" {
					w.Header().Set("Retry-After", tc.retryAfter)
				}
				if tc.status == http.StatusMovedPermanently {
					w.Header().Set("Location", "https://elsewhere.example/")
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}))
			_, err := n.open(t, api).In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, tc.function)})
			got := lambda.AsError(err)
			if err == nil || got.Code != tc.want.Code || got.Reason != tc.want.Reason || got.RetryAfter != tc.want.RetryAfter || !strings.Contains(got.Message, tc.sentence) {
				t.Errorf("%s: got %+v, want %+v with %q", tc.reason, got, tc.want, tc.sentence)
			}
			if !errors.As(err, new(*remote.Foreign)) {
				t.Errorf("%s: the cause is lost: %v", tc.reason, err)
			}
		})
	}
}

// TestPodsOwnRefusalsPass has the front door itself refuse.
func TestPodsOwnRefusalsPass(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	n := new(clusterNet)
	n.serve("f", frontDoor(lambda.LatestVersion, func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return nil, lambda.Throttled(lambda.ReasonConcurrency, 3*time.Second)
	}))
	_, err := n.open(t, api).In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	if e := lambda.AsError(err); e.Code != lambda.CodeTooManyRequests || e.Reason != lambda.ReasonConcurrency || e.RetryAfter != 3*time.Second {
		t.Errorf("got %+v", e)
	}
}

func TestCallersWhoLeaveEndTheirCall(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	entered, left := make(chan struct{}), make(chan struct{})
	n := new(clusterNet)
	n.serve("f", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 16)) // the server looks for hang-ups once the body has been read
		close(entered)
		<-r.Context().Done()
		close(left)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	_, err := n.open(t, api).In(namespace).Invoke(ctx, &lambda.Invocation{Function: reference(t, "f")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-left
}
