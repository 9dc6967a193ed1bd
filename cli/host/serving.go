package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/tracing"
)

// headerTimeout bounds how long a caller may take over its headers.
const headerTimeout = 10 * time.Second

// serving is an HTTP server at work.
type serving struct {
	url    string
	plain  net.Listener // nil if HTTPS takes its place
	secure net.Listener // nil without TLS
	tls    *tls.Config
	http   *http.Server
	failed chan error // gets the errors that ended serving
}

// listen takes the addresses. begin answers those who call there.
func listen(ctx context.Context, addr string, files TLSFiles, log *slog.Logger) (*serving, error) {
	config, err := files.config(log)
	if err != nil {
		return nil, err
	}
	ln, err := listenOn(ctx, addr, "--addr")
	if err != nil {
		return nil, err
	}
	s := &serving{url: "http://" + reachable(ln.Addr()), plain: ln, tls: config, failed: make(chan error, 2)}
	switch {
	case files.Addr != "":
		if s.secure, err = listenOn(ctx, files.Addr, "--tls-addr"); err != nil {
			return nil, errors.Join(err, ln.Close())
		}
	case config != nil:
		s.url, s.plain, s.secure = "https://"+reachable(ln.Addr()), nil, ln
	}
	return s, nil
}

func listenOn(ctx context.Context, addr, flag string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (choose another address with %s)", addr, err, flag)
	}
	return ln, nil
}

// listeners are those there are.
func (s *serving) listeners() []net.Listener {
	return slices.DeleteFunc([]net.Listener{s.plain, s.secure}, func(ln net.Listener) bool { return ln == nil })
}

// secureURL is where HTTPS is served beside url.
func (s *serving) secureURL() string {
	if s.plain == nil || s.secure == nil {
		return ""
	}
	return "https://" + reachable(s.secure.Addr())
}

// loopback reports whether only this machine reaches the addresses.
func (s *serving) loopback() bool {
	return !slices.ContainsFunc(s.listeners(), func(ln net.Listener) bool {
		tcp, ok := ln.Addr().(*net.TCPAddr)
		return !ok || !tcp.IP.IsLoopback()
	})
}

// drop gives the addresses back before begin.
func (s *serving) drop() error {
	var errs []error
	for _, ln := range s.listeners() {
		errs = append(errs, ln.Close())
	}
	return errors.Join(errs...)
}

// reachable turns an address that means all interfaces into one that can be called.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}

// begin serves until end.
func (s *serving) begin(handler http.Handler, log *slog.Logger) {
	s.http = &http.Server{
		Handler:           patient(handler),
		TLSConfig:         s.tls,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if s.plain != nil {
		go func() { s.failed <- s.http.Serve(s.plain) }()
	}
	if s.secure != nil {
		go func() { s.failed <- s.http.ServeTLS(s.secure, "", "") }()
	}
}

// end takes no new requests and lets those that run come to their end until ctx ends.
func (s *serving) end(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close() // those that remain had their time
	}
	if err != nil {
		return fmt.Errorf("end the connections: %w", err)
	}
	return nil
}

// trace makes what sends spans, as OpenTelemetry's variables say; without them nothing does.
func trace(id lambda.Identity, log *slog.Logger) *tracing.Tracer {
	t, err := tracing.Start(os.Getenv, tracing.Config{Service: "lambkin", Identity: id, Log: log})
	if err != nil {
		log.Warn("invocations have no spans", "reason", err)
	}
	return t
}

func stopTrace(ctx context.Context, t *tracing.Tracer) error {
	if err := t.Stop(ctx); err != nil {
		return fmt.Errorf("send the last spans: %w", err)
	}
	return nil
}
