package host

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/tracing"
)

// headerTimeout bounds how long a caller may take over its headers.
const headerTimeout = 10 * time.Second

// serving is an HTTP server at work.
type serving struct {
	url      string
	listener net.Listener
	tls      *tls.Config // nil for plain HTTP
	http     *http.Server
	failed   chan error // gets the error that ended serving
}

// listen takes an address. begin answers those who call there.
func listen(ctx context.Context, addr string, files TLSFiles, log *slog.Logger) (*serving, error) {
	config, err := files.config(log)
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (choose another address with --addr)", addr, err)
	}
	scheme := "http://"
	if config != nil {
		scheme = "https://"
	}
	return &serving{url: scheme + reachable(ln.Addr()), listener: ln, tls: config, failed: make(chan error, 1)}, nil
}

// loopback reports whether only this machine reaches the address.
func (s *serving) loopback() bool {
	tcp, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
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
	go func() {
		if s.tls != nil {
			s.failed <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		s.failed <- s.http.Serve(s.listener)
	}()
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
