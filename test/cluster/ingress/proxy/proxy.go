// Package proxy carries requests to where package route says: streams and upgrades as they are, HTTP/1 and HTTP/2
// without TLS on both sides.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"knative.dev/networking/pkg/apis/networking/v1alpha1"

	"github.com/lambkin-dev/lambkin/test/cluster/ingress/route"
)

// Resolver tells where the requests of a split can be sent. It may wait a while until there is such a place.
type Resolver func(ctx context.Context, split *v1alpha1.IngressBackendSplit) (route.Target, error)

// Proxy serves one table. Make it with New.
type Proxy struct {
	table   atomic.Pointer[route.Table]
	resolve Resolver
	log     *slog.Logger
	h1, h2c http.RoundTripper
	buffers *buffers
	load    load
}

// New makes a proxy without rules.
func New(resolve Resolver, log *slog.Logger) *Proxy {
	p := &Proxy{resolve: resolve, log: log, h1: transport(false), h2c: transport(true), buffers: &buffers{}}
	p.table.Store(&route.Table{})
	return p
}

// Use makes a table the rules of all requests that come from now on.
func (p *Proxy) Use(t *route.Table) { p.table.Store(t) }

func transport(h2c bool) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(!h2c)
	protocols.SetUnencryptedHTTP2(h2c)
	return &http.Transport{
		Protocols:           &protocols,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		DisableCompression:  true, // bytes pass as they are
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     30 * time.Second, // less than any backend's
	}
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := p.table.Load().Find(r)
	if rule == nil {
		http.Error(w, "nothing is served under this host and path", http.StatusNotFound)
		return
	}
	split := route.Pick(rule.Splits, rand.IntN(100))
	target, err := p.resolve(r.Context(), split)
	if err != nil {
		p.log.Warn("no target", "host", r.Host, "service", split.ServiceNamespace+"/"+split.ServiceName, "error", err)
		http.Error(w, "nobody is ready to answer", http.StatusServiceUnavailable)
		return
	}
	t := &attempt{next: p.h1, addresses: target.Addresses, load: &p.load}
	if target.H2C {
		t.next = p.h2c
	}
	defer t.done()
	// Otherwise the server closes the request's body when the answer begins, and the transport, which may not have seen
	// its end yet, then cuts the answer off (https://go.dev/issue/40747). HTTP/2 does so by itself, and refuses.
	_ = http.NewResponseController(w).EnableFullDuplex()
	(&httputil.ReverseProxy{
		Transport:     t,
		FlushInterval: -1, // whatever comes is passed on at once
		BufferPool:    p.buffers,
		Rewrite:       func(pr *httputil.ProxyRequest) { rewrite(pr, rule, split) },
		ErrorHandler:  p.failed,
		ErrorLog:      slog.NewLogLogger(p.log.Handler(), slog.LevelInfo),
	}).ServeHTTP(w, r)
}

// rewrite makes the request for the backend; attempt fills in the address.
func rewrite(pr *httputil.ProxyRequest, rule *v1alpha1.HTTPIngressPath, split *v1alpha1.IngressBackendSplit) {
	pr.Out.URL.Scheme = "http"
	pr.Out.Host = pr.In.Host
	if rule.RewriteHost != "" {
		pr.Out.Host = rule.RewriteHost
	}
	pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
	pr.SetXForwarded()
	for _, headers := range []map[string]string{rule.AppendHeaders, split.AppendHeaders} {
		for name, value := range headers {
			pr.Out.Header.Set(name, value)
		}
	}
}

func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the caller is gone
	}
	p.log.Warn("backend failed", "host", r.Host, "error", err)
	http.Error(w, "the backend could not be reached or did not answer", http.StatusBadGateway)
}

// buffers are those that bodies are copied with.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }
