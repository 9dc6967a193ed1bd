package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	t.Setenv("TARGET", "you")
	h := handler()
	ask := func(method, path string, header map[string]string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader("body"))
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	event := map[string]string{"Ce-Id": "1", "Ce-Type": "t", "Ce-Source": "/s"}
	for _, tc := range []struct {
		method, path string
		header       map[string]string
		code         int
		says         string
	}{
		{http.MethodGet, "/any", nil, http.StatusOK, "hello you from"},
		{http.MethodGet, "/sleep?d=1ms", nil, http.StatusOK, "slept on"},
		{http.MethodGet, "/sleep?d=x", nil, http.StatusBadRequest, ""},
		{http.MethodGet, "/burn?d=1ms", nil, http.StatusOK, "loops"},
		{http.MethodGet, "/burn", nil, http.StatusBadRequest, ""},
		{http.MethodGet, "/alloc?mb=1", nil, http.StatusOK, "allocated 1 MiB"},
		{http.MethodGet, "/alloc?mb=-1", nil, http.StatusBadRequest, ""},
		{http.MethodPost, "/", event, http.StatusAccepted, ""},
		{http.MethodGet, "/events", nil, http.StatusOK, "event id=1 type=t source=/s body=body\n"},
	} {
		if code, body := ask(tc.method, tc.path, tc.header); code != tc.code || !strings.Contains(body, tc.says) {
			t.Errorf("%s %s: %d %q, want %d %q", tc.method, tc.path, code, body, tc.code, tc.says)
		}
	}
}
