package command

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
	"github.com/lambkin-dev/lambkin/test/cluster/node"
)

// cluster is one that no test starts, with folders of its own.
func cluster(t *testing.T) layout.Cluster {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	c, err := layout.New("test", filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runs makes this test process the cluster's first process.
func runs(t *testing.T, c layout.Cluster) {
	t.Helper()
	start, err := layout.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(c.Path("run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.SaveState(layout.State{Init: os.Getpid(), InitStart: start, Ports: layout.Ports{API: 1, Ingress: 2, Registry: 3}}); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, c layout.Cluster, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Run(t.Context(), append([]string{"-name", c.Name, "-state", c.Dir}, args...), &out, io.Discard)
	return out.String(), err
}

func TestUsage(t *testing.T) {
	tests := map[string]struct {
		reason string
		args   []string
		code   exitCode
		says   string
	}{
		"nothing":      {reason: "a verb is needed", code: 2, says: "kubeconfig"},
		"unknown verb": {reason: "told what there is", args: []string{"fly"}, code: 2, says: "down"},
		"unknown flag": {reason: "told what there is", args: []string{"-fly"}, code: 2, says: "-state"},
		"help":         {reason: "asked for, so no failure", args: []string{"-h"}, says: "-state"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var errOut bytes.Buffer
			err := Run(t.Context(), tc.args, io.Discard, &errOut)
			code, _ := errors.AsType[exitCode](err)
			if code != tc.code || (tc.code == 0 && err != nil) || !strings.Contains(errOut.String(), tc.says) {
				t.Errorf("Run(%q) = %v with %q, want code %d and %q: %s", tc.args, err, errOut.String(), tc.code, tc.says, tc.reason)
			}
		})
	}
}

func TestBadName(t *testing.T) {
	if err := Run(t.Context(), []string{"-name", "../x", "down"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "../x") {
		t.Errorf("Run = %v, want an error that names the name", err)
	}
}

func TestVerbsOfACluster(t *testing.T) {
	c := cluster(t)
	for _, args := range [][]string{{"status"}, {"env"}, {"exec", "true"}, {"stop", "registry"}, {"start", "registry"}} {
		if _, err := run(t, c, args...); err == nil || !strings.Contains(err.Error(), "cluster up") {
			t.Errorf("%v of a cluster that is down: %v, want the way out", args, err)
		}
	}
	runs(t, c)
	env, err := run(t, c, "env")
	if err != nil || !strings.Contains(env, "REGISTRY_HOST=127.0.0.1:3\n") {
		t.Errorf("env = %q, %v", env, err)
	}
	if _, err := run(t, c, "exec"); err == nil {
		t.Error("exec without a command")
	}
	for _, args := range [][]string{{"stop"}, {"start"}, {"stop", "nginx"}} {
		if _, err := run(t, c, args...); err == nil || !strings.Contains(err.Error(), "kubelet") {
			t.Errorf("%v: %v, want the names of daemons", args, err)
		}
	}
	if _, err := run(t, c, "stop", "registry"); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := run(t, c, "start", "registry"); err != nil {
		t.Errorf("start: %v", err)
	}
}

func TestKubeconfigIsKnownBeforehand(t *testing.T) {
	c := cluster(t)
	if got, err := run(t, c, "kubeconfig"); err != nil || got != c.Kubeconfig()+"\n" {
		t.Errorf("kubeconfig = %q, %v", got, err)
	}
}

func TestOneAtATime(t *testing.T) {
	c := cluster(t)
	unlock, err := lock(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"up", "down"} {
		if _, err := run(t, c, verb); err == nil || !strings.Contains(err.Error(), "someone else") {
			t.Errorf("%s while another does the same: %v", verb, err)
		}
	}
	unlock()
	if os.Geteuid() != 0 {
		t.Skip("control groups can be looked through by root only")
	}
	if out, err := run(t, c, "down"); err != nil || !strings.Contains(out, "is down") {
		t.Errorf("down of what is down = %q, %v", out, err)
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state after down: %v, want none", err)
	}
}

func TestNodeVerbsAreForTheNode(t *testing.T) {
	c := cluster(t)
	if _, err := run(t, c, node.InitVerb); err == nil {
		t.Error("a node without programs")
	}
	if _, err := run(t, c, node.InitVerb, "/x"); err == nil || !strings.Contains(err.Error(), "`up`") {
		t.Errorf("a node in this machine's own namespaces: %v", err)
	}
	if _, err := run(t, c, node.FilesVerb); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files of a cluster that was never started: %v", err)
	}
}

func TestHealthOfAStartThatBrokeOff(t *testing.T) {
	if err := health(t.Context(), layout.Cluster{}, layout.State{}); err == nil || !strings.Contains(err.Error(), "not completed") {
		t.Errorf("health = %v", err)
	}
}

func TestAbandonKeepsTheLogs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("control groups can be looked through by root only")
	}
	c := cluster(t)
	if err := os.MkdirAll(c.Path("log"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Path("log", "kubelet.log"), []byte("why"), 0o644); err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	for range 2 { // logs of the last failure take the place of older ones
		if err := abandon(t.Context(), cli{cluster: c, errOut: &errOut}); err != nil {
			t.Fatal(err)
		}
	}
	kept := c.CachePath("failed-test", "kubelet.log")
	if data, err := os.ReadFile(kept); err != nil || string(data) != "why" {
		t.Errorf("kept log = %q, %v", data, err)
	}
	if !strings.Contains(errOut.String(), filepath.Dir(kept)) {
		t.Errorf("nobody is told where: %q", errOut.String())
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state: %v, want none", err)
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	progress{&out, time.Now().Add(-90 * time.Second)}.done("%d objects", 3)
	if got := strings.TrimSpace(out.String()); !strings.HasPrefix(got, "90.") || !strings.HasSuffix(got, " s  3 objects") {
		t.Errorf("progress = %q", got)
	}
}

func TestCopySelf(t *testing.T) {
	to := filepath.Join(t.TempDir(), "cluster")
	if err := copySelf(to); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o755 || info.Size() == 0 {
		t.Errorf("copy: %v, %v", info, err)
	}
}

// The registry's process as the node runs it, but for its address.
func TestServeNeedsItsAddress(t *testing.T) {
	l, err := net.Listen("tcp", net.JoinHostPort(layout.NodeIP, "0"))
	if err == nil {
		_ = l.Close()
		t.Skip("this machine has the node's address itself")
	}
	if err := serve(t.Context(), "0", http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), layout.NodeIP) {
		t.Errorf("serve = %v, want an error that names the address", err)
	}
}

func TestVerbsAreExplained(t *testing.T) {
	var missing []string
	for name := range verbs() {
		internal := name == node.InitVerb || name == node.RegistryVerb || name == node.FilesVerb
		if !internal && !strings.Contains(usage, "\n  "+name+" ") {
			missing = append(missing, name)
		}
	}
	if diff := cmp.Diff([]string(nil), missing); diff != "" {
		t.Errorf("verbs that the usage does not explain (-want +got):\n%s", diff)
	}
}

func TestNodeInitNeedsOneFolder(t *testing.T) {
	err := nodeInit(t.Context(), cli{errOut: io.Discard}, nil)
	if err == nil || !strings.Contains(err.Error(), node.InitVerb) {
		t.Errorf("nodeInit = %v", err)
	}
}
