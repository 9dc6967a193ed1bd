package remote_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestPlanes keeps two namespaces apart, behind a proxy that adds a path.
func TestPlanes(t *testing.T) {
	namespaces := map[string]*double.Engine{"shop": new(double.Engine), "test": new(double.Engine)}
	handler := remote.PlaneHandler(func(namespace string) (remote.Plane, error) {
		e, ok := namespaces[namespace]
		if !ok {
			return nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "namespace %q", namespace)
		}
		return e, nil
	}, nil)
	srv := httptest.NewServer(http.StripPrefix("/proxy", handler))
	defer srv.Close()
	ctx := t.Context()
	shop, test := remote.NewPlane(srv.Client(), srv.URL+"/proxy", "shop"), remote.NewPlane(srv.Client(), srv.URL+"/proxy", "test")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(namespaces["shop"].Create(ctx, function("a")))
	b, err := shop.PutCode(ctx, strings.NewReader("zip"), 3)
	must(err)
	r, err := shop.OpenCode(ctx, b)
	must(err)
	text, err := io.ReadAll(r)
	must(errors.Join(err, r.Close()))
	if string(text) != "zip" {
		t.Errorf("code %q", text)
	}
	fn := lambda.Reference{Name: "a"}
	result, err := shop.Invoke(ctx, &lambda.Invocation{Function: fn, Payload: []byte("1")})
	must(err)
	if string(result.Payload) != "1" {
		t.Errorf("result %+v", result)
	}
	must(shop.Enqueue(ctx, &lambda.Invocation{Function: fn, Payload: []byte("2")}))
	if got := namespaces["shop"].Queued(); len(got) != 1 || len(namespaces["test"].Queued()) != 0 {
		t.Errorf("queued %v", got)
	}
	if _, err := test.Invoke(ctx, &lambda.Invocation{Function: fn}); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("a function of another namespace: %v", err)
	}
	if _, err := test.OpenCode(ctx, b); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("code of another namespace: %v", err)
	}
	none := remote.NewPlane(srv.Client(), srv.URL+"/proxy", "../shop")
	for name, err := range map[string]error{
		"Invoke": func() error { _, err := none.Invoke(ctx, &lambda.Invocation{Function: fn}); return err }(),
		"Put":    func() error { _, err := none.PutCode(ctx, strings.NewReader("zip"), 3); return err }(),
		"Open":   func() error { _, err := none.OpenCode(ctx, b); return err }(),
	} {
		if lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
			t.Errorf("%s in no namespace: %v", name, err)
		}
	}
}

// TestSizesTravel holds that an engine learns the size of the code that it is asked for.
func TestSizesTravel(t *testing.T) {
	var asked string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.RawQuery }))
	defer srv.Close()
	r, err := remote.NewPlane(srv.Client(), srv.URL, "shop").OpenCode(t.Context(), v1alpha1.Blob{SHA256: "00", Size: 7})
	if err != nil || r.Close() != nil || asked != "size=7" {
		t.Errorf("asked %q, %v", asked, err)
	}
	w := httptest.NewRecorder()
	e := new(double.Engine)
	if _, err := e.PutCode(t.Context(), strings.NewReader("zip"), 3); err != nil {
		t.Fatal(err)
	}
	e.Server().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/lambkin/v1/code/8e9fb7d6bd26fdc1e0f4ad2b93e0aa8c0e1f7c45d3a67c4d9cbb6e9a6bd7d3ee?size=-1", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("a size that is none: %d", w.Code)
	}
}

// TestForeignRepliesAreKnown holds that what stands between client and server is told apart from the server.
func TestForeignRepliesAreKnown(t *testing.T) {
	cases := map[string]struct {
		reason     string
		body, head string
		status     int
		want       *remote.Foreign
	}{
		"Text":   {"a proxy", "pending  request\nqueue full", "", 503, &remote.Foreign{Status: 503, Text: "pending  request\nqueue full"}},
		"Status": {"a Kubernetes API server", `{"kind":"Status","reason":"Forbidden","message":"you may not"}`, "", 403, &remote.Foreign{Status: 403, Text: "you may not"}},
		"Long":   {"an error page", strings.Repeat("x", 5000), "", 502, &remote.Foreign{Status: 502, Text: strings.Repeat("x", 512)}},
		"Server": {"a Lambkin server", `{"Message":"mine"}`, "ServiceException", 500, nil},
	}
	for name, tc := range cases {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tc.head != "" {
				w.Header().Set("X-Amzn-Errortype", tc.head)
			}
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.body)
		}))
		_, err := remote.FrontDoor(srv.Client(), srv.URL).Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "f"}})
		srv.Close()
		foreign := new(remote.Foreign)
		found := errors.As(err, &foreign)
		if found != (tc.want != nil) || found && *foreign != *tc.want {
			t.Errorf("%s: %s: %v", name, tc.reason, err)
		}
	}
	if text := (&remote.Foreign{Status: 503, Text: "a\n  b"}).Error(); text != "status 503 Service Unavailable: a b" {
		t.Errorf("sentence %q", text)
	}
}

func TestErrorOf(t *testing.T) {
	invalid := metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "no", Details: &metav1.StatusDetails{
		Causes: []metav1.StatusCause{{Type: "FieldValueInvalid", Field: "spec.timeout", Message: "too long"}}, RetryAfterSeconds: 2,
	}}
	e := remote.ErrorOf(invalid)
	if e.Code != lambda.CodeInvalidParameterValue || e.Message != "no" || len(remote.FaultsOf(e)) != 1 || e.RetryAfter.Seconds() != 2 {
		t.Errorf("invalid: %+v", e)
	}
	for reason, want := range map[metav1.StatusReason]lambda.Code{
		metav1.StatusReasonGone: lambda.CodeResourceNotFound, metav1.StatusReasonConflict: lambda.CodePreconditionFailed,
		metav1.StatusReasonServerTimeout: lambda.CodeServiceUnavailable, metav1.StatusReasonRequestEntityTooLarge: lambda.CodeRequestEntityTooLarge,
		"": lambda.CodeService,
	} {
		if got := remote.ErrorOf(metav1.Status{Reason: reason}); got.Code != want || got.Err != nil {
			t.Errorf("%s: %+v, want %s", reason, got, want)
		}
	}
}
