package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/bootstrap/client"
	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func newClient(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.New(address, "test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRejectsAddresses(t *testing.T) {
	for _, address := range []string{"", "localhost", "http://127.0.0.1:9001/x"} {
		if _, err := client.New(address, "test"); err == nil {
			t.Errorf("address %q was taken", address)
		}
	}
}

// serve runs handle against a platform until the test ends, and gives Serve's error then.
func serve(t *testing.T, handle client.Handler) (*protocoltest.Platform, <-chan error) {
	t.Helper()
	platform := protocoltest.NewPlatform(t)
	ended := make(chan error, 1)
	c := newClient(t, platform.Address())
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- c.Serve(ctx, handle, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(cancel)
	return platform, ended
}

func invoke(t *testing.T, p *protocoltest.Platform, e protocoltest.Event) protocoltest.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o, err := p.Invoke(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestServe(t *testing.T) {
	cases := map[string]struct {
		reason      string
		body        string
		err         error
		path        string
		contentType string
		header      string
	}{
		"JSON": {
			reason: "JSON is declared as such", body: `{"a":1}`, path: "response", contentType: "application/json",
		},
		"bytes": {
			reason: "anything else is bytes", body: "\xff\x00", path: "response", contentType: "application/octet-stream",
		},
		"nothing": {
			reason: "an empty result is legal", path: "response", contentType: "application/octet-stream",
		},
		"failure of the runtime": {
			reason: "telemetry learns Lambda's type", err: client.Failuref("Runtime.ExitError", "status %d", 1), path: "error",
			contentType: "application/json", header: "Runtime.ExitError",
		},
		"failure of the function": {
			reason: "telemetry learns that it was the function", err: fmt.Errorf("wrapped: %w", client.Failuref("errorString", "no")), path: "error",
			contentType: "application/json", header: "Function.errorString",
		},
		"odd type": {
			reason: "types of Go may hold what a header must not", err: client.Failuref("T[a\r\nX: y]", "no"), path: "error",
			contentType: "application/json",
		},
		"fault of the runner": {
			reason: "whatever is no Failure is ours", err: errors.New("odd"), path: "error", contentType: "application/json", header: "Runtime.Unknown",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			platform, _ := serve(t, func(context.Context, *client.Invocation) ([]byte, error) { return []byte(tc.body), tc.err })
			o := invoke(t, platform, protocoltest.Event{ID: "id", Payload: `{}`})
			if o.Path != tc.path || (tc.err == nil && string(o.Body) != tc.body) {
				t.Errorf("%s: ended with %s %q", tc.reason, o.Path, o.Body)
			}
			if got := o.Header.Get("Content-Type"); got != tc.contentType {
				t.Errorf("%s: Content-Type %q, want %q", tc.reason, got, tc.contentType)
			}
			if got := o.Header.Get("Lambda-Runtime-Function-Error-Type"); got != tc.header {
				t.Errorf("%s: error type header %q, want %q", tc.reason, got, tc.header)
			}
		})
	}
}

func TestServeHandsOverTheInvocation(t *testing.T) {
	got := make(chan *client.Invocation, 1)
	platform, _ := serve(t, func(_ context.Context, in *client.Invocation) ([]byte, error) {
		got <- in
		return nil, nil
	})
	before := time.Now()
	invoke(t, platform, protocoltest.Event{ID: "id-1", Payload: "\xff", Header: map[string]string{"Lambda-Runtime-Trace-Id": "Root=1"}})
	in := <-got
	if in.ID != "id-1" || string(in.Payload) != "\xff" || in.Header.Get("Lambda-Runtime-Trace-Id") != "Root=1" {
		t.Errorf("invocation %+v", in)
	}
	if in.Header.Get("Content-Type") != "" {
		t.Errorf("headers %v: want those of the Runtime API alone", in.Header)
	}
	if in.Deadline().Before(before) {
		t.Errorf("deadline %v has passed", in.Deadline())
	}
}

func TestDeadlineOfNoHeader(t *testing.T) {
	if d := (&client.Invocation{}).Deadline(); !d.IsZero() {
		t.Errorf("deadline %v, want the zero time", d)
	}
}

func TestServeSurvivesRefusals(t *testing.T) {
	platform, _ := serve(t, func(context.Context, *client.Invocation) ([]byte, error) { return []byte(`1`), nil })
	for _, status := range []int{http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusForbidden, http.StatusBadRequest} {
		invoke(t, platform, protocoltest.Event{ID: fmt.Sprint(status), Payload: `1`, Reply: status})
	}
	invoke(t, platform, protocoltest.Event{ID: "after", Payload: `1`})
}

func TestServeStopsWhenTheWorkerSaysSo(t *testing.T) {
	platform, ended := serve(t, func(context.Context, *client.Invocation) ([]byte, error) {
		return nil, fmt.Errorf("%w: %w", client.ErrStop, client.Failuref("Runtime.ExitError", "gone"))
	})
	o := invoke(t, platform, protocoltest.Event{ID: "last", Payload: `1`})
	if o.ErrorDocument(t)["errorType"] != "Runtime.ExitError" {
		t.Errorf("reported %s", o.Body)
	}
	if err := <-ended; !errors.Is(err, client.ErrStop) {
		t.Errorf("ended with %v", err)
	}
}

func TestNextErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		answer http.HandlerFunc
		says   string
	}{
		"status": {
			reason: "a platform that refuses the poll will not change its mind",
			answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, says: "403",
		},
		"too large": {
			reason: "events are bounded",
			answer: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, 2*lambda.MaxRequestPayload+1))
			},
			says: "more than",
		},
		"cut short": {
			reason: "half an event is none",
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "10")
				_, _ = w.Write([]byte("half"))
			},
			says: "EOF",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			_, err := newClient(t, strings.TrimPrefix(server.URL, "http://")).Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: error %v, want %q in it", tc.reason, err, tc.says)
			}
		})
	}
}

func TestConcurrency(t *testing.T) {
	cases := map[string]struct {
		want int
		ok   bool
	}{"": {1, true}, "1": {1, true}, "64": {64, true}, "0": {}, "-1": {}, "many": {}, "1001": {}, "1e3": {}}
	for value, tc := range cases {
		got, err := client.Concurrency(value)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q: %d, %v; want %d, ok %v", value, got, err, tc.want, tc.ok)
		}
	}
}

func FuzzConcurrency(f *testing.F) {
	for _, seed := range []string{"", "1", "1000", "-3", "9999999999999999999", "٣"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		n, err := client.Concurrency(value)
		if err == nil && (n < 1 || n > 1000) {
			t.Errorf("%q: %d workers", value, n)
		}
	})
}

func TestGetenv(t *testing.T) {
	environ := []string{"A=1", "AB=2", "A=3", "E="}
	for name, want := range map[string]string{"A": "3", "AB": "2", "E": "", "X": ""} {
		if got := client.Getenv(environ, name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
}
