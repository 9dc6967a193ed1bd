package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is how to talk to registries, all of them: a reference says which one is meant. Its zero value works. It is
// safe for concurrent use once its fields are set, and must not be copied then; connections are kept and used again,
// logins are not, so that credentials may change.
type Registry struct {
	// Credentials say who we are. Nil is the docker configuration with its helpers, wherever crane finds it.
	Credentials Credentials
	// CAFiles are PEM files with certificate authorities that are trusted besides the system's. They are read once.
	CAFiles []string
	// PlainHTTP are the hosts, with their port if references have it, that are spoken to without TLS and only so. If
	// such a host sends elsewhere for its bytes, that host must be listed too.
	PlainHTTP []string
	// Transport replaces the HTTP client beneath; CAFiles must be empty then. Nil makes one.
	Transport http.RoundTripper
	// Backoff is the pause after the first failed attempt of what may work later, before the second of three; the next
	// one is three times as long. Zero is 300 ms.
	Backoff time.Duration

	once      sync.Once
	connected http.RoundTripper
	err       error
}

// As gives a Registry that uses the same connections with other credentials.
func (r *Registry) As(c Credentials) *Registry {
	transport, err := r.transport()
	other := &Registry{Credentials: c, PlainHTTP: r.PlainHTTP, Backoff: r.Backoff}
	other.once.Do(func() { other.connected, other.err = transport, err })
	return other
}

// transport makes the client beneath at first use.
func (r *Registry) transport() (http.RoundTripper, error) {
	r.once.Do(func() {
		inner := r.Transport
		if inner != nil && len(r.CAFiles) > 0 {
			r.err = errors.New("cannot use CA files with a transport that was given: let the transport trust them")
			return
		}
		if inner == nil {
			inner, r.err = dialer(r.CAFiles)
		}
		r.connected = &guard{inner: inner, plain: slices.Clone(r.PlainHTTP)}
	})
	return r.connected, r.err
}

// dialer makes an HTTP client that trusts these authorities too. How long an answer may take is the context's affair.
func dialer(caFiles []string) (http.RoundTripper, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if len(caFiles) == 0 {
		return t, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("cannot read the system's certificate authorities: %w", err)
	}
	for _, file := range caFiles {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the registry's CA: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file %q holds no certificate in PEM form", file)
		}
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// errPlainHTTP marks requests that the configuration does not allow.
var errPlainHTTP = errors.New("plain HTTP")

// guard lets plain HTTP pass to the hosts that were configured and to this machine, and nothing but plain HTTP to the
// former. It bounds what comes back.
type guard struct {
	inner http.RoundTripper
	plain []string
}

// RoundTrip sends the request on or refuses it.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	plain := slices.Contains(g.plain, req.URL.Host)
	switch {
	case req.URL.Scheme == "https" && plain:
		return nil, fmt.Errorf("%w is configured for %s", errPlainHTTP, req.URL.Host)
	case req.URL.Scheme == "http" && !plain && !loopback(req.URL.Hostname()):
		return nil, fmt.Errorf("%w to %s is not allowed; list it among the plain HTTP registries if it is meant to be", errPlainHTTP, req.URL.Host)
	}
	answer, err := g.inner.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // the client above says what was asked of whom
	}
	blob := strings.Contains(req.URL.Path, "/blobs/") || req.Response != nil // where a blob was, they may lead us elsewhere
	switch {
	case answer.StatusCode >= http.StatusBadRequest:
		answer.Body = truncated{io.LimitReader(answer.Body, maxComplaint), answer.Body}
	case !blob:
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxDocument)
	}
	return answer, nil
}

// What registries answer is read into memory unless it is a blob, so it has bounds.
const (
	maxDocument  = 4 << 20 // bytes of a manifest or token; what registries allow for manifests
	maxComplaint = 64 << 10
)

// truncated reads a part of an answer.
type truncated struct {
	io.Reader
	io.Closer
}

// loopback reports whether what is sent to host stays on this machine.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// parse reads a reference the way docker does: no host is Docker Hub, no tag is latest.
func (r *Registry) parse(reference string) (name.Reference, error) {
	ref, err := name.ParseReference(reference)
	if err == nil && slices.Contains(r.PlainHTTP, ref.Context().RegistryStr()) {
		ref, err = name.ParseReference(reference, name.Insecure)
	}
	return ref, fault("use reference", reference, err)
}

// session is one operation's connection to registries: tokens are fetched once and what was seen is remembered.
type session struct {
	registry *Registry
	puller   *remote.Puller
	pusher   *remote.Pusher
}

func (r *Registry) session(ctx context.Context) (*session, error) {
	transport, err := r.transport()
	if err != nil {
		return nil, err
	}
	backoff := r.Backoff
	if backoff == 0 {
		backoff = 300 * time.Millisecond
	}
	options := []remote.Option{
		remote.WithContext(ctx),
		remote.WithTransport(transport),
		remote.WithAuthFromKeychain(keychain{r.Credentials}),
		remote.WithUserAgent("lambkin"),
		remote.WithJobs(jobs),
		remote.WithRetryBackoff(remote.Backoff{Duration: backoff, Factor: 3, Jitter: 0.1, Steps: 3}),
		remote.WithRetryPredicate(func(err error) bool { return ctx.Err() == nil && retryable(err) }),
	}
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, fmt.Errorf("cannot set up pulling: %w", err)
	}
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return nil, fmt.Errorf("cannot set up pushing: %w", err)
	}
	return &session{registry: r, puller: puller, pusher: pusher}, nil
}

// jobs is how many blobs of one image travel at once.
const jobs = 4

// retryable reports whether an attempt failed for a reason that may be gone in a second.
func retryable(err error) bool {
	var temporary interface{ Temporary() bool }
	if errors.As(err, &temporary) && temporary.Temporary() && !errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
}
