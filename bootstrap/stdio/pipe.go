package stdio

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxPipe is what a pipe holds at most, by /proc/sys/fs/pipe-max-size of a kernel that nobody has tuned.
const maxPipe = 1 << 20

// pipe leads what an executable writes to a writer. Unlike the pipes of os/exec it loses nothing that was written before the
// executable's end, however late its reader gets to it, and does not wait for those who inherited it.
type pipe struct {
	from, to *os.File
	next     io.Writer
	copied   chan struct{}
}

func newPipe(next io.Writer) (*pipe, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{from: from, to: to, next: next, copied: make(chan struct{})}, nil
}

// follow begins to copy, once the executable has the writing end.
func (p *pipe) follow() {
	_ = p.to.Close() // ours to drop: the executable has its own
	go func() {
		defer close(p.copied)
		defer p.from.Close()
		if _, err := io.Copy(p.next, p.from); errors.Is(err, os.ErrDeadlineExceeded) {
			p.drain()
		}
	}()
}

// finish is for when the executable has ended: it gives its children the time of grace to write and to close.
func (p *pipe) finish(grace time.Duration) {
	_ = p.from.SetReadDeadline(time.Now().Add(grace)) // already closed: nothing to bound
	<-p.copied
}

// discard drops a pipe that nobody got.
func (p *pipe) discard() {
	_ = p.to.Close()
	_ = p.from.Close()
}

// drain copies what is in the pipe now. Go reads nothing after a deadline, so it reads below Go.
func (p *pipe) drain() {
	_ = p.from.SetReadDeadline(time.Time{})
	conn, err := p.from.SyscallConn()
	if err != nil {
		return // closed
	}
	chunk := make([]byte, 16<<10)
	_ = conn.Read(func(fd uintptr) bool {
		for left := maxPipe; left > 0; {
			n, err := unix.Read(int(fd), chunk)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n <= 0 {
				return true
			}
			if _, err := p.next.Write(chunk[:n]); err != nil {
				return true
			}
			left -= n
		}
		return true
	})
}
