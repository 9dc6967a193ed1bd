package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// MaxLine is the longest line, in bytes; a longer one is split.
const MaxLine = 256 << 10

// Stream is one output of a process, cut into lines. It is an io.WriteCloser.
//
// A line is logged when its newline has come, when it reaches [MaxLine], and, with the function's streams, when its
// invocation ends.
type Stream struct {
	logger        *Logger
	fromExtension bool
	partial       []byte // the begin of a line
}

// Function gives a Stream for stdout or stderr of the runtime. To have START, END and REPORT strictly around what the
// function prints, give the process a pipe and use [Logger.Follow].
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
	for i, other := range l.streams {
		if other == s {
			l.streams = append(l.streams[:i], l.streams[i+1:]...)
			break
		}
	}
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

// Follow logs what comes out of a pipe until its writers have closed it or the caller closes it. Unlike a Stream,
// which knows only what was already copied into it, the Logger itself looks into the pipe before it logs START,
// runtimeDone, END and REPORT: what the function had printed before it answered is never after its END.
//
// The pipe must be in non-blocking mode, as os.Pipe makes it; so do not call its Fd method.
func (l *Logger) Follow(pipe *os.File, fromExtension bool) error {
	if err := pipe.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("follow %q: only pipes and sockets can be followed: %w", pipe.Name(), err)
	}
	conn, err := pipe.SyscallConn()
	if err != nil {
		return fmt.Errorf("follow %q: %w", pipe.Name(), err)
	}
	stream := l.stream(fromExtension)
	defer stream.Close() //nolint:errcheck // it never fails
	f := &follower{stream: stream, pipe: pipe, conn: conn, chunk: make([]byte, 16<<10)}
	l.mu.Lock()
	l.followers = append(l.followers, f)
	l.mu.Unlock()
	defer l.unfollow(f)
	if err := f.run(); err != nil {
		return fmt.Errorf("follow %q: %w", pipe.Name(), err)
	}
	return nil
}

func (l *Logger) unfollow(f *follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.followers {
		if other == f {
			l.followers = append(l.followers[:i], l.followers[i+1:]...)
			return
		}
	}
}

// follower reads one pipe; the Logger's lock guards each read together with the logging of what was read.
type follower struct {
	stream *Stream
	pipe   *os.File
	conn   syscall.RawConn
	chunk  []byte
}

// run reads until the end. It waits for input without the lock.
func (f *follower) run() error {
	for {
		var end error
		err := f.conn.Read(func(fd uintptr) bool {
			f.stream.logger.mu.Lock()
			defer f.stream.logger.mu.Unlock()
			end = f.read(int(fd))
			return end != syscall.EAGAIN //nolint:errorlint // read gives the bare value
		})
		switch {
		case err != nil:
			return f.unlessClosed(err)
		case end == io.EOF: //nolint:errorlint // as above
			return nil
		case end != nil:
			return end
		}
	}
}

// unlessClosed gives nil for a pipe that was closed. A RawConn has no error of its own for that, so ask the file.
func (f *follower) unlessClosed(err error) error {
	if _, closed := f.pipe.Read(nil); errors.Is(closed, os.ErrClosed) {
		return nil
	}
	return err
}

// drain logs what is in the pipe now. Errors are run's to handle.
func (f *follower) drain() {
	_ = f.conn.Control(func(fd uintptr) {
		for budget := maxDrain; budget > 0; budget -= len(f.chunk) {
			if f.read(int(fd)) != nil {
				return
			}
		}
	})
}

// maxDrain bounds how much one look into a pipe takes in, for a process that prints without end.
const maxDrain = 1 << 20

// read takes in one chunk. It gives io.EOF at the end and syscall.EAGAIN if there is nothing now.
func (f *follower) read(fd int) error {
	n, err := syscall.Read(fd, f.chunk)
	for err == syscall.EINTR { //nolint:errorlint // syscall.Read gives the bare value
		n, err = syscall.Read(fd, f.chunk)
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return io.EOF
	}
	f.stream.feed(f.chunk[:n])
	return nil
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
