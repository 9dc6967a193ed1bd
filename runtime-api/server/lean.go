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
	"syscall"
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

// peekHead waits for a whole head and leaves it in the buffer.
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
		want = len(have) + 1
	}
}

// eachHeader calls f for the header lines of a head, whose first line has been cut off.
func eachHeader(lines []byte, f func(name, value []byte) error) error {
	for len(lines) > 2 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return errNotLean
		}
		if err := f(name, bytes.Trim(value, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// fold compares ASCII text without regard to case.
func fold(b []byte, s string) bool { return len(b) == len(s) && bytes.EqualFold(b, []byte(s)) }

// asksForMore says that a header asks for something that only net/http does.
func asksForMore(name, value []byte) bool {
	return fold(name, "Connection") && !fold(value, "keep-alive") || fold(name, "Expect") || fold(name, "Upgrade")
}

// alive says whether the other side is still there: it has neither closed nor broken the connection.
func (l *leanConn) alive() bool { return l.in.Buffered() > 0 || l.open() }

// open looks into the socket without reading from it.
func (l *leanConn) open() bool {
	if l.raw == nil {
		return true
	}
	open := true
	err := l.raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = n > 0 || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
	})
	return err == nil && open
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
func (h *handover) take(l *leanConn) bool {
	select {
	case h.conns <- &replayConn{Conn: l.Conn, read: l.in}:
		return true
	case <-h.done:
		return false
	}
}

// replayConn gives what was read ahead before the rest.
type replayConn struct {
	net.Conn
	read io.Reader
}

// Read reads what is left of what was read ahead, then from the connection.
func (c *replayConn) Read(p []byte) (int, error) { return c.read.Read(p) }
