package knative

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const proxyPath = "/api/v1/namespaces/lambkin-system/services/http:lambkin-gateway:http/proxy"

// apiServer is what a laptop sees of a cluster: objects of the namespace default, the gateway behind the service proxy, and
// pods. Everybody must have the token.
func apiServer(t *testing.T, e *double.Engine, gateway http.Handler) *rest.Config {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/apis/", remote.Handler(e))
	mux.Handle(proxyPath+"/", http.StripPrefix(proxyPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Lambkin-Authorization"); got != "Bearer for the plane" {
			t.Errorf("the gateway is shown %q", got)
		}
		gateway.ServeHTTP(w, r)
	})))
	var early atomic.Bool // the first one is asked for before the namespace has its ServiceAccount
	mux.HandleFunc("POST /api/v1/namespaces/default/serviceaccounts/default/token", func(w http.ResponseWriter, r *http.Request) {
		if asked, err := io.ReadAll(r.Body); err != nil || !bytes.Contains(asked, []byte(PlaneAudience)) {
			t.Errorf("asked for a token: %q, %v", asked, err)
		}
		w.Header().Set("Content-Type", "application/json")
		if early.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"serviceaccounts \"default\" not found"}`)
			return
		}
		_, _ = io.WriteString(w, `{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{"token":"for the plane","expirationTimestamp":"2100-01-01T00:00:00Z"}}`)
	})
	mux.HandleFunc("GET /api/v1/namespaces/default/pods", func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("labelSelector"); got != "lambkin.dev/function=f,serving.knative.dev/revision" {
			t.Errorf("pods of %q", got)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"a","uid":"a"}}]}`)
	})
	mux.HandleFunc("GET /api/v1/namespaces/default/pods/a/log", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("container") != "user-container" || r.URL.Query().Get("timestamps") != "true" {
			t.Errorf("log with %s", r.URL.RawQuery)
		}
		_, _ = io.WriteString(w, said(1, "from the pod")+"\n")
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return &rest.Config{Host: srv.URL, BearerToken: "secret"}
}

// planes gives the engine as the plane of the namespace default.
func planes(e *double.Engine) http.Handler {
	return remote.PlaneHandler(func(namespace string) (remote.Plane, error) {
		if namespace != metav1.NamespaceDefault {
			return nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "namespace %q", namespace)
		}
		return e, nil
	}, nil)
}

// TestFromALaptop does all that the port has through an API server.
func TestFromALaptop(t *testing.T) {
	d := &double.Engine{OnInvoke: func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if in.Stream == nil {
			return &lambda.Result{Payload: in.Payload, RequestID: in.ID, ExecutedVersion: "3", ContentType: "text/plain"}, nil
		}
		_, err := in.Stream.Write([]byte("streamed"))
		return &lambda.Result{}, err
	}}
	e, err := NewForConfig(apiServer(t, d, planes(d)), metav1.NamespaceDefault)
	must(t, err)
	ctx := t.Context()
	fn := function(t, e, "f")
	must(t, e.Create(ctx, fn))
	must(t, e.Get(ctx, "f", fn))
	var all v1alpha1.FunctionList
	must(t, e.List(ctx, &all, nil))
	if len(all.Items) != 1 || fn.UID == "" {
		t.Errorf("objects: %+v", all.Items)
	}
	wantCode(t, "a second one", e.Create(ctx, function(t, e, "f")), lambda.CodeResourceConflict)

	r, err := e.OpenCode(ctx, *fn.Spec.Code.Zip)
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	if string(text) != "zip" {
		t.Errorf("code %q", text)
	}
	result, err := e.Invoke(ctx, &lambda.Invocation{ID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", Function: reference(t, "f:live"), Payload: []byte("1")})
	must(t, err)
	if string(result.Payload) != "1" || result.ExecutedVersion != "3" || result.ContentType != "text/plain" || result.RequestID != "8476a536-e9f4-11e8-9739-2dfe598c3fcd" {
		t.Errorf("result %+v", result)
	}
	out := new(gather)
	_, err = e.Invoke(ctx, &lambda.Invocation{Function: reference(t, "f"), Stream: out})
	must(t, err)
	must(t, e.Enqueue(ctx, &lambda.Invocation{Function: reference(t, "f"), Payload: []byte("2")}))
	if out.String() != "streamed" || len(d.Queued()) != 1 {
		t.Errorf("streamed %q, queued %v", out, d.Queued())
	}
	var log bytes.Buffer
	must(t, e.Logs(ctx, "f", engine.LogOptions{}, &log))
	if log.String() != "from the pod\n" {
		t.Errorf("log %q", log.String())
	}
	_, err = e.Invoke(ctx, &lambda.Invocation{Function: reference(t, "g")})
	wantCode(t, "the gateway's word on a function", err, lambda.CodeResourceNotFound)
	large := make([]byte, lambda.MaxRequestPayload+1)
	_, err = e.Invoke(ctx, &lambda.Invocation{Function: reference(t, "f"), Payload: large})
	wantCode(t, "a payload that is too large", err, lambda.CodeRequestTooLarge)
	wantCode(t, "an event that is too large", e.Enqueue(ctx, &lambda.Invocation{Function: reference(t, "f"), Payload: large[:lambda.MaxAsyncPayload+1]}), lambda.CodeRequestTooLarge)
}

// TestNoWayToTheGateway has the API server answer instead of the gateway: that must not be taken for the gateway's answer.
func TestNoWayToTheGateway(t *testing.T) {
	status := func(code int, reason, message string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"`+reason+`","message":"`+message+`"}`)
		})
	}
	cases := map[string]struct {
		reason   string
		gateway  http.Handler
		code     lambda.Code
		sentence string
	}{
		"Absent":      {"Lambkin is not installed", status(404, "NotFound", `services \"lambkin-gateway\" not found`), lambda.CodeService, "lambkin install"},
		"Forbidden":   {"rights are missing", status(403, "Forbidden", `User \"a\" cannot get services/proxy`), lambda.CodeAccessDenied, `User "a" cannot get services/proxy`},
		"NoEndpoints": {"no replica is ready", status(503, "ServiceUnavailable", "no endpoints available"), lambda.CodeServiceUnavailable, "no endpoints available"},
		"Proxy":       {"a proxy on the way", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }), lambda.CodeServiceUnavailable, "502"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := new(double.Engine)
			e, err := NewForConfig(apiServer(t, d, tc.gateway), metav1.NamespaceDefault)
			must(t, err)
			calls := map[string]func() error{
				"Invoke": func() error {
					_, err := e.Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
					return err
				},
				"Put":     func() error { _, err := e.PutCode(t.Context(), strings.NewReader("zip"), 9); return err },
				"Open":    func() error { _, err := e.OpenCode(t.Context(), v1alpha1.Blob{SHA256: "00", Size: 1}); return err },
				"Enqueue": func() error { return e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, "f")}) },
			}
			for call, do := range calls {
				got := lambda.AsError(do())
				if got.Code != tc.code || !strings.Contains(got.Message, tc.sentence) {
					t.Errorf("%s: %s: got %v, want %s with %q", call, tc.reason, got, tc.code, tc.sentence)
				}
			}
		})
	}
}

func TestNobodyAtTheAPIServer(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	e, err := NewForConfig(&rest.Config{Host: srv.URL}, metav1.NamespaceDefault)
	must(t, err)
	wantCode(t, "an object", e.Get(t.Context(), "f", new(v1alpha1.Function)), lambda.CodeServiceUnavailable)
	_, err = e.Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	wantCode(t, "a call", err, lambda.CodeServiceUnavailable)
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	for reason, cfg := range map[string]*rest.Config{
		"no address":     {Host: "http://%zz"},
		"no such CA":     {Host: "https://127.0.0.1:1", TLSClientConfig: rest.TLSClientConfig{CAFile: "/nowhere"}},
		"two identities": {Host: "https://127.0.0.1:1", Username: "a", Password: "b", BearerToken: "c"},
	} {
		if _, err := NewForConfig(cfg, metav1.NamespaceDefault); err == nil {
			t.Errorf("%s: accepted", reason)
		}
	}
}

// TestPathOfTheAPIServer has an API server below a path, as managers of clusters have them.
func TestPathOfTheAPIServer(t *testing.T) {
	d := new(double.Engine)
	inner := apiServer(t, d, planes(d))
	seen := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{"token":"t"}}`)
			return
		}
		seen = r.URL.Path
		w.WriteHeader(http.StatusNotFound)
	}))
	defer srv.Close()
	inner.Host = srv.URL + "/k8s/clusters/c-1/"
	e, err := NewForConfig(inner, metav1.NamespaceDefault)
	must(t, err)
	_, err = e.PutCode(t.Context(), strings.NewReader("zip"), 9)
	wantCode(t, "nobody there", err, lambda.CodeService)
	if seen != "/k8s/clusters/c-1"+proxyPath+"/lambkin/v1/namespaces/default/code" {
		t.Errorf("path %q", seen)
	}
}
