package pod

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// withExtension puts the test extension into a pod's configuration and gives the file with what it heard.
func withExtension(t *testing.T, behaviour string) (change func(*Config), heard func() string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(extensionBinary, filepath.Join(dir, "listener")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("not executable, so no extension"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "heard")
	change = func(c *Config) {
		c.Extensions = dir
		c.Env = append(c.Env, "HEARD="+file, "EXTENSION="+behaviour, "TELEMETRY_PORT="+strconv.Itoa(freePort(t)))
	}
	return change, func() string {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }() // the port is what is wanted
	return ln.Addr().(*net.TCPAddr).Port
}

func TestExtensionHearsInvokeAndShutdown(t *testing.T) {
	change, heard := withExtension(t, "")
	p, out := start(t, change)
	mustCount(t, p)
	mustCount(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if want := "INVOKE\nINVOKE\nSHUTDOWNspindown\n"; heard() != want {
		t.Errorf("the extension heard %q, want %q", heard(), want)
	}
	if !strings.Contains(out.String(), "extension: registered 200 OK") {
		t.Errorf("what it prints belongs in the log:\n%s", out)
	}
}

func TestExtensionThatCrashes(t *testing.T) {
	change, _ := withExtension(t, "crash")
	p, _ := start(t, change)
	r := call(t, p, `{"do":"sleep","n":5000}`)
	want := `{"errorType":"Extension.Crash","errorMessage":"RequestId: ` + r.RequestID + ` Error: exit status 7"}`
	if string(r.Payload) != want {
		t.Errorf("got  %s\nwant %s", r.Payload, want)
	}
}

func TestExtensionThatNeverRegisters(t *testing.T) {
	change, _ := withExtension(t, "silent")
	p, _ := start(t, func(c *Config) {
		change(c)
		c.Min, c.Max, c.InitTimeout, c.Timeout = 0, 1, 300*time.Millisecond, time.Second
	})
	if r := call(t, p, `{}`); r.ErrorType != "Sandbox.Timedout" {
		t.Errorf("the runtime must not start before all extensions have registered; got %s", r.Payload)
	}
}

// A slow extension holds up the environment and not the answer.
func TestSlowExtension(t *testing.T) {
	change, heard := withExtension(t, "slow")
	p, out := start(t, change)
	<-p.Ready()
	mustCount(t, p)
	waitUntil(t, "the extension has heard of it", func() bool { return strings.Count(heard(), "INVOKE") == 1 })
	mustCount(t, p)
	if strings.Contains(out.String(), "Status: timeout") {
		t.Errorf("log:\n%s", out)
	}
}

func TestTelemetrySubscriber(t *testing.T) {
	change, heard := withExtension(t, "telemetry")
	p, _ := start(t, change)
	call(t, p, `{"do":"print"}`)
	waitUntil(t, "the report has arrived", func() bool { return strings.Contains(heard(), "platform.report") })
	for _, want := range []string{"platform.initRuntimeDone", "platform.initReport", "platform.start", "function", "platform.runtimeDone"} {
		if !strings.Contains(heard(), want) {
			t.Errorf("the subscriber did not get %s, only\n%s", want, heard())
		}
	}
}
