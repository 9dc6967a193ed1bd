package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials are an access key.
type Credentials struct {
	KeyID, Secret string
}

// Transport signs requests before it sends them. What can be read again is signed with its digest; any other body goes out
// in signed chunks, so that it need not be kept.
type Transport struct {
	// Credentials sign.
	Credentials Credentials
	// Region and Service are what the signatures are for.
	Region, Service string
	// Clock gives the time; time.Now if nil.
	Clock func() time.Time
	// Next sends; http.DefaultTransport if nil.
	Next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.Next
	if next == nil {
		next = http.DefaultTransport
	}
	signed, err := t.Sign(r)
	if err != nil {
		if r.Body != nil {
			err = errors.Join(err, r.Body.Close())
		}
		return nil, err
	}
	return next.RoundTrip(signed) //nolint:wrapcheck // callers look for the errors of what it stands for
}

// Sign gives a copy of a request with a signature in its Authorization header.
func (t *Transport) Sign(r *http.Request) (*http.Request, error) {
	now := time.Now()
	if t.Clock != nil {
		now = t.Clock()
	}
	signed := r.Clone(r.Context())
	if signed.Host == "" {
		signed.Host = signed.URL.Host
	}
	c := &claim{keyID: t.Credentials.KeyID, date: now.UTC().Format(dateForm), region: t.Region, service: t.Service, time: now.UTC()}
	signed.Header.Set(headerDate, c.time.Format(timeForm))
	payload, err := payloadOf(signed)
	if err != nil {
		return nil, err
	}
	signed.Header.Set(headerContentSHA256, payload)
	c.headers = signedNames(signed.Header)
	key := c.key(t.Credentials.Secret)
	if c.signature, err = c.sign(signed, key, signed.URL.EscapedPath(), payload); err != nil {
		return nil, err
	}
	signed.Header.Set(headerAuthorization, fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		Algorithm, c.keyID, c.scope(), strings.Join(c.headers, ";"), c.signature))
	if payload == streamedPayload {
		signed.Body = &chunkWriter{in: signed.Body, sign: c.chunker(key, c.signature), buf: make([]byte, chunkSize)}
		signed.ContentLength, signed.GetBody = -1, nil
	}
	return signed, nil
}

// payloadOf is the digest of a body, or the word for one in chunks.
func payloadOf(r *http.Request) (string, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return digest(""), nil
	}
	if r.GetBody == nil {
		return streamedPayload, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return "", fmt.Errorf("sign a request: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return "", fmt.Errorf("sign a request: %w", errors.Join(err, body.Close()))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// signedNames are the headers that are signed: what no proxy on the way has business with.
func signedNames(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") || lower == "content-type" {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	return names
}
