package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSuite(t *testing.T) {
	tests := map[string]struct {
		reason, osRelease, want string
		fails                   bool
	}{
		"debian":   {reason: "Debian has no quotes", osRelease: "ID=debian\nVERSION_CODENAME=bookworm\n", want: "bookworm"},
		"quotes":   {reason: "others may", osRelease: "VERSION_CODENAME=\"trixie\"\n", want: "trixie"},
		"no suite": {reason: "Alpine has none, and no Debian packages", osRelease: "ID=alpine\n", fails: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(folder(t, map[string]string{"os-release": tc.osRelease}), "os-release")
			got, err := suite(file)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("suite = %q, %v, want %q, failure %t: %s", got, err, tc.want, tc.fails, tc.reason)
			}
		})
	}
}

// What the packages' scripts would do.
func TestDebianSteps(t *testing.T) {
	dir := folder(t, map[string]string{
		"bin/bash": "bash", "usr/bin/mawk": "mawk", "lib/x86_64/libc.so": "libc", "usr/lib/other": "other", "sbin/x": "->y",
		"usr/share/doc/bash/README": "", "var/lib/dpkg/status": "", "dev/null": "", "etc/apt/sources.list": "",
		"usr/share/ca-certificates/mozilla/b.crt": "B\n", "usr/share/ca-certificates/mozilla/a.crt": "A\n",
	})
	for _, step := range steps() {
		if err := step(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"usr/bin/bash": "bash", "bin/bash": "bash", "bin/sh": "bash", "usr/bin/awk": "mawk", "lib/x86_64/libc.so": "libc", "lib/other": "other",
		"etc/ssl/certs/ca-certificates.crt": "A\nB\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"bin": "usr/bin", "lib": "usr/lib", "sbin": "usr/sbin", "usr/bin/sh": "bash", "usr/sbin/x": "y"} {
		if got, err := os.Readlink(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("link %s = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"usr/share/doc", "var/lib/dpkg", "dev", "etc/apt"} {
		if exists(filepath.Join(dir, name)) {
			t.Errorf("%s is still there", name)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "tmp"))
	if err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("/tmp: %v, %v, want a folder for everyone", info, err)
	}
	passwd, err := os.ReadFile(filepath.Join(dir, "etc/passwd"))
	if err != nil || !strings.Contains(string(passwd), "65532:65532") {
		t.Errorf("users: %q, %v, want 65532 among them", passwd, err)
	}
}

// Images lie on others that come before them.
func TestCatalogue(t *testing.T) {
	seen := map[string]rootfs{"": {}}
	for _, r := range (Functions{GoVersion: "go1"}).catalogue() {
		below, ok := seen[r.below]
		if !ok {
			t.Errorf("%q lies on %q, which does not come before it", r.name, r.below)
		}
		for _, pkg := range below.packages {
			if !slices.Contains(r.packages, pkg) {
				t.Errorf("%q lacks package %q of %q below it", r.name, pkg, r.below)
			}
		}
		if (r.more == nil) != (r.revision == "") {
			t.Errorf("%q: what is added to packages must have a revision, or old layers are taken for new", r.name)
		}
		seen[r.name] = r
	}
	names := []string{"base/provided", "base/node", "base/python", "base/ruby", "build/go", "build/node", "build/python", "build/ruby"}
	for _, name := range names {
		if _, ok := seen[name]; !ok {
			t.Errorf("no image %q", name)
		}
	}
	if len(seen) != len(names)+1 {
		t.Errorf("%d images, want %d", len(seen)-1, len(names))
	}
}

func TestHostOf(t *testing.T) {
	for u, want := range map[string]string{"http://a.b/c/": "a.b", "http://a": "a", "a": ""} {
		if diff := cmp.Diff(want, hostOf(u)); diff != "" {
			t.Errorf("hostOf(%q) (-want +got):\n%s", u, diff)
		}
	}
}
