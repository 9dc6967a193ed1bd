package remote_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// over gives a client of e over real HTTP.
func over(t *testing.T, e *double.Engine) engine.Engine {
	t.Helper()
	srv := httptest.NewServer(e.Server())
	t.Cleanup(srv.Close)
	c, err := remote.New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func function(name string) *v1alpha1.Function {
	return &v1alpha1.Function{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec:       v1alpha1.FunctionSpec{Runtime: "nodejs22.x", Handler: "index.handler", MemorySize: 128},
	}
}

func TestObjectsMakeTheRoundTrip(t *testing.T) {
	c := over(t, &double.Engine{})
	ctx := t.Context()
	made := function("a")
	if err := c.Create(ctx, made); err != nil {
		t.Fatal(err)
	}
	if made.ResourceVersion == "" || made.Generation != 1 || made.UID == "" {
		t.Errorf("Create left out what the engine sets: %+v", made.ObjectMeta)
	}
	got := function("leftover")
	if err := c.Get(ctx, "a", got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("Get differs from what Create gave (-create +get):\n%s", diff)
	}
	got.Spec.MemorySize = 256
	if err := c.Update(ctx, got); err != nil {
		t.Fatal(err)
	}
	if got.Generation != 2 {
		t.Errorf("generation after a change of the spec = %d, want 2", got.Generation)
	}
	if err := c.Create(ctx, function("b")); err != nil {
		t.Fatal(err)
	}
	list := new(v1alpha1.FunctionList)
	if err := c.List(ctx, list, map[string]string{"app": "b"}); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Name != "b" {
		t.Errorf("List by label gave %d items", len(list.Items))
	}
	if err := c.Delete(ctx, got); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(ctx, "a", got); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("Get after Delete = %v, want %s", err, lambda.CodeResourceNotFound)
	}
}

func TestEveryKindHasAPath(t *testing.T) {
	c := over(t, &double.Engine{})
	for _, obj := range []v1alpha1.Object{
		function("x"),
		&v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
		&v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
		&v1alpha1.LayerVersion{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
		&v1alpha1.FunctionURLConfig{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
		&v1alpha1.ResourcePolicy{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
	} {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Errorf("Create %T: %v", obj, err)
		}
		if err := c.Get(t.Context(), "x", obj); err != nil {
			t.Errorf("Get %T: %v", obj, err)
		}
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	stale := function("a")
	stale.ResourceVersion = "999"
	cases := map[string]struct {
		reason string
		do     func(context.Context, engine.Engine) error
		want   lambda.Code
	}{
		"Conflict": {
			reason: "a second object of that name is refused",
			do:     func(ctx context.Context, e engine.Engine) error { return e.Create(ctx, function("a")) },
			want:   lambda.CodeResourceConflict,
		},
		"NotFound": {
			reason: "an object that is not there cannot be updated",
			do:     func(ctx context.Context, e engine.Engine) error { return e.Update(ctx, function("z")) },
			want:   lambda.CodeResourceNotFound,
		},
		"StaleUpdate": {
			reason: "a stale resourceVersion is told apart from a name taken",
			do:     func(ctx context.Context, e engine.Engine) error { return e.Update(ctx, stale.DeepCopy()) },
			want:   lambda.CodePreconditionFailed,
		},
		"StaleDelete": {
			reason: "the resourceVersion of a delete is a precondition",
			do:     func(ctx context.Context, e engine.Engine) error { return e.Delete(ctx, stale.DeepCopy()) },
			want:   lambda.CodePreconditionFailed,
		},
		"TooLarge": {
			reason: "the limit travels with an upload",
			do: func(ctx context.Context, e engine.Engine) error {
				_, err := e.PutCode(ctx, strings.NewReader("four"), 3)
				return err
			},
			want: lambda.CodeRequestEntityTooLarge,
		},
		"NoCode": {
			reason: "a digest nobody uploaded",
			do: func(ctx context.Context, e engine.Engine) error {
				_, err := e.OpenCode(ctx, v1alpha1.Blob{SHA256: strings.Repeat("0", 64)})
				return err
			},
			want: lambda.CodeResourceNotFound,
		},
		"InvokeNothing": {
			reason: "errors of the Lambda API come back as themselves",
			do: func(ctx context.Context, e engine.Engine) error {
				_, err := e.Invoke(ctx, &lambda.Invocation{Function: lambda.Reference{Name: "nobody"}, Payload: []byte("{}")})
				return err
			},
			want: lambda.CodeResourceNotFound,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := over(t, &double.Engine{})
			if err := c.Create(t.Context(), function("a")); err != nil {
				t.Fatal(err)
			}
			if got := lambda.CodeOf(tc.do(t.Context(), c)); got != tc.want {
				t.Errorf("%s: code = %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestAllFaultsArrive(t *testing.T) {
	faults := field.ErrorList{
		field.Invalid(field.NewPath("spec", "timeout"), 901, "must be at most 900"),
		field.Required(field.NewPath("spec", "code"), "one member must be set"),
	}
	e := &double.Engine{OnWrite: func(v1alpha1.Object) error {
		all := faults.ToAggregate()
		return &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: all.Error(), Err: all}
	}}
	err := over(t, e).Create(t.Context(), function("a"))
	if lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
		t.Fatalf("Create = %v", err)
	}
	want := remote.Faults{
		{Field: "spec.timeout", Detail: "Invalid value: 901: must be at most 900", Type: "FieldValueInvalid"},
		{Field: "spec.code", Detail: "Required value: one member must be set", Type: "FieldValueRequired"},
	}
	if diff := cmp.Diff(want, remote.FaultsOf(err)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestCauseOfAForeignErrorStaysInside(t *testing.T) {
	e := &double.Engine{OnWrite: func(v1alpha1.Object) error { return errors.New("disk /secret/path is full") }}
	err := over(t, e).Create(t.Context(), function("a"))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Create = %v, want an error without its cause", err)
	}
}

func TestCodeAndLogs(t *testing.T) {
	e := &double.Engine{Log: []string{"one", "two", "three"}}
	c := over(t, e)
	ctx := t.Context()
	blob, err := c.PutCode(ctx, strings.NewReader("zip"), 100)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.OpenCode(ctx, blob)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if got, err := io.ReadAll(r); err != nil || string(got) != "zip" {
		t.Errorf("OpenCode = %q, %v", got, err)
	}
	var out bytes.Buffer
	if err := c.Logs(ctx, "a", engine.LogOptions{}, &out); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("Logs of no function = %v", err)
	}
	if err := c.Create(ctx, function("a")); err != nil {
		t.Fatal(err)
	}
	if err := c.Logs(ctx, "a", engine.LogOptions{Tail: 2}, &out); err != nil || out.String() != "two\nthree\n" {
		t.Errorf("Logs = %q, %v", out.String(), err)
	}
}

// TestFollowGivesLinesAsTheyCome fails if lines wait in a buffer: the double never ends a followed log by itself.
func TestFollowGivesLinesAsTheyCome(t *testing.T) {
	e := &double.Engine{Log: []string{"one"}}
	c := over(t, e)
	if err := c.Create(t.Context(), function("a")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- c.Logs(ctx, "a", engine.LogOptions{Follow: true}, w)
	}()
	line := make([]byte, 4)
	if _, err := io.ReadFull(r, line); err != nil || string(line) != "one\n" {
		t.Errorf("first line = %q, %v", line, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Logs after cancel = %v, want nil: that is how following ends", err)
	}
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

func TestInvoke(t *testing.T) {
	var seen *lambda.Invocation
	e := &double.Engine{OnInvoke: func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		seen = in
		res := &lambda.Result{ExecutedVersion: "3", LogTail: []byte("END")}
		switch string(in.Payload) {
		case `"fail"`:
			res.FunctionError, res.ErrorType, res.Payload = lambda.Unhandled, "Boom", []byte(`{"errorType":"Boom"}`)
		case `"throttle"`:
			return nil, lambda.Throttled(lambda.ReasonConcurrency, 0)
		default:
			res.Payload = in.Payload
		}
		if in.Stream == nil || res.FunctionError != "" {
			return res, nil
		}
		_, err := in.Stream.Write(res.Payload)
		res.Payload = nil
		return res, err
	}}
	c := over(t, e)
	if err := c.Create(t.Context(), function("a")); err != nil {
		t.Fatal(err)
	}
	fn := lambda.Reference{Name: "a", Qualifier: "live", Region: "eu-west-1", Account: "000000000000"}
	t.Run("Plain", func(t *testing.T) {
		in := &lambda.Invocation{Function: fn, Payload: []byte(`{"a":1}`), ID: "b1f1c0de-0000-4000-8000-000000000001",
			ClientContext: `{"custom":{}}`, LogTail: true, TenantID: "t1", CloudEvent: `{"id":"ü"}`, CognitoIdentity: "{}"}
		res, err := c.Invoke(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if string(res.Payload) != `{"a":1}` || res.ExecutedVersion != "3" || string(res.LogTail) != "END" || res.RequestID != in.ID || res.FunctionError != "" {
			t.Errorf("result = %+v", res)
		}
		if seen.Function.Qualifier != "live" || seen.ClientContext != in.ClientContext || !seen.LogTail || seen.TenantID != "t1" ||
			seen.ID != in.ID || seen.CloudEvent != in.CloudEvent || seen.CognitoIdentity != in.CognitoIdentity || seen.Function.Region != "eu-west-1" {
			t.Errorf("the server saw %+v", seen)
		}
	})
	t.Run("FunctionError", func(t *testing.T) {
		for _, stream := range []lambda.ResponseStream{nil, new(gather)} {
			res, err := c.Invoke(t.Context(), &lambda.Invocation{Function: fn, Payload: []byte(`"fail"`), Stream: stream})
			if err != nil || res.FunctionError != lambda.Unhandled || res.ErrorType != "Boom" || string(res.Payload) != `{"errorType":"Boom"}` {
				t.Errorf("stream %v: result = %+v, %v", stream != nil, res, err)
			}
		}
	})
	t.Run("Throttled", func(t *testing.T) {
		for _, stream := range []lambda.ResponseStream{nil, new(gather)} {
			_, err := c.Invoke(t.Context(), &lambda.Invocation{Function: fn, Payload: []byte(`"throttle"`), Stream: stream})
			if lambda.CodeOf(err) != lambda.CodeTooManyRequests {
				t.Errorf("stream %v: error = %v", stream != nil, err)
			}
		}
	})
	t.Run("Stream", func(t *testing.T) {
		out := new(gather)
		big := []byte(`"` + strings.Repeat("x", 200_000) + `"`)
		res, err := c.Invoke(t.Context(), &lambda.Invocation{Function: fn, Payload: big, Stream: out, LogTail: true})
		if err != nil || !bytes.Equal(out.Bytes(), big) || out.starts != 1 || len(res.Payload) != 0 || string(res.LogTail) != "END" {
			t.Errorf("result = %+v, %v, %d bytes, %d starts", res, err, out.Len(), out.starts)
		}
	})
	t.Run("Async", func(t *testing.T) {
		if err := c.Enqueue(t.Context(), &lambda.Invocation{Function: fn, Payload: []byte(`7`)}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"7"}, e.Queued()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStreamThatIsCutIsAnError(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK) // and no frame at all
	}))
	defer srv.Close()
	c, err := remote.New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "a"}, Stream: new(gather)})
	if !errors.Is(err, remote.ErrCut) {
		t.Errorf("error = %v, want ErrCut", err)
	}
}

func TestNoServer(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	c, err := remote.New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), "a", new(v1alpha1.Function)); !errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("error = %v, want ErrUnreachable", err)
	}
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:9000", "ftp://x", "http://", "://"} {
		if _, err := remote.New(endpoint); err == nil {
			t.Errorf("New(%q) succeeded", endpoint)
		}
	}
}

func TestRequestsTheServerRefuses(t *testing.T) {
	const functions = "/apis/lambkin.dev/v1alpha1/namespaces/default/functions"
	cases := map[string]struct {
		reason             string
		method, path, body string
		want               int
	}{
		"UnknownMember":  {"a typing error must not pass as a success", "POST", functions, `{"metadata":{"name":"a"},"spec":{"handlr":"x","code":{}}}`, 422},
		"OtherKind":      {"a path takes its own kind only", "POST", functions, `{"apiVersion":"lambkin.dev/v1alpha1","kind":"Alias"}`, 422},
		"OtherGroup":     {"another API's object", "POST", functions, `{"apiVersion":"v1","kind":"Pod"}`, 400},
		"NotJSON":        {"", "POST", functions, `{`, 400},
		"Namespace":      {"there is one namespace only", "POST", functions, `{"metadata":{"name":"a","namespace":"prod"},"spec":{"code":{}}}`, 422},
		"OtherName":      {"path and object must agree", "PUT", functions + "/b", `{"metadata":{"name":"a"},"spec":{"code":{}}}`, 422},
		"TooLarge":       {"objects are bounded", "POST", functions, `{"metadata":{"name":"` + strings.Repeat("a", 1<<20) + `"}}`, 413},
		"UnknownKind":    {"", "GET", "/apis/lambkin.dev/v1alpha1/namespaces/default/pods", "", 404},
		"Watch":          {"never a wrong success", "GET", functions + "?watch=1", "", 405},
		"Selector":       {"only equality is understood", "GET", functions + "?labelSelector=a+in+(b)", "", 422},
		"Since":          {"", "GET", "/lambkin/v1/logs/a?since=yesterday", "", 422},
		"Tail":           {"", "GET", "/lambkin/v1/logs/a?tail=-1", "", 422},
		"DeleteOptions":  {"a precondition that is not understood must not be lost", "DELETE", functions + "/a", `{"precondition":{}}`, 400},
		"OtherNamespace": {"", "GET", "/apis/lambkin.dev/v1alpha1/namespaces/prod/functions", "", 404},
	}
	h := (&double.Engine{}).Server()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			r.Host = "127.0.0.1:9000"
			h.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("%s: status = %d, want %d: %s", tc.reason, w.Code, tc.want, w.Body)
			}
		})
	}
}

func TestUnknownMembersAreAllNamed(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/apis/lambkin.dev/v1alpha1/namespaces/default/functions",
		strings.NewReader(`{"metadata":{"name":"a"},"spec":{"handlr":"x","tmeout":1,"code":{}}}`))
	remote.Handler(&double.Engine{}).ServeHTTP(w, r)
	var status metav1.Status
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	if status.Details == nil || len(status.Details.Causes) != 2 {
		t.Errorf("status = %s, want two causes", w.Body)
	}
}

func TestDiscovery(t *testing.T) {
	w := httptest.NewRecorder()
	remote.Handler(&double.Engine{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/apis/lambkin.dev/v1alpha1", nil))
	var list metav1.APIResourceList
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.APIResources) != 7 {
		t.Errorf("discovery = %s, %v", w.Body, err)
	}
}

func TestGuard(t *testing.T) {
	cases := map[string]struct {
		reason           string
		host             string
		header           http.Header
		guarded, perHost int
	}{
		"Program":        {"programs send no Origin", "127.0.0.1:9000", nil, 200, 200},
		"IPv6":           {"", "[::1]:9000", nil, 200, 200},
		"Localhost":      {"", "localhost", nil, 200, 200},
		"FunctionHost":   {"", "hello.localhost:9000", nil, 200, 200},
		"TrailingDot":    {"", "LOCALHOST.:9000", nil, 200, 200},
		"Allowed":        {"named by the owner", "build.example:9000", nil, 200, 200},
		"Rebinding":      {"the page's own name now points here", "evil.example:9000", nil, 403, 403},
		"LooksLocal":     {"a suffix of another name is not ours", "localhost.evil.example", nil, 403, 403},
		"NoHost":         {"", "", nil, 403, 403},
		"SameOrigin":     {"a page of this server", "localhost:9000", http.Header{"Origin": {"http://localhost:9000"}}, 200, 200},
		"OtherOrigin":    {"a page elsewhere posts a form", "localhost:9000", http.Header{"Origin": {"http://evil.example"}}, 403, 200},
		"OtherPort":      {"another server on this machine is another origin", "localhost:9000", http.Header{"Origin": {"http://localhost:3000"}}, 403, 200},
		"NullOrigin":     {"sandboxed frames and redirects", "localhost:9000", http.Header{"Origin": {"null"}}, 403, 200},
		"FetchMetadata":  {"a cross-site image or link has no Origin", "localhost:9000", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, 200},
		"TypedByPerson":  {"the address bar", "localhost:9000", http.Header{"Sec-Fetch-Site": {"none"}}, 200, 200},
		"BrokenOrigin":   {"", "localhost:9000", http.Header{"Origin": {"http://%zz"}}, 403, 200},
		"OtherLocalSite": {"a function's page must not administrate", "localhost:9000", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403, 200},
		"SameForeign":    {"a page under a name of somebody else", "evil.example", http.Header{"Origin": {"http://evil.example"}}, 403, 403},
	}
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, door := range []struct {
				handler http.Handler
				want    int
			}{{remote.Guard(ok, "build.example"), tc.guarded}, {remote.GuardHost(ok, "build.example"), tc.perHost}} {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodPost, "/", nil)
				r.Host, r.Header = tc.host, tc.header.Clone()
				if r.Header == nil {
					r.Header = http.Header{}
				}
				door.handler.ServeHTTP(w, r)
				if w.Code != door.want {
					t.Errorf("%s: status = %d, want %d", tc.reason, w.Code, door.want)
				}
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Host = tc.host
			maps.Copy(r.Header, tc.header)
			remote.GuardOrigin(ok).ServeHTTP(w, r)
			if crossSite := tc.guarded == 403 && tc.perHost == 200; (w.Code == 403) != crossSite {
				t.Errorf("%s: by origin alone the status is %d", tc.reason, w.Code)
			}
		})
	}
}
