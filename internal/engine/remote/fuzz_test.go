package remote_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// FuzzCreate sends anything as an object: the server must answer, and what it took must be there afterwards.
func FuzzCreate(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"a"},"spec":{"code":{}}}`))
	f.Add([]byte(`{"apiVersion":"lambkin.dev/v1alpha1","kind":"Function","metadata":{"name":"a"},"spec":{"tags":{"a":"b"}}}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"spec":{"timeout":1e99}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := new(double.Engine)
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/apis/lambkin.dev/v1alpha1/namespaces/default/functions", bytes.NewReader(body))
		remote.Handler(e).ServeHTTP(w, r)
		list := new(v1alpha1.FunctionList)
		if err := e.List(t.Context(), list, nil); err != nil {
			t.Fatal(err)
		}
		if (w.Code == http.StatusCreated) != (len(list.Items) == 1) {
			t.Errorf("status %d but %d objects kept", w.Code, len(list.Items))
		}
	})
}

// FuzzErrorReply gives the client any error reply: it must come out as an error, never as a success or a panic.
func FuzzErrorReply(f *testing.F) {
	f.Add(404, "ResourceNotFoundException", `{"Message":"no"}`)
	f.Add(422, "", `{"kind":"Status","reason":"Invalid","details":{"causes":[{"field":"spec"}]}}`)
	f.Add(502, "", `<html>`)
	f.Add(500, "", `{"details":null}`)
	f.Fuzz(func(t *testing.T, status int, code, body string) {
		if status < 300 || status > 599 || status/100 == 3 {
			t.Skip("not an error status")
		}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X-Amzn-Errortype"] = []string{code}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		defer srv.Close()
		c, err := remote.New(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), "a", new(v1alpha1.Function)); err == nil || lambda.CodeOf(err) == "" {
			t.Errorf("status %d: error = %v", status, err)
		}
	})
}
