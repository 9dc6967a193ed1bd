package host_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/cli/host"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	runner.MaybeRun()
	os.Exit(m.Run())
}

// start starts a server that asks nobody for a signature.
func start(t *testing.T, c host.Config) *host.Server {
	t.Helper()
	c.NoAuth = true
	return startAs(t, c)
}

func startAs(t *testing.T, c host.Config) *host.Server {
	t.Helper()
	c.Addr, c.Identity = "127.0.0.1:0", lambda.Identity{Region: "us-east-1", Account: "000000000000"}
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	s, err := host.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// get sends a request as a client with that Host and these headers would.
func get(t *testing.T, url, hostName string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = hostName
	maps.Copy(req.Header, header)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestDoors(t *testing.T) {
	s := start(t, host.Config{AllowHosts: []string{"lambkin.example"}})
	fn := &v1alpha1.Function{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: v1alpha1.FunctionSpec{
			Runtime: "provided.al2023", Handler: "bootstrap", Code: v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: "https://127.0.0.1:1/none.zip"}},
		},
	}
	if err := s.Engine.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	foreign := http.Header{"Origin": {"https://page.example"}}
	cases := map[string]struct {
		reason, path, host string
		header             http.Header
		status             int
		body               string
	}{
		"Objects":        {"", "/apis/lambkin.dev/v1alpha1/namespaces/default/functions", "", nil, 200, `"name":"app"`},
		"Gateway":        {"", "/2015-03-31/functions", "", nil, 200, `"FunctionName":"app"`},
		"OwnName":        {"a name that the owner allowed", "/2015-03-31/functions", "lambkin.example", nil, 200, "app"},
		"Rebinding":      {"a page's own name", "/2015-03-31/functions", "page.example", nil, 403, "not a name of this server"},
		"Foreign":        {"a page must not administrate", "/2015-03-31/functions", "", foreign, 403, "web pages"},
		"ForeignObjects": {"", "/apis/lambkin.dev/v1alpha1/namespaces/default/functions", "", foreign, 403, "web pages"},
		"Door":           {"the function cannot run, but it was its door", "/_url/app/x", "", nil, 409, "currently in the following state"},
		"DoorByName":     {"", "/x", "app.localhost", nil, 409, "currently in the following state"},
		"DoorForPages":   {"functions decide about pages themselves", "/_url/app/x", "", foreign, 409, "currently in the following state"},
		"DoorRebinding":  {"", "/_url/app/x", "page.example", nil, 403, "not a name"},
		"NoDoor":         {"", "/x", "nobody.localhost", nil, 404, "not found"},
		"NoURL":          {"", "/_url/nobody/", "", nil, 403, "Forbidden"},
		"Nothing":        {"", "/nothing", "", nil, 404, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, body := get(t, s.URL+tc.path, tc.host, tc.header)
			if status != tc.status || !strings.Contains(body, tc.body) {
				t.Errorf("%s: %d %s, want %d with %q", tc.reason, status, body, tc.status, tc.body)
			}
		})
	}
}

// TestEventFormats holds that every version's requests become events as that version says.
func TestEventFormats(t *testing.T) {
	s := start(t, host.Config{})
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.FunctionSpec{
		Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: put(t, s.Engine, "#!/bin/sh\n"+
			`printf '{"statusCode":200,"isBase64Encoded":true,"body":"%s"}' "$(base64 | tr -d '\n')"`)},
		HTTP: &v1alpha1.HTTP{EventFormat: v1alpha1.EventFormatV1},
	}}
	if err := s.Engine.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	ready(t, s.Engine, fn)
	if _, _, err := engine.PublishVersion(t.Context(), s.Engine, fn, ""); err != nil {
		t.Fatal(err)
	}
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "app", Name: "live", FunctionVersion: "1"}}
	if err := s.Engine.Create(t.Context(), alias); err != nil {
		t.Fatal(err)
	}
	fn.ResourceVersion, fn.Spec.HTTP.EventFormat = "", v1alpha1.EventFormatALB
	if err := s.Engine.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	ready(t, s.Engine, fn)
	shown := func(path, want string) {
		t.Helper()
		if status, body := get(t, s.URL+path, "", nil); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	shown("/_url/app/x", `"elb":`)
	shown("/_url/app:1/x", `"resource":"/{proxy+}"`)
	shown("/_url/app:live/x", `"resource":"/{proxy+}"`)
	fn.ResourceVersion, fn.Spec.HTTP.EventFormat = "", v1alpha1.EventFormatV2
	if err := s.Engine.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	shown("/_url/app/x", `"version":"2.0"`)
}

// TestInvokeModes holds that an answer is unwrapped when it is gathered, and goes out as it is when it is streamed.
func TestInvokeModes(t *testing.T) {
	s := start(t, host.Config{})
	answer := put(t, s.Engine, "#!/bin/sh\necho '{\"statusCode\":201,\"body\":\"made\"}'\n")
	for mode, want := range map[v1alpha1.InvokeMode]struct {
		status int
		body   string
	}{
		v1alpha1.InvokeModeBuffered: {201, "made"},
		v1alpha1.InvokeModeStream:   {200, `{"statusCode":201,"body":"made"}`},
	} {
		fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
			FunctionName: string(mode), Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: answer}, HTTP: &v1alpha1.HTTP{InvokeMode: mode},
		}}
		if err := s.Engine.Create(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		ready(t, s.Engine, fn)
		if status, body := get(t, s.URL+"/_url/"+string(mode)+"/", "", nil); status != want.status || strings.TrimSpace(body) != want.body {
			t.Errorf("%s: %d %q, want %d %q", mode, status, body, want.status, want.body)
		}
	}
}

// TestURLCORS holds that each member of a URL's policy is what browsers are told.
func TestURLCORS(t *testing.T) {
	s := start(t, host.Config{})
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.FunctionSpec{
		Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: put(t, s.Engine, "#!/bin/sh\necho '\"ok\"'\n")},
	}}
	if err := s.Engine.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	ready(t, s.Engine, fn)
	u := &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: "app", AuthType: v1alpha1.AuthTypeNone, CORS: &v1alpha1.CORS{
		AllowCredentials: true, AllowHeaders: []string{"x-asked"}, AllowMethods: []string{"PUT"}, AllowOrigins: []string{"https://page.example"},
		ExposeHeaders: []string{"x-shown"}, MaxAge: 7,
	}}}
	if err := s.Engine.Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for u.Status.URL == "" {
		time.Sleep(10 * time.Millisecond)
		if err := s.Engine.Get(t.Context(), u.Name, u); err != nil {
			t.Fatal(err)
		}
	}
	told := func(method, origin string) http.Header {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, u.Status.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			req.Header.Set("Access-Control-Request-Method", http.MethodPut)
			req.Header.Set("Access-Control-Request-Headers", "x-asked")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Header
	}
	const prefix = "Access-Control-"
	for name, tc := range map[string]struct {
		header http.Header
		want   map[string]string
	}{
		"Preflight": {told(http.MethodOptions, "https://page.example"), map[string]string{
			"Allow-Origin": "https://page.example", "Allow-Methods": "PUT", "Allow-Headers": "x-asked", "Allow-Credentials": "true", "Max-Age": "7",
		}},
		"Call":  {told(http.MethodPut, "https://page.example"), map[string]string{"Allow-Origin": "https://page.example", "Expose-Headers": "x-shown", "Allow-Credentials": "true"}},
		"Other": {told(http.MethodPut, "https://other.example"), map[string]string{"Allow-Origin": ""}},
	} {
		for header, want := range tc.want {
			if got := tc.header.Get(prefix + header); got != want {
				t.Errorf("%s: %s%s is %q, want %q", name, prefix, header, got, want)
			}
		}
	}
}

// put uploads an archive with one executable.
func put(t *testing.T, e engine.Engine, script string) *v1alpha1.Blob {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: "run"}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(script)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	blob, err := e.PutCode(t.Context(), &buf, lambda.MaxZip)
	if err != nil {
		t.Fatal(err)
	}
	return &blob
}

// ready waits until a function is.
func ready(t *testing.T, e engine.Engine, fn *v1alpha1.Function) {
	t.Helper()
	for range 3000 {
		if err := e.Get(t.Context(), fn.Name, fn); err != nil {
			t.Fatal(err)
		}
		if fn.Status.ObservedGeneration == fn.Generation && meta.IsStatusConditionTrue(fn.Status.Conditions, v1alpha1.ConditionReady) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s is not ready: %+v", fn.Name, fn.Status)
}

func TestURLsInStatus(t *testing.T) {
	s := start(t, host.Config{})
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.FunctionSpec{
		Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: put(t, s.Engine, "#!/bin/sh\ncat\n")},
	}}
	if err := s.Engine.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	ready(t, s.Engine, fn)
	if want := s.URL + "/_url/app/"; fn.Status.URL != want {
		t.Errorf("URL = %q, want %q", fn.Status.URL, want)
	}
}

func TestSpans(t *testing.T) {
	got := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read spans: %v", err)
		}
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	s := start(t, host.Config{})
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "traced"}, Spec: v1alpha1.FunctionSpec{
		Runtime: "exec", Handler: "run", Code: v1alpha1.Code{Zip: put(t, s.Engine, "#!/bin/sh\ncat\n")},
	}}
	if err := s.Engine.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	ready(t, s.Engine, fn)
	if code, body := get(t, s.URL+"/_url/traced/", "", nil); code != http.StatusOK {
		t.Fatalf("got %d %s", code, body)
	}
	if spans := <-got; !strings.HasPrefix(spans, "/v1/traces ") || !strings.Contains(spans, "function:traced") {
		t.Errorf("the collector got %q", spans)
	}
}

func TestOneServerPerDataDirectory(t *testing.T) {
	dir := t.TempDir()
	start(t, host.Config{DataDir: dir})
	if s, err := host.Start(t.Context(), host.Config{Addr: "127.0.0.1:0", DataDir: dir, NoAuth: true}); err == nil {
		_ = s.Close(t.Context())
		t.Error("a second server opened the same data")
	}
}

// TestCloseEndsFollowers fails by hanging if a followed log kept the server from closing.
func TestCloseEndsFollowers(t *testing.T) {
	s := start(t, host.Config{})
	e, err := remote.New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.FunctionSpec{
		Runtime: "provided.al2023", Handler: "bootstrap", Code: v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: "https://127.0.0.1:1/none.zip"}},
	}}
	if err := e.Create(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	followed := make(chan error, 1)
	go func() { followed <- e.Logs(t.Context(), "app", engine.LogOptions{Follow: true}, io.Discard) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	<-followed
}
