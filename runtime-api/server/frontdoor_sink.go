package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/lambkin-dev/lambkin/internal/event"
)

const (
	defaultSinkTimeout = 30 * time.Second
	// sinkReplyType is the type of events to a sink if none is chosen: without a type there would be nothing to send.
	sinkReplyType = "dev.lambkin.function.response"
	// maxSinkReply is how much of a sink's reply is read, so that its connection can be used again.
	maxSinkReply = 64 << 10
)

// Sink is where answers go instead of to the caller: what Knative's SinkBinding names in K_SINK. Each answer is sent
// once; a caller whose answer the sink did not take gets 502 and may try again, function and all. Failures of the
// function never go to the sink.
type Sink struct {
	url     string
	client  *http.Client
	timeout time.Duration
}

// NewSink makes a sink of an http or https URL. timeout bounds one delivery; 0 is 30 seconds.
func NewSink(address string, timeout time.Duration) (*Sink, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("sink %q is no http or https URL", address)
	}
	if timeout <= 0 {
		timeout = defaultSinkTimeout
	}
	return &Sink{url: address, client: &http.Client{}, timeout: timeout}, nil
}

// reply is r with a type, if it has none.
func (s *Sink) reply(r event.Reply) event.Reply {
	if r.Type == "" && !r.Event {
		r.Type = sinkReplyType
	}
	return r
}

// deliver sends an answer to the sink and says what its caller gets. Failures and empty answers go to the caller.
// The error, for the log, goes with a 502.
func (s *Sink) deliver(ctx context.Context, answer event.Response) (event.Response, error) {
	if answer.Status >= http.StatusMultipleChoices || len(answer.Body) == 0 {
		return answer, nil
	}
	if err := s.post(ctx, answer); err != nil {
		return event.Failed(), err
	}
	return event.Accepted(), nil
}

func (s *Sink) post(ctx context.Context, answer event.Response) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(answer.Body))
	if err != nil {
		return fmt.Errorf("sink %q: %w", s.url, err)
	}
	req.Header = answer.Header.Clone()
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("sink %q: %w", s.url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, maxSinkReply) // only for the connection's sake
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("sink %q answered %s", s.url, resp.Status)
	}
	return nil
}
