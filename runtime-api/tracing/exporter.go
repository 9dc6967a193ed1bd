package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter sends spans to a collector by OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
type exporter struct {
	url     string
	header  http.Header
	timeout time.Duration // of one batch, with all tries
	zip     bool
	pause   time.Duration // before the second try; it doubles each time
	client  *http.Client
	log     *slog.Logger
}

// maxReply is how much of a collector's reply is read, so that its connection can be used again.
const maxReply = 64 << 10

// ExportSpans sends a batch. A batch that cannot be sent is lost, which the log is told: nobody else can help.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if err := e.send(ctx, request(spans)); err != nil && e.log != nil {
		e.log.Warn("spans lost", "spans", len(spans), "error", err)
	}
	return nil
}

// Shutdown closes idle connections.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// send posts a request until it is taken, refused for good, or ctx ends.
func (e *exporter) send(ctx context.Context, body []byte) error {
	if e.zip {
		body = zipped(body)
	}
	for pause := e.pause; ; pause *= 2 {
		retryAfter, err := e.post(ctx, body)
		if err == nil || retryAfter < 0 {
			return err
		}
		select {
		case <-time.After(max(pause, retryAfter)):
		case <-ctx.Done():
			return err
		}
	}
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a Buffer takes every write
	_ = w.Close()
	return out.Bytes()
}

// noRetry says that trying again is of no use.
const noRetry = time.Duration(-1)

// post tries once. After an error it says when it may be tried again at the earliest.
func (e *exporter) post(ctx context.Context, body []byte) (retryAfter time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return noRetry, fmt.Errorf("send to the collector: %w", err)
	}
	req.Header = e.header.Clone()
	resp, err := e.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("send to the collector: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, maxReply) // only for the connection's sake
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // zero if there is none
		return max(0, time.Duration(seconds)*time.Second), fmt.Errorf("the collector answered %s", resp.Status)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return noRetry, fmt.Errorf("the collector answered %s", resp.Status)
	}
	return 0, nil
}
