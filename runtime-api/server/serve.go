package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// maxHeaderBytes is above net/http's default because runtimes may send an X-Ray cause of 1 MiB as a header.
const maxHeaderBytes = 2 << 20

// Serve answers the connections of one environment until ctx ends or ln is closed, and returns when all of them are
// closed and nobody works on them any more.
//
// There are no time limits on these connections: a runtime may wait for its next event for hours, and a process that
// is slow to send harms nobody but its own invocation, whose time limit holds.
func (a *API) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rest := newHandover(ctx, ln.Addr())
	open := newConnSet()
	var owned sync.WaitGroup
	std := a.standardServer(ctx, &owned)
	owned.Go(func() { _ = std.Serve(rest) }) // ends with rest
	owned.Go(func() {
		<-ctx.Done()
		_ = ln.Close()
		_ = std.Close()
		open.closeAll()
	})
	err := accept(ctx, ln, func(conn net.Conn) bool {
		if !open.add(conn) {
			return false
		}
		owned.Go(func() {
			forget := func() { open.forget(conn) }
			if !a.serveConn(ctx, newLeanConn(conn), rest, forget) {
				forget()
			}
		})
		return true
	})
	cancel()
	owned.Wait()
	return err
}

// standardServer answers what the lean loop passes on. Its connections count in owned.
func (a *API) standardServer(ctx context.Context, owned *sync.WaitGroup) *http.Server {
	return &http.Server{
		Handler:        a.Handler(),
		MaxHeaderBytes: maxHeaderBytes,
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // a cut connection is no news here
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				owned.Add(1)
			case http.StateClosed:
				owned.Done()
			default:
			}
		},
	}
}

// connSet closes at the end what is still open.
type connSet struct {
	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newConnSet() *connSet { return &connSet{conns: make(map[net.Conn]struct{})} }

func (s *connSet) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *connSet) forget(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *connSet) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
}
