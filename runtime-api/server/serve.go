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

// Serve answers the connections of one environment until ctx ends, and returns when all of them are closed.
//
// There are no time limits on these connections: a runtime may wait for its next event for hours, and a process that
// is slow to send harms nobody but its own invocation, whose time limit holds.
func (a *API) Serve(ctx context.Context, ln net.Listener) error {
	rest := newHandover(ctx, ln.Addr())
	std := &http.Server{
		Handler:        a.Handler(),
		MaxHeaderBytes: maxHeaderBytes,
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // a cut connection is no news here
	}
	var owned sync.WaitGroup
	owned.Go(func() { _ = std.Serve(rest) }) // ends with rest
	open := newConnSet()
	stop := context.AfterFunc(ctx, func() {
		_ = ln.Close()
		_ = std.Close()
		open.closeAll()
	})
	defer stop()
	err := a.accept(ctx, ln, open, rest, &owned)
	owned.Wait()
	return err
}

func (a *API) accept(ctx context.Context, ln net.Listener, open *connSet, rest *handover, owned *sync.WaitGroup) error {
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if !open.add(conn) {
			return nil
		}
		owned.Go(func() {
			defer open.forget(conn)
			a.serveConn(ctx, newLeanConn(conn), rest)
		})
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
