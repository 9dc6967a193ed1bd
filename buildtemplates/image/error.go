package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Kind says what went wrong between us and a registry. The values are stable and fit for conditions.
type Kind string

// Kinds of faults.
const (
	// KindBadReference is a reference that cannot be parsed.
	KindBadReference Kind = "BadReference"
	// KindUnauthorized is a registry that wants credentials, or others than it was given. Some registries say so of
	// repositories that do not exist.
	KindUnauthorized Kind = "Unauthorized"
	// KindForbidden is a registry that knows who we are and does not allow it.
	KindForbidden Kind = "Forbidden"
	// KindNotFound is a repository, tag or digest that is not there.
	KindNotFound Kind = "NotFound"
	// KindUnreachable is a registry that cannot be reached, breaks off, is overloaded or broken. Later it may work.
	KindUnreachable Kind = "Unreachable"
	// KindUntrusted is a registry whose certificate is not trusted, or which speaks plain HTTP although that was not
	// configured.
	KindUntrusted Kind = "Untrusted"
	// KindPlatformMissing is an image that does not exist for the architecture that was asked for.
	KindPlatformMissing Kind = "PlatformMissing"
	// KindUnsupported is something of a form that we cannot use: a manifest of Docker's schema 1, an artifact with
	// several layers, an image with nothing to start.
	KindUnsupported Kind = "Unsupported"
	// KindCorrupt is content that does not have the digest or the size that it should have.
	KindCorrupt Kind = "Corrupt"
	// KindRejected is a registry that refuses what it was sent, for none of the reasons above.
	KindRejected Kind = "Rejected"
)

// Error is a fault of a registry, of what is in it, or of the way to it.
type Error struct {
	Kind Kind
	// Op is what was tried, beginning with a verb: "read image".
	Op string
	// Reference is what it was tried with.
	Reference string
	// Detail says what happened and the way out, on one line. It never holds credentials.
	Detail string
	// Err is the cause. Its text may be of any length, so it is not part of ours.
	Err error
}

// Error says what was tried with what, and why it failed.
func (e *Error) Error() string { return fmt.Sprintf("cannot %s %q: %s", e.Op, e.Reference, e.Detail) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an Error of the same kind, so errors.Is(err, &Error{Kind: …}) works.
func (e *Error) Is(target error) bool {
	t := new(Error)
	return errors.As(target, &t) && t.Kind == e.Kind && t.Op == "" && t.Reference == ""
}

// KindOf gives the kind in err's chain; empty if err is none of ours.
func KindOf(err error) Kind {
	e := new(Error)
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// Temporary reports whether the same may work later without anybody changing anything.
func Temporary(err error) bool { return KindOf(err) == KindUnreachable }

// fault makes an [Error] of what go-containerregistry gave. It leaves nil, our own errors and cancellations as they are.
func fault(op, reference string, err error) error {
	if err == nil || errors.As(err, new(*Error)) || errors.As(err, new(*lambda.Error)) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("cannot %s %q: %w", op, reference, context.Canceled)
	}
	e := &Error{Op: op, Reference: reference, Err: err}
	e.Kind, e.Detail = explain(err, host(reference))
	if e.Kind == "" {
		return fmt.Errorf("cannot %s %q: %w", op, reference, err)
	}
	return e
}

// explain looks at certificates first: on this machine an attempt in plain HTTP, with an answer of its own, follows.
func explain(err error, host string) (Kind, string) {
	if kind, detail := untrusted(err, host); kind != "" {
		return kind, detail
	}
	answer := new(transport.Error)
	if errors.As(err, &answer) {
		return refused(answer, host)
	}
	return broken(err, host)
}

// untrusted explains why a registry's certificate is not believed.
func untrusted(err error, host string) (Kind, string) {
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return KindUntrusted, "the certificate of " + host + " comes from an unknown authority; configure the registry's CA"
	case errors.As(err, &verification):
		return KindUntrusted, "the certificate of " + host + " is not good: " + short(verification.Err.Error())
	default:
		return "", ""
	}
}

// refused explains what a registry answered.
func refused(e *transport.Error, host string) (Kind, string) {
	said := fmt.Sprintf("the registry answered %d", e.StatusCode)
	if len(e.Errors) > 0 {
		said += " " + short(string(e.Errors[0].Code)+" "+e.Errors[0].Message)
	}
	switch {
	case e.StatusCode == http.StatusUnauthorized || says(e, transport.UnauthorizedErrorCode):
		return KindUnauthorized, said + "; give credentials for " + host + ", or correct the name if there is no such repository"
	case e.StatusCode == http.StatusForbidden || says(e, transport.DeniedErrorCode):
		return KindForbidden, said + "; the credentials for " + host + " do not allow this"
	case e.StatusCode == http.StatusNotFound:
		return KindNotFound, said
	case e.StatusCode == http.StatusTooManyRequests, e.StatusCode == http.StatusRequestTimeout, e.StatusCode >= http.StatusInternalServerError:
		return KindUnreachable, said + "; try again later"
	default:
		return KindRejected, said
	}
}

func says(e *transport.Error, code transport.ErrorCode) bool {
	return len(e.Errors) > 0 && e.Errors[0].Code == code
}

// broken explains why no answer came.
func broken(err error, host string) (Kind, string) {
	bad := new(name.ErrBadName)
	var network net.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, new(*json.SyntaxError)), errors.As(err, new(*json.UnmarshalTypeError)):
		return KindCorrupt, "its manifest or configuration is not what it should be: " + short(rootCause(err))
	case errors.As(err, &large):
		return KindUnsupported, fmt.Sprintf("the registry answered more than %d bytes where there should be a manifest", large.Limit)
	case errors.As(err, &bad):
		return KindBadReference, "it is no image reference; write HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:…"
	case errors.Is(err, http.ErrSchemeMismatch):
		return KindUntrusted, host + " speaks plain HTTP; list it among the plain HTTP registries if that is meant to be"
	case errors.Is(err, context.DeadlineExceeded):
		return KindUnreachable, "no answer from " + host + " in time; try again later"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return KindUnreachable, "no connection to " + host + " or it broke: " + short(rootCause(err)) + "; try again later"
	case errors.Is(err, errPlainHTTP):
		return KindUntrusted, short(err.Error())
	default:
		return "", ""
	}
}

// rootCause gives the text that says most, without the URL in front of it.
func rootCause(err error) string {
	operation := new(net.OpError)
	if errors.As(err, &operation) {
		return operation.Error()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// host gives the part of a reference before the first slash; "the registry" if it is not a host.
func host(reference string) string {
	first, _, found := strings.Cut(reference, "/")
	if !found || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return "the registry"
	}
	return first
}

// maxDetail bounds what others wrote when we repeat it.
const maxDetail = 300

// short makes one line of limited length of what others wrote.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDetail {
		return strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
