package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// sink takes batches to a subscriber. Calls come from one goroutine.
type sink interface {
	// send delivers a batch or fails; after a failure the same batch may be sent again, under the same number.
	send(ctx context.Context, number uint64, batch []byte) error
	// close lets go of connections.
	close()
}

// framing is how events become a batch.
type framing struct{ open, between, end string }

func (r *request) framing() framing {
	if r.protocol == "TCP" {
		return framing{between: "\n", end: "\n"}
	}
	return framing{open: "[", between: ",", end: "]"}
}

// sink makes the sink that a request asks for. Whatever name the destination has, it is dialled on the loopback
// interface: the sandbox names need not resolve here, and nothing else can be reached.
func (r *request) sink() sink {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
	if r.protocol == "TCP" {
		return &tcpSink{address: address}
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		MaxIdleConns:       1,
		DisableCompression: true,
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &httpSink{client: client, method: r.method, uri: r.uri.String()}
}

// httpSink sends each batch as one request.
type httpSink struct {
	client *http.Client
	method string
	uri    string
}

func (s *httpSink) send(ctx context.Context, number uint64, batch []byte) error {
	req, err := http.NewRequestWithContext(ctx, s.method, s.uri, bytes.NewReader(batch))
	if err != nil {
		return fmt.Errorf("make request for batch %d: %w", number, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sequence-Id", strconv.FormatUint(number, 10))
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("send batch %d: %w", number, err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("send batch %d: subscriber answered %s", number, resp.Status)
	}
	if err != nil {
		return fmt.Errorf("read answer to batch %d: %w", number, err)
	}
	return nil
}

func (s *httpSink) close() { s.client.CloseIdleConnections() }

// tcpSink keeps one connection and writes newline-delimited JSON. A batch that broke off is sent again as a whole on a
// new connection.
type tcpSink struct {
	address string
	conn    net.Conn
}

func (s *tcpSink) send(ctx context.Context, number uint64, batch []byte) error {
	if s.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
		if err != nil {
			return fmt.Errorf("connect for batch %d: %w", number, err)
		}
		s.conn = conn
	}
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(batch)
	if !stop() || err != nil {
		s.close() // the deadline may have hit it, even if only after the last byte
	}
	if err != nil {
		return fmt.Errorf("write batch %d: %w", number, err)
	}
	return nil
}

func (s *tcpSink) close() {
	if s.conn != nil {
		_ = s.conn.Close() // nothing more to say to it
		s.conn = nil
	}
}
