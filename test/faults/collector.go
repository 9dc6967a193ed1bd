package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// collector is where the function tells what it does, and where dead letters go.
type collector struct {
	url    string
	server *http.Server
}

// collect listens, and writes into the ledger.
func collect(l *ledger, s settings) (*collector, error) {
	address := s.collector
	if address == "" {
		address = "127.0.0.1:0"
		if s.engine == "cluster" {
			ip, err := ownAddress()
			if err != nil {
				return nil, err
			}
			address = net.JoinHostPort(ip, "0")
		}
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the function: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /began/{id}", func(_ http.ResponseWriter, r *http.Request) {
		l.note(r.PathValue("id"), func(e *entry) { e.began++ })
	})
	mux.HandleFunc("POST /ended/{id}", func(_ http.ResponseWriter, r *http.Request) {
		l.note(r.PathValue("id"), func(e *entry) { e.ended++ })
	})
	mux.HandleFunc("POST /dead", func(_ http.ResponseWriter, r *http.Request) {
		l.note(r.Header.Get("Ce-Subject"), func(e *entry) { e.dead++ })
	})
	c := &collector{url: "http://" + ln.Addr().String(), server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	l.url = c.url
	go func() { _ = c.server.Serve(ln) }() // it ends with close
	return c, nil
}

func (c *collector) close() { _ = c.server.Close() } // nothing is expected any more

// ownAddress is one of this machine's that is not the loopback.
func ownAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String(), nil
		}
	}
	return "", fmt.Errorf("this machine has no address but the loopback: give one with -collector")
}
