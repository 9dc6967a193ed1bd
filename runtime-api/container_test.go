package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file of a function.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
}

// TestProcessInAStrictContainer has the command run as PID 1 the way strict clusters run containers: under a user id
// that no file knows, with a root file system that is read-only, and with /tmp and nothing else to write to.
func TestProcessInAStrictContainer(t *testing.T) {
	unshare := []string{"unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child", "/bin/sh", "-ec"}
	setpriv := "exec setpriv --reuid=1000690000 --regid=0 --clear-groups --no-new-privs --bounding-set=-all "
	const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin" // everybody may run what is there
	try := exec.Command(unshare[0], append(unshare[1:], setpriv+"python3 --version")...)
	try.Env = []string{path}
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("needs unshare and setpriv of util-linux, the right to make namespaces (run as root) and python3: %v %s", err, out)
	}
	// The function and the program, where they can be seen when /tmp is empty.
	dir, err := os.MkdirTemp("", "strict")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "runtime-api"), string(text), 0o755)
	write(t, filepath.Join(dir, "app.py"), `
import os, pathlib, tempfile
def handler(event, context):
    pathlib.Path.home().joinpath("kept").write_text("x")
    try:
        pathlib.Path("/mnt/app.py").write_text("x")
        fixed = False
    except OSError:
        fixed = True
    # What the image says comes first, and what the platform adds is there too.
    assert os.environ["PATH"] == "/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin", os.environ["PATH"]
    return {"uid": os.getuid(), "home": os.environ["HOME"], "tmp": tempfile.gettempdir(), "fixed": fixed}
`, 0o644)
	place := `mount --bind "$0" /mnt && mount -t tmpfs -o mode=1777 tmpfs /tmp && mount -o remount,bind,ro /mnt && mount -o remount,bind,ro / && cd /mnt && ` +
		setpriv + `/mnt/runtime-api "$@"`
	addr := freeAddr(t)
	cmd := exec.Command(unshare[0], append(unshare[1:], place, dir, "-addr", addr, "-function-name", "fn", "-runtime", "python3.12", "-handler", "app.handler")...)
	cmd.Env = []string{path, "HOME=/", "LAMBDA_TASK_ROOT=/mnt", "LAMBKIN_FAIL_ON_INIT=true"}
	p := &program{cmd: cmd, url: "http://" + addr, stdout: &output{}, stderr: &output{}}
	p.start(t)
	waitFor(t, "the front door answers", func() bool { _, _, err := invoke(p.url, `{}`); return err == nil })
	status, body, err := invoke(p.url, `{}`)
	if want := `{"uid": 1000690000, "home": "/tmp", "tmp": "/tmp", "fixed": true}`; err != nil || status != http.StatusOK || body != want {
		t.Errorf("%d %s, %v; want %s", status, body, err, want)
	}
}

// TestRunExistingImage has an entry point like that of AWS's base images, which starts AWS's emulator unless somebody
// serves the Runtime API already, and gets the handler as its argument.
func TestRunExistingImage(t *testing.T) {
	dir := t.TempDir()
	entry := filepath.Join(dir, "lambda-entrypoint.sh")
	write(t, entry, `#!/bin/sh
[ $# -eq 1 ] || exit 142
export SEEN="$1"
[ -n "$AWS_LAMBDA_RUNTIME_API" ] || exit 99 # the emulator
exec "$BOOTSTRAP"
`, 0o755)
	c := start(t, []string{"LAMBKIN_FAIL_ON_INIT=true", "BOOTSTRAP=" + handler}, "--", entry, "src/app.handler")
	var environ []string
	if err := json.Unmarshal([]byte(c.mustInvoke(`{"do":"env"}`)), &environ); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SEEN=src/app.handler", "_HANDLER=src/app.handler"} {
		if !strings.Contains(strings.Join(environ, "\n"), want) {
			t.Errorf("the function's environment lacks %s", want)
		}
	}
}
