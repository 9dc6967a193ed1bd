package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// forward hands every connection of a listening socket outside to target inside.
func forward(ctx context.Context, fd uintptr, target string, log *slog.Logger) error {
	f := os.NewFile(fd, "listener")
	l, err := net.FileListener(f)
	_ = f.Close() // the listener has its own
	if err != nil {
		return err
	}
	go func() {
		for {
			outside, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // too many open files, most likely, and soon fewer
				log.Warn("nobody can come in", "target", target, "error", err)
				time.Sleep(50 * time.Millisecond)
				continue
			}
			go connect(ctx, outside, target, log)
		}
	}()
	return nil
}

// connect copies both ways until both sides have said all.
func connect(ctx context.Context, outside net.Conn, target string, log *slog.Logger) {
	defer outside.Close()
	var dialer net.Dialer
	inside, err := dialer.DialContext(ctx, "tcp4", target)
	if err != nil {
		log.Warn("nobody behind the door", "target", target, "error", err)
		return
	}
	defer inside.Close()
	var both sync.WaitGroup
	both.Go(func() { pour(inside, outside) })
	both.Go(func() { pour(outside, inside) })
	both.Wait()
}

// pour copies until from ends and passes that end on. If to no longer takes anything, from need not send either. It copies
// by hand: the kernel would want two more open files for each direction, and what comes in bursts are many connections.
func pour(to, from net.Conn) {
	_, err := io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	if to, ok := to.(*net.TCPConn); ok {
		_ = to.CloseWrite() // it may be gone
	}
	if from, ok := from.(*net.TCPConn); ok && err != nil {
		_ = from.CloseRead() // it may be gone
	}
}
