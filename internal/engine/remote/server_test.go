package remote_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const functionsPath = "/apis/lambkin.dev/v1alpha1/namespaces/default/functions"

// ask sends one request to a handler, as curl would.
func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:9000"
	h.ServeHTTP(w, r)
	return w
}

// TestLifeOverCurl goes through the life of an object with nothing but the paths of the package comment.
func TestLifeOverCurl(t *testing.T) {
	h := (&double.Engine{Log: []string{"one", "two"}}).Server()
	steps := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", functionsPath, "", 200, `"items":[]`},
		{"POST", functionsPath, `{"metadata":{"name":"a","labels":{"team":"one"}},"spec":{"handler":"x","code":{}}}`, 201, `"generation":1`},
		{"POST", functionsPath, `{"metadata":{"name":"a"},"spec":{"code":{}}}`, 409, `"reason":"AlreadyExists"`},
		{"GET", functionsPath + "/a", "", 200, `"kind":"Function"`},
		{"GET", functionsPath + "?labelSelector=team%3Done", "", 200, `"name":"a"`},
		{"GET", functionsPath + "?labelSelector=team%3Dtwo", "", 200, `"items":[]`},
		{"GET", functionsPath, "", 200, `"kind":"FunctionList"`},
		{"PUT", functionsPath + "/a", `{"metadata":{"name":"a"},"spec":{"handler":"y","code":{}}}`, 200, `"generation":2`},
		{"PUT", functionsPath + "/a", `{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"handler":"z","code":{}}}`, 409, `"reason":"Conflict"`},
		{"POST", "/lambkin/v1/code", "zip", 201, `"sha256":"`},
		{"POST", "/lambkin/v1/code?limit=2", "zip", 413, `"reason":"RequestEntityTooLarge"`},
		{"POST", "/lambkin/v1/code?limit=-2", "zip", 201, `"size":3`},
		{"GET", "/lambkin/v1/code/00", "", 404, `"reason":"NotFound"`},
		{"GET", "/lambkin/v1/logs/a", "", 200, "one\ntwo\n"},
		{"GET", "/lambkin/v1/logs/a?tail=1", "", 200, "two\n"},
		{"GET", "/lambkin/v1/logs/b", "", 404, `"reason":"NotFound"`},
		{"POST", "/lambkin/v1/functions/a/invocations", `{"n":1}`, 200, `{"n":1}`},
		{"POST", "/lambkin/v1/functions/a/invocations", `{`, 400, "Could not parse request body into json"},
		{"POST", "/lambkin/v1/functions/a%2Fb/invocations", `{}`, 400, ""},
		{"POST", "/lambkin/v1/functions/b/invocations", `{}`, 404, "not found"},
		{"DELETE", functionsPath + "/a", `{"preconditions":{"resourceVersion":"1"}}`, 409, `"reason":"Conflict"`},
		{"DELETE", functionsPath + "/a", "", 200, `"status":"Success"`},
		{"DELETE", functionsPath + "/a", "", 404, `"reason":"NotFound"`},
		{"PATCH", functionsPath + "/a", "{}", 405, ""},
	}
	for _, s := range steps {
		w := ask(h, s.method, s.path, s.body)
		if w.Code != s.status || !strings.Contains(w.Body.String(), s.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", s.method, s.path, w.Code, w.Body, s.status, s.want)
		}
	}
}

func TestObjectsWithoutANameGetTheirs(t *testing.T) {
	e := new(double.Engine)
	w := ask(e.Server(), http.MethodPost, "/apis/lambkin.dev/v1alpha1/namespaces/default/aliases",
		`{"spec":{"functionName":"app","name":"live","functionVersion":"1"}}`)
	if w.Code != http.StatusCreated {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	c := over(t, e)
	a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "app", Name: "live", FunctionVersion: "2"}}
	if err := c.Update(t.Context(), a); err != nil || a.Name != "app.live" || a.Spec.FunctionVersion != "2" {
		t.Errorf("updated %q: %v", a.Name, err)
	}
}

func TestWhatTheClientCannotSend(t *testing.T) {
	c := over(t, new(double.Engine))
	foreign := new(metav1.PartialObjectMetadataList)
	if err := c.List(t.Context(), foreign, nil); err == nil || !strings.Contains(err.Error(), "is not a kind of lambkin.dev/v1alpha1") {
		t.Errorf("List of another API's kind: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Get(ctx, "a", new(v1alpha1.Function)); !errors.Is(err, context.Canceled) || errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("Get after the end: %v, want the context's error", err)
	}
}

// TestRepliesThatAreNoObjects: a success that cannot be read must not look like one.
func TestRepliesThatAreNoObjects(t *testing.T) {
	for name, body := range map[string]string{"HTML": "<html>", "Nothing": "", "Cut": `{"metadata":{"name":"a"`} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			defer srv.Close()
			c, err := remote.New(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			fn := function("kept")
			if err := c.Get(t.Context(), "a", fn); err == nil || fn.Name != "kept" {
				t.Errorf("Get gave %q, %v; want an error and the object as it was", fn.Name, err)
			}
			if _, err := c.PutCode(t.Context(), strings.NewReader("zip"), 10); err == nil {
				t.Error("an upload counts as kept")
			}
		})
	}
}

// TestSelectorsAreEscaped: a label's value must not become another term.
func TestSelectorsAreEscaped(t *testing.T) {
	var asked url.Values
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		_, _ = io.WriteString(w, `{"items":[]}`)
	}))
	defer srv.Close()
	c, err := remote.New(srv.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.List(t.Context(), new(v1alpha1.FunctionList), map[string]string{"b": "2&watch=1", "a": "1"}); err != nil {
		t.Fatal(err)
	}
	if got := asked.Get("labelSelector"); got != "a=1,b=2&watch=1" || asked.Has("watch") {
		t.Errorf("the server was asked %v", asked)
	}
}

// failing is an engine whose log ends in the middle.
type failing struct {
	*double.Engine
	before string
}

func (f failing) Logs(_ context.Context, _ lambda.Name, _ engine.LogOptions, w io.Writer) error {
	if f.before == "" {
		return lambda.Errorf(lambda.CodeAccessDenied, "not for you")
	}
	_, err := io.WriteString(w, f.before)
	return errors.Join(err, lambda.Errorf(lambda.CodeService, "the disk is gone"))
}

func TestLogsThatFail(t *testing.T) {
	if w := ask(remote.Handler(failing{new(double.Engine), ""}), http.MethodGet, "/lambkin/v1/logs/a", ""); w.Code != http.StatusForbidden {
		t.Errorf("before the first line: %d %s", w.Code, w.Body)
	}
	w := ask(remote.Handler(failing{new(double.Engine), "one\n"}), http.MethodGet, "/lambkin/v1/logs/a", "")
	if w.Code != http.StatusOK || w.Body.String() != "one\n" {
		t.Errorf("after a line: %d %q, want the line and no error in the log's text", w.Code, w.Body)
	}
}

// FuzzGuard tries any Host and Origin: a request of a page that this server did not give is never let through.
func FuzzGuard(f *testing.F) {
	f.Add("localhost:9000", "http://localhost:9000", "")
	f.Add("localhost.evil.example", "", "")
	f.Add("[::1]:9000", "http://[::1]:9000", "same-origin")
	f.Add("127.0.0.1.evil.example", "null", "cross-site")
	f.Fuzz(func(t *testing.T, host, origin, site string) {
		through := false
		h := remote.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { through = true }))
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = host
		r.Header["Origin"], r.Header["Sec-Fetch-Site"] = []string{origin}, []string{site}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if !through {
			return
		}
		if site == "cross-site" || site == "same-site" {
			t.Errorf("let through from %q", site)
		}
		if u, err := url.Parse(origin); origin != "" && (err != nil || u.Host != host) {
			t.Errorf("Host %q let through a page of %q", host, origin)
		}
		if strings.Contains(strings.ToLower(host), ".example") {
			t.Errorf("Host %q is taken for ours", host)
		}
	})
}
