package invoke

import (
	"errors"
	"io"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

var errTooLarge = errors.New("payload too large")

// chunkSize is how much of an answer is read at once. Streamed bytes are passed on after each read.
const chunkSize = 64 << 10

// drainLimit is how much of an answer that is too large is read and dropped, so that the runtime can finish its
// request and see the reply instead of a broken connection.
const drainLimit = 64 << 20

func (q *Queue) chunk() *[]byte {
	if b, ok := q.chunks.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, chunkSize)
	return &b
}

// read takes a body of at most limit bytes.
func (q *Queue) read(a Answer, limit int64) ([]byte, error) {
	if a.Size > limit {
		drain(a.Body)
		return nil, errTooLarge
	}
	if a.Size >= 0 {
		body := make([]byte, a.Size)
		_, err := io.ReadFull(a.Body, body)
		return body, err
	}
	chunk := q.chunk()
	defer q.chunks.Put(chunk)
	var body []byte
	for {
		n, err := fill(a.Body, *chunk)
		if int64(len(body)+n) > limit {
			drain(a.Body)
			return nil, errTooLarge
		}
		body = append(body, (*chunk)[:n]...)
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// fill reads until b is full. Unlike io.ReadFull it leaves io.EOF as it is, so that a body that ends can be told from
// one that was cut off, which net/http reports as io.ErrUnexpectedEOF.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// drain drops what is left of a body, up to a bound.
func drain(r io.Reader) {
	_, _ = io.CopyN(io.Discard, r, drainLimit) // whatever happens here, the task has its outcome
}

// copyStream passes the body on to the caller as it arrives. A caller that cannot be written to any more does not
// stop the function, whose answer is then read to its end and dropped.
func (q *Queue) copyStream(t *Task, a Answer) error {
	chunk := q.chunk()
	defer q.chunks.Put(chunk)
	broken := t.stream(func(s lambda.ResponseStream) error { return s.Start(a.ContentType) })
	total := int64(0)
	for {
		n, err := a.Body.Read(*chunk)
		total += int64(n)
		if total > lambda.MaxStreamedResponse {
			drain(a.Body)
			return errTooLarge
		}
		if n > 0 && broken == nil {
			broken = t.stream(func(s lambda.ResponseStream) error {
				_, err := s.Write((*chunk)[:n])
				return err
			})
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
