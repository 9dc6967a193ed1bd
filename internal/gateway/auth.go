package gateway

import (
	"net/http"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
)

// Verifier decides who may send requests.
type Verifier interface {
	// Verify refuses a request with an Error of package lambda, such as MissingAuthenticationTokenException. It must leave the
	// body as it is.
	Verify(r *http.Request) error
}

// VerifierFunc is a function that is a Verifier.
type VerifierFunc func(r *http.Request) error

// Verify calls f.
func (f VerifierFunc) Verify(r *http.Request) error { return f(r) }

// authenticate lets only those requests pass that the verifier takes. Addresses for downloads carry their own proof.
func (g *gateway) authenticate(next http.Handler) http.Handler {
	if g.Verifier == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, downloadPath) {
			next.ServeHTTP(w, r)
			return
		}
		if err := g.Verifier.Verify(r); err != nil {
			awshttp.WriteError(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
