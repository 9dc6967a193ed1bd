package awshttp

import (
	"net/http"
	"net/url"
	"strings"
)

// WithoutPrefix is a request as the function behind an address shall see it: without the part of the path that belongs to
// the address. The path stays undecoded where the caller sent it so.
func WithoutPrefix(r *http.Request, prefix string) *http.Request {
	if prefix == "" {
		return r
	}
	inner := r.Clone(r.Context())
	inner.URL = new(url.URL)
	*inner.URL = *r.URL
	inner.URL.Path = rooted(strings.TrimPrefix(r.URL.Path, prefix))
	if r.URL.RawPath != "" {
		inner.URL.RawPath = rooted(strings.TrimPrefix(r.URL.RawPath, prefix))
	}
	inner.RequestURI = inner.URL.RequestURI()
	return inner
}

func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}
