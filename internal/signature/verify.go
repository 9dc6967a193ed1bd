package signature

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Words that may stand for the digest of a body.
const (
	unsignedPayload = "UNSIGNED-PAYLOAD"
	streamedPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
)

// Skew is how far the clocks of callers may be off, and so how long a signature in a header is good for.
const Skew = 5 * time.Minute

// Verifier checks the signatures of requests.
type Verifier struct {
	// Secret gives the secret of an access key. It fails with UnrecognizedClientException for keys that do not exist.
	Secret func(ctx context.Context, keyID string) (string, error)
	// Region and Service are what signatures must be for.
	Region, Service string
	// Prefix is what somebody has taken off the path of the request since it was signed.
	Prefix string
	// Clock gives the time; time.Now if nil.
	Clock func() time.Time
	// MaxBody is the largest body, in bytes, that is read before its signature is known.
	MaxBody int64
	// TempDir is where large bodies wait for that; the system's own if empty.
	TempDir string
	// Body bounds how long they may take.
	Body awshttp.BodyReader
}

// Verified is a request with a good signature.
type Verified struct {
	// Request is the request, whose body now gives what was signed, and fails where it is not.
	Request *http.Request
	// KeyID is the access key that signed it.
	KeyID string
	// Signature is the signature itself, and Time when it was made.
	Signature string
	Time      time.Time
	// Presigned says that it is in the query: whoever was given the URL may use it again until it expires.
	Presigned bool
}

// Verify checks a request. The errors are AWS's: MissingAuthenticationTokenException, IncompleteSignatureException,
// UnrecognizedClientException and InvalidSignatureException.
func (v *Verifier) Verify(w http.ResponseWriter, r *http.Request) (*Verified, error) {
	c, err := parse(r)
	if err != nil {
		return nil, err
	}
	if err := v.check(c, r); err != nil {
		return nil, err
	}
	if c.token != "" {
		return nil, lambda.Errorf(lambda.CodeUnrecognizedClient, "The security token included in the request is invalid.")
	}
	secret, err := v.Secret(r.Context(), c.keyID)
	if err != nil {
		return nil, err
	}
	return v.verify(w, r, c, c.key(secret))
}

// check compares the claim with the time, with what signatures here are for, and with the request's headers.
func (v *Verifier) check(c *claim, r *http.Request) error {
	var faults []string
	if c.region != v.Region {
		faults = append(faults, "Credential should be scoped to a valid region, not '"+printable(c.region)+"'. ")
	}
	if c.service != v.Service {
		faults = append(faults, "Credential should be scoped to correct service: '"+v.Service+"'. ")
	}
	if signed := c.time.Format(dateForm); c.date != signed {
		faults = append(faults, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			printable(c.date), signed, c.time.Format(timeForm)))
	}
	if len(faults) > 0 {
		return invalid("%s", strings.Join(faults, ""))
	}
	now := time.Now()
	if v.Clock != nil {
		now = v.Clock()
	}
	if err := c.checkTime(now.UTC()); err != nil {
		return err
	}
	return c.checkUnsigned(r)
}

func (c *claim) checkTime(now time.Time) error {
	if c.time.After(now.Add(Skew)) {
		return invalid("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			c.time.Format(timeForm), now.Add(Skew).Format(timeForm), now.Format(timeForm))
	}
	if c.presigned && c.time.Add(c.expires).Before(now) {
		return invalid("Signature expired: %s is now earlier than %s (%s - %d s.)", c.time.Format(timeForm),
			now.Add(-c.expires).Format(timeForm), now.Format(timeForm), int64(c.expires/time.Second))
	}
	if !c.presigned && c.time.Before(now.Add(-Skew)) {
		return invalid("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			c.time.Format(timeForm), now.Add(-Skew).Format(timeForm), now.Format(timeForm))
	}
	return nil
}

// checkUnsigned refuses headers that change what a request means and are not signed: somebody on the way may have added them.
// The digest of the body needs no place among them, as it is part of what is signed.
func (c *claim) checkUnsigned(r *http.Request) error {
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && name != headerContentSHA256 && !slices.Contains(c.headers, lower) {
			return invalid("'%s' must be a 'SignedHeader' in the AWS Authorization: it is in the request, so it has to be signed.", name)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return lambda.Errorf(lambda.CodeInvalidSignature, format, args...)
}

// mismatch is AWS's answer to a signature that is not the one it makes itself.
func mismatch() error {
	return invalid("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
		"Consult the service documentation for details.")
}

// verify compares the signature with ours. How that is done follows from what the request says about its body.
func (v *Verifier) verify(w http.ResponseWriter, r *http.Request, c *claim, key []byte) (*Verified, error) {
	done := &Verified{Request: r, KeyID: c.keyID, Signature: strings.ToLower(c.signature), Time: c.time, Presigned: c.presigned}
	declared := r.Header.Get(headerContentSHA256)
	if declared == "" && c.presigned {
		declared = r.URL.Query().Get(headerContentSHA256)
	}
	var err error
	switch {
	case declared == unsignedPayload && r.TLS == nil && !c.presigned:
		err = invalid("A request whose body is not signed (%s) is taken through TLS only.", unsignedPayload)
	case declared == unsignedPayload:
		err = v.compare(c, r, key, unsignedPayload)
	case declared == streamedPayload:
		if err = v.compare(c, r, key, streamedPayload); err == nil {
			done.Request, err = c.chunked(r, key)
		}
	case strings.HasPrefix(declared, "STREAMING-"):
		err = invalid("%s '%s' is not supported here: sign the chunks of a body with %s.", headerContentSHA256, printable(declared), streamedPayload)
	case declared != "":
		if err = v.compare(c, r, key, declared); err == nil {
			done.Request, err = withDigest(r, declared)
		}
	default:
		return v.verifyWhole(w, done, c, key)
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}

// verifyWhole reads the body of a request that does not say what its digest is. A presigned URL may leave the body open.
func (v *Verifier) verifyWhole(w http.ResponseWriter, done *Verified, c *claim, key []byte) (*Verified, error) {
	whole, err := v.read(w, done.Request)
	if err != nil {
		return nil, err
	}
	err = v.compare(c, done.Request, key, whole.digest)
	if err != nil && c.presigned {
		err = v.compare(c, done.Request, key, unsignedPayload)
	}
	if err != nil {
		whole.close()
		return nil, err
	}
	context.AfterFunc(done.Request.Context(), whole.close) // it ends with the request
	done.Request = whole.in(done.Request)
	return done, nil
}

// compare fails unless the signature is ours, for the path as it came or as clients write it.
func (v *Verifier) compare(c *claim, r *http.Request, key []byte, payload string) error {
	given, err := hex.DecodeString(c.signature)
	if err != nil {
		return mismatch()
	}
	path, _ := target(r)
	path = v.Prefix + path
	for _, path := range slices.Compact([]string{path, strictPath(path)}) {
		text, err := c.sign(r, key, path, payload)
		if err != nil {
			return err
		}
		// It takes the same time wherever they differ.
		if ours, err := hex.DecodeString(text); err == nil && hmac.Equal(given, ours) {
			return nil
		}
	}
	return mismatch()
}
