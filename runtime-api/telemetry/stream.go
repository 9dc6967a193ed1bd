package telemetry

import (
	"bytes"
	"io"
	"slices"
)

// MaxLine is the longest line, in bytes; a longer one is split.
const MaxLine = 256 << 10

// Stream is one output of a process, cut into lines. It is an io.Writer; as an io.ReaderFrom it is better.
//
// A line is logged when its newline has come, when it reaches [MaxLine], and, with the function's streams, when its
// invocation ends.
type Stream struct {
	logger        *Logger
	fromExtension bool
	partial       []byte      // the begin of a line
	followers     []*follower // pipes that lead here
}

// Function gives a Stream for stdout or stderr of the runtime, or for both.
func (l *Logger) Function() *Stream { return l.stream(false) }

// Extension gives a Stream for stdout or stderr of an external extension.
func (l *Logger) Extension() *Stream { return l.stream(true) }

func (l *Logger) stream(fromExtension bool) *Stream {
	s := &Stream{logger: l, fromExtension: fromExtension}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = append(l.streams, s)
	return s
}

// Write takes output. It never fails.
func (s *Stream) Write(p []byte) (int, error) {
	s.logger.mu.Lock()
	defer s.logger.mu.Unlock()
	s.feed(p)
	return len(p), nil
}

// Close logs what is left without a newline. Writes after it are still logged, line by line.
func (s *Stream) Close() error {
	l := s.logger
	l.mu.Lock()
	defer l.mu.Unlock()
	s.end()
	l.streams = slices.DeleteFunc(l.streams, func(other *Stream) bool { return other == s })
	return nil
}

// feed cuts p into lines and logs them.
func (s *Stream) feed(p []byte) {
	l := s.logger
	if len(s.partial) == 0 && len(p) <= MaxLine && l.plain(s.fromExtension) {
		if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 {
			_, _ = l.cfg.Out.Write(p[:end])
			p = p[end:]
		}
	}
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if room := MaxLine - len(s.partial); len(line) > room {
			line, rest, whole = p[:room], p[room:], true
		}
		s.partial = append(s.partial, line...)
		p = rest
		if whole {
			s.emit()
		}
	}
	l.flush("")
}

// emit logs the gathered line.
func (s *Stream) emit() {
	l := s.logger
	l.line(s.partial, s.fromExtension, 0)
	if len(l.buf) > MaxLine {
		l.flush("")
	}
	s.partial = s.partial[:0]
	if cap(s.partial) > keepBuffer {
		s.partial = nil
	}
}

// keepBuffer is how large a buffer may be kept for the next line.
const keepBuffer = 64 << 10

// end logs the gathered begin of a line as if it were whole.
func (s *Stream) end() {
	if len(s.partial) == 0 {
		return
	}
	s.emit()
	s.logger.flush("")
}

// Frames logs the records of a _LAMBDA_TELEMETRY_LOG_FD stream until it ends. A record of several lines stays one
// event for subscribers.
func (l *Logger) Frames(r io.Reader) error {
	frames := NewFrameReader(r)
	for {
		f, err := frames.Next()
		if err == io.EOF { //nolint:errorlint // Next gives the bare value
			return nil
		}
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.line(bytes.TrimSuffix(f.Payload, []byte("\n")), false, f.Level)
		l.flush("")
		l.mu.Unlock()
	}
}
