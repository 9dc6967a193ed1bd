//go:build linux

package process

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// threadTries bounds the search for the main thread.
const threadTries = 256

// Reap takes up the duty of PID 1: to collect processes that die after their
// parents, which would stay zombies for ever. It returns once it is at work, and
// works until ctx is done.
//
// It never takes the exit status of a child that this program started itself.
// In Linux a child belongs to the thread that forked it, and orphans are given to
// the main thread. Reap occupies the main thread, so that no other goroutine can
// fork there, and waits for children of this thread only (__WNOTHREAD). Call it
// before anything is started. The error says that the main thread is not free.
func Reap(ctx context.Context) error {
	return onMainThread(func() {
		died := make(chan os.Signal, 1) // one is enough: signals of one kind merge
		signal.Notify(died, syscall.SIGCHLD)
		defer signal.Stop(died)
		for {
			collect()
			select {
			case <-ctx.Done():
				return
			case <-died:
			}
		}
	})
}

// collect reaps all dead children of this thread.
func collect() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

// onMainThread begins to run work on the main thread. Go offers no way there, but
// an idle thread is reused before a new one is made: goroutines that each hold on
// to their thread come to the main thread at last.
func onMainThread(work func()) error {
	arrived, release := make(chan bool), make(chan struct{})
	defer close(release)
	for range threadTries {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if unix.Gettid() != os.Getpid() {
				arrived <- false
				<-release
				return
			}
			arrived <- true
			work()
		}()
		if <-arrived {
			return nil
		}
	}
	return errors.New("reap orphans: the main thread is not free")
}
