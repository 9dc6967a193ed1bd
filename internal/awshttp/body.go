package awshttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Errors of reading a body. Callers turn them into their own API's words.
var (
	// ErrBodyTooLarge says that the body is larger than allowed.
	ErrBodyTooLarge = errors.New("request body too large")
	// ErrBodyIncomplete says that the body did not arrive whole, or not in time.
	ErrBodyIncomplete = errors.New("request body incomplete")
)

const (
	defaultBodyGrace = 10 * time.Second
	defaultBodyRate  = 64 << 10
	// trustedBody is how much memory a mere Content-Length is worth; what is declared beyond it is allocated only once
	// that much has arrived, so that idle connections cannot reserve memory.
	trustedBody = 256 << 10
	// maxDrain is how much of a body that is too large is read and dropped before the refusal, because many clients
	// send everything before they look for an answer and would see a broken connection instead.
	maxDrain = 32 << 20
)

// BodyReader reads request bodies into memory: bounded in size, and in time so that a caller who sends a byte now and
// then cannot hold a connection. The zero value gives 10 seconds plus one second per 64 KiB. It bounds the body alone;
// http.Server.ReadHeaderTimeout, set by the owner of the server, bounds the headers.
type BodyReader struct {
	// Grace is the time a body may take on top of its size's share.
	Grace time.Duration
	// Rate is the slowest bearable transfer in bytes per second.
	Rate int64
}

// Read gives the whole body of r. It fails with ErrBodyTooLarge above limit and ErrBodyIncomplete if the body ends
// early or takes too long.
func (b BodyReader) Read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if there, ok := r.Body.(*buffered); ok {
		return there.take(limit)
	}
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	conn := http.NewResponseController(w)
	// Writers without deadlines (tests, wrappers) are read without one.
	_ = conn.SetReadDeadline(time.Now().Add(b.patience(min(size, limit))))
	body, err := b.read(r, limit)
	if err != nil {
		// The rest of the body stays unread, so the connection cannot serve another request.
		w.Header()["Connection"] = []string{"close"}
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Time{}) // else the server would take the caller for gone when it passes
	return body, nil
}

// BufferedBody is a body that is in memory already. BodyReader gives it without another copy, so it must not be changed.
func BufferedBody(body []byte) io.ReadCloser {
	return &buffered{Reader: *bytes.NewReader(body), all: body}
}

// buffered knows all of its bytes, also those that were read.
type buffered struct {
	bytes.Reader

	all []byte
}

// Close has nothing to end.
func (b *buffered) Close() error { return nil }

func (b *buffered) take(limit int64) ([]byte, error) {
	if int64(len(b.all)) > limit {
		return nil, ErrBodyTooLarge
	}
	return b.all, nil
}

// Copy writes the whole body of r to out, with the bounds and errors of Read. The size is that of what was written.
func (b BodyReader) Copy(w http.ResponseWriter, r *http.Request, out io.Writer, limit int64) (int64, error) {
	if r.ContentLength > limit {
		w.Header()["Connection"] = []string{"close"}
		return 0, ErrBodyTooLarge
	}
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	conn := http.NewResponseController(w)
	// Writers without deadlines (tests, wrappers) are read without one.
	_ = conn.SetReadDeadline(time.Now().Add(b.patience(size)))
	n, err := copyBody(out, r, limit)
	if err != nil {
		w.Header()["Connection"] = []string{"close"}
		return n, err
	}
	_ = conn.SetReadDeadline(time.Time{}) // else the server would take the caller for gone when it passes
	return n, nil
}

func copyBody(out io.Writer, r *http.Request, limit int64) (int64, error) {
	in := &failing{Reader: r.Body}
	n, err := io.Copy(out, io.LimitReader(in, limit+1))
	switch {
	case in.err != nil:
		return n, fmt.Errorf("%w: %w", ErrBodyIncomplete, in.err)
	case err != nil:
		return n, fmt.Errorf("keep a body: %w", err)
	case n > limit:
		drain(r)
		return n, ErrBodyTooLarge
	case r.ContentLength >= 0 && n < r.ContentLength:
		return n, ErrBodyIncomplete
	default:
		return n, nil
	}
}

// failing remembers how reading failed, so that it can be told from how writing does.
type failing struct {
	io.Reader

	err error
}

// Read gives the next bytes.
func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

func (b BodyReader) patience(size int64) time.Duration {
	grace, rate := b.Grace, b.Rate
	if grace <= 0 {
		grace = defaultBodyGrace
	}
	if rate <= 0 {
		rate = defaultBodyRate
	}
	return grace + time.Duration(size/rate)*time.Second
}

func (b BodyReader) read(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		drain(r)
		return nil, ErrBodyTooLarge
	}
	if r.ContentLength < 0 {
		return readUnsized(r, limit)
	}
	return readSized(r.Body, r.ContentLength)
}

// readSized reads exactly size bytes into one buffer of that size.
func readSized(r io.Reader, size int64) ([]byte, error) {
	head := make([]byte, min(size, trustedBody))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBodyIncomplete, err)
	}
	if int64(len(head)) == size {
		return head, nil
	}
	body := make([]byte, size)
	n := copy(body, head)
	if _, err := io.ReadFull(r, body[n:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBodyIncomplete, err)
	}
	return body, nil
}

// readUnsized reads a body whose length was not declared.
func readUnsized(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBodyIncomplete, err)
	}
	if int64(len(body)) > limit {
		drain(r)
		return nil, ErrBodyTooLarge
	}
	return body, nil
}

// drain drops what the caller still sends, unless it waits for leave to send.
func drain(r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain) // whatever ends it, the refusal follows
}

// WriteBody sends a whole body, status and headers being set. A caller that leaves a large one unread is given up after
// timeout (30 seconds if zero) plus a second per 64 KiB; small ones need no deadline, as the kernel takes them. Errors
// are left: a caller that has gone needs no answer.
func WriteBody(w http.ResponseWriter, body []byte, timeout time.Duration) {
	if len(body) <= trustedBody {
		_, _ = w.Write(body)
		return
	}
	conn := http.NewResponseController(w)
	share := time.Duration(len(body)/defaultBodyRate) * time.Second
	// Writers without deadlines (tests, wrappers) are written without one.
	_ = conn.SetWriteDeadline(time.Now().Add(WriteTimeout(timeout) + share))
	if _, err := w.Write(body); err != nil {
		return
	}
	if err := conn.Flush(); err == nil {
		_ = conn.SetWriteDeadline(time.Time{}) // the connection may carry further requests
	}
}

// WriteTimeout is how long a caller may leave what is written unread: timeout, or 30 seconds if that is zero.
func WriteTimeout(timeout time.Duration) time.Duration {
	if timeout > 0 {
		return timeout
	}
	return 30 * time.Second
}
