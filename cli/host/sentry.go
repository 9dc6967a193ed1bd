package host

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// sentry finds out who sends the requests for lambkin's own API, and writes down what they did. One without an authenticator
// lets everybody pass.
type sentry struct {
	auth    gateway.Authenticator
	audit   *slog.Logger
	replays *signature.Replays
}

// require lets those pass of whom it is known who they are; what they may do is asked further in.
func (s sentry) require(next http.Handler) http.Handler {
	if s.auth == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, signed, err := s.auth.Authenticate(w, r)
		if err == nil && caller.Proof != "" && r.Method != http.MethodGet {
			err = s.replays.Check(caller.Proof, time.Now())
		}
		if err != nil {
			out := &statusWriter{ResponseWriter: w}
			remote.Refuse(out, r, err)
			s.note(w, r, nil, out.status)
			return
		}
		out := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { s.note(w, r, caller, out.status) }()
		next.ServeHTTP(out, signed.WithContext(access.WithCaller(signed.Context(), caller)))
	})
}

// note writes a line about a request. The path names the objects; bodies are nobody's business.
func (s sentry) note(w http.ResponseWriter, r *http.Request, caller *access.Caller, status int) {
	principal, key := "anonymous", ""
	if caller != nil {
		principal, key = caller.Name(), caller.KeyID
	}
	decision := "allow"
	if status == http.StatusForbidden || status == http.StatusUnauthorized {
		decision = "deny"
	}
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	s.audit.InfoContext(r.Context(), "audit", "operation", r.Method, "principal", principal, "key", key, "resource", r.URL.Path,
		"source", source, "decision", decision, "status", status, "requestId", awshttp.RequestID(w))
}

// statusWriter knows the status of a reply.
type statusWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader begins the reply.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
