package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// LeanDoor is a listener for an http.Server that answers plain Invoke calls itself, with the server's own handler, and
// gives the server every connection on which something else is asked. See lean.go for the reason.
//
//	door := NewLeanDoor(ln, handler)
//	srv := &http.Server{Handler: handler}
//	srv.Serve(door)                     // until srv.Shutdown
//	door.Wait(ctx)                      // until the calls that it answers itself have their answers
type LeanDoor struct {
	net.Listener
	handler http.Handler
	limits  leanLimits
	rest    *handover
	close   context.CancelFunc
	closed  context.Context
	owned   sync.WaitGroup // who accepts, and connections in the lean loop

	mu    sync.Mutex
	conns map[*leanCaller]struct{}
	date  atomic.Pointer[string] // of now, as HTTP writes it
}

// leanLimits are the limits of the lean loop; those of requests are the handler's.
type leanLimits struct {
	head   time.Duration // from a request's first byte to the end of its head
	idle   time.Duration // between requests
	patrol time.Duration // how often connections are looked at
	linger time.Duration // how long a caller may go on sending after its reply
}

func usualLimits() leanLimits {
	return leanLimits{head: 10 * time.Second, idle: 3 * time.Minute, patrol: 200 * time.Millisecond, linger: 500 * time.Millisecond}
}

// The path of a plain Invoke call is these two with a function's name or ARN in between.
const (
	pathFunctions   = "/2015-03-31/functions/"
	pathInvocations = "/invocations"
)

// NewLeanDoor makes a door of a listener. The http.Server that serves it closes it.
func NewLeanDoor(ln net.Listener, handler http.Handler) *LeanDoor {
	return newLeanDoor(ln, handler, usualLimits())
}

func newLeanDoor(ln net.Listener, handler http.Handler, limits leanLimits) *LeanDoor {
	closed, cancel := context.WithCancel(context.Background()) // ended by Close
	d := &LeanDoor{Listener: ln, handler: handler, limits: limits, rest: newHandover(closed, ln.Addr()), closed: closed,
		close: cancel, conns: make(map[*leanCaller]struct{})}
	d.tellTime(time.Now())
	d.owned.Go(func() {
		defer cancel() // a listener that somebody else closed is closed for all
		_ = accept(closed, ln, d.take)
	})
	go d.patrol() // ends when the door is closed and all connections have gone
	return d
}

// Accept gives the server the next connection that is not plain.
func (d *LeanDoor) Accept() (net.Conn, error) { return d.rest.Accept() }

// Close stops accepting, and closes connections on which nothing is under way. It may be called again.
func (d *LeanDoor) Close() error {
	d.close()
	if err := d.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Wait returns when all calls that the door answers itself have their answers, or with ctx's error, after which it
// cuts them off.
func (d *LeanDoor) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { d.owned.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	d.each(func(c *leanCaller) { _ = c.Conn.Close() })
	return context.Cause(ctx)
}

// take answers a connection unless the door has been closed in the meantime.
func (d *LeanDoor) take(conn net.Conn) bool {
	c := &leanCaller{leanConn: newLeanConn(conn), door: d, from: conn.RemoteAddr().String(), header: make(http.Header, 16)}
	c.since.Store(time.Now().UnixNano())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed.Err() != nil {
		_ = conn.Close()
		return false
	}
	d.conns[c] = struct{}{}
	d.owned.Go(c.serve)
	return true
}

func (d *LeanDoor) each(f func(*leanCaller)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		f(c)
	}
}

// patrol looks at all connections now and then: it notices callers that have hung up, closes connections on which
// nothing happens, and keeps the date. One round for all costs less than a timer or a pending read for each.
func (d *LeanDoor) patrol() {
	tick := time.NewTicker(d.limits.patrol)
	defer tick.Stop()
	over := d.closed.Done()
	for {
		select {
		case now := <-tick.C:
			d.tellTime(now)
			d.each(func(c *leanCaller) { c.look(now, d.closed.Err() != nil) })
		case <-over:
			over = nil
			d.each(func(c *leanCaller) { c.look(time.Now(), true) })
		}
		if over == nil && d.empty() {
			return
		}
	}
}

func (d *LeanDoor) empty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns) == 0
}

func (d *LeanDoor) tellTime(now time.Time) {
	date := now.UTC().Format(http.TimeFormat)
	d.date.Store(&date)
}

// leanStage is what a connection is at.
type leanStage = int32

// Whoever moves a connection on from a stage does so by compare and swap, so that none is closed whose request is begun.
const (
	stageIdle leanStage = iota // between requests
	stageHead                  // a part of a head has been read
	stageBusy                  // the handler runs
	stageGone                  // it is closed, and begins nothing more
)

// leanCaller is one connection of a caller.
type leanCaller struct {
	*leanConn
	from   string      // the caller's address
	header http.Header // of the request under way; reused
	door   *LeanDoor
	stage  atomic.Int32
	since  atomic.Int64                       // UnixNano: when the stage began
	cancel atomic.Pointer[context.CancelFunc] // of the request under way
}

// look ends what takes too long and tells the request under way if its caller has gone.
func (c *leanCaller) look(now time.Time, closing bool) {
	stage := c.stage.Load() // before since, which is stored first
	age := now.Sub(time.Unix(0, c.since.Load()))
	over := false
	switch stage {
	case stageBusy:
		if cancel := c.cancel.Load(); cancel != nil && c.peek() == peerGone {
			(*cancel)()
		}
	case stageHead:
		over = age > c.door.limits.head
	case stageIdle:
		over = age > c.door.limits.idle || closing && c.peek() != peerSends
	}
	if over && c.stage.CompareAndSwap(stage, stageGone) {
		_ = c.Conn.Close() // the loop's read fails
	}
}

func (c *leanCaller) serve() {
	defer func() {
		c.door.mu.Lock()
		delete(c.door.conns, c)
		c.door.mu.Unlock()
	}()
	for {
		err := c.one()
		if err == nil {
			continue
		}
		if errors.Is(err, errNotLean) && c.door.rest.take(c.leanConn, nil) {
			return
		}
		_ = c.Conn.Close()
		return
	}
}

// one answers one request. Any error ends the loop; errNotLean leaves the request unread.
func (c *leanCaller) one() error {
	if _, err := c.in.Peek(1); err != nil {
		return err
	}
	c.since.Store(time.Now().UnixNano())
	if !c.stage.CompareAndSwap(stageIdle, stageHead) {
		return net.ErrClosed
	}
	head, err := c.peekHead()
	if err != nil {
		return err
	}
	r, err := c.parse(head)
	if err != nil {
		return err
	}
	if _, err := c.in.Discard(len(head)); err != nil {
		return err
	}
	return c.answer(r)
}

// answer runs the handler. The request's context knows when its caller has gone.
func (c *leanCaller) answer(r *http.Request) error {
	ctx, cancel := context.WithCancel(context.Background()) // a caller's hanging up ends it
	defer cancel()
	c.cancel.Store(&cancel)
	if !c.stage.CompareAndSwap(stageHead, stageBusy) {
		return net.ErrClosed
	}
	body := &io.LimitedReader{R: c.in, N: r.ContentLength}
	w := &leanWriter{caller: c, header: make(http.Header, 8), rest: body, whole: int64(c.in.Buffered()) >= r.ContentLength}
	r.Body = io.NopCloser(body)
	err := c.handle(w, r.WithContext(callerContext{ctx, c, cancel}))
	if err == nil {
		err = w.finish()
	}
	if body.N > 0 && errors.Is(err, errCloses) {
		c.linger(body)
	}
	c.cancel.Store(nil)
	c.since.Store(time.Now().UnixNano())
	c.stage.Store(stageIdle)
	return err
}

// maxLinger is how much of a body is still read after the reply.
const maxLinger = 64 << 20

// linger takes in what a caller still sends after its reply: a connection closed in the midst of it would be reset, and
// the reply lost with it.
func (c *leanCaller) linger(body io.Reader) {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.door.limits.linger)) // a broken connection shows at the next read
	_, _ = io.CopyN(io.Discard, body, maxLinger)                     // whatever ends it, the connection is closed
}

// errPanic ends a connection whose handler panicked, as net/http does.
var errPanic = errors.New("the handler panicked")

func (c *leanCaller) handle(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	c.door.handler.ServeHTTP(w, r)
	return nil
}

// callerContext is a request's context that asks the connection itself when it is asked whether it has ended, so that
// no work begins for a caller that hung up since the last round of the patrol.
type callerContext struct {
	context.Context
	caller *leanCaller
	cancel context.CancelFunc
}

// Err says whether the caller has gone.
func (c callerContext) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !c.caller.alive() {
		c.cancel()
	}
	return c.Context.Err()
}

// parse makes a request of a plain head; anything that is not plain is errNotLean.
func (c *leanCaller) parse(head []byte) (*http.Request, error) {
	line, lines, _ := bytes.Cut(head, []byte("\r\n"))
	target, ok := bytes.CutPrefix(line, []byte("POST "))
	if ok {
		target, ok = bytes.CutSuffix(target, []byte(" HTTP/1.1"))
	}
	if !ok || !plainTarget(target) {
		return nil, errNotLean
	}
	path := string(target)
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}, RequestURI: path, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, ContentLength: -1, RemoteAddr: c.from, Header: c.header}
	clear(c.header)
	if err := eachHeader(lines, func(name, value []byte) error { return takeHeader(r, name, value) }); err != nil {
		return nil, err
	}
	if r.ContentLength < 0 || r.Host == "" {
		return nil, errNotLean
	}
	return r, nil
}

// plainTarget says that a request's target is the path of an Invoke call that has one spelling only.
func plainTarget(target []byte) bool {
	name, ok := bytes.CutPrefix(target, []byte(pathFunctions))
	if ok {
		name, ok = bytes.CutSuffix(name, []byte(pathInvocations))
	}
	return ok && consistsOf(name, "-_:$")
}

// takeHeader adds a header to a request as net/http would, and refuses what needs a closer look.
func takeHeader(r *http.Request, name, value []byte) error {
	if asksForMore(name, value) || fold(name, "Transfer-Encoding") {
		return errNotLean
	}
	switch {
	case fold(name, "Host"):
		if r.Host != "" || !plainHost(value) {
			return errNotLean
		}
		r.Host = string(value)
	case fold(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || r.ContentLength >= 0 {
			return errNotLean
		}
		r.ContentLength = int64(n)
	case fold(name, "X-Amz-Invocation-Type") && string(value) != "RequestResponse":
		return errNotLean
	default:
		key := textproto.CanonicalMIMEHeaderKey(string(name))
		r.Header[key] = append(r.Header[key], string(value))
	}
	return nil
}

// leanWriter writes one reply, of which the handler says the length or which it ends soon.
type leanWriter struct {
	caller *leanCaller
	header http.Header
	code   int
	body   []byte            // what was written and not sent
	rest   *io.LimitedReader // of the request's body
	whole  bool              // the request's body is in the buffer: no deadline is needed to read it
	sent   bool
	closes bool // the connection ends with this reply
	err    error
}

// Header gives the reply's headers.
func (w *leanWriter) Header() http.Header { return w.header }

// WriteHeader sets the reply's status; the first one counts.
func (w *leanWriter) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
}

// Write sends a body that is complete with p, and keeps one that is not.
func (w *leanWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.sent {
		return 0, http.ErrContentLength
	}
	if declared := w.header["Content-Length"]; len(w.body) == 0 && len(declared) == 1 && declared[0] == strconv.Itoa(len(p)) {
		w.send(p)
		return len(p), w.err
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// SetReadDeadline bounds the reading of the body.
func (w *leanWriter) SetReadDeadline(t time.Time) error {
	if w.whole {
		return nil
	}
	return w.caller.Conn.SetReadDeadline(t)
}

// SetWriteDeadline bounds the writing of the reply.
func (w *leanWriter) SetWriteDeadline(t time.Time) error { return w.caller.Conn.SetWriteDeadline(t) }

// Flush does nothing more than Write has done.
func (w *leanWriter) Flush() {}

// send writes the reply. No request can follow it on a connection whose body has not been read or whose door is closed.
func (w *leanWriter) send(body []byte) {
	c := w.caller
	if w.whole {
		_, _ = io.Copy(io.Discard, w.rest) // from the buffer
	}
	if w.rest.N > 0 || c.door.closed.Err() != nil {
		w.header["Connection"] = []string{"close"}
	}
	w.closes = w.header.Get("Connection") == "close"
	c.begin(w.code)
	c.line("Date", *c.door.date.Load())
	for name, values := range w.header {
		if name == "Content-Length" {
			continue
		}
		for _, v := range values {
			c.line(name, oneLine(v))
		}
	}
	w.sent = true
	w.err = c.send(body)
}

// errCloses says that the connection ends with this reply.
var errCloses = errors.New("the connection ends with this reply")

// finish sends what has not been sent.
func (w *leanWriter) finish() error {
	w.WriteHeader(http.StatusOK)
	if !w.sent {
		w.send(w.body)
	}
	if w.err == nil && w.closes {
		return errCloses
	}
	return w.err
}
