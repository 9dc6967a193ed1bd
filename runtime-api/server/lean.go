package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"syscall"

	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// The lean loop answers the two calls that every invocation makes, GET next and POST response, in a third of the time
// that net/http takes for them: one goroutine per connection, one read, one write, no context and no header map. It
// takes only the plain form of both, as runtime clients send it; the first request that is anything else takes its
// connection to net/http, which answers the same calls and all others through the same methods of invoke.Session.
// bench/ measures what this buys.

// readAhead holds a request's head. What does not fit is not plain.
const readAhead = 8 << 10

// serveConn answers conn until it ends or is passed on.
func (a *API) serveConn(ctx context.Context, conn net.Conn, rest *handover) {
	l := &lean{api: a, conn: conn, in: bufio.NewReaderSize(conn, readAhead)}
	for {
		err := l.one(ctx)
		switch {
		case err == nil:
			continue
		case errors.Is(err, errNotLean) && rest.take(conn, l.in):
			return
		}
		_ = conn.Close()
		return
	}
}

// lean is one connection of the lean loop.
type lean struct {
	api  *API
	conn net.Conn
	in   *bufio.Reader
	out  []byte // reused for each reply's head
}

// one answers one request. Any error ends the loop; errNotLean leaves the request unread.
func (l *lean) one(ctx context.Context) error {
	head, err := l.peekHead()
	if err != nil {
		return err
	}
	req, err := parseHead(head)
	if err != nil {
		return err
	}
	if _, err := l.in.Discard(len(head)); err != nil {
		return err
	}
	if req.id == nil {
		return l.next(ctx)
	}
	return l.response(req)
}

// peekHead waits for a whole head and leaves it in the buffer.
func (l *lean) peekHead() ([]byte, error) {
	want := 1
	for {
		if _, err := l.in.Peek(want); err != nil {
			if errors.Is(err, bufio.ErrBufferFull) {
				return nil, errNotLean
			}
			return nil, err
		}
		have, err := l.in.Peek(l.in.Buffered())
		if err != nil {
			return nil, err
		}
		if end := bytes.Index(have, []byte("\r\n\r\n")); end >= 0 {
			return have[:end+4], nil
		}
		want = len(have) + 1
	}
}

// leanRequest is a request that the lean loop answers. It points into the read buffer.
type leanRequest struct {
	id          []byte // of the invocation that is answered; nil for next
	contentType string
	mode        *string
	size        int64 // -1 if chunked
}

// parseHead reads the head of a plain request; anything that is not plain is errNotLean.
func parseHead(head []byte) (leanRequest, error) {
	line, lines, _ := bytes.Cut(head, []byte("\r\n"))
	req := leanRequest{}
	switch {
	case bytes.Equal(line, []byte("GET "+pathNext+" HTTP/1.1")):
	case bytes.HasPrefix(line, []byte("POST "+pathInvocation)) && bytes.HasSuffix(line, []byte("/response HTTP/1.1")):
		req.id = line[len("POST "+pathInvocation) : len(line)-len("/response HTTP/1.1")]
		req.size = -2
	default:
		return req, errNotLean
	}
	if !plainID(req.id) {
		return req, errNotLean
	}
	for len(lines) > 2 {
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return req, errNotLean
		}
		if err := req.header(name, bytes.Trim(value, " \t")); err != nil {
			return req, err
		}
	}
	if req.size == -2 {
		return req, errNotLean
	}
	return req, nil
}

// plainID says that an id can be used as it stands in the path: no escapes, no further segments.
func plainID(id []byte) bool { return !bytes.ContainsAny(id, "%/?# ") }

// header takes the headers that matter here and refuses those that ask for more than the lean loop does.
func (r *leanRequest) header(name, value []byte) error {
	switch {
	case fold(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || r.id == nil && n != 0 || r.size == -1 || r.size >= 0 && r.id != nil {
			return errNotLean
		}
		r.size = int64(n)
	case fold(name, "Transfer-Encoding"):
		if !fold(value, "chunked") || r.size != -2 {
			return errNotLean
		}
		r.size = -1
	case fold(name, "Content-Type"):
		r.contentType = string(value)
	case fold(name, headerResponseMode):
		mode := string(value)
		r.mode = &mode
	case fold(name, "Connection") && !fold(value, "keep-alive"), fold(name, "Expect"), fold(name, "Upgrade"):
		return errNotLean
	}
	return nil
}

// fold compares ASCII text without regard to case.
func fold(b []byte, s string) bool { return len(b) == len(s) && bytes.EqualFold(b, []byte(s)) }

// next answers GET next.
func (l *lean) next(ctx context.Context) error {
	t, err := l.api.Session.Next(ctx, l.alive)
	if err != nil {
		return l.refuse(err)
	}
	payload := eventOf(t)
	l.out = append(l.out[:0], "HTTP/1.1 200 OK\r\n"...)
	for _, h := range l.api.nextHeaders(t) {
		l.line(h.name, h.value)
	}
	if err := l.send(payload); err != nil {
		l.api.Session.Undelivered(t)
		return err
	}
	return nil
}

// alive says whether the client is still there: it has neither closed nor broken the connection.
func (l *lean) alive() bool {
	if l.in.Buffered() > 0 {
		return true
	}
	sys, ok := l.conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return false
	}
	open := true
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = n > 0 || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
	})
	return err == nil && open
}

// response answers POST response.
func (l *lean) response(req leanRequest) error {
	body := &leanBody{in: l.in}
	body.open(req.size)
	err := l.api.Session.Respond(string(req.id), invoke.Answer{
		ContentType: req.contentType,
		Mode:        req.mode,
		Body:        body,
		Size:        req.size,
		Trailer:     body.trailer,
	})
	if drainErr := body.drain(); drainErr != nil && err == nil {
		return drainErr
	}
	if err != nil {
		return l.refuse(err)
	}
	l.out = append(l.out[:0], "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"...)
	return l.send([]byte(statusOK))
}

// refuse writes what the session refused. A session that has ended just cuts the connection.
func (l *lean) refuse(err error) error {
	refusal := new(invoke.Error)
	if !errors.As(err, &refusal) {
		return err
	}
	rec := &replyRecorder{header: make(http.Header)}
	refuse(rec, refusal)
	l.out = append(l.out[:0], "HTTP/1.1 "...)
	l.out = strconv.AppendInt(l.out, int64(rec.code), 10)
	l.out = append(append(append(l.out, ' '), http.StatusText(rec.code)...), "\r\n"...)
	l.line("Content-Type", rec.header.Get("Content-Type"))
	return l.send(rec.body.Bytes())
}

func (l *lean) line(name, value string) {
	l.out = append(l.out, name...)
	l.out = append(l.out, ": "...)
	l.out = append(l.out, value...)
	l.out = append(l.out, "\r\n"...)
}

// maxJoined is the payload up to which head and payload are copied together to go out in one write.
const maxJoined = 32 << 10

// send ends the head and writes it with the payload.
func (l *lean) send(payload []byte) error {
	l.out = append(l.out, "Content-Length: "...)
	l.out = strconv.AppendInt(l.out, int64(len(payload)), 10)
	l.out = append(l.out, "\r\n\r\n"...)
	if len(payload) <= maxJoined {
		l.out = append(l.out, payload...)
		_, err := l.conn.Write(l.out)
		return err
	}
	_, err := (&net.Buffers{l.out, payload}).WriteTo(l.conn)
	return err
}

// replyRecorder keeps a small reply so that it can be written in the lean form.
type replyRecorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *replyRecorder) Header() http.Header         { return r.header }
func (r *replyRecorder) WriteHeader(code int)        { r.code = code }
func (r *replyRecorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// leanBody reads a request body and, if it is chunked, its trailers.
type leanBody struct {
	in       *bufio.Reader
	fixed    io.LimitedReader // of a body whose size is declared
	chunks   io.Reader        // of a body that is chunked
	atEnd    bool
	trailers map[string]string
}

func (b *leanBody) open(size int64) {
	if size < 0 {
		b.chunks = httputil.NewChunkedReader(b.in)
		return
	}
	b.fixed = io.LimitedReader{R: b.in, N: size}
}

// Read passes on the body. The end of a chunked one is where its trailers have been read too.
func (b *leanBody) Read(p []byte) (int, error) {
	if b.atEnd {
		return 0, io.EOF
	}
	n, err := b.read(p)
	b.atEnd = errors.Is(err, io.EOF)
	return n, err
}

func (b *leanBody) read(p []byte) (int, error) {
	if b.chunks == nil {
		n, err := b.fixed.Read(p)
		if errors.Is(err, io.EOF) && b.fixed.N > 0 {
			return n, io.ErrUnexpectedEOF
		}
		return n, err
	}
	n, err := b.chunks.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if b.trailers, err = readTrailers(b.in); err != nil {
		return n, io.ErrUnexpectedEOF
	}
	return n, io.EOF
}

func (b *leanBody) trailer(name string) string { return b.trailers[strings.ToLower(name)] }

// maxTrailers bounds what a runtime may send behind a body; the largest is the error document in base64.
const maxTrailers = 2 << 20

var errTrailers = errors.New("malformed or oversized trailers")

// readTrailers reads lines up to and with the empty one. Names are given in lower case.
func readTrailers(in *bufio.Reader) (map[string]string, error) {
	var trailers map[string]string
	for room := maxTrailers; room > 0; {
		line, err := readLine(in, room)
		if err != nil {
			return nil, err
		}
		room -= len(line) + 2
		if line == "" {
			return trailers, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, errTrailers
		}
		if trailers == nil {
			trailers = make(map[string]string)
		}
		trailers[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	return nil, errTrailers
}

// readLine reads one line of at most limit bytes, without its end.
func readLine(in *bufio.Reader, limit int) (string, error) {
	var line []byte
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			return "", err
		}
		if len(line)+len(part) > limit {
			return "", errTrailers
		}
		line = append(line, part...)
		if !more {
			return string(line), nil
		}
	}
}

// drain makes sure that the next byte on the connection is the next request's.
func (b *leanBody) drain() error {
	if b.atEnd {
		return nil
	}
	_, err := io.CopyN(io.Discard, b, drainLimit)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return errors.Join(err, errNotDrained)
}

// drainLimit is how much of a refused body is read so that the client can see the refusal.
const drainLimit = 64 << 20

var errNotDrained = errors.New("request body too large to drain")
