package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

const (
	pathTelemetry = "/2022-07-01/telemetry"
	pathLogs      = "/2020-08-15/logs"
)

// From registration to delivery, all over real HTTP.
func TestSubscribe(t *testing.T) {
	cases := map[string]struct {
		path, schema string
		want         string // of the first event
	}{
		"Telemetry": {pathTelemetry, "2022-12-13", `"type":"platform.telemetrySubscription","record":{"name":"ext","state":"Subscribed","types":["platform"]}}`},
		"Logs":      {pathLogs, "2020-08-15", `"type":"platform.logsSubscription","record":{"name":"ext","state":"Subscribed","types":["platform"]}}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bodies := make(chan string, 10)
			listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies <- string(body)
			}))
			defer listener.Close()
			_, port, err := net.SplitHostPort(listener.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			s := newSandbox(t, "ext")
			id := s.register(t, "ext", `{}`)
			request := fmt.Sprintf(`{"schemaVersion":%q,"types":["platform"],"buffering":{"timeoutMs":25},`+
				`"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s"}}`, tc.schema, port)
			same(t, "accepted", reply{Code: 200, Type: "application/json", Body: `"OK"`},
				s.call(t, "PUT", tc.path, request, "Lambda-Extension-Identifier", id))
			if got := <-bodies; !strings.Contains(got, tc.want) {
				t.Errorf("got %s, want …%s…", got, tc.want)
			}
		})
	}
}

func TestSubscribeRefusals(t *testing.T) {
	const noPort = `{"schemaVersion":"2022-07-01","destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain"}}`
	cases := map[string]struct {
		reason string
		path   string
		body   string
		before func(*sandbox)
		want   reply
	}{
		"Telemetry": {
			reason: "all faults at once", path: pathTelemetry, body: noPort,
			want: refusal(400, "ValidationError", "URI port is not provided; types should not be empty"),
		},
		"Logs": {
			reason: "the Logs API has an error type of its own", path: pathLogs, body: `{"destination":{"protocol":"TCP","port":1}}`,
			want: refusal(400, "Logs.ValidationError", "types should not be empty"),
		},
		"TooLarge": {
			reason: "bodies are bounded", path: pathTelemetry, body: strings.Repeat(" ", 2*telemetry.MaxRequestBytes) + "{}",
			want: refusal(400, "ValidationError", "request should not be larger than 65536 bytes"),
		},
		"TelemetryClosed": {
			reason: "after the first invocation it is too late", path: pathTelemetry, body: noPort,
			before: func(s *sandbox) { s.bus.CloseSubscriptions() },
			want:   refusal(403, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed"),
		},
		"LogsClosed": {
			reason: "as with the other API", path: pathLogs, body: noPort,
			before: func(s *sandbox) { s.bus.CloseSubscriptions() },
			want:   refusal(403, "Logs.SubscriptionClosed", "Logs API subscription is closed"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t, "ext")
			id := s.register(t, "ext", `{}`)
			if tc.before != nil {
				tc.before(s)
			}
			same(t, tc.reason, tc.want, s.call(t, "PUT", tc.path, tc.body, "Lambda-Extension-Identifier", id))
		})
	}
}

// A body that breaks off is told as such, not as bad JSON.
func TestSubscribeTruncated(t *testing.T) {
	s := newSandbox(t, "ext")
	id := s.register(t, "ext", `{}`)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: %s\r\nContent-Length: 100\r\n\r\n{", pathTelemetry, id)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(got), " 400 ") || !strings.Contains(string(got), `"errorType":"TruncatedHTTPRequest"`) {
		t.Errorf("got %v %s", err, got)
	}
}
