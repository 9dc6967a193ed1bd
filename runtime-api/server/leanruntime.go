package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"runtime"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// serveConn answers GET next and POST response on one connection until it ends or is passed on, which it reports.
// closed is called when a connection that was passed on is closed.
func (a *API) serveConn(ctx context.Context, conn *leanConn, rest *handover, closed func()) (passed bool) {
	l := &leanRuntime{leanConn: conn, api: a}
	for {
		err := l.one(ctx)
		switch {
		case err == nil:
			continue
		case errors.Is(err, errNotLean) && rest.take(conn, closed):
			return true
		}
		_ = conn.Close()
		return false
	}
}

// leanRuntime is one connection of a runtime.
type leanRuntime struct {
	*leanConn
	api *API
}

// one answers one request. Any error ends the loop; errNotLean leaves the request unread.
func (l *leanRuntime) one(ctx context.Context) error {
	head, err := l.peekHead()
	if err != nil {
		return err
	}
	req, err := parseRuntimeHead(head)
	if err != nil {
		return err
	}
	if _, err := l.in.Discard(len(head)); err != nil {
		return err
	}
	if req.id == "" {
		return l.next(ctx)
	}
	return l.response(req)
}

// runtimeRequest is a request that the loop answers.
type runtimeRequest struct {
	id          string // of the invocation that is answered; empty for next
	contentType string
	typed       bool // contentType was given
	mode        *string
	host        bool  // Host was given
	size        int64 // sizeChunked, or sizeUnknown while no header has said it
}

const (
	sizeChunked = -1
	sizeUnknown = -2
)

// parseRuntimeHead reads the head of a plain request; anything that is not plain is errNotLean.
func parseRuntimeHead(head []byte) (runtimeRequest, error) {
	line, lines, _ := bytes.Cut(head, []byte("\r\n"))
	req := runtimeRequest{size: sizeUnknown}
	if !bytes.Equal(line, []byte("GET "+pathNext+" HTTP/1.1")) {
		id, ok := bytes.CutPrefix(line, []byte("POST "+pathInvocation))
		if ok {
			id, ok = bytes.CutSuffix(id, []byte("/response HTTP/1.1"))
		}
		if !ok || !consistsOf(id, "-_") {
			return req, errNotLean
		}
		req.id = string(id)
	}
	if err := eachHeader(lines, req.header); err != nil {
		return req, err
	}
	hasBody := req.size != sizeUnknown && req.size != 0
	if !req.host || req.id == "" && hasBody || req.id != "" && req.size == sizeUnknown {
		return req, errNotLean
	}
	return req, nil
}

// header takes the headers that matter here and refuses those that ask for more than the loop does.
func (r *runtimeRequest) header(name, value []byte) error {
	if asksForMore(name, value) {
		return errNotLean
	}
	switch {
	case fold(name, "Content-Length"):
		return r.sized(value)
	case fold(name, "Transfer-Encoding"):
		if !fold(value, "chunked") || r.size != sizeUnknown {
			return errNotLean
		}
		r.size = sizeChunked
	case fold(name, "Content-Type"):
		if r.typed {
			return errNotLean
		}
		r.contentType, r.typed = string(value), true
	case fold(name, headerResponseMode):
		if r.mode != nil {
			return errNotLean
		}
		mode := string(value)
		r.mode = &mode
	case fold(name, "Host"):
		if r.host || !plainHost(value) {
			return errNotLean
		}
		r.host = true
	case fold(name, "Trailer"):
		return plainTrailers(value)
	}
	return nil
}

// sized takes the declared length of the body.
func (r *runtimeRequest) sized(value []byte) error {
	n, err := strconv.ParseUint(string(value), 10, 62)
	if err != nil || r.size != sizeUnknown {
		return errNotLean
	}
	r.size = int64(n)
	return nil
}

// plainTrailers takes an announcement of trailers if all are those with which a runtime reports an error.
func plainTrailers(value []byte) error {
	const prefix = "Lambda-Runtime-Function-Error-"
	for name := range bytes.SplitSeq(value, []byte(",")) {
		name = bytes.TrimSpace(name)
		if len(name) < len(prefix) || !fold(name[:len(prefix)], prefix) || !consistsOf(name, "-") {
			return errNotLean
		}
	}
	return nil
}

// next answers GET next.
func (l *leanRuntime) next(ctx context.Context) error {
	t, err := l.api.Session.Next(ctx, l.alive)
	if err != nil {
		return l.refuse(err)
	}
	l.begin(http.StatusOK)
	for _, h := range l.api.nextHeaders(t) {
		l.line(h.name, h.value)
	}
	if err := l.send(eventOf(t)); err != nil {
		l.api.Session.Undelivered(t)
		return err
	}
	return nil
}

// response answers POST response.
func (l *leanRuntime) response(req runtimeRequest) error {
	body := newLeanBody(l.in, req.size)
	err := l.api.Session.Respond(req.id, invoke.Answer{
		ContentType: req.contentType,
		Mode:        req.mode,
		Body:        body,
		Size:        req.size,
		Trailer:     body.trailer,
	})
	drainErr := body.drain()
	if err != nil {
		return errors.Join(l.refuse(err), drainErr) // what is left of a body must not be taken for the next request
	}
	if drainErr != nil {
		return drainErr
	}
	// The caller's goroutine has the answer now and runs when this one waits. It goes first: more depends on it, and the
	// reply below wakes the runtime, which then competes for processors with everybody on the caller's way.
	runtime.Gosched()
	l.begin(http.StatusAccepted)
	l.line("Content-Type", "application/json")
	return l.send([]byte(statusOK))
}

// refuse writes what the session refused. A session that has ended just cuts the connection.
func (l *leanRuntime) refuse(err error) error {
	refusal := new(invoke.Error)
	if !errors.As(err, &refusal) {
		return err
	}
	held := &heldReply{header: make(http.Header)}
	refuse(held, refusal)
	l.begin(held.code)
	l.line("Content-Type", held.header.Get("Content-Type"))
	return l.send(held.body.Bytes())
}

// heldReply keeps a small reply so that it can be written in the lean form.
type heldReply struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header gives the reply's headers.
func (r *heldReply) Header() http.Header { return r.header }

// WriteHeader notes the status.
func (r *heldReply) WriteHeader(code int) { r.code = code }

// Write keeps a part of the body.
func (r *heldReply) Write(p []byte) (int, error) { return r.body.Write(p) }

// leanBody reads a request body and, if it is chunked, its trailers.
type leanBody struct {
	in       *bufio.Reader
	fixed    io.LimitedReader // of a body whose size is declared
	chunks   io.Reader        // of a body that is chunked
	err      error            // what ended it: io.EOF, or the fault for which nothing more is read
	trailers map[string]string
}

func newLeanBody(in *bufio.Reader, size int64) *leanBody {
	if size == sizeChunked {
		// Clients send head, chunk and end one by one. Whoever else can run does so first: the rest is then often there,
		// and one read takes what would have taken three, with a wait each.
		if in.Buffered() == 0 {
			runtime.Gosched()
		}
		return &leanBody{in: in, chunks: httputil.NewChunkedReader(in)}
	}
	return &leanBody{in: in, fixed: io.LimitedReader{R: in, N: size}}
}

// Read passes on the body. The end of a chunked one is where its trailers have been read too.
func (b *leanBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	b.err = err
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

// drainLimit is how much of a refused body is read so that the client can see the refusal.
const drainLimit = 64 << 20

var errNotDrained = errors.New("request body too large to drain")

// drain makes sure that the next byte on the connection is the next request's.
func (b *leanBody) drain() error {
	_, err := io.CopyN(io.Discard, b, drainLimit)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return errors.Join(err, errNotDrained)
}

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
