package needs

import (
	"strings"
	"testing"
)

func TestCheckCapabilities(t *testing.T) {
	tests := map[string]struct {
		reason, status string
		want           []string // in the error
	}{
		"all":     {reason: "root on a machine", status: "Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n"},
		"docker":  {reason: "root in a plain container lacks both", status: "CapEff:\t00000000a80425fb\n", want: []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN"}},
		"no net":  {reason: "each is told by name", status: "CapEff:\t0000000000200000\n", want: []string{"CAP_NET_ADMIN"}},
		"missing": {reason: "no line, no trust", status: "Name:\tx\n", want: []string{"capabilities"}},
		"garbage": {reason: "not a number", status: "CapEff:\tzz\n", want: []string{"capabilities"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := checkCapabilities(tc.status)
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("checkCapabilities = %v, want %v: %s", err, tc.want, tc.reason)
			}
			for _, word := range tc.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error %q does not say %s: %s", err, word, tc.reason)
				}
			}
		})
	}
}

func TestCheckFilesystems(t *testing.T) {
	if err := checkFilesystems("nodev\ttmpfs\n\text4\nnodev\toverlay\n"); err != nil {
		t.Errorf("overlay is there: %v", err)
	}
	if err := checkFilesystems("nodev\ttmpfs\nnodev\toverlayish\n"); err == nil {
		t.Error("a kernel without overlayfs passes")
	}
}

func TestExisting(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{dir: dir, dir + "/a/b/c": dir, "/no-such-folder/x": "/", "/": "/"} {
		if got := existing(name); got != want {
			t.Errorf("existing(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRoomIsLookedForWhereTheStateWillBe(t *testing.T) {
	// The folder itself is not there yet on a first start.
	if err := checkRoom(t.TempDir() + "/not/yet"); err != nil && !strings.Contains(err.Error(), "MiB") {
		t.Errorf("checkRoom: %v, want nothing or how much is missing", err)
	}
}

func TestLastLine(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\nb\n\n": "b", "x": "x"} {
		if got := lastLine([]byte(in)); got != want {
			t.Errorf("lastLine(%q) = %q, want %q", in, got, want)
		}
	}
}
