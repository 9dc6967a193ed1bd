package stdio

import (
	"bytes"
	"errors"
	"io"
)

// errOverflow ends the copying of an output that nobody will read.
var errOverflow = errors.New("the output is larger than a result may be")

// boundedBuffer keeps the first limit bytes and calls full when there are more to come than a result may have.
type boundedBuffer struct {
	buf   bytes.Buffer // no embedding: ReadFrom would go round the limit
	limit int
	full  func()
}

// Write takes what fits; the byte that reaches the limit ends it.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	n := min(len(p), b.limit-b.buf.Len())
	b.buf.Write(p[:n])
	if b.overflown() {
		b.full()
		return n, errOverflow
	}
	return n, nil
}

// Bytes gives what was kept.
func (b *boundedBuffer) Bytes() []byte { return b.buf.Bytes() }

func (b *boundedBuffer) overflown() bool { return b.buf.Len() >= b.limit }

// lastLine passes everything on and remembers the last line that is not blank, cut to limit bytes.
type lastLine struct {
	next    io.Writer
	limit   int
	line    []byte // the last complete line
	partial []byte // the one being written
}

// Write passes p on and notes the lines in it.
func (l *lastLine) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		l.partial = append(l.partial, line[:min(len(line), l.limit-len(l.partial))]...)
		if ended {
			l.end()
		}
		rest = after
	}
	return l.next.Write(p)
}

func (l *lastLine) end() {
	if len(bytes.TrimSpace(l.partial)) > 0 {
		l.line = append(l.line[:0], l.partial...)
	}
	l.partial = l.partial[:0]
}

// String gives the line.
func (l *lastLine) String() string {
	l.end()
	return string(bytes.ToValidUTF8(bytes.TrimSpace(l.line), []byte("\uFFFD")))
}
