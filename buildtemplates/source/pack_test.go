package source_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/buildtemplates/source"
	"github.com/lambkin-dev/lambkin/internal/archive"
)

// built is a folder as a build may leave it.
func built(t *testing.T, umask os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{{"bootstrap", "#!", 0o755 &^ umask}, {"node_modules/a/index.js", strings.Repeat("x", 1000), 0o644 &^ umask}, {"z", "", 0o600}} {
		file := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777&^umask); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "node_modules/.bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../a/index.js", filepath.Join(dir, "node_modules/.bin/a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPack(t *testing.T) {
	var first, second bytes.Buffer
	packed, err := source.Pack(built(t, 0), &first, archive.Lambda())
	if err != nil {
		t.Fatal(err)
	}
	want := source.Packed{SHA256: sha256.Sum256(first.Bytes()), Size: int64(first.Len()), Files: 4, Unpacked: 1002}
	if diff := cmp.Diff(want, packed); diff != "" {
		t.Errorf("Pack -want +got:\n%s", diff)
	}
	other := built(t, 0o022)
	if err := os.Chtimes(filepath.Join(other, "z"), time.Unix(1, 0), time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Pack(other, &second, archive.Lambda()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same files with other times and modes give other bytes")
	}
	dir := t.TempDir()
	if _, err := archive.Extract(bytes.NewReader(first.Bytes()), int64(first.Len()), dir, archive.Lambda()); err != nil {
		t.Fatalf("what is packed cannot be unpacked: %v", err)
	}
	got := tree(t, dir)
	for name, want := range map[string]string{"bootstrap": "-r-xr-xr-x #!", "z": "-r--r--r-- ", "node_modules/.bin/a": "-> ../a/index.js", "empty": "drwxr-xr-x"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		make   func(dir string) error
		want   string
	}{
		"Nothing": {reason: "A build that forgot where to put it.", make: func(string) error { return nil }, want: "empty"},
		"Folders": {reason: "Folders alone are nothing.", make: func(dir string) error { return os.Mkdir(filepath.Join(dir, "d"), 0o755) }, want: "empty"},
		"LinkOut": {reason: "It would lead elsewhere in the image.", make: func(dir string) error { return os.Symlink("../shared", filepath.Join(dir, "l")) }, want: "copy what it leads to"},
		"LinkAbsolute": {reason: "It would lead to a file of the pod that bakes.", make: func(dir string) error {
			return os.Symlink("/lambkin/registry/.dockerconfigjson", filepath.Join(dir, "l"))
		}, want: "copy what it leads to"},
		"Pipe":     {reason: "Reading it would never end.", make: func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "p"), 0o644) }, want: "neither file"},
		"TooLarge": {reason: "Lambda's bound, before anything is pushed.", make: func(dir string) error { return os.Truncate(touch(filepath.Join(dir, "f")), 1001) }, want: "1000 bytes"},
		"TooMany": {reason: "Entries cost inodes on each node.", make: func(dir string) error {
			for _, name := range []string{"a", "b", "c", "d"} {
				touch(filepath.Join(dir, name))
			}
			return nil
		}, want: "more than 3"},
		"Missing": {reason: "A build that removed it.", make: os.Remove, want: "cannot pack"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tc.make(dir); err != nil {
				t.Fatal(err)
			}
			_, err := source.Pack(dir, new(bytes.Buffer), archive.Limits{Size: 1000, Entries: 3})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nPack: %v, want it to say %q", tc.reason, err, tc.want)
			}
		})
	}
}

func touch(name string) string {
	_ = os.WriteFile(name, []byte("x"), 0o644)
	return name
}
