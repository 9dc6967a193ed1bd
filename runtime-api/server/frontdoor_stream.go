package server

import (
	"net/http"
	"time"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// stream invokes the function and passes its answer on as it comes. What goes wrong before the head is sent is an
// ordinary reply; after it, the connection is cut, which is all that HTTP has to tell a caller that the rest is missing.
func (d *FrontDoor) stream(w http.ResponseWriter, r *http.Request, in *lambda.Invocation) {
	out := &httpStream{door: d, w: w, r: r, conn: http.NewResponseController(w)}
	in.Stream = out
	res, err := d.cfg.Invoker.Invoke(r.Context(), in)
	failed := err != nil || res.FunctionError != ""
	switch {
	case out.sent && failed:
		if err != nil {
			awshttp.LogError(d.cfg.Log, w, err)
		}
		out.cut()
	case out.sent:
		_ = out.conn.SetWriteDeadline(time.Time{}) // the connection may carry further requests
	case err != nil:
		awshttp.Refuse(d.cfg.Log, w, err)
	case failed:
		d.write(w, r, d.cfg.Format.Failure(res.ErrorType, res.Payload))
	case out.prelude != nil: // broken, or the stream ended within it
		d.write(w, r, d.cfg.Format.Failure("", nil))
	default:
		d.write(w, r, *event.StreamHead(""))
	}
}

// httpStream writes a streamed answer as an HTTP response; it is the invocation's [lambda.ResponseStream].
type httpStream struct {
	door    *FrontDoor
	w       http.ResponseWriter
	r       *http.Request
	conn    *http.ResponseController
	prelude *event.Prelude // until the head is complete; nil if there is none
	sent    bool           // whether the head is sent
}

// Start sends the head, unless the stream begins with a prelude that says what it is.
func (s *httpStream) Start(contentType string) error {
	if event.IsPrelude(contentType) {
		s.prelude = new(event.Prelude)
		return nil
	}
	return s.begin(event.StreamHead(contentType))
}

// Write passes p on before it returns.
func (s *httpStream) Write(p []byte) (int, error) {
	rest := p
	if !s.sent {
		head, body, err := s.next(p)
		if err != nil {
			return 0, err
		}
		if head == nil {
			return len(p), nil
		}
		if err := s.begin(head); err != nil {
			return 0, err
		}
		rest = body
	}
	if len(rest) == 0 {
		return len(p), nil
	}
	s.limit()
	if _, err := s.w.Write(rest); err != nil {
		return 0, err //nolint:wrapcheck // the pod only needs to know that the caller has gone
	}
	return len(p), s.conn.Flush()
}

// next looks for the head in the stream's next bytes.
func (s *httpStream) next(p []byte) (*event.Response, []byte, error) {
	if s.prelude == nil {
		return event.StreamHead(""), p, nil
	}
	return s.prelude.Next(p)
}

func (s *httpStream) begin(head *event.Response) error {
	if s.sent {
		return nil
	}
	s.sent = true
	s.limit()
	s.door.head(s.w, s.r, *head)
	return s.conn.Flush() //nolint:wrapcheck // the pod only needs to know that the caller has gone
}

// limit gives the caller time to take what comes next. Writers without deadlines are written without one.
func (s *httpStream) limit() {
	_ = s.conn.SetWriteDeadline(time.Now().Add(awshttp.WriteTimeout(s.door.cfg.WriteTimeout)))
}

// cut ends the connection without ending the response: nothing more can be written, so the server closes it.
func (s *httpStream) cut() { _ = s.conn.SetWriteDeadline(time.Unix(1, 0)) }
