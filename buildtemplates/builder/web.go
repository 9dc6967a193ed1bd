package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Bounds of conversations with servers that we do not know.
const (
	maxRedirects  = 5
	headerTimeout = time.Minute
)

// webClient makes the client for archives and repositories. It trusts the authorities in a file too, if that is there.
func webClient(caFile string) (*http.Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: headerTimeout, IdleConnTimeout: time.Minute,
	}
	pool, err := authorities(caFile)
	if err != nil {
		return nil, err
	}
	if pool != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}, nil
}

// authorities gives the system's certificate authorities and those in a file; nil if there is no file.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read certificate authorities: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // an image without any
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%q holds no certificate in PEM form", file)
	}
	return pool, nil
}

// checkRedirect follows redirects a few times, never from https to http, and with credentials only on the same host: git
// would send these there.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, before := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case before.URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("redirect from https to " + req.URL.Scheme)
	case first.Header.Get("Authorization") != "" && (req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme):
		return fmt.Errorf("redirect with credentials to another host, %s: give its address instead", req.URL.Host)
	default:
		return nil
	}
}

// redacted is a URL without what may be secret: user, password and query, where presigned URLs have their signature.
func redacted(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return "the URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// withoutURL takes the URL, which [url.Error] repeats in full, out of an error of a client.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
