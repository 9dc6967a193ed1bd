package telemetry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	chunkSize = 16 << 10
	maxDrain  = 1 << 20 // of one look into a pipe, for a process that prints without end
)

// ReadFrom logs what comes out of r until its end, so that io.Copy(stream, pipe) is all that a process's output needs.
//
// If r is a pipe of this process's own (os.Pipe, in non-blocking mode as that makes it), the Logger looks into it before
// it logs START, runtimeDone, END and REPORT. With a plain Write it knows only what some goroutine has already
// copied; so it cannot happen that a line which the function had printed before it answered comes after its END.
//
// A pipe that is closed meanwhile ends it without an error.
func (s *Stream) ReadFrom(r io.Reader) (int64, error) {
	defer s.flush()
	conn := nonBlocking(r)
	if conn == nil {
		n, err := io.Copy(struct{ io.Writer }{s}, r)
		if err != nil {
			return n, fmt.Errorf("copy output: %w", err)
		}
		return n, nil
	}
	f := &follower{stream: s, pipe: r, conn: conn, chunk: make([]byte, chunkSize)}
	s.follow(f)
	defer s.unfollow(f)
	if err := f.run(); err != nil {
		return f.total, fmt.Errorf("follow output: %w", err)
	}
	return f.total, nil
}

// nonBlocking gives raw access to r, or nil if a read of r may block.
func nonBlocking(r io.Reader) syscall.RawConn {
	file, ok := r.(syscall.Conn)
	if !ok {
		return nil
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return nil
	}
	var flags int
	if conn.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) }) != nil || err != nil {
		return nil
	}
	if flags&unix.O_NONBLOCK == 0 {
		return nil
	}
	return conn
}

// flush logs what is left without a newline.
func (s *Stream) flush() {
	s.logger.mu.Lock()
	defer s.logger.mu.Unlock()
	s.end()
}

func (s *Stream) follow(f *follower) {
	s.logger.mu.Lock()
	defer s.logger.mu.Unlock()
	s.followers = append(s.followers, f)
}

func (s *Stream) unfollow(f *follower) {
	s.logger.mu.Lock()
	defer s.logger.mu.Unlock()
	s.followers = slices.DeleteFunc(s.followers, func(other *follower) bool { return other == f })
}

// follower reads one pipe; the Logger's lock guards each read together with the logging of what was read.
type follower struct {
	stream *Stream
	pipe   io.Reader
	conn   syscall.RawConn
	chunk  []byte
	total  int64
}

// run reads until the end. It waits for input without the lock.
func (f *follower) run() error {
	for {
		var end error
		err := f.conn.Read(func(fd uintptr) bool {
			f.stream.logger.mu.Lock()
			defer f.stream.logger.mu.Unlock()
			end = f.read(int(fd))
			return !errors.Is(end, unix.EAGAIN)
		})
		switch {
		case err != nil:
			return f.unlessClosed(err)
		case errors.Is(end, io.EOF):
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

// read takes in one chunk. It gives io.EOF at the end and EAGAIN if there is nothing now.
func (f *follower) read(fd int) error {
	n, err := unix.Read(fd, f.chunk)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(fd, f.chunk)
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return io.EOF
	}
	f.total += int64(n)
	f.stream.feed(f.chunk[:n])
	return nil
}
