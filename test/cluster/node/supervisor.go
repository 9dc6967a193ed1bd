package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a process that runs as long as the node.
type daemon struct {
	name string
	argv []string
}

// supervisor starts daemons again when they end, and reaps every process that has lost its parent: containerd's shims
// are children of PID 1 as soon as they run.
type supervisor struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex // held while a process starts, so that its end is never seen before it is known
	running map[int]daemon
}

func newSupervisor(dir string, log *slog.Logger) *supervisor {
	return &supervisor{dir: dir, log: log, running: map[int]daemon{}}
}

// start runs the daemon now and again, a second after it ends, for ever. Its process id is in run/NAME.pid. While there
// is a file run/NAME.stopped it is left alone: tests see what happens without it.
func (s *supervisor) start(d daemon) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := os.Stat(s.stopFile(d.name)); err == nil {
		time.AfterFunc(200*time.Millisecond, func() { s.start(d) })
		return
	}
	pid, err := s.spawn(d)
	if err != nil {
		s.log.Error("daemon does not start", "daemon", d.name, "error", err)
		time.AfterFunc(time.Second, func() { s.start(d) })
		return
	}
	s.running[pid] = d
	if err := os.WriteFile(pidFile(s.dir, d.name), []byte(strconv.Itoa(pid)), 0o644); err != nil {
		s.log.Error("process id not written", "daemon", d.name, "error", err)
	}
}

// spawn does not use os/exec: there, only the process's own waiter may reap it.
func (s *supervisor) spawn(d daemon) (int, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, "log", d.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	p, err := os.StartProcess(d.argv[0], d.argv, &os.ProcAttr{Dir: "/", Files: []*os.File{null, log, log}})
	if err != nil {
		return 0, err
	}
	pid := p.Pid
	return pid, p.Release()
}

// reap waits for processes as long as the node lives.
func (s *supervisor) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if err != nil {
			continue
		}
		s.ended(pid, status)
	}
}

func (s *supervisor) ended(pid int, status unix.WaitStatus) {
	s.mu.Lock()
	d, ours := s.running[pid]
	delete(s.running, pid)
	s.mu.Unlock()
	if !ours {
		return
	}
	_ = os.Remove(pidFile(s.dir, d.name)) // it is written again with the next start
	s.log.Warn("daemon ended", "daemon", d.name, "exit", status.ExitStatus(), "signal", status.Signal())
	time.AfterFunc(time.Second, func() { s.start(d) })
}

func (s *supervisor) stopFile(name string) string { return stopFile(s.dir, name) }

func stopFile(dir, name string) string { return filepath.Join(dir, "run", name+".stopped") }

func pidFile(dir, name string) string { return filepath.Join(dir, "run", name+".pid") }

// StopDaemon ends a daemon of a running node and keeps it stopped until StartDaemon.
func StopDaemon(ctx context.Context, dir string, init int, name string) error {
	if err := known(dir, name); err != nil {
		return err
	}
	if err := os.WriteFile(stopFile(dir, name), nil, 0o644); err != nil {
		return err
	}
	pid, err := os.ReadFile(pidFile(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it does not run
	}
	if err != nil {
		return err
	}
	// The id is that of the node's own process namespace.
	out, err := exec.CommandContext(ctx, "nsenter", "-t", strconv.Itoa(init), "-p", "-m", "kill", "-KILL", string(pid)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("end of %q (process %s of the node): %w: %s", name, pid, err, bytes.TrimSpace(out))
	}
	return nil
}

// StartDaemon lets a stopped daemon run again; the node starts it at once.
func StartDaemon(dir, name string) error {
	if err := known(dir, name); err != nil {
		return err
	}
	if err := os.Remove(stopFile(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
