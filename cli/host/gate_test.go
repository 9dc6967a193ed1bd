package host

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// gatewayBench is a gateway whose cluster is a double for each namespace, and whose registry is in memory.
type gatewayBench struct {
	*gate

	url        string
	registry   string // host
	synced     atomic.Bool
	namespaces map[string]*double.Engine
	direct     atomic.Int32 // engines that were asked for direct ones
	keys       *access.File
	rights     []knative.Right // that every ServiceAccount has
}

// Token knows tokens of the form AUDIENCE USER.
func (b *gatewayBench) Token(_ context.Context, token, audience string) (knative.TokenUser, error) {
	user, ok := strings.CutPrefix(token, audience+" ")
	if !ok {
		return knative.TokenUser{}, access.Unrecognized()
	}
	return knative.TokenUser{Name: user}, nil
}

// Allowed looks the right up.
func (b *gatewayBench) Allowed(_ context.Context, _ knative.TokenUser, right knative.Right) (bool, error) {
	return slices.Contains(b.rights, right), nil
}

// withToken is a client that shows the gateway a token.
func withToken(token string) *http.Client {
	return &http.Client{Transport: showing(token)}
}

type showing string

func (s showing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(signature.Header, "Bearer "+string(s))
	return http.DefaultTransport.RoundTrip(r)
}

// planeToken is what lambkin shows that works in a namespace.
func planeToken(namespace string) *http.Client {
	return withToken(knative.PlaneAudience + " system:serviceaccount:" + namespace + ":default")
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
	b.gate.audit, b.gate.synced, b.gate.reviews = b.gate.log, b.synced.Load, b
	b.keys = access.Open(t.TempDir())
	b.gate.keys, b.gate.urls, b.gate.urlDomain = b.keys, b.urlNamespace, "urls.example"
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

func (b *gatewayBench) urlNamespace(ctx context.Context, id string) (string, error) {
	for namespace, e := range b.namespaces {
		var all v1alpha1.FunctionURLConfigList
		if err := e.List(ctx, &all, nil); err != nil {
			return "", err
		}
		if slices.ContainsFunc(all.Items, func(u v1alpha1.FunctionURLConfig) bool { return u.URLID() == id }) {
			return namespace, nil
		}
	}
	return "", nil
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
	shop := remote.NewPlane(planeToken("shop"), b.url, "shop")
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
	if _, err := remote.NewPlane(planeToken("shop"), b.url, "Shop/x").PutCode(ctx, strings.NewReader("zip"), 3); lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
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
		"NoToken":    {"a pod that has nothing to show", "localhost", "/lambkin/v1/namespaces/shop/code/00", []string{signature.Header, ""}, 401},
		"Elsewhere":  {"what is for another namespace", "localhost", "/lambkin/v1/namespaces/default/code/00", nil, 403},
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
	token := []string{signature.Header, "Bearer " + knative.PlaneAudience + " system:serviceaccount:shop:default"}
	for name, tc := range cases {
		if strings.HasPrefix(tc.path, planePath) {
			tc.header = append(slices.Clone(token), tc.header...)
		}
		if status, text, _ := b.ask(t, http.MethodGet, tc.host, tc.path, "", tc.header...); status != tc.want {
			t.Errorf("%s: %s: %d %s, want %d", name, tc.reason, status, text, tc.want)
		}
	}
}

// createF makes function f.
const createF = `{"FunctionName":"f","Role":"arn:aws:iam::000000000000:role/r","Runtime":"nodejs22.x","Handler":"a.b","Code":{"ZipFile":"` +
	`UEsDBBQAAAAAAAAAIQC3OnOwAQAAAAEAAAAEAAAAYS5qczFQSwECFAMUAAAAAAAAACEAtzpzsAEAAAABAAAABAAAAAAAAAAAAAAApIEAAAAAYS5qc1BLBQYAAAAAAQABADIAAAAjAAAAAAA="}}`

// TestLambdaAPI makes a function with the Lambda API and finds its code where the reply says.
func TestLambdaAPI(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	status, text, _ := b.ask(t, http.MethodPost, "localhost", "/namespaces/shop/2015-03-31/functions", createF)
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

// TestPagesReachFunctionURLs holds that web pages may use a function URL if its policy says so, and nothing else.
func TestPagesReachFunctionURLs(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	ask := func(path string) (int, string, string) {
		status, text, header := b.ask(t, http.MethodOptions, "localhost", path, "", "Origin", "https://page.example", "Access-Control-Request-Method", "PUT")
		return status, text, header.Get("Access-Control-Allow-Origin")
	}
	if status, text, _ := ask("/namespaces/shop/2015-03-31/functions"); status != http.StatusForbidden || !strings.Contains(text, "another origin") {
		t.Errorf("the API: %d %s", status, text)
	}
	u := &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{
		FunctionName: "f", AuthType: v1alpha1.AuthTypeIAM, CORS: &v1alpha1.CORS{AllowOrigins: []string{"https://page.example"}, AllowMethods: []string{"PUT"}},
	}}
	if status, text, _ := b.ask(t, http.MethodPost, "localhost", "/namespaces/shop/2015-03-31/functions", createF); status != http.StatusCreated {
		t.Fatalf("CreateFunction: %d %s", status, text)
	}
	if err := b.namespaces["shop"].Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if status, text, origin := ask("/namespaces/shop" + u.URLPath()); status != http.StatusOK || origin != "https://page.example" {
		t.Errorf("the function URL: %d %s, for %q", status, text, origin)
	}
}

// TestEverybodyHasToSayWhoHeIs tries the Lambda API as an operator has it who has chosen nothing.
func TestEverybodyHasToSayWhoHeIs(t *testing.T) {
	b := newGateway(t)
	s := b.settings()
	s.AWSAPI.AllowUnsigned = false
	b.configure(s)
	urls := map[string]string{}
	for namespace, e := range b.namespaces {
		u := &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: "in-" + namespace, AuthType: v1alpha1.AuthTypeIAM}}
		u.UID = types.UID(namespace)
		for _, o := range []v1alpha1.Object{&v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "in-" + namespace}}, u} {
			if err := e.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		urls[namespace] = u.URLID()
	}
	key := func(namespace, policy string) func(r *http.Request) *http.Request {
		text, _ := access.Named(policy)
		k, err := access.New("user", namespace, text, time.Now())
		if err == nil {
			err = b.keys.Add(k)
		}
		if err != nil {
			t.Fatal(err)
		}
		return func(r *http.Request) *http.Request {
			signed, err := (&signature.Transport{Credentials: signature.Credentials{KeyID: k.ID, Secret: k.Secret}, Region: "us-east-1", Service: "lambda"}).Sign(r)
			if err != nil {
				t.Fatal(err)
			}
			return signed
		}
	}
	token := func(token string) func(r *http.Request) *http.Request {
		return func(r *http.Request) *http.Request { r.Header.Set("Authorization", "Bearer "+token); return r }
	}
	throughProxy := func(sign func(r *http.Request) *http.Request) func(r *http.Request) *http.Request {
		return func(r *http.Request) *http.Request {
			r = sign(r)
			r.Header.Set(signature.Header, r.Header.Get("Authorization"))
			r.Header.Del("Authorization")
			return r
		}
	}
	nobody := func(r *http.Request) *http.Request { return r }
	shop, everywhere, caller := key("shop", access.PolicyFull), key(access.AnyNamespace, access.PolicyFull), key("shop", access.PolicyInvoke)
	account := knative.TokenAudience + " system:serviceaccount:shop:runner"
	b.rights = []knative.Right{
		{Namespace: "shop", Verb: "list", Resource: "functions"},
		{Namespace: "default", Verb: "create", Resource: "functions", Subresource: "invocations", Name: "in-default"},
	}
	const host = ".lambda-url.us-east-1.urls.example"
	const list, inShop, inDefault = "/2015-03-31/functions", "/namespaces/shop/2015-03-31/functions", "/namespaces/default/2015-03-31/functions"
	for name, tc := range map[string]struct {
		reason       string
		who          func(r *http.Request) *http.Request
		method, path string // from a host's name on if it is not the gateway's own
		status       int
		text         string
	}{
		"Nobody":         {"", nobody, "GET", list, 403, "Missing Authentication Token"},
		"NobodyThere":    {"", nobody, "GET", inShop, 403, "Missing Authentication Token"},
		"Dummy":          {"credentials as emulators take them", token("test"), "GET", list, 403, "invalid"},
		"Key":            {"the key says which namespace", shop, "GET", list, 200, "in-shop"},
		"KeyPath":        {"and so may the path", shop, "GET", inShop, 200, "in-shop"},
		"KeyElsewhere":   {"but not another one", shop, "GET", inDefault, 403, "not for the namespace default"},
		"KeyProxied":     {"", throughProxy(shop), "GET", list, 200, "in-shop"},
		"Any":            {"", everywhere, "GET", list, 200, "in-default"},
		"AnyPath":        {"", everywhere, "GET", inShop, 200, "in-shop"},
		"Policy":         {"", caller, "GET", list, 403, "no identity-based policy allows the lambda:ListFunctions action"},
		"Invoke":         {"", caller, "POST", list + "/in-shop/invocations", 200, ""},
		"InvokeOther":    {"a function of another namespace is not there", caller, "POST", list + "/in-default/invocations", 404, ""},
		"Token":          {"a ServiceAccount's namespace is its own", token(account), "GET", list, 200, "in-shop"},
		"TokenElsewhere": {"in another one it has what it was given there", token(account), "POST", inDefault + "/in-default/invocations", 200, ""},
		"TokenDenied":    {"and nothing else", token(account), "POST", inShop + "/in-shop/invocations", 403, "User: arn:aws:iam::000000000000:role/shop/runner is not authorized"},
		"TokenAudience":  {"a token for something else", token("https://kubernetes system:serviceaccount:shop:runner"), "GET", list, 403, "invalid"},
		"TokenPerson":    {"a token of a person is not ours to take", token(knative.TokenAudience + " ada"), "GET", list, 403, "not that of a ServiceAccount"},
		"TokenOfPlane":   {"a token of the plane is for the plane", token(knative.PlaneAudience + " system:serviceaccount:shop:runner"), "GET", list, 403, "invalid"},
		"NoURL":          {"", nobody, "GET", "/_url/" + strings.Repeat("0", 32) + "/", 403, "Forbidden"},
		"NoHost":         {"", everywhere, "GET", strings.Repeat("0", 32) + host + "/", 403, "Forbidden"},
		"URL":            {"a function URL is its namespace's", everywhere, "POST", "/_url/" + urls["default"] + "/", 200, ""},
		"URLElsewhere":   {"and not for keys of others", shop, "POST", "/_url/" + urls["default"] + "/", 403, "Forbidden"},
		"URLPath":        {"", shop, "POST", "/namespaces/shop/_url/" + urls["shop"] + "/", 200, ""},
		"URLHost":        {"a host of its own needs no namespace", shop, "POST", urls["shop"] + host + "/", 200, ""},
		"HostElsewhere":  {"and opens none either", shop, "POST", urls["default"] + host + "/", 403, "Forbidden"},
		"HostNobody":     {"", nobody, "POST", urls["shop"] + host + "/", 403, "Forbidden"},
	} {
		at, path, _ := strings.Cut(tc.path, "/")
		r, err := http.NewRequestWithContext(t.Context(), tc.method, b.url+"/"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = cmp.Or(at, r.Host)
		res, err := http.DefaultClient.Do(tc.who(r))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != tc.status || !strings.Contains(string(text), tc.text) {
			t.Errorf("%s: %s: %d %s, want %d with %q", name, tc.reason, res.StatusCode, text, tc.status, tc.text)
		}
		_ = res.Body.Close()
	}
	b.configure(b.settings())
	if status, text, _ := b.ask(t, http.MethodGet, "localhost", list, ""); status != http.StatusOK {
		t.Errorf("once the operator has opened it: %d %s", status, text)
	}
}

// TestPlaneProofs holds who may upload code and invoke functions through the plane of a namespace.
func TestPlaneProofs(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	b.rights = []knative.Right{{Namespace: "shop", Verb: "create", Resource: "functions"}}
	upload := func(c *http.Client, namespace string) lambda.Code {
		_, err := remote.NewPlane(c, b.url, namespace).PutCode(t.Context(), strings.NewReader("zip"), 3)
		return lambda.CodeOf(err)
	}
	for name, tc := range map[string]struct {
		client    *http.Client
		namespace string
		want      lambda.Code
	}{
		"Plane":     {planeToken("shop"), "shop", ""},
		"Elsewhere": {planeToken("shop"), "default", lambda.CodeAccessDenied},
		"Nobody":    {http.DefaultClient, "shop", lambda.CodeMissingAuthenticationToken},
		"Account":   {withToken(knative.TokenAudience + " system:serviceaccount:x:y"), "shop", ""},
		"NoRight":   {withToken(knative.TokenAudience + " system:serviceaccount:x:y"), "default", lambda.CodeAccessDenied},
		"Mounted":   {withToken("https://kubernetes system:serviceaccount:shop:default"), "shop", lambda.CodeUnrecognizedClient},
	} {
		if got := upload(tc.client, tc.namespace); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

// TestRights holds what Kubernetes calls the actions of the Lambda API.
func TestRights(t *testing.T) {
	const fn = "arn:aws:lambda:us-east-1:000000000000:function:fn:live"
	for action, want := range map[string]string{
		"lambda:InvokeFunction": "create functions/invocations fn", "lambda:InvokeFunctionUrl": "create functions/invocations fn",
		"lambda:GetFunction": "get functions/ fn", "lambda:ListFunctions": "list functions/ ", "lambda:CreateFunction": "create functions/ ",
		"lambda:DeleteFunction": "delete functions/ fn", "lambda:UpdateFunctionCode": "update functions/ fn", "lambda:AddPermission": "update resourcepolicies/ ",
		"lambda:GetPolicy": "get resourcepolicies/ ", "lambda:DeleteResourcePolicy": "delete resourcepolicies/ ", "lambda:CreateCodeSigningConfig": "create codesigningconfigs/ ",
		"lambda:PutFunctionCodeSigningConfig": "update functions/ fn",
		"lambda:DeleteFunctionConcurrency":    "update functions/ fn", "lambda:TagResource": "update functions/ fn", "lambda:PublishVersion": "create versions/ ",
		"lambda:CreateAlias": "create aliases/ ", "lambda:DeleteAlias": "delete aliases/ ", "lambda:UpdateAlias": "update aliases/ ", "lambda:ListAliases": "list aliases/ ",
		"lambda:PublishLayerVersion": "create layerversions/ ", "lambda:GetLayerVersion": "get layerversions/ ", "lambda:DeleteLayerVersion": "delete layerversions/ ",
		"lambda:CreateFunctionUrlConfig": "create functionurlconfigs/ ", "lambda:ListVersionsByFunction": "list versions/ ", "lambkin:PutCode": "create functions/ ",
	} {
		r := rightOf(access.Question{Action: action, Resource: fn}, "shop")
		if got := r.Verb + " " + r.Resource + "/" + r.Subresource + " " + r.Name; got != want || r.Namespace != "shop" {
			t.Errorf("%s is %q, want %q", action, got, want)
		}
	}
}

func TestHandlersAreKeptWithinBounds(t *testing.T) {
	b := newGateway(t)
	b.configure(b.settings())
	c := b.current.Load()
	c.apis = make(map[place]http.Handler)
	for i := range maxAPIs {
		c.apis[place{namespace: strconv.Itoa(i)}] = http.NotFoundHandler()
	}
	shop := place{"shop", "/namespaces/shop"}
	first := c.apiOf(shop)
	b.configure(b.settings())
	if b.current.Load() != c {
		t.Error("a configuration that is the same takes all handlers away")
	}
	if len(c.apis) > maxAPIs || c.apiOf(shop) == nil || first == nil || len(c.apis) != 1 {
		t.Errorf("%d handlers are kept", len(c.apis))
	}
}

func TestRegistryTroubles(t *testing.T) {
	b := newGateway(t)
	put := func() *lambda.Error {
		t.Helper()
		_, err := remote.NewPlane(planeToken("shop"), b.url, "shop").PutCode(t.Context(), strings.NewReader("zip"), 3)
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
	if _, err := remote.NewPlane(planeToken("shop"), b.url, "shop").OpenCode(t.Context(), v1alpha1.Blob{SHA256: "00"}); !strings.Contains(lambda.AsError(err).Message, "registry.prefix") {
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
