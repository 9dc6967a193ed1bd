package event_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

func TestCORS(t *testing.T) {
	strict := event.CORS{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"x-a"}, ExposeHeaders: []string{"x-b"}, AllowCredentials: true, MaxAge: 60}
	cases := map[string]struct {
		reason    string
		cors      event.CORS
		method    string
		request   http.Header
		headers   http.Header
		preflight http.Header // nil if the request goes on to the function
	}{
		"SameOrigin": {"requests without an origin are none of our business", strict, "GET", http.Header{}, http.Header{}, nil},
		"Stranger":   {"a strange origin gets nothing", strict, "GET", http.Header{"Origin": {"https://b.example"}}, http.Header{}, nil},
		"Friend": {"a known one is named", strict, "GET", http.Header{"Origin": {"https://a.example"}},
			http.Header{"Access-Control-Allow-Origin": {"https://a.example"}, "Vary": {"Origin"}, "Access-Control-Allow-Credentials": {"true"}, "Access-Control-Expose-Headers": {"x-b"}}, nil},
		"Preflight": {"a browser that asks first learns all of it", strict, "OPTIONS", http.Header{"Origin": {"https://a.example"}, "Access-Control-Request-Method": {"POST"}},
			http.Header{"Access-Control-Allow-Origin": {"https://a.example"}, "Vary": {"Origin"}, "Access-Control-Allow-Credentials": {"true"}, "Access-Control-Expose-Headers": {"x-b"}},
			http.Header{"Access-Control-Allow-Origin": {"https://a.example"}, "Vary": {"Origin"}, "Access-Control-Allow-Credentials": {"true"}, "Access-Control-Expose-Headers": {"x-b"},
				"Access-Control-Allow-Methods": {"GET,POST"}, "Access-Control-Allow-Headers": {"x-a"}, "Access-Control-Max-Age": {"60"}}},
		"PreflightStranger": {"a stranger that asks is answered, with nothing", strict, "OPTIONS", http.Header{"Origin": {"https://b.example"}, "Access-Control-Request-Method": {"POST"}}, http.Header{}, http.Header{}},
		"PlainOptions":      {"OPTIONS alone is for the function", strict, "OPTIONS", http.Header{"Origin": {"https://b.example"}}, http.Header{}, nil},
		"Anyone":            {"the wildcard stays one", event.CORS{AllowOrigins: []string{"*"}}, "GET", http.Header{"Origin": {"https://b.example"}}, http.Header{"Access-Control-Allow-Origin": {"*"}}, nil},
		"AnyoneWithCookies": {"unless credentials forbid it", event.CORS{AllowOrigins: []string{"*"}, AllowCredentials: true}, "GET", http.Header{"Origin": {"https://b.example"}},
			http.Header{"Access-Control-Allow-Origin": {"https://b.example"}, "Vary": {"Origin"}, "Access-Control-Allow-Credentials": {"true"}}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.headers, tc.cors.Headers(tc.request)); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
			resp, ok := tc.cors.Preflight(tc.method, tc.request)
			if d := cmp.Diff(tc.preflight, resp.Header); ok != (tc.preflight != nil) || d != "" {
				t.Errorf("%s: preflight %t\n-want +got:\n%s", tc.reason, ok, d)
			}
		})
	}
}
