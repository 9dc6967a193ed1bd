package gateway

import (
	"net/http"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Verifier decides who may send requests.
type Verifier interface {
	// Verify refuses a request with a [lambda.Error], such as MissingAuthenticationTokenException. It must leave the
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

// VerifyForm takes requests that look signed with Signature Version 4, by header or by query, without checking the
// signature: it keeps out what was never meant for the API.
func VerifyForm(r *http.Request) error {
	if r.URL.Query().Get("X-Amz-Signature") != "" {
		return nil
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return lambda.Errorf(lambda.CodeMissingAuthenticationToken, "Missing Authentication Token")
	}
	scheme, fields, _ := strings.Cut(header, " ")
	if scheme != "AWS4-HMAC-SHA256" {
		return lambda.Errorf(lambda.CodeIncompleteSignature, "Authorization header requires the scheme AWS4-HMAC-SHA256.")
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if !strings.Contains(fields, name+"=") {
			return lambda.Errorf(lambda.CodeIncompleteSignature, "Authorization header requires '%s' parameter.", name)
		}
	}
	return nil
}
