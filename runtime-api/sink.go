package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// sinkTimeout bounds how long the sink may take to accept a result.
const sinkTimeout = 30 * time.Second

// sink posts what a function answers to a URL (K_SINK) rather than to the caller, who gets 202 when the sink has
// accepted it and 502 when it has not, so that a broker delivers the event again. Failures of the function are for the
// caller, never for the sink.
type sink struct {
	next   http.Handler
	url    string
	client *http.Client
}

func newSink(to string, next http.Handler) (*sink, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("-sink is %q: use an http or https URL", to)
	}
	return &sink{next: next, url: to, client: &http.Client{Timeout: sinkTimeout}}, nil
}

// ServeHTTP runs the function and passes its answer on.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	held := &heldReply{header: make(http.Header), code: http.StatusOK}
	s.next.ServeHTTP(held, r)
	if held.code >= http.StatusBadRequest {
		held.release(w)
		return
	}
	if held.body.Len() > 0 {
		if err := s.post(r.Context(), held); err != nil {
			http.Error(w, "The sink did not accept the function's result.", http.StatusBadGateway)
			return
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *sink) post(ctx context.Context, held *heldReply) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, &held.body)
	if err != nil {
		return fmt.Errorf("make a request to the sink: %w", err)
	}
	for name, values := range held.header {
		if name != "Content-Length" {
			req.Header[name] = values
		}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to the sink: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only the status counts
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the sink answered %s", resp.Status)
	}
	return nil
}

// heldReply keeps a reply, which is never larger than a function's response may be.
type heldReply struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header gives the reply's headers.
func (h *heldReply) Header() http.Header { return h.header }

// WriteHeader notes the status.
func (h *heldReply) WriteHeader(code int) { h.code = code }

// Write keeps a part of the body.
func (h *heldReply) Write(p []byte) (int, error) { return h.body.Write(p) }

func (h *heldReply) release(w http.ResponseWriter) {
	for name, values := range h.header {
		w.Header()[name] = values
	}
	w.WriteHeader(h.code)
	_, _ = w.Write(h.body.Bytes()) // a caller that has gone needs no answer
}
