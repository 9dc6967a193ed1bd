package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the command as a process of its own, perhaps within another one that gives it its own process ids.
type program struct {
	cmd            *exec.Cmd
	url            string
	stdout, stderr *output
}

// launch starts the command; before is what it is started with.
func launch(t *testing.T, before []string, args ...string) *program {
	t.Helper()
	addr := freeAddr(t)
	argv := append(append(before[:len(before):len(before)], binary, "-addr", addr, "-function-name", "fn"), args...)
	p := &program{cmd: exec.Command(argv[0], argv[1:]...), url: "http://" + addr, stdout: &output{}, stderr: &output{}}
	p.cmd.Env = append(os.Environ(), "LAMBDA_TASK_ROOT="+t.TempDir())
	p.start(t)
	waitFor(t, "the front door listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return p
}

// start starts the process, which ends with the test.
func (p *program) start(t *testing.T) {
	t.Helper()
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = p.stdout, p.stderr, time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // unless it has ended
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", p.stdout, p.stderr)
		}
	})
}

// status is a process's entry in /proc; empty if it has gone.
func status(pid int) map[string]string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	fields := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

// children are the processes whose parent is pid.
func children(pid int) (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, e := range entries {
		child, err := strconv.Atoi(filepath.Base(e))
		if err == nil && status(child)["PPid"] == strconv.Itoa(pid) {
			pids = append(pids, child)
		}
	}
	return pids
}

func TestProcessEndsAtSIGTERM(t *testing.T) {
	p := launch(t, nil, "--", handler)
	if code, _, err := invoke(p.url, `{}`); err != nil || code != http.StatusOK {
		t.Fatal(code, err)
	}
	runtimes := children(p.cmd.Process.Pid)
	if len(runtimes) == 0 {
		t.Fatal("no runtime process is to be seen")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want exit status 0", err)
	}
	for _, pid := range runtimes {
		if status(pid) != nil {
			t.Errorf("process %d was left behind", pid)
		}
	}
}

func TestProcessExitCodes(t *testing.T) {
	cases := map[string]struct {
		args []string
		code int
		out  string // words on stderr
	}{
		"Help":  {[]string{"-help"}, 0, "-environments"},
		"Fault": {[]string{"-nonsense"}, 1, "runtime-api: flag provided but not defined: -nonsense (see runtime-api -help)\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(binary, tc.args...)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != tc.code || !strings.Contains(string(out), tc.out) || tc.code != 0 && string(out) != tc.out {
				t.Errorf("exit code %d with %q; want %d with %q", cmd.ProcessState.ExitCode(), out, tc.code, tc.out)
			}
		})
	}
}

// TestProcessAsPID1 has functions leave orphans behind, which fall to the first process of a container.
func TestProcessAsPID1(t *testing.T) {
	unshare := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("needs unshare of util-linux and the right to make pid namespaces (run as root): %v %s", err, out)
	}
	p := launch(t, unshare, "-environments", "2", "--", binary, "exec", "--", "/bin/sh", "-c", "sleep 0.01 & sleep 0.02 & echo '{}'")
	pids := children(p.cmd.Process.Pid)
	if len(pids) != 1 || !strings.HasSuffix(status(pids[0])["NSpid"], "\t1") {
		t.Fatalf("it is not the first process of its namespace: %v, %v", pids, status(pids[0]))
	}
	first := pids[0]
	for range 20 {
		if code, body, err := invoke(p.url, `{}`); err != nil || code != http.StatusOK || strings.TrimSpace(body) != "{}" {
			t.Fatalf("%d %s, %v", code, body, err)
		}
	}
	if strings.Contains(p.stderr.String(), "reaped") {
		t.Fatalf("stderr: %s", p.stderr)
	}
	waitFor(t, "nothing but the two runtimes is left, not even a zombie", func() bool {
		return !slices.ContainsFunc(children(first), func(pid int) bool { return status(pid)["Name"] != "runtime-api" })
	})
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want exit status 0", err)
	}
}
