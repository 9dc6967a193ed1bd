package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

const (
	// postTimeout is how long a destination may take.
	postTimeout = 30 * time.Second
	// maxAnswer is how much of a destination's answer is read, so that its connection can be used again.
	maxAnswer = 64 << 10
)

// errNoServices says that a record is for a service and nobody knows where that is.
var errNoServices = errors.New("there are no endpoints for queues, topics and event buses")

// Sender sends records. It is safe for concurrent use.
type Sender struct {
	// HTTP posts to URLs.
	HTTP *http.Client
	// Messages sends to queues, topics and event buses; nil: there are none.
	Messages *messaging.Client
}

// Send sends a record to where it goes. Errors do not hold a URL, which may be secret.
func (s Sender) Send(ctx context.Context, e *Event) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	to, ok := messaging.Parse(e.URL)
	switch {
	case !ok:
		return post(ctx, s.HTTP, e)
	case s.Messages == nil:
		return errNoServices
	default:
		return s.Messages.Send(ctx, to, message(to, e))
	}
}

// message is a record as a message. A queue takes none that is empty, and what AWS's functions get of an event without a
// payload is an empty object.
func message(to messaging.Target, e *Event) messaging.Message {
	m := messaging.Message{Body: e.Body}
	if len(m.Body) == 0 {
		m.Body = []byte("{}")
	}
	if to.Kind == messaging.Bus {
		m.DetailType, m.Resources = e.Headers[headerDetailType], []string{e.Headers[headerResource], to.ARN}
		return m
	}
	m.Attributes = e.Headers
	return m
}

// post sends a record to its URL. Any answer but 2xx is an error.
func post(ctx context.Context, client *http.Client, e *Event) error {
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
