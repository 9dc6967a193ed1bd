package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A lean loop answers the requests that every invocation makes in half the time that net/http takes for them: one
// goroutine per connection, one read, one write, nothing started or stopped for a request. It takes only the plain form
// of these requests, as clients send it. The first request on a connection that is anything else takes the connection
// to net/http, whose handlers are the same. There are two: one for the Runtime API (leanruntime.go) and one for Invoke
// calls at the front door (leandoor.go). `make bench` shows what they buy.

// readAhead holds a request's head. What does not fit is not plain.
const readAhead = 8 << 10

// errNotLean says that a request is none of those that a lean loop answers.
var errNotLean = errors.New("not a request of the lean loop")

// leanConn is a connection in a lean loop.
type leanConn struct {
	net.Conn
	raw syscall.RawConn // nil if the connection has no descriptor
	in  *bufio.Reader
	out []byte // reused for each reply
}

func newLeanConn(c net.Conn) *leanConn {
	l := &leanConn{Conn: c, in: bufio.NewReaderSize(c, readAhead)}
	if s, ok := c.(syscall.Conn); ok {
		l.raw, _ = s.SyscallConn() // a closed connection shows at the next read
	}
	return l
}

// peekHead waits for a whole head and leaves it in the buffer. A line that ends without a carriage return is not plain.
func (l *leanConn) peekHead() ([]byte, error) {
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
		if bytes.Count(have, []byte("\n")) != bytes.Count(have, []byte("\r\n")) {
			return nil, errNotLean
		}
		want = len(have) + 1
	}
}

// eachHeader calls f for the header lines of a head, whose first line has been cut off. Lines that net/http might read
// differently, or refuse, are not plain.
func eachHeader(lines []byte, f func(name, value []byte) error) error {
	for len(lines) > 2 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !consistsOf(name, "-_") || !plainText(value) {
			return errNotLean
		}
		if err := f(name, bytes.Trim(value, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// consistsOf says that text is not empty and has nothing but ASCII letters, digits and the others.
func consistsOf(text []byte, others string) bool {
	for _, b := range text {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		if !letter && (b < '0' || b > '9') && strings.IndexByte(others, b) < 0 {
			return false
		}
	}
	return len(text) > 0
}

// plainText says that a header's value has no control characters.
func plainText(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// plainHost says that a Host header is a name or address, perhaps with a port.
func plainHost(value []byte) bool { return consistsOf(value, ".-_:[]") }

// fold compares ASCII text without regard to case.
func fold(b []byte, s string) bool { return len(b) == len(s) && bytes.EqualFold(b, []byte(s)) }

// asksForMore says that a header asks for something that only net/http does.
func asksForMore(name, value []byte) bool {
	return fold(name, "Connection") && !fold(value, "keep-alive") || fold(name, "Expect") || fold(name, "Upgrade")
}

// alive says whether the other side is still there: it has neither closed nor broken the connection.
func (l *leanConn) alive() bool { return l.in.Buffered() > 0 || l.peek() != peerGone }

// What a look into a connection's socket shows.
type peerState int

const (
	peerSilent peerState = iota // nothing to read
	peerSends                   // something to read
	peerGone                    // closed or broken
)

// peek looks into the socket without reading from it.
func (l *leanConn) peek() peerState {
	if l.raw == nil {
		return peerSilent
	}
	state := peerSilent
	err := l.raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case n > 0:
			state = peerSends
		case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
			state = peerGone
		}
	})
	if err != nil {
		return peerGone
	}
	return state
}

// begin starts a reply.
func (l *leanConn) begin(code int) {
	l.out = append(l.out[:0], "HTTP/1.1 "...)
	l.out = strconv.AppendInt(l.out, int64(code), 10)
	l.out = append(append(append(l.out, ' '), http.StatusText(code)...), "\r\n"...)
}

// line adds a header.
func (l *leanConn) line(name, value string) {
	l.out = append(append(append(append(l.out, name...), ": "...), value...), "\r\n"...)
}

// maxJoined is the payload up to which head and payload are copied together to go out in one write.
const maxJoined = 32 << 10

// send ends the head and writes it with the payload.
func (l *leanConn) send(payload []byte) error {
	l.out = append(l.out, "Content-Length: "...)
	l.out = strconv.AppendInt(l.out, int64(len(payload)), 10)
	l.out = append(l.out, "\r\n\r\n"...)
	if len(payload) <= maxJoined {
		l.out = append(l.out, payload...)
		_, err := l.Write(l.out)
		return err
	}
	_, err := (&net.Buffers{l.out, payload}).WriteTo(l.Conn)
	return err
}

// handover is a listener whose connections are those that a lean loop passes on, with what was read from them.
type handover struct {
	addr  net.Addr
	conns chan net.Conn
	done  <-chan struct{}
}

func newHandover(ctx context.Context, addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), done: ctx.Done()}
}

// Accept gives the next connection that was passed on.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close does nothing: the context ends it.
func (h *handover) Close() error { return nil }

// Addr is the address of the listener behind it.
func (h *handover) Addr() net.Addr { return h.addr }

// take passes a connection on and reports whether it was taken; the lean loop must not touch it any more if it was.
// closed is called when the connection is closed; it may be nil.
func (h *handover) take(l *leanConn, closed func()) bool {
	select {
	case h.conns <- &replayConn{Conn: l.Conn, read: l.in, closed: closed}:
		return true
	case <-h.done:
		return false
	}
}

// replayConn gives what was read ahead before the rest.
type replayConn struct {
	net.Conn
	read   io.Reader
	closed func()
}

// Read reads what is left of what was read ahead, then from the connection.
func (c *replayConn) Read(p []byte) (int, error) { return c.read.Read(p) }

// Close closes the connection and tells who passed it on.
func (c *replayConn) Close() error {
	if c.closed != nil {
		c.closed()
	}
	return c.Conn.Close()
}

// acceptPause is how long to wait after a failure to accept: most likely there are no descriptors left, and some will
// be freed.
const acceptPause = 10 * time.Millisecond

// accept takes connections until ln is closed, whatever else may fail in between, or until ctx ends. take reports
// whether there may be more.
func accept(ctx context.Context, ln net.Listener, take func(net.Conn) bool) error {
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			time.Sleep(acceptPause)
		case !take(conn):
			return nil
		}
	}
}
