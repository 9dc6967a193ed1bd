package layout

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNew(t *testing.T) {
	tests := map[string]struct {
		reason    string
		name, dir string
		want      string
		fails     bool
	}{
		"default":       {reason: "the name alone says where", name: "ci-1", want: "/var/tmp/lambkin-cluster-ci-1"},
		"dir":           {reason: "another folder is taken as it is", name: "a", dir: "/data/x.y", want: "/data/x.y"},
		"clean":         {reason: "the folder is compared and joined later", name: "a", dir: "/data/../x/", want: "/x"},
		"empty":         {reason: "a cluster has a name", fails: true},
		"upper case":    {reason: "the name is part of names of Kubernetes", name: "A", fails: true},
		"path":          {reason: "a name must not lead elsewhere", name: "../x", fails: true},
		"long":          {reason: "names of control groups and contexts stay short", name: strings.Repeat("a", 21), fails: true},
		"space in dir":  {reason: "cluster.env has no quotes", name: "a", dir: "/my data", fails: true},
		"quote in dir":  {reason: "containerd.toml quotes it", name: "a", dir: `/x"y`, fails: true},
		"dollar in dir": {reason: "make and shells would expand it", name: "a", dir: "/x$y", fails: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := New(tc.name, tc.dir)
			if (err != nil) != tc.fails || c.Dir != tc.want {
				t.Errorf("New(%q, %q) = %q, %v, want %q, failure %t: %s", tc.name, tc.dir, c.Dir, err, tc.want, tc.fails, tc.reason)
			}
		})
	}
}

func TestTwoClustersShareNothing(t *testing.T) {
	a, errA := New("a", "")
	b, errB := New("b", "")
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for what, of := range map[string]func(Cluster) string{
		"state": func(c Cluster) string { return c.Dir }, "control group": Cluster.Cgroup, "kubeconfig": Cluster.Kubeconfig,
		"env file": Cluster.EnvFile, "program": Cluster.Tool,
	} {
		if of(a) == of(b) {
			t.Errorf("both clusters have the %s %q", what, of(a))
		}
	}
}

func TestState(t *testing.T) {
	c := Cluster{Name: "a", Dir: t.TempDir()}
	empty, err := c.LoadState()
	if err != nil || empty != (State{}) {
		t.Fatalf("state of a cluster that never ran = %+v, %v, want the zero state", empty, err)
	}
	want := State{Init: 42, InitStart: 7, Ready: true, Ports: Ports{1, 2, 3}, Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	if err := c.SaveState(want); err != nil {
		t.Fatal(err)
	}
	got, err := c.LoadState()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state read again (-want +got):\n%s", diff)
	}
	left, err := os.ReadDir(c.Dir)
	if err != nil || len(left) != 1 {
		t.Errorf("files beside the state: %v, %v, want the state alone", left, err)
	}
	if err := os.WriteFile(c.Path("state.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.LoadState(); err == nil || !strings.Contains(err.Error(), c.Path("state.json")) {
		t.Errorf("broken state: error %v, want one that names the file", err)
	}
}

func TestSaveStateNowhere(t *testing.T) {
	c := Cluster{Name: "a", Dir: filepath.Join(t.TempDir(), "gone")}
	if err := c.SaveState(State{}); err == nil {
		t.Error("a state was saved in a folder that is not there")
	}
}

func TestRunning(t *testing.T) {
	start, err := StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "sleep", "100")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	childStart, err := StartTime(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !(State{Init: child.Process.Pid, InitStart: childStart}).Running() {
		t.Error("a process that runs is said not to")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Until it is waited for it is a zombie, which has ended.
	deadline := time.Now().Add(10 * time.Second)
	for (State{Init: child.Process.Pid, InitStart: childStart}).Running() {
		if time.Now().After(deadline) {
			t.Fatal("a zombie is said to run")
		}
		time.Sleep(time.Millisecond)
	}
	_ = child.Wait() // killed
	if (State{Init: child.Process.Pid, InitStart: childStart}).Running() {
		t.Error("a process that is gone is said to run")
	}
	if (State{Init: os.Getpid(), InitStart: start + 1}).Running() {
		t.Error("another process with the id is taken for the first")
	}
	if (State{}).Running() {
		t.Error("a cluster that never ran is said to run")
	}
}

func TestParseStartTime(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	tests := map[string]struct {
		reason, stat string
		want         uint64
		fails        bool
	}{
		"plain":       {reason: "field 22", stat: "7 (sh)" + rest, want: 4711},
		"parentheses": {reason: "a command may hold anything", stat: "7 (a) S 9 (b)" + rest, want: 4711},
		"zombie":      {reason: "it has ended", stat: "7 (sh)" + strings.Replace(rest, "S", "Z", 1), fails: true},
		"short":       {reason: "not the file that was meant", stat: "7 (sh) S 1", fails: true},
		"empty":       {reason: "read while the process ended", stat: "", fails: true},
		"no number":   {reason: "not the file that was meant", stat: "7 (sh)" + strings.Replace(rest, "4711", "x", 1), fails: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseStartTime(tc.stat)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("parseStartTime(%q) = %d, %v, want %d, failure %t: %s", tc.stat, got, err, tc.want, tc.fails, tc.reason)
			}
		})
	}
}

func FuzzParseStartTime(f *testing.F) {
	f.Add("7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21")
	f.Add("7 (a) S 9 (b) Z")
	f.Add("")
	f.Fuzz(func(t *testing.T, stat string) {
		if ticks, err := parseStartTime(stat); err != nil && ticks != 0 {
			t.Errorf("parseStartTime(%q) gives both %d and an error", stat, ticks)
		}
	})
}

// A shell must read cluster.env as it is meant.
func TestEnvInShell(t *testing.T) {
	c := Cluster{Name: "a", Dir: t.TempDir()}
	if err := c.SaveEnv(Ports{API: 1, Ingress: 2, Registry: 3}); err != nil {
		t.Fatal(err)
	}
	script := `. "$0" && echo "$KUBECONFIG $REGISTRY $REGISTRY_HOST $INGRESS $DOMAIN"`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script, c.EnvFile()).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := c.Dir + "/kubeconfig registry.kube-system.svc.cluster.local:5000 127.0.0.1:3 127.0.0.1:2 example.test\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("what a shell reads (-want +got):\n%s", diff)
	}
}
