//go:build linux

package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const mib = 1 << 20

func TestMemoryLimit(t *testing.T) {
	quiet := run(t, shell("exec sleep 1000"))
	for _, tc := range []struct {
		reason string
		spec   func() Spec
	}{
		{"the program itself", func() Spec { return play("hold", "400") }},
		{"a child in a session of its own", func() Spec {
			spec := shell("setsid /proc/" + strconv.Itoa(os.Getpid()) + "/exe 400 & wait; exit 1")
			spec.Env = append(spec.Env, roleVariable+"=hold")
			return spec
		}},
		{"many that are small each", func() Spec {
			spec := shell("for i in 1 2 3 4; do /proc/" + strconv.Itoa(os.Getpid()) + "/exe 100 & done; wait; exit 1")
			spec.Env = append(spec.Env, roleVariable+"=hold")
			return spec
		}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			spec := tc.spec()
			spec.Memory = 300 * mib
			p := run(t, spec)
			got := wait(t, p)
			if got != (Exit{Code: -1, Signal: syscall.SIGKILL, OOM: true}) {
				t.Errorf("Exit() = %+v, want killed for want of memory", got)
			}
			if peak := p.PeakMemory(); peak < spec.Memory {
				t.Errorf("PeakMemory() = %d, below the limit of %d that was exceeded", peak, spec.Memory)
			}
		})
	}
	if !alive(quiet.Pid()) {
		t.Error("a program that needs little was killed as well")
	}
}

func TestMemoryWithinTheLimit(t *testing.T) {
	var out screen
	spec := play("hold", "200")
	spec.Stdout, spec.Memory = &out, 1<<30
	p := run(t, spec)
	eventually(t, "hold memory", func() bool { return strings.Contains(out.String(), "holding") })
	eventually(t, "measure it", func() bool { return p.PeakMemory() >= 200*mib })
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, p); got != (Exit{}) {
		t.Errorf("Exit() = %+v, want success", got)
	}
	if peak := p.PeakMemory(); peak < 200*mib || peak > 1<<30 {
		t.Errorf("PeakMemory() = %d after the end, want what was held", peak)
	}
}

// What the sum of resident sets counts too often or too strictly must not kill.
func TestMemoryThatDoesNotCount(t *testing.T) {
	for _, tc := range []struct {
		reason, dir string
		size        int64
		readers     int
	}{
		{"shared memory counts once", "/dev/shm", 120 * mib, 4},
		{"files can be dropped", t.TempDir(), 400 * mib, 1},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			path := filepath.Join(tc.dir, "lambkin-process-test-"+newMarker())
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Skipf("needs a writable %s: %v", tc.dir, err)
			}
			t.Cleanup(func() { _ = os.Remove(path) })
			if err := os.Truncate(path, tc.size); err != nil {
				t.Fatal(err)
			}
			exe := "/proc/" + strconv.Itoa(os.Getpid()) + "/exe"
			var out screen
			spec := shell("for i in $(seq "+strconv.Itoa(tc.readers)+"); do "+exe+" \"$1\" & done; wait", path)
			spec.Env = append(spec.Env, roleVariable+"=map")
			spec.Stdout, spec.Memory = &out, 300*mib
			p := run(t, spec)
			eventually(t, "map the file", func() bool { return strings.Count(out.String(), "holding") == tc.readers })
			if rss, _ := sum(p.members.members()); rss < spec.Memory {
				t.Fatalf("the resident sets sum up to %d only, nothing is proved", rss)
			}
			p.memory.look(0)
			select {
			case <-p.Done():
				t.Errorf("killed: %+v, peak %d", p.Exit(), p.PeakMemory())
			case <-time.After(2 * watchFast):
			}
		})
	}
}

// A program's memory counts once also while it starts another, which runs in it until it is executed.
func TestMemoryOfAProgramThatStartsAnother(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3, whose posix_spawn can be made to wait: apt-get install python3")
	}
	gate := filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, Spec{Path: python, Memory: 300 * mib, Args: []string{"-c", `
import os, sys
held = b"x" * (200 << 20)
opened = (os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)
os.waitpid(os.posix_spawn("/bin/true", ["true"], {}, file_actions=[opened]), 0)
`, gate}})
	eventually(t, "start another program in the same memory", func() bool {
		rss, _ := sum(p.members.members())
		return rss >= 400*mib
	})
	p.memory.look(0)
	if peak := p.PeakMemory(); peak < 200*mib || peak > 300*mib {
		t.Errorf("PeakMemory() = %d, want what one of them holds", peak)
	}
	opened, err := os.OpenFile(gate, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if got := wait(t, p); got != (Exit{}) {
		t.Errorf("Exit() = %+v, want success", got)
	}
}

func TestPeakMemoryNeedsNoLimit(t *testing.T) {
	p := run(t, shell("exec sleep 1000"))
	if peak := p.PeakMemory(); peak <= 0 || peak > 1<<30 {
		t.Errorf("PeakMemory() = %d for a running program", peak)
	}
	p.Kill()
	if peak := p.PeakMemory(); peak <= 0 {
		t.Errorf("PeakMemory() = %d after the end, want what was seen", peak)
	}
}

func TestPeakSeesWhatCameAndWent(t *testing.T) {
	proc := plant(t, map[string]string{
		"42/stat":   "42 (sleep)" + tail,
		"42/status": "Name:\tsleep\nVmHWM:\t204800 kB\nVmRSS:\t1840 kB\n",
	})
	w := &watch{members: &census{proc: proc, leader: 42}}
	w.look(0)
	if got := w.highest(); got != 200*mib {
		t.Errorf("peak %d, want the leader's own, %d", got, 200*mib)
	}
}

func TestLookIsOverAfterTheEnd(t *testing.T) {
	proc := plant(t, map[string]string{"42/stat": "42 (somebody else)" + tail})
	w := &watch{members: &census{proc: proc, leader: 42}, limit: 1, exceed: func() { t.Error("acts on a reused pid") }}
	w.end()
	w.look(0)
	if got := w.highest(); got != 0 {
		t.Errorf("peak %d, measured at a reused pid", got)
	}
}

func TestExactlyFallsBackToResidentSet(t *testing.T) {
	c := &census{proc: t.TempDir()}
	members := []stat{{identity: identity{pid: 1}, rss: 5}, {identity: identity{pid: 2}, rss: 7}}
	if got := c.exactly(members); got != 12 {
		t.Errorf("exactly() = %d without smaps_rollup, want the resident sets, 12", got)
	}
}

func TestKilobytes(t *testing.T) {
	const text = "Name:\tVmHWM:\nVmHWM:\t    1024 kB\nVmPeak: 9 MB\nBad: x kB\nNegative: -1 kB\nHuge: 9223372036854775807 kB\nShort: 1\n"
	for _, tc := range []struct {
		reason, key string
		want        int64
		ok          bool
	}{
		{"kilobytes become bytes", "VmHWM:", mib, true},
		{"another unit is not understood", "VmPeak:", 0, false},
		{"words are no numbers", "Bad:", 0, false},
		{"no unit", "Short:", 0, false},
		{"missing", "VmRSS:", 0, false},
	} {
		got, ok := kilobytes([]byte(text), tc.key)
		if got != tc.want || ok != tc.ok {
			t.Errorf("%s: kilobytes() = %d, %v, want %d, %v", tc.reason, got, ok, tc.want, tc.ok)
		}
	}
	for _, key := range []string{"Negative:", "Huge:"} {
		if got, ok := kilobytes([]byte(text), key); ok {
			t.Errorf("kilobytes(%q) = %d, want a refusal", key, got)
		}
	}
}

func FuzzKilobytes(f *testing.F) {
	f.Add([]byte("Pss_Anon:   116 kB\n"))
	f.Add([]byte("Pss_Anon:\n"))
	f.Add([]byte("Pss_Anon: 99999999999999999999 kB"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, ok := kilobytes(text, "Pss_Anon:"); ok && n < 0 {
			t.Errorf("kilobytes(%q) = %d", text, n)
		}
	})
}

// BenchmarkLook is the price of a look at a small tree.
func BenchmarkLook(b *testing.B) {
	p, err := Start(shell("sleep 1000 & exec sleep 1000"))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Kill()
	for b.Loop() {
		p.memory.look(0)
	}
}
