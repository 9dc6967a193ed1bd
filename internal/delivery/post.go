package delivery

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lambkin-dev/lambkin/internal/outbound"
)

const (
	// postTimeout is how long a destination may take.
	postTimeout = 30 * time.Second
	// maxAnswer is how much of a destination's answer is read, so that its connection can be used again.
	maxAnswer = 64 << 10
)

// Post sends a record to its URL. Any answer but 2xx is an error. Errors do not hold the URL, which may be secret.
func Post(ctx context.Context, client *http.Client, e *Event) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(e.Body))
	if err != nil {
		return fmt.Errorf("cannot post: %w", outbound.WithoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("cannot post: %w", outbound.WithoutURL(err))
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	return nil
}
