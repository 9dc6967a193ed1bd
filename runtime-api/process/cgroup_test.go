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
)

// plant makes a directory with files, as the kernel would in a cgroup.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents reads back the files of plant.
func contents(t *testing.T, dir string, names ...string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(text)
	}
	return got
}

func TestDelegable(t *testing.T) {
	usable := func() map[string]string {
		return map[string]string{
			"proc/self/cgroup":                "4:memory:/old\n0::/me\n",
			"root/me/cgroup.controllers":      "cpu memory pids\n",
			"root/me/cgroup.procs":            "77\n",
			"root/me/cgroup.subtree_control":  "",
			"root/me/lambkin.self/.directory": "",
		}
	}
	for _, tc := range []struct {
		reason string
		change func(files map[string]string)
		want   string // in the error
		ready  bool
	}{
		{"ours alone", func(map[string]string) {}, "", false},
		{"done before", func(f map[string]string) { f["proc/self/cgroup"] = "0::/me/lambkin.self\n" }, "", true},
		{"version 1 only", func(f map[string]string) { f["proc/self/cgroup"] = "4:memory:/old\n" }, "no cgroup v2", false},
		{"no memory controller", func(f map[string]string) { f["root/me/cgroup.controllers"] = "cpu memoryless\n" }, "no memory controller", false},
		{"not delegated", func(f map[string]string) { delete(f, "root/me/cgroup.subtree_control") }, "not delegated to us", false},
		{"shared with others", func(f map[string]string) { f["root/me/cgroup.procs"] = "1\n77\n" }, "holds other processes", false},
		{"no procfs", func(f map[string]string) { delete(f, "proc/self/cgroup") }, "no such file", false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			files := usable()
			tc.change(files)
			dir := plant(t, files)
			c := cgroups{proc: filepath.Join(dir, "proc"), root: filepath.Join(dir, "root")}
			got, ready, err := c.delegable(77)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("delegable() = %v, want an error with %q", err, tc.want)
				}
				return
			}
			if want := filepath.Join(dir, "root/me"); err != nil || got != want || ready != tc.ready {
				t.Errorf("delegable() = %q, %v, %v, want %q, %v", got, ready, err, want, tc.ready)
			}
		})
	}
}

func TestDelegate(t *testing.T) {
	dir := plant(t, map[string]string{
		"proc/self/cgroup":                   "0::/\n",
		"root/cgroup.controllers":            "memory\n",
		"root/cgroup.procs":                  "77\n",
		"root/cgroup.subtree_control":        "",
		"root/lambkin.self/cgroup.procs":     "",
		"root/lambkin.self/cgroup.max.depth": "max\n",
	})
	root := filepath.Join(dir, "root")
	got, err := cgroups{proc: filepath.Join(dir, "proc"), root: root}.delegate(77)
	if err != nil || got != root {
		t.Fatalf("delegate() = %q, %v, want %q", got, err, root)
	}
	want := map[string]string{"cgroup.subtree_control": "+memory", "lambkin.self/cgroup.procs": "77"}
	if diff := cmp.Diff(want, contents(t, root, "cgroup.subtree_control", "lambkin.self/cgroup.procs")); diff != "" {
		t.Errorf("written -want +got:\n%s", diff)
	}
}

func TestLimit(t *testing.T) {
	files := map[string]string{"memory.max": "", "memory.oom.group": "", "memory.swap.max": ""}
	t.Run("the kernel kills the group as a whole, without swapping", func(t *testing.T) {
		dir := plant(t, files)
		if err := limit(dir, 128*mib); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"memory.max": "134217728", "memory.oom.group": "1", "memory.swap.max": "0"}
		if diff := cmp.Diff(want, contents(t, dir, "memory.max", "memory.oom.group", "memory.swap.max")); diff != "" {
			t.Errorf("written -want +got:\n%s", diff)
		}
	})
	t.Run("no limit writes nothing", func(t *testing.T) {
		if err := limit(t.TempDir(), 0); err != nil {
			t.Error(err)
		}
	})
	t.Run("a host without swap", func(t *testing.T) {
		if err := limit(plant(t, map[string]string{"memory.max": "", "memory.oom.group": ""}), mib); err != nil {
			t.Error(err)
		}
	})
	t.Run("no memory controller", func(t *testing.T) {
		if err := limit(t.TempDir(), mib); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("limit() = %v, want %v", err, fs.ErrNotExist)
		}
	})
}

func TestGroupMeasures(t *testing.T) {
	for _, tc := range []struct {
		reason string
		files  map[string]string
		want   int64
	}{
		{"the kernel's peak", map[string]string{"memory.peak": "900\n", "memory.current": "100\n"}, 900},
		{"older kernels tell the present", map[string]string{"memory.current": "100\n"}, 100},
	} {
		w := &watch{members: &census{proc: t.TempDir()}, group: &cgroup{dir: plant(t, tc.files)}, limit: 1}
		w.look(0)
		if got := w.highest(); got != tc.want {
			t.Errorf("%s: peak %d, want %d", tc.reason, got, tc.want)
		}
	}
	if n, ok := (*cgroup)(nil).peak(); ok {
		t.Errorf("peak() = %d without a group", n)
	}
}

func TestGroupOOM(t *testing.T) {
	killed := &watch{group: &cgroup{dir: plant(t, map[string]string{"memory.events": "oom 3\noom_kill 2\n"})}}
	spared := &watch{group: &cgroup{dir: plant(t, map[string]string{"memory.events": "oom 3\noom_kill 0\n"})}}
	if !killed.overrun() || spared.overrun() || (&watch{}).overrun() {
		t.Errorf("overrun() = %v, %v, want true, false", killed.overrun(), spared.overrun())
	}
}

func TestParseOOMKills(t *testing.T) {
	for text, want := range map[string]int64{
		"low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 1\n": 1,
		"oom_kill 7":  7,
		"oom_kill -7": 0,
		"oom_kill x":  0,
		"oom_kill":    0,
		"":            0,
	} {
		if got := parseOOMKills([]byte(text)); got != want {
			t.Errorf("parseOOMKills(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestOldKills(t *testing.T) {
	const control = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
	for name, tc := range map[string]struct {
		reason, membership string
		files              map[string]string
		want               int64
	}{
		"Host":      {"our own group", "9:cpu:/x\n8:memory:/a/b\n0::/c\n", map[string]string{"memory/a/b/memory.oom_control": control, "memory/memory.oom_control": "oom_kill 9"}, 3},
		"Container": {"a container sees its own group as the root", "8:memory:/kubepods/pod1\n", map[string]string{"memory/memory.oom_control": control}, 3},
		"Root":      {"of its namespace", "8:memory:/\n", map[string]string{"memory/memory.oom_control": control}, 3},
		"Outside":   {"a path that leads out of it", "8:memory:/../../x\n", map[string]string{"memory/memory.oom_control": control}, 3},
		"Version2":  {"no memory controller of version 1", "0::/a\n", map[string]string{"memory/memory.oom_control": control}, 0},
		"Hidden":    {"nothing is mounted", "8:memory:/a\n", nil, 0},
		"OldKernel": {"which does not count", "8:memory:/a\n", map[string]string{"memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"}, 0},
	} {
		c := cgroups{proc: plant(t, map[string]string{"self/cgroup": tc.membership}), root: plant(t, tc.files)}
		if got := c.oldKills(); got != tc.want {
			t.Errorf("%s: %s: %d, want %d", name, tc.reason, got, tc.want)
		}
	}
	if got := (cgroups{proc: t.TempDir()}).oldKills(); got != 0 {
		t.Errorf("without /proc: %d", got)
	}
}

func FuzzParseOOMKills(f *testing.F) {
	f.Add([]byte("oom 1\noom_kill 1\n"))
	f.Add([]byte("oom_kill 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, events []byte) {
		if n := parseOOMKills(events); n < 0 {
			t.Errorf("parseOOMKills(%q) = %d", events, n)
		}
	})
}

func TestUnifiedPath(t *testing.T) {
	for _, tc := range []struct {
		reason, text, want string
		ok                 bool
	}{
		{"version 2", "0::/user.slice/a b\n", "/user.slice/a b", true},
		{"in a container", "0::/\n", "/", true},
		{"both versions", "9:name=systemd:/x\n0::/y\n", "/y", true},
		{"outside of our namespace", "0::/../../x\n", "/x", true},
		{"version 1", "4:memory:/x\n", "", false},
		{"empty", "", "", false},
	} {
		if got, ok := unifiedPath([]byte(tc.text)); got != tc.want || ok != tc.ok {
			t.Errorf("%s: unifiedPath() = %q, %v, want %q, %v", tc.reason, got, ok, tc.want, tc.ok)
		}
	}
}

func FuzzUnifiedPath(f *testing.F) {
	f.Add([]byte("0::/a\n"))
	f.Add([]byte("0::/../..\n"))
	f.Fuzz(func(t *testing.T, membership []byte) {
		path, ok := unifiedPath(membership)
		if ok && (!filepath.IsAbs(path) || strings.Contains("/"+path+"/", "/../")) {
			t.Errorf("unifiedPath(%q) = %q", membership, path)
		}
	})
}

// A program in a real cgroup cannot hide, whatever it does.
func TestGroupKillsWhatHides(t *testing.T) {
	parent := realCgroup(t)
	var out screen
	spec := shell(`(env -i setsid sh -c 'echo $$; exec sleep 1000' &) ; exec sleep 1000`)
	spec.Stdout, spec.Cgroup = &out, parent
	p := run(t, spec)
	pid := out.pids(t, 1)[0]
	if p.memory.group == nil {
		t.Fatal("started outside of the cgroup")
	}
	dir := p.memory.group.dir
	p.Kill()
	if alive(pid) {
		t.Errorf("process %d has survived Kill", pid)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cgroup is left: %v", err)
	}
}

// realCgroup makes a cgroup v2 directory for the test.
func realCgroup(t *testing.T) string {
	t.Helper()
	for _, root := range []string{cgroupRoot, filepath.Join(cgroupRoot, "unified")} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir, err := os.MkdirTemp(root, "lambkin-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		return dir
	}
	t.Skip("needs a writable cgroup v2 file system: run as root")
	return ""
}

func TestUnusableGroupIsDoneWithout(t *testing.T) {
	for _, tc := range []struct{ reason, parent string }{
		{"no such directory", "/missing/cgroup"},
		{"no cgroup", t.TempDir()},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			spec := play("hold", "400")
			spec.Cgroup, spec.Memory = tc.parent, 300*mib
			p := run(t, spec)
			if got := wait(t, p); got != (Exit{Code: -1, Signal: syscall.SIGKILL, OOM: true}) {
				t.Errorf("Exit() = %+v, want killed for want of memory", got)
			}
			entries, err := os.ReadDir(tc.parent)
			if err == nil && len(entries) != 0 {
				t.Errorf("left in %s: %v", tc.parent, entries)
			}
		})
	}
}
