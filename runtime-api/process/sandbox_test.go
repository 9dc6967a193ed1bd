//go:build linux

package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// needSandbox skips the test on hosts without the means.
func needSandbox(t *testing.T) {
	t.Helper()
	if err := Supports().Sandbox; err != nil {
		t.Skipf("needs mount namespaces, as root or with unprivileged user namespaces: %v", err)
	}
}

// rooms makes the directories of a sandbox, each with a file that names it.
func rooms(t *testing.T) Sandbox {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"task", "opt", "runtime", "tmp"} {
		room := filepath.Join(dir, name)
		if err := os.Mkdir(room, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(room, "name"), []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Sandbox{
		Task: filepath.Join(dir, "task"), Opt: filepath.Join(dir, "opt"),
		Runtime: filepath.Join(dir, "runtime"), Tmp: filepath.Join(dir, "tmp"),
	}
}

func TestSandbox(t *testing.T) {
	needSandbox(t)
	const leaked = 50 // as from a careless parent of ours
	if err := unix.Dup3(2, leaked, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)
	for _, tc := range []struct {
		reason, script, want string
	}{
		{"the directories are in their places", `cat /var/task/name /opt/name /var/runtime/name /tmp/name`, "task\nopt\nruntime\ntmp\n"},
		{"the working directory is looked up inside", `pwd; cat name`, "/var/task\ntask\n"},
		{"code is read-only", `touch /var/task/x || echo no`, "no\n"},
		{"layers are read-only", `touch /opt/x || echo no`, "no\n"},
		{"runtime clients may keep what they compile", `echo kept >/var/runtime/x; cat /var/runtime/x`, "kept\n"},
		{"/tmp is writable, and its programs run", `printf '#!/bin/sh\necho run' >/tmp/x && chmod +x /tmp/x && /tmp/x`, "run\n"},
		{"the rest of /var stays", `[ -d /var/tmp ] && [ -d /var/lib/ ] && echo yes`, "yes\n"},
		{"links in /var stay", `readlink /var/run`, readlink("/var/run")},
		{"the extension names resolve", `grep -c 'sandbox\.localdomain' /etc/hosts; grep -q localhost /etc/hosts && echo kept`, "1\nkept\n"},
		{"the user is the same", `id -u`, strings.TrimPrefix(id(), "uid=")},
		{"no files of ours are open", `echo $(ls /proc/self/fd)`, "0 1 2 3\n"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var out screen
			spec := shell("exec 2>/dev/null; " + tc.script)
			spec.Stdout, spec.Dir, spec.Sandbox = &out, "/var/task", rooms(t)
			wait(t, run(t, spec))
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("output -want +got:\n%s", diff)
			}
		})
	}
}

// id is our user id as "uid=N\n".
func id() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "Uid:"); found {
			return "uid=" + strings.Fields(rest)[0] + "\n"
		}
	}
	return ""
}

// readlink prints what the program readlink prints.
func readlink(path string) string {
	to, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return to + "\n"
}

func TestSandboxLeavesTheHostAlone(t *testing.T) {
	needSandbox(t)
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	spec := shell("echo secret >/tmp/lambkin-sandbox-test")
	spec.Sandbox = rooms(t)
	if got := wait(t, run(t, spec)); got != (Exit{}) {
		t.Fatalf("Exit() = %q", got)
	}
	if _, err := os.Stat("/tmp/lambkin-sandbox-test"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in the private /tmp is in the host's: %v", err)
	}
	if _, err := os.Stat(filepath.Join(spec.Sandbox.Tmp, "lambkin-sandbox-test")); err != nil {
		t.Errorf("a file in the private /tmp is not kept: %v", err)
	}
	after, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("mounts of the host -before +after:\n%s", diff)
	}
}

func TestSandboxInPart(t *testing.T) {
	needSandbox(t)
	var out screen
	spec := shell("cat /tmp/name; ls -d /var/task /opt")
	spec.Stdout, spec.Sandbox = &out, Sandbox{Tmp: rooms(t).Tmp}
	wait(t, run(t, spec))
	if !strings.HasPrefix(out.String(), "tmp\n") {
		t.Errorf("/tmp is not ours: %q", out.String())
	}
	_, err := os.Stat("/var/task")
	if got := strings.Contains(out.String(), "/var/task"); got != (err == nil) {
		t.Errorf("/var/task inside: %v, outside: %v", got, err)
	}
}

// TestSandboxRunsItself starts our own program once more from a sandbox that hides its file.
func TestSandboxRunsItself(t *testing.T) {
	needSandbox(t)
	var out screen
	spec := Spec{Path: "/proc/self/exe", Args: []string{"-test.list=^TestSandboxRunsItself$"}, Env: os.Environ(), Stdout: &out, Sandbox: rooms(t)}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hidden := shell("[ -e " + self + " ]")
	hidden.Sandbox = spec.Sandbox
	if got := wait(t, run(t, hidden)); strings.HasPrefix(self, "/tmp/") && got == (Exit{}) {
		t.Errorf("%s is to be seen in the sandbox", self)
	}
	if got := wait(t, run(t, spec)); got != (Exit{}) || out.String() != "TestSandboxRunsItself\n" {
		t.Errorf("Exit() = %q, output %q", got, out.String())
	}
}

func TestSandboxKeepsPidAndGroup(t *testing.T) {
	needSandbox(t)
	var out screen
	spec := shell("echo $$; (setsid sh -c 'echo $$; exec sleep 1000' &) ; exec sleep 1000")
	spec.Stdout, spec.Sandbox = &out, rooms(t)
	p := run(t, spec)
	pids := out.pids(t, 2)
	if !(pids[0] == p.Pid() || pids[1] == p.Pid()) {
		t.Errorf("Pid() = %d, the program says one of %d", p.Pid(), pids)
	}
	p.Kill()
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d has survived Kill", pid)
		}
	}
}

func TestSandboxGivesNoRights(t *testing.T) {
	needSandbox(t)
	if mayMount() {
		t.Skip("we may mount ourselves, so the program may: TestAsOrdinaryUser runs this")
	}
	var out screen
	spec := shell("grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | sort -u -k2")
	spec.Stdout, spec.Sandbox = &out, rooms(t)
	wait(t, run(t, spec))
	if got := strings.Fields(out.String()); len(got) != 2 || strings.Trim(got[1], "0") != "" {
		t.Errorf("the program has capabilities: %q", out.String())
	}
}

func TestSandboxStartErrors(t *testing.T) {
	needSandbox(t)
	for _, tc := range cannotExecute {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := Start(Spec{Path: "/var/task/" + tc.name, Sandbox: Sandbox{Task: faulty(t)}})
			want := "fork/exec /var/task/" + tc.name + ": " + tc.want.Error()
			if err == nil || err.Error() != want || !errors.Is(err, tc.want) {
				t.Errorf("Start() = %v, want %s", err, want)
			}
			if errors.Is(err, ErrSandbox) {
				t.Error("the sandbox is blamed for a fault of the program")
			}
		})
	}
	t.Run("no such working directory", func(t *testing.T) {
		spec := shell("exit 0")
		spec.Dir, spec.Sandbox = "/var/task/missing", rooms(t)
		if _, err := Start(spec); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrSandbox) {
			t.Errorf("Start() = %v, want %v", err, fs.ErrNotExist)
		}
	})
	t.Run("no such source", func(t *testing.T) {
		spec := shell("exit 0")
		spec.Sandbox.Task = "/missing/task"
		_, err := Start(spec)
		if !errors.Is(err, ErrSandbox) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"/missing/task"`) {
			t.Errorf("Start() = %v, want a sandbox error that names the source", err)
		}
	})
}

func TestSandboxNeedsMaybeHelper(t *testing.T) {
	armed.Store(false)
	defer armed.Store(true)
	spec := shell("exit 0")
	spec.Sandbox.Tmp = t.TempDir()
	if _, err := Start(spec); !errors.Is(err, ErrSandbox) || !strings.Contains(err.Error(), "MaybeHelper") {
		t.Errorf("Start() = %v, want an error that names MaybeHelper", err)
	}
}

func TestAnswerOfTheHelper(t *testing.T) {
	for _, tc := range []struct {
		reason, answer, want string
		sandbox              bool
	}{
		{"silence is success", "", "<nil>", false},
		{"a failed execution is the program's", `{"Step":"","Errno":8}`, "fork/exec /p: exec format error", false},
		{"a failed step is the sandbox's", `{"Step":"mount on \"/opt\"","Errno":1}`, `sandbox not possible here: mount on "/opt": operation not permitted`, true},
		{"a crash is the sandbox's", `panic: oops`, "sandbox not possible here: answer of the helper: invalid character 'p' looking for beginning of value", true},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			from, to, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			if _, err := to.WriteString(tc.answer); err != nil {
				t.Fatal(err)
			}
			if err := to.Close(); err != nil {
				t.Fatal(err)
			}
			err = await(from, "/p")
			got := "<nil>"
			if err != nil {
				got = err.Error()
			}
			if got != tc.want || errors.Is(err, ErrSandbox) != tc.sandbox {
				t.Errorf("await() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestHostsFile(t *testing.T) {
	for _, tc := range []struct{ reason, hosts, want string }{
		{"a line is added", "127.0.0.1 localhost\n", "127.0.0.1 localhost\n127.0.0.1 sandbox sandbox.localdomain\n"},
		{"a missing newline is made up for", "127.0.0.1 localhost", "127.0.0.1 localhost\n127.0.0.1 sandbox sandbox.localdomain\n"},
		{"an empty file is fine", "", "127.0.0.1 sandbox sandbox.localdomain\n"},
	} {
		if diff := cmp.Diff(tc.want, string(withSandbox([]byte(tc.hosts)))); diff != "" {
			t.Errorf("%s -want +got:\n%s", tc.reason, diff)
		}
	}
}

// TestAsOrdinaryUser runs the other tests of sandboxes and sweeps without rights.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become somebody else; the other tests run as an ordinary user already")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	var out screen
	files, err := newOutput(&out, &out)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"process.test", "-test.v", "-test.run=^Test(Sandbox.*|Descendants.*|DiesWithItsParent|MemoryLimit|StartErrors)$"}
	child, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + dir},
		Files: files.child[:],
		Sys:   &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL},
	})
	files.start(err == nil)
	if err != nil {
		t.Fatal(err)
	}
	state, err := child.Wait()
	files.drain(patience)
	if err != nil || !state.Success() {
		t.Errorf("as an ordinary user: %v %v\n%s", state, err, out.String())
	}
	if strings.Contains(out.String(), "--- SKIP: TestSandbox ") {
		t.Logf("no sandbox for ordinary users here:\n%s", out.String())
	}
}

// BenchmarkStart is the price of a program that does nothing, and of its sandbox.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for name, sandbox := range map[string]Sandbox{"plain": {}, "sandbox": {Task: dir, Opt: dir, Runtime: dir, Tmp: dir}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := Start(Spec{Path: "/bin/true", Sandbox: sandbox})
				if err != nil {
					b.Fatal(err)
				}
				<-p.Done()
			}
		})
	}
}
