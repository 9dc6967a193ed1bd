package telemetry

import "github.com/lambkin-dev/lambkin/internal/lambda"

// tail keeps the last bytes written to it, as many as a caller may see.
type tail struct {
	buf  []byte
	next int // where the next byte goes, once buf is full
}

func newTail() *tail { return &tail{buf: make([]byte, 0, lambda.MaxLogTail)} }

// write keeps the end of p and as much as fits of what was before.
func (t *tail) write(p []byte) {
	if over := len(p) - cap(t.buf); over > 0 {
		p = p[over:]
	}
	if room := cap(t.buf) - len(t.buf); room > 0 {
		n := min(room, len(p))
		t.buf = append(t.buf, p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(t.buf[t.next:], p)
		t.next = (t.next + n) % len(t.buf)
		p = p[n:]
	}
}

// bytes gives what was kept, oldest first.
func (t *tail) bytes() []byte {
	return append(append(make([]byte, 0, len(t.buf)), t.buf[t.next:]...), t.buf[:t.next]...)
}
