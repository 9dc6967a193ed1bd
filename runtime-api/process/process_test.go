//go:build linux

package process

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExit(t *testing.T) {
	for _, tc := range []struct {
		reason, script string
		want           Exit
		text           string
	}{
		{"success has no text", "exit 0", Exit{}, ""},
		{"a status is kept", "exit 3", Exit{Code: 3}, "exit status 3"},
		{"the highest status is kept", "exit 255", Exit{Code: 255}, "exit status 255"},
		{"a kill from elsewhere is no lack of memory", "kill -KILL $$", Exit{Code: -1, Signal: syscall.SIGKILL}, "signal: killed"},
		{"a crash is named", "ulimit -c 0; kill -SEGV $$", Exit{Code: -1, Signal: syscall.SIGSEGV}, "signal: segmentation fault"},
		{"an abort is named", "ulimit -c 0; kill -ABRT $$", Exit{Code: -1, Signal: syscall.SIGABRT}, "signal: aborted"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := wait(t, run(t, shell(tc.script)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Exit() -want +got:\n%s", diff)
			}
			if got.String() != tc.text {
				t.Errorf("String() = %q, want %q", got, tc.text)
			}
		})
	}
}

func TestExitOfLostStatus(t *testing.T) {
	if got := exitOf(nil).String(); got != "signal: killed" {
		t.Errorf("a program whose status is lost: %q, want signal: killed", got)
	}
}

func TestVerdict(t *testing.T) {
	killed := exec.Command("/bin/sh", "-c", "kill -KILL $$")
	ended := exec.Command("/bin/sh", "-c", "exit 1")
	_, _ = killed.Run(), ended.Run() // their states matter
	for _, tc := range []struct {
		reason  string
		process *Process
		state   *os.ProcessState
		starved bool
		want    bool
	}{
		{"killed while the kernel killed for want of memory", &Process{}, killed.ProcessState, true, true},
		{"killed by us while the kernel killed others", &Process{shot: true}, killed.ProcessState, true, false},
		{"killed by us for its memory", &Process{shot: true, memory: &watch{exceeded: true}}, killed.ProcessState, false, true},
		{"ended by itself just before the kill", &Process{shot: true, memory: &watch{exceeded: true}}, ended.ProcessState, true, false},
	} {
		if tc.process.memory == nil {
			tc.process.memory = &watch{}
		}
		if got := tc.process.verdict(tc.state, tc.starved).OOM; got != tc.want {
			t.Errorf("%s: OOM = %v, want %v", tc.reason, got, tc.want)
		}
	}
}

func TestStartHandsOver(t *testing.T) {
	t.Setenv("OURS", "not for the program")
	var out screen
	spec := shell(`pwd; echo "$0 $1 $2"; echo "$GIVEN|$OURS|$_LAMBKIN_PROCESS"; cat; ps -o pgid= -o sid= -p $$`, "a  b", "$(id); *")
	spec.Dir = "/usr"
	spec.Env = append(make([]string, 0, 9), spec.Env[0], "GIVEN=x=y")
	spec.Stdout = &out
	p := run(t, spec)
	wait(t, p)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4: %q", len(lines), out.String())
	}
	pid := strconv.Itoa(p.Pid())
	got := append(lines[:3], strings.Fields(lines[3])...)
	want := []string{"/usr", "sh a  b $(id); *", "x=y||" + p.members.marker, pid, pid}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the program got -want +got:\n%s", diff)
	}
	if beyond := spec.Env[:3][2]; beyond != "" {
		t.Errorf("%q was written into the caller's array", beyond)
	}
}

// faulty makes a directory with things that cannot be executed.
func faulty(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"text": 0o755, "plain": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("just words\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// cannotExecute are the names of faulty, and the error AWS shows for each.
var cannotExecute = []struct {
	reason, name string
	want         error
}{
	{"neither a binary nor a script", "text", syscall.ENOEXEC},
	{"not executable", "plain", syscall.EACCES},
	{"missing", "missing", syscall.ENOENT},
	{"a directory", "dir", syscall.EACCES},
	{"below a file", "text/bootstrap", syscall.ENOTDIR},
}

func TestStartErrors(t *testing.T) {
	dir := faulty(t)
	for _, tc := range cannotExecute {
		t.Run(tc.reason, func(t *testing.T) {
			path := filepath.Join(dir, tc.name)
			_, err := Start(Spec{Path: path})
			want := "fork/exec " + path + ": " + tc.want.Error()
			if !errors.Is(err, tc.want) || err.Error() != want {
				t.Errorf("Start() = %v, want %s", err, want)
			}
		})
	}
	t.Run("no path", func(t *testing.T) {
		if _, err := Start(Spec{Sandbox: Sandbox{Tmp: dir}}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Start() = %v, want %v", err, fs.ErrNotExist)
		}
	})
	t.Run("no such working directory", func(t *testing.T) {
		spec := shell("exit 0")
		spec.Dir = filepath.Join(dir, "missing")
		if _, err := Start(spec); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Start() = %v, want %v", err, fs.ErrNotExist)
		}
	})
}

func TestSignalReachesTheGroup(t *testing.T) {
	var out screen
	spec := shell(`trap 'echo one' USR1; (trap 'echo two; exit' USR1; echo $$; while :; do sleep 0.01; done) & wait; wait; exit 5`)
	spec.Stdout = &out
	p := run(t, spec)
	out.pids(t, 1)
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, p).Code; got != 5 {
		t.Errorf("exit status %d, want 5", got)
	}
	for _, word := range []string{"one", "two"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("the process that says %q was not reached: %q", word, out.String())
		}
	}
	if err := p.Signal(syscall.SIGUSR1); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal after the end = %v, want %v", err, os.ErrProcessDone)
	}
	p.Kill() // and again: nothing to do
	p.Stop(t.Context())
}

func TestStop(t *testing.T) {
	for _, tc := range []struct {
		reason, script string
		limit          time.Duration
		want           string
	}{
		{"who obeys ends in its own way", `trap 'exit 4' TERM; echo $$; while :; do sleep 0.01; done`, patience, "exit status 4"},
		{"who has no trap ends by the signal", `echo $$; exec sleep 1000`, patience, "signal: terminated"},
		{"who ignores it is killed", `trap '' TERM; echo $$; while :; do sleep 1; done`, time.Millisecond, "signal: killed"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var out screen
			spec := shell(tc.script)
			spec.Stdout = &out
			p := run(t, spec)
			out.pids(t, 1)
			ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
			defer cancel()
			p.Stop(ctx)
			if got := wait(t, p); got.String() != tc.want || got.OOM {
				t.Errorf("Exit() = %q (OOM %v), want %q", got, got.OOM, tc.want)
			}
		})
	}
}

// Every way out of the group that is known from real programs.
func TestDescendantsDie(t *testing.T) {
	for _, tc := range []struct {
		reason, script string
	}{
		{"in the group", `sleep 1000 & echo $!`},
		{"in a session of its own", `setsid sleep 1000 & echo $!`},
		{"a daemon: own session, parents gone", `(setsid sh -c 'echo $$; exec sleep 1000' &)`},
		{"in a session of its own, with another environment", `env -i setsid sleep 1000 & echo $!`},
		{"in the session, but in a group of its own, with another environment, parents gone", `echo $(bash -c 'set -m; env -i sleep 1000 >/dev/null & echo $!')`},
		{"in the group, with another environment, parents gone", `(env -i sh -c 'echo $$; exec sleep 1000' &)`},
		{"holding our pipes and ignoring SIGTERM", `(trap '' TERM HUP; setsid sh -c 'echo $$; while :; do sleep 1; done' &)`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var out screen
			spec := shell(tc.script + "; trap '' TERM; while :; do sleep 1; done")
			spec.Stdout, spec.Stderr = &out, &out
			p := run(t, spec)
			pid := out.pids(t, 1)[0]
			eventually(t, "the descendant leaves our sight", func() bool { return alive(pid) })
			p.Kill()
			if alive(pid) {
				t.Errorf("process %d has survived Kill", pid)
			}
		})
	}
}

func TestDescendantsDieWithTheLeader(t *testing.T) {
	var out screen
	spec := shell(`(setsid sh -c 'echo $$; exec sleep 1000' &); sleep 1000 & echo $!; while [ ! -e "$1/go" ]; do sleep 0.01; done; exit 3`, t.TempDir())
	spec.Stdout = &out
	p := run(t, spec)
	pids := out.pids(t, 2)
	if err := os.WriteFile(filepath.Join(spec.Args[3], "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, p).Code; got != 3 {
		t.Errorf("exit status %d, want 3", got)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d has survived its leader", pid)
		}
	}
}

func TestOthersSurvive(t *testing.T) {
	other := run(t, shell("setsid sleep 1000 & exec sleep 1000"))
	eventually(t, "see both processes", func() bool { return len(other.members.members()) == 2 })
	run(t, shell("setsid sleep 1000 & exec sleep 1000")).Kill()
	if got := len(other.members.members()); got != 2 {
		t.Errorf("%d processes of another program are left, want 2", got)
	}
}

func TestOutputIsComplete(t *testing.T) {
	const size = 5 << 20
	var out, errs screen
	spec := shell("head -c " + strconv.Itoa(size) + " /dev/zero; echo end; echo bad >&2")
	spec.Stdout, spec.Stderr = &out, &errs
	wait(t, run(t, spec))
	if got := len(out.String()); got != size+len("end\n") {
		t.Errorf("%d bytes of output, want %d", got, size+len("end\n"))
	}
	if got := errs.String(); got != "bad\n" {
		t.Errorf("stderr = %q", got)
	}
}

func TestOutputOfOneWriterIsInOrder(t *testing.T) {
	var out screen
	spec := shell("i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done")
	spec.Stdout, spec.Stderr = &out, &out
	wait(t, run(t, spec))
	var want strings.Builder
	for i := range 500 {
		n := strconv.Itoa(i)
		want.WriteString("o" + n + "\ne" + n + "\n")
	}
	if diff := cmp.Diff(want.String(), out.String()); diff != "" {
		t.Errorf("output -want +got:\n%s", diff)
	}
}

// slices cannot be compared; as an io.Writer this must not panic.
type chunks [][]byte

func (c chunks) Write(p []byte) (int, error) { return len(p), nil }

func TestSame(t *testing.T) {
	var a, b screen
	for _, tc := range []struct {
		reason string
		a, b   io.Writer
		want   bool
	}{
		{"one writer", &a, &a, true},
		{"two writers of one type", &a, &b, false},
		{"two types", &a, io.Discard, false},
		{"none", nil, nil, false},
		{"one missing", &a, nil, false},
		{"not comparable", chunks{}, chunks{}, false},
		{"not comparable inside", struct{ io.Writer }{chunks{}}, struct{ io.Writer }{chunks{}}, false},
	} {
		if got := same(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: same() = %v, want %v", tc.reason, got, tc.want)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFailingWriterDoesNotTouchTheProgram(t *testing.T) {
	spec := shell("head -c 1000000 /dev/zero && exit 6")
	spec.Stdout = failing{}
	if got := wait(t, run(t, spec)); got.Code != 6 {
		t.Errorf("Exit() = %q, want exit status 6", got)
	}
}

type blocking chan struct{}

func (b blocking) Write(p []byte) (int, error) { <-b; return len(p), nil }

func TestBlockingWriterDoesNotHoldUpTheEnd(t *testing.T) {
	never := make(blocking)
	defer close(never)
	spec := shell("echo x")
	spec.Stdout = never
	if got := wait(t, run(t, spec)); got != (Exit{}) {
		t.Errorf("Exit() = %q, want success", got)
	}
}

func TestNothingLeaks(t *testing.T) {
	self := &census{proc: procRoot}
	files := func() int {
		fds, err := names("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	wait(t, run(t, shell("exit 0"))) // opens what Go opens once
	before, running := files(), runtime.NumGoroutine()
	dir := faulty(t)
	for range 100 {
		var out screen
		spec := shell("sleep 1000 & echo x")
		spec.Stdout, spec.Stderr = &out, io.Discard
		wait(t, run(t, spec))
		if _, err := Start(Spec{Path: filepath.Join(dir, "text"), Stdout: &out, Stderr: io.Discard}); err == nil {
			t.Fatal("a text was executed")
		}
	}
	if got := self.children(os.Getpid()); len(got) != 0 {
		t.Errorf("children left: %v", got)
	}
	if got := files(); got > before {
		t.Errorf("%d open files, want %d", got, before)
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= running })
}

func TestDiesWithItsParent(t *testing.T) {
	for _, tc := range []struct {
		reason  string
		sandbox string
	}{
		{"a plain program", ""},
		{"a program in a sandbox", t.TempDir()},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if tc.sandbox != "" {
				needSandbox(t)
			}
			var out screen
			spec := play("parent", tc.sandbox)
			spec.Stdout = &out
			// os.StartProcess, because Kill would end the child as well.
			files, err := newOutput(&out, nil)
			if err != nil {
				t.Fatal(err)
			}
			parent, err := os.StartProcess(spec.Path, append([]string{spec.Path}, spec.Args...), &os.ProcAttr{Env: spec.Env, Files: files.child[:]})
			files.start(err == nil)
			if err != nil {
				t.Fatal(err)
			}
			child := out.pids(t, 1)[0]
			if !alive(child) {
				t.Fatal("the child has not lived")
			}
			if err := parent.Kill(); err != nil {
				t.Fatal(err)
			}
			if _, err := parent.Wait(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the child dies with its parent", func() bool { return !alive(child) })
		})
	}
}

// A program dies with the thread that forked it, so that thread must not end,
// although Go ends threads: here all the time.
func TestOutlivesDyingThreads(t *testing.T) {
	var churn sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
				}()
				<-ended
			}
		})
	}
	var started []*Process
	for range 40 {
		started = append(started, run(t, shell("exec sleep 1000")))
	}
	close(stop)
	churn.Wait()
	for _, p := range started {
		if !alive(p.Pid()) {
			t.Errorf("process %d has died with a thread", p.Pid())
		}
	}
}

func TestReap(t *testing.T) {
	for _, tc := range []struct{ reason, role string }{
		{"orphans are collected, statuses are kept", "reaper"},
		{"without the main thread it says so", "locked"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var out screen
			spec := play(tc.role)
			spec.Stdout, spec.Stderr = &out, &out
			if got := wait(t, run(t, spec)); got != (Exit{}) {
				t.Errorf("%s: %s", got, out.String())
			}
		})
	}
}
