package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

// sink is a place that takes answers, or does not, and shows what came.
func sink(t *testing.T, status int) (*server.Sink, <-chan reply) {
	t.Helper()
	came := make(chan reply, 4)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		came <- reply{Header: r.Header, Body: string(body), Err: err}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	to, err := server.NewSink(s.URL, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return to, came
}

func TestSink(t *testing.T) {
	cases := map[string]struct {
		reason     string
		inv        lambda.InvokerFunc
		headers    []string
		sinkStatus int
		status     int
		sent       []string // body, content type and event type; nil if nothing is sent
	}{
		"Event":      {"an answer to an event goes on as an event", says(`{"a":1}`), binaryEvent("application/json"), 202, 204, []string{`{"a":1}`, "application/json", "dev.lambkin.function.response"}},
		"HTTP":       {"an answer to a request as it is", says(`{"statusCode":200,"headers":{"content-type":"x/y"},"body":"b"}`), nil, 200, 204, []string{"b", "x/y", ""}},
		"Refused":    {"a sink that does not take it fails the request", says(`1`), nil, 503, 502, []string{"1", "application/json", ""}},
		"Failed":     {"a function's failure is the caller's alone", fails("Function.E", `{}`), nil, 200, 502, nil},
		"NoAnswer":   {"no answer is nothing to send", says(`null`), binaryEvent("application/json"), 200, 204, nil},
		"NotSuccess": {"nor is a refusal of the function's", says(`{"statusCode":404,"body":"no"}`), nil, 200, 404, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			to, came := sink(t, tc.sinkStatus)
			url := door(t, tc.inv, func(cfg *server.FrontDoorConfig) { cfg.Sink, cfg.Stream = to, true })
			if got := call(t, http.MethodPost, url, "{}", tc.headers...); got.Status != tc.status {
				t.Errorf("%s: caller got %+v, want %d", tc.reason, got, tc.status)
			}
			var sent []string
			if len(came) > 0 {
				r := <-came
				sent = []string{r.Body, r.Header.Get("Content-Type"), r.Header.Get("Ce-Type")}
			}
			if d := cmp.Diff(tc.sent, sent); d != "" {
				t.Errorf("%s: sink\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

func TestSinkThatHangs(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	to, err := server.NewSink(s.URL, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	url := door(t, says(`1`), func(cfg *server.FrontDoorConfig) { cfg.Sink = to })
	if got := call(t, http.MethodPost, url, "{}"); got.Status != 502 {
		t.Errorf("a sink that does not answer: %+v, want 502", got)
	}
}

func TestNewSink(t *testing.T) {
	for _, address := range []string{"", "sink.example", "ftp://x/", "http://", ":"} {
		if _, err := server.NewSink(address, 0); err == nil {
			t.Errorf("NewSink(%q) is accepted", address)
		}
	}
}
