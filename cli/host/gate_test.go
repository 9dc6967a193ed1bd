package host

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// gatewayBench is a gateway whose cluster is a double for each namespace, and whose registry is in memory.
type gatewayBench struct {
	*gate

	url        string
	registry   string // host
	synced     atomic.Bool
	namespaces map[string]*double.Engine
	direct     atomic.Int32 // engines that were asked for direct ones
}

// namespaced is a double with the code that the gateway keeps.
type namespaced struct {
	*double.Engine

	code engine.Code
}

func (n namespaced) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	return n.code.PutCode(ctx, r, limit)
}

func (n namespaced) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	return n.code.OpenCode(ctx, b)
}

func newGateway(t *testing.T) *gatewayBench {
	t.Helper()
	images := httptest.NewServer(registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))))
	t.Cleanup(images.Close)
	b := &gatewayBench{
		registry:   strings.TrimPrefix(images.URL, "http://"),
		namespaces: map[string]*double.Engine{"default": new(double.Engine), "shop": new(double.Engine)},
	}
	b.gate = &gate{log: slog.New(slog.DiscardHandler), tempDir: t.TempDir(), allowHosts: append(gatewayNames(""), "lambda.example.com")}
	b.gate.synced = b.synced.Load
	b.gate.engines = func(knative.Settings) engines {
		return func(namespace string, code engine.Code, direct bool) engine.Engine {
			if direct {
				b.direct.Add(1)
			}
			return namespaced{b.namespaces[namespace], code}
		}
	}
	srv := httptest.NewServer(b.gate)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

// settings are those of an operator who has done all there is to do.
func (b *gatewayBench) settings() knative.Settings {
	s := knative.Settings{Config: platform.Default(), UID: "uid"}
	s.Registry = platform.Registry{Prefix: b.registry + "/functions", PlainHTTP: []string{b.registry}}
	s.AWSAPI.AllowUnsigned = true
	return s
}

// ask sends a request under a name.
func (b *gatewayBench) ask(t *testing.T, method, host, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func TestReadiness(t *testing.T) {
	b := newGateway(t)
	ready := func(want string) {
		t.Helper()
		status, text, _ := b.ask(t, http.MethodGet, "10.0.0.1:8080", readyPath, "")
		if (status == http.StatusOK) != (want == "") || !strings.Contains(text, want) {
			t.Errorf("ready: %d %s, want %q", status, text, want)
		}
	}
	ready("lambkin-system/lambkin-config")
	if status, text, header := b.ask(t, http.MethodPost, "", "/lambkin/v1/namespaces/shop/code", "zip"); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("without configuration: %d %s", status, text)
	}
	b.configure(b.settings())
	ready("functions")
	b.synced.Store(true)
	ready("")
	b.leaving.Store(true)
	ready("leaving")
	if status, _, _ := b.ask(t, http.MethodGet, "", healthPath, ""); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	if err := b.close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPlanesOfNamespaces(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	ctx := t.Context()
	shop := remote.NewPlane(http.DefaultClient, b.url, "shop")
	blob, err := shop.PutCode(ctx, strings.NewReader("zip"), 3)
	if err != nil {
		t.Fatal(err)
	}
	r, err := shop.OpenCode(ctx, blob)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != "zip" || r.Close() != nil {
		t.Errorf("code %q, %v", text, err)
	}
	if err := b.namespaces["shop"].Create(ctx, &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "f"}}); err != nil {
		t.Fatal(err)
	}
	fn := lambda.Reference{Name: "f"}
	if res, err := shop.Invoke(ctx, &lambda.Invocation{Function: fn, Payload: []byte("1")}); err != nil || string(res.Payload) != "1" {
		t.Errorf("result %+v, %v", res, err)
	}
	if err := shop.Enqueue(ctx, &lambda.Invocation{Function: fn, Payload: []byte("2")}); err != nil || len(b.namespaces["shop"].Queued()) != 1 {
		t.Errorf("queued %v, %v", b.namespaces["shop"].Queued(), err)
	}
	if b.direct.Load() == 0 {
		t.Error("lambkin's own callers must find what they have just written")
	}
	if _, err := remote.NewPlane(http.DefaultClient, b.url, "Shop/x").PutCode(ctx, strings.NewReader("zip"), 3); lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
		t.Errorf("what is no namespace: %v", err)
	}
}

func TestGuards(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	cases := map[string]struct {
		reason, host, path string
		header             []string
		want               int
	}{
		"Proxy":      {"behind the API server's proxy the name is that server's", "api.example.com:6443", "/lambkin/v1/namespaces/shop/code/00", nil, 404},
		"Page":       {"but no page of another origin", "api.example.com:6443", "/lambkin/v1/namespaces/shop/code/00", []string{"Origin", "http://evil.example"}, 403},
		"Service":    {"the gateway's own name", "lambkin-gateway.lambkin-system.svc.cluster.local", "/2015-03-31/functions", nil, 200},
		"Short":      {"and its short forms", "lambkin-gateway.lambkin-system", "/2015-03-31/functions", nil, 200},
		"Forwarded":  {"kubectl port-forward", "localhost:8080", "/2015-03-31/functions", nil, 200},
		"Ingress":    {"a name that the operator allows", "lambda.example.com", "/2015-03-31/functions", nil, 200},
		"Rebinding":  {"a name that somebody else may control", "evil.example", "/2015-03-31/functions", nil, 403},
		"Namespace":  {"another namespace", "localhost", "/namespaces/shop/2015-03-31/functions", nil, 200},
		"NoName":     {"what is no namespace", "localhost", "/namespaces/Shop/2015-03-31/functions", nil, 400},
		"NoPath":     {"no operation", "localhost", "/namespaces/shop", nil, 404},
		"Objects":    {"objects are the API server's to give", "localhost", "/apis/lambkin.dev/v1alpha1/namespaces/default/functions", nil, 404},
		"LocalPlane": {"nor are there planes without namespaces", "localhost", "/lambkin/v1/code/00", nil, 404},
	}
	for name, tc := range cases {
		if status, text, _ := b.ask(t, http.MethodGet, tc.host, tc.path, "", tc.header...); status != tc.want {
			t.Errorf("%s: %s: %d %s, want %d", name, tc.reason, status, text, tc.want)
		}
	}
}

// TestLambdaAPI makes a function with the Lambda API and finds its code where the reply says.
func TestLambdaAPI(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	const create = `{"FunctionName":"f","Role":"arn:aws:iam::000000000000:role/r","Runtime":"nodejs22.x","Handler":"a.b","Code":{"ZipFile":"` +
		`UEsDBBQAAAAAAAAAIQC3OnOwAQAAAAEAAAAEAAAAYS5qczFQSwECFAMUAAAAAAAAACEAtzpzsAEAAAABAAAABAAAAAAAAAAAAAAApIEAAAAAYS5qc1BLBQYAAAAAAQABADIAAAAjAAAAAAA="}}`
	status, text, _ := b.ask(t, http.MethodPost, "localhost", "/namespaces/shop/2015-03-31/functions", create)
	if status != http.StatusCreated {
		t.Fatalf("CreateFunction: %d %s", status, text)
	}
	if err := b.namespaces["shop"].Get(t.Context(), "f", new(v1alpha1.Function)); err != nil {
		t.Error(err)
	}
	if status, text, _ := b.ask(t, http.MethodGet, "localhost", "/2015-03-31/functions/f", ""); status != http.StatusNotFound {
		t.Errorf("the function is in the namespace default too: %d %s", status, text)
	}
	_, text, _ = b.ask(t, http.MethodGet, "localhost", "/namespaces/shop/2015-03-31/functions/f", "")
	var got struct{ Code struct{ Location string } }
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(got.Code.Location)
	if err != nil || at.Host != "localhost" || !strings.HasPrefix(at.Path, "/namespaces/shop/_download/") {
		t.Fatalf("location %q", got.Code.Location)
	}
	// Another replica, and this one under a later configuration, serve it as well.
	later := b.settings()
	later.Scaling.MaxScale = 7
	b.configure(later)
	if status, text, _ := b.ask(t, http.MethodGet, "localhost", at.Path, ""); status != http.StatusOK || !strings.HasPrefix(text, "PK") {
		t.Errorf("download: %d %.20q", status, text)
	}
	if status, text, _ := b.ask(t, http.MethodGet, "localhost", strings.Replace(at.Path, "shop", "default", 1), ""); status != http.StatusForbidden {
		t.Errorf("download of another namespace's: %d %.20q", status, text)
	}
}

func TestLambdaAPIIsOff(t *testing.T) {
	b := newGateway(t)
	s := b.settings()
	s.AWSAPI.AllowUnsigned = false
	b.configure(s)
	for _, path := range []string{"/2015-03-31/functions", "/namespaces/shop/2015-03-31/functions", "/_url/x/"} {
		status, text, header := b.ask(t, http.MethodGet, "localhost", path, "")
		if status != http.StatusForbidden || header.Get("X-Amzn-Errortype") != "AccessDeniedException" || !strings.Contains(text, "awsAPI.allowUnsigned") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	b.configure(b.settings())
	if status, text, _ := b.ask(t, http.MethodGet, "localhost", "/2015-03-31/functions", ""); status != http.StatusOK {
		t.Errorf("once it is allowed: %d %s", status, text)
	}
}

func TestHandlersAreKeptWithinBounds(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	c := b.current.Load()
	c.apis = make(map[string]http.Handler)
	for i := range maxAPIs {
		c.apis[strconv.Itoa(i)] = http.NotFoundHandler()
	}
	first := c.apiOf("shop", "/namespaces/shop")
	b.configure(b.settings())
	if b.current.Load() != c {
		t.Error("a configuration that is the same takes all handlers away")
	}
	if len(c.apis) > maxAPIs || c.apiOf("shop", "/namespaces/shop") == nil || first == nil || len(c.apis) != 1 {
		t.Errorf("%d handlers are kept", len(c.apis))
	}
}

func TestRegistryTroubles(t *testing.T) {
	b := newGateway(t)
	put := func() *lambda.Error {
		t.Helper()
		_, err := remote.NewPlane(http.DefaultClient, b.url, "shop").PutCode(t.Context(), strings.NewReader("zip"), 3)
		if err == nil {
			t.Fatal("the upload succeeds")
		}
		return lambda.AsError(err)
	}
	s := b.settings()
	s.Registry.Prefix = ""
	b.configure(s)
	if e := put(); e.Code != lambda.CodeService || !strings.Contains(e.Message, "registry.prefix") {
		t.Errorf("without a registry: %v", e)
	}
	if _, err := remote.NewPlane(http.DefaultClient, b.url, "shop").OpenCode(t.Context(), v1alpha1.Blob{SHA256: "00"}); !strings.Contains(lambda.AsError(err).Message, "registry.prefix") {
		t.Errorf("without a registry: %v", err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	s.Registry = platform.Registry{Prefix: strings.TrimPrefix(gone.URL, "http://") + "/x", PlainHTTP: []string{strings.TrimPrefix(gone.URL, "http://")}}
	b.configure(s)
	if e := put(); e.Code != lambda.CodeServiceUnavailable || e.RetryAfter <= 0 {
		t.Errorf("a registry that is away: %v", e)
	}
	s.Registry.CAFile = "/nowhere"
	b.configure(s)
	if e := put(); e.Code != lambda.CodeService {
		t.Errorf("a registry without its CA: %v", e)
	}
}

func TestStartClusterSaysWhatIsMissing(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := StartCluster(t.Context(), ClusterConfig{Addr: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("outside a cluster: %v", err)
	}
	if _, err := StartCluster(t.Context(), ClusterConfig{Addr: "127.0.0.1:x"}); err == nil || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("no address: %v", err)
	}
}
