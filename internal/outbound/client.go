package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// maxRedirects is how often a server may send us elsewhere.
const maxRedirects = 5

// Client makes an HTTP client that follows redirects only a few times and never from one scheme to another.
func Client(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: sameScheme}
}

func sameScheme(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if before := via[len(via)-1].URL.Scheme; req.URL.Scheme != before {
		return fmt.Errorf("redirect from %s to %s", before, req.URL.Scheme)
	}
	return nil
}

// Transport makes a transport for a server that acts for users: it connects to no address that means this machine or its
// link, where a cloud's metadata service and the server's own doors are. It looks at the address that a name leads to, at
// the moment of connecting. Where the environment names a proxy, it is the proxy that decides what can be reached.
func Transport() *http.Transport {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return check(address)
		},
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// check refuses the addresses that Transport keeps away from.
func check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("cannot tell what address %q is: %w", address, err)
	}
	ip := at.Addr().Unmap()
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsInterfaceLocalMulticast() {
		return fmt.Errorf("address %s belongs to the server itself or its link; requests do not go there", ip)
	}
	return nil
}

// Open begins to read what is at an http or https URL; the context bounds the reading too. Errors name the URL without
// its secrets.
func Open(ctx context.Context, client *http.Client, location string) (io.ReadCloser, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, errors.New("cannot fetch: what is given is no URL") // the cause would repeat it
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("cannot fetch %q: its scheme is %q, not https or http", Redacted(location), u.Scheme)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %q: %w", Redacted(location), WithoutURL(err))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %q: %w", Redacted(location), WithoutURL(err))
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("cannot fetch %q: the server answers %s", Redacted(location), resp.Status)
	}
	return resp.Body, nil
}
