package node

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func dup(f *os.File) (uintptr, error) {
	fd, err := unix.Dup(int(f.Fd()))
	return uintptr(fd), err
}

// superviseForTest runs in a process of its own, since a supervisor reaps every child of its process.
func superviseForTest(dir string) {
	// Like PID 1, it is given what has lost its parent.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		os.Exit(3)
	}
	s := newSupervisor(dir, slog.New(slog.DiscardHandler))
	go s.reap()
	s.start(daemon{"registry", []string{"/bin/sh", "-c", "echo started; exec sleep 1000"}})
	s.start(daemon{"etcd", []string{"/no/such/program"}})
	// An orphan, such as containerd's shims are: its parent ends at once, and nobody asked for it.
	s.start(daemon{"files", []string{"/bin/sh", "-c", "(sleep 0.2; echo orphan ends) & exit 0"}})
	select {}
}

// supervised starts a supervisor and gives its folder and process id.
func supervised(t *testing.T) (dir string, supervisor int) {
	t.Helper()
	dir = t.TempDir()
	for _, sub := range []string{"log", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "LAMBKIN_TEST_SUPERVISOR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pid, _ := pidOf(dir, "registry")
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	return dir, cmd.Process.Pid
}

func pidOf(dir, name string) (int, error) {
	data, err := os.ReadFile(pidFile(dir, name))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(data))
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func alive(dir, name string) func() bool {
	return func() bool {
		pid, err := pidOf(dir, name)
		return err == nil && unix.Kill(pid, 0) == nil
	}
}

func TestDaemonStartsAgain(t *testing.T) {
	dir, _ := supervised(t)
	says := func(want string) func() bool {
		return func() bool {
			log, err := os.ReadFile(filepath.Join(dir, "log", "registry.log"))
			return err == nil && string(log) == want
		}
	}
	eventually(t, "the daemon starts", alive(dir, "registry"))
	eventually(t, "the log holds what it said", says("started\n")) // killed before, it would have said nothing
	first, err := pidOf(dir, "registry")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(first, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it starts again", func() bool {
		pid, err := pidOf(dir, "registry")
		return err == nil && pid != first && unix.Kill(pid, 0) == nil
	})
	eventually(t, "the log holds what both said", says("started\nstarted\n"))
}

func TestStoppedDaemonStaysDown(t *testing.T) {
	dir, _ := supervised(t)
	eventually(t, "the daemon starts", alive(dir, "registry"))
	pid, err := pidOf(dir, "registry")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stopFile(dir, "registry"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is seen to have ended", func() bool { _, err := pidOf(dir, "registry"); return err != nil })
	time.Sleep(1500 * time.Millisecond) // longer than the pause before a start
	if alive(dir, "registry")() {
		t.Fatal("a stopped daemon was started")
	}
	if err := StartDaemon(dir, "registry"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it starts again", alive(dir, "registry"))
}

func TestStopAndStartOfUnknownDaemons(t *testing.T) {
	if err := StopDaemon(t.Context(), t.TempDir(), 1, "nginx"); err == nil {
		t.Error("a daemon that is not there was stopped")
	}
	if err := StartDaemon(t.TempDir(), "nginx"); err == nil {
		t.Error("a daemon that is not there was started")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := StopDaemon(t.Context(), dir, 1, "registry"); err != nil {
		t.Errorf("a daemon that does not run: %v", err)
	}
	if err := StartDaemon(dir, "registry"); err != nil {
		t.Errorf("start: %v", err)
	}
}

// Processes that lost their parent must not stay as zombies.
func TestOrphansAreReaped(t *testing.T) {
	dir, supervisor := supervised(t)
	log := filepath.Join(dir, "log", "files.log")
	eventually(t, "orphans end", func() bool {
		data, err := os.ReadFile(log)
		return err == nil && strings.Count(string(data), "orphan ends") >= 2
	})
	eventually(t, "no zombie is left", func() bool { return zombies(t, supervisor) == 0 })
}

func zombies(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it is gone
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[0] == "Z" && fields[1] == strconv.Itoa(parent) {
			n++
		}
	}
	return n
}
