package command

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// bursts are what a watch tells.
type bursts struct {
	t  *testing.T
	ch <-chan []string
}

func watched(t *testing.T, path string) bursts {
	t.Helper()
	ch, err := watch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return bursts{t, ch}
}

// next waits until a burst names a file, or names none if want is empty.
func (b bursts) next(want string) {
	b.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case files := <-b.ch:
			if want == "" || slices.ContainsFunc(files, func(name string) bool { return filepath.Base(name) == want && filepath.IsAbs(name) }) {
				return
			}
		case <-limit:
			b.t.Fatalf("no burst names %q", want)
		}
	}
}

func TestWatchFolder(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir+"/index.mjs", "1", dir+"/lib/a.mjs", "1", dir+"/.lambkinignore", "*.log\n", dir+"/node_modules/x/index.js", "1")
	b := watched(t, dir)
	writeTree(t, dir+"/index.mjs", "2")
	b.next("index.mjs")
	writeTree(t, dir+"/lib/a.mjs", "2")
	b.next("a.mjs")
	writeTree(t, dir+"/function.yaml", "# it is not part of the code, but it changes the function")
	b.next("function.yaml")

	// A folder that is new is watched too, as soon as it has been told.
	if err := os.Mkdir(dir+"/fresh", 0o755); err != nil {
		t.Fatal(err)
	}
	b.next("")
	writeTree(t, dir+"/fresh/b.mjs", "1")
	b.next("b.mjs")

	// Editors write a new file and rename it over the old one.
	writeTree(t, dir+"/index.mjs~new", "3")
	if err := os.Rename(dir+"/index.mjs~new", dir+"/index.mjs"); err != nil {
		t.Fatal(err)
	}
	b.next("index.mjs")

	// What goes is a change without a file.
	if err := os.Remove(dir + "/lib/a.mjs"); err != nil {
		t.Fatal(err)
	}
	b.next("")
}

// TestWatchIgnores fails if a file that stays out of the archive makes a burst: the one after it would then name both.
func TestWatchIgnores(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir+"/index.mjs", "1", dir+"/.lambkinignore", "*.log\n", dir+"/.git/HEAD", "x")
	b := watched(t, dir)
	writeTree(t, dir+"/debug.log", "1", dir+"/.git/HEAD", "y", dir+"/index.mjs", "2")
	for range 2 { // a write may make two bursts
		files := <-b.ch
		for _, name := range files {
			if filepath.Base(name) != "index.mjs" {
				t.Errorf("%q is told", name)
			}
		}
		if len(files) > 0 {
			return
		}
	}
	t.Error("index.mjs is not told")
}

func TestWatchFile(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir+"/tool.sh", "1", dir+"/other.sh", "1")
	b := watched(t, dir+"/tool.sh")
	writeTree(t, dir+"/other.sh", "2", dir+"/tool.sh", "2")
	files := <-b.ch
	if len(files) != 1 || filepath.Base(files[0]) != "tool.sh" {
		t.Errorf("told are %q, want tool.sh alone", files)
	}
}

func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := watch(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range ch { // until it is closed, or the test hangs
	}
	if _, err := watch(t.Context(), "/nowhere/at/all"); err == nil {
		t.Error("what is not there was watched")
	}
}
