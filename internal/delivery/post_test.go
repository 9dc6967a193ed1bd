package delivery

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/outbound"
)

func TestPost(t *testing.T) {
	type got struct {
		body   string
		header http.Header
	}
	seen := make(chan got, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ok", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- got{string(body), r.Header}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("POST /no", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("POST /cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9")
		_, _ = io.WriteString(w, "short")
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	post := func(ctx context.Context, to string) error {
		e := &Event{URL: to, Headers: map[string]string{"ErrorCode": "200"}, Body: []byte(`{"a":1}`)}
		return Sender{HTTP: outbound.Client(http.DefaultTransport)}.Send(ctx, e)
	}

	if err := post(t.Context(), s.URL+"/ok"); err != nil {
		t.Fatal(err)
	}
	if g := <-seen; g.body != `{"a":1}` || g.header.Get("Content-Type") != "application/json" || g.header.Get("ErrorCode") != "200" {
		t.Errorf("the destination got %+v", g)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	cases := map[string]struct {
		ctx  context.Context
		url  string
		want string
	}{
		"Refused":  {t.Context(), s.URL + "/no?key=hidden", "418"},
		"Cut":      {t.Context(), s.URL + "/cut?key=hidden", "unexpected EOF"},
		"Nobody":   {t.Context(), "http://127.0.0.1:1/?key=hidden", "refused"},
		"NoURL":    {t.Context(), "http://h/\x7f?key=hidden", "invalid control character"},
		"Canceled": {ended, s.URL + "/ok?key=hidden", "canceled"},
	}
	for name, tc := range cases {
		if err := post(tc.ctx, tc.url); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, want %q without the URL", name, err, tc.want)
		}
	}
}
