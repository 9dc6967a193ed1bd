//go:build linux

package process

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tail = " S 7 42 42 0 -1 4194304 100 0 0 0 30 12 0 0 20 0 1 0 987654 2506752 460 18446744073709551615 0 0 0"

func TestParseStat(t *testing.T) {
	want := stat{
		identity: identity{pid: 42, start: 987654},
		state:    'S',
		parent:   7,
		session:  42,
		cpu:      42,
		rss:      460 * int64(os.Getpagesize()),
	}
	for _, tc := range []struct {
		reason, line string
		ok           bool
	}{
		{"a usual line", "42 (sleep)" + tail + "\n", true},
		{"names may hold anything", "42 (a) R 1 (b\n)" + tail, true},
		{"an empty name", "42 ()" + tail, true},
		{"empty", "", false},
		{"no name", "42 sleep" + tail, false},
		{"parentheses the wrong way round", "42 )sleep(" + tail, false},
		{"cut off", "42 (sleep) S 7 42", false},
		{"no pid", "x (sleep)" + tail, false},
		{"the state is one letter", "42 (sleep) SS" + tail[2:], false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, ok := parseStat([]byte(tc.line))
			if ok != tc.ok {
				t.Fatalf("parseStat() ok = %v, want %v", ok, tc.ok)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(stat{}, identity{})); ok && diff != "" {
				t.Errorf("parseStat() -want +got:\n%s", diff)
			}
		})
	}
}

func TestParseStatOfAFork(t *testing.T) {
	got, ok := parseStat([]byte("42 (sleep)" + strings.Replace(tail, "4194304", "4194368", 1)))
	if !ok || !got.forked {
		t.Errorf("parseStat() = %+v, %v, want one that has executed no program", got, ok)
	}
}

func TestReadSelf(t *testing.T) {
	got, ok := (&census{proc: procRoot}).read(os.Getpid())
	if !ok || got.pid != os.Getpid() || got.parent != os.Getppid() || got.rss <= 0 || got.dead() {
		t.Errorf("read(self) = %+v, %v", got, ok)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (sleep)" + tail))
	f.Add([]byte("42 (a) b)" + tail))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, line []byte) {
		s, ok := parseStat(line)
		if ok && (s.pid < 0 || s.parent < 0 || s.session < 0) {
			t.Errorf("parseStat(%q) = %+v", line, s)
		}
	})
}
