//go:build linux

package process

import (
	"io"
	"os"
	"reflect"
	"sync"
	"time"
)

// readSize is the largest piece of output passed on at once; a pipe holds twice as much.
const readSize = 32 << 10

// output connects the standard streams of a child. It uses pipes of its own
// because os/exec waits for their end, which a grandchild can put off for ever.
type output struct {
	child  [3]*os.File // stdin, stdout, stderr of the child
	opened []*os.File  // what start closes on our side
	pumps  []pump
	copied sync.WaitGroup
}

// pump moves what the child writes to where it is wanted.
type pump struct {
	from *os.File
	to   io.Writer
}

// newOutput opens the files the child shall have. start must follow.
func newOutput(stdout, stderr io.Writer) (*output, error) {
	o := &output{}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	o.opened = append(o.opened, null)
	o.child = [3]*os.File{null, null, null}
	if err := o.connect(1, stdout); err != nil {
		o.start(false)
		return nil, err
	}
	if same(stdout, stderr) {
		o.child[2] = o.child[1]
		return o, nil
	}
	if err := o.connect(2, stderr); err != nil {
		o.start(false)
		return nil, err
	}
	return o, nil
}

// same tells whether both streams go to one writer. Writers that Go cannot compare differ.
func same(a, b io.Writer) bool {
	return a != nil && reflect.TypeOf(a).Comparable() && reflect.ValueOf(a).Comparable() && a == b
}

// connect gives the child a pipe as its file fd, which leads to w.
func (o *output) connect(fd int, w io.Writer) error {
	if w == nil {
		return nil
	}
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	o.child[fd] = to
	o.opened = append(o.opened, to)
	o.pumps = append(o.pumps, pump{from: from, to: w})
	return nil
}

// start closes the child's ends on our side, and begins to copy if there is a child.
func (o *output) start(running bool) {
	for _, f := range o.opened {
		_ = f.Close() // ours to drop: the child has its own
	}
	for _, p := range o.pumps {
		if !running {
			_ = p.from.Close() // never read
			continue
		}
		o.copied.Go(p.run)
	}
}

// run copies until the end of the stream or the deadline set by drain. When the
// writer fails it goes on reading, so that the program neither blocks nor gets SIGPIPE.
func (p pump) run() {
	defer p.from.Close()
	if r, ok := p.to.(io.ReaderFrom); ok {
		_, _ = r.ReadFrom(p.from) // it may look into the pipe itself; an end is an end
		return
	}
	buf := make([]byte, readSize)
	to := p.to
	for {
		n, err := p.from.Read(buf)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				to = io.Discard
			}
		}
		if err != nil {
			return
		}
	}
}

// drain waits for the rest of the output, at most as long as limit.
func (o *output) drain(limit time.Duration) {
	deadline := time.Now().Add(limit)
	for _, p := range o.pumps {
		_ = p.from.SetReadDeadline(deadline) // already closed: nothing to bound
	}
	copied := make(chan struct{})
	go func() {
		o.copied.Wait()
		close(copied)
	}()
	timer := time.NewTimer(limit + limit/4) // a writer may block beyond the read deadline
	defer timer.Stop()
	select {
	case <-copied:
	case <-timer.C:
	}
}
