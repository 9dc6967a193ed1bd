package awshttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
)

func TestWithoutPrefix(t *testing.T) {
	cases := map[string]struct {
		target, prefix, uri, path, raw string
	}{
		"Host":    {target: "/a/b?c=1", prefix: "", uri: "/a/b?c=1", path: "/a/b"},
		"Path":    {target: "/_url/fn/a/b?c=1", prefix: "/_url/fn", uri: "/a/b?c=1", path: "/a/b"},
		"Root":    {target: "/_url/fn", prefix: "/_url/fn", uri: "/", path: "/"},
		"Encoded": {target: "/_url/fn/a%2Fb", prefix: "/_url/fn", uri: "/a%2Fb", path: "/a/b", raw: "/a%2Fb"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tc.target, nil)
			got := awshttp.WithoutPrefix(r, tc.prefix)
			if got.RequestURI != tc.uri || got.URL.Path != tc.path || got.URL.RawPath != tc.raw {
				t.Errorf("got %q, path %q, raw %q", got.RequestURI, got.URL.Path, got.URL.RawPath)
			}
			if r.RequestURI != tc.target {
				t.Errorf("the caller's request became %q", r.RequestURI)
			}
		})
	}
}
