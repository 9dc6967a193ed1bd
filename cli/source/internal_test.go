package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIgnore(t *testing.T) {
	cases := map[string]struct {
		patterns string
		name     string
		folder   bool
		drops    bool
	}{
		"Anywhere":       {"*.log", "a/b/x.log", false, true},
		"Anchored":       {"/x.log", "a/x.log", false, false},
		"AnchoredTop":    {"/x.log", "x.log", false, true},
		"Path":           {"a/x.log", "a/x.log", false, true},
		"PathElsewhere":  {"a/x.log", "b/a/x.log", false, false},
		"FolderOnly":     {"build/", "build", false, false},
		"Folder":         {"build/", "build", true, true},
		"DeepFolder":     {"build/", "a/build", true, true},
		"AnyDepth":       {"a/**/z", "a/b/c/z", false, true},
		"AnyDepthZero":   {"a/**/z", "a/z", false, true},
		"LeadingAny":     {"**/z", "b/z", false, true},
		"TakenBack":      {"*.log\n!keep.log", "keep.log", false, false},
		"TakenBackAgain": {"*.log\n!keep.log\nkeep.*", "keep.log", false, true},
		"Comment":        {"#x", "#x", false, false},
		"Escaped":        {`\#x`, "#x", false, true},
		"Class":          {"[ab].txt", "b.txt", false, true},
		"BrokenPattern":  {"[", "[", false, false},
		"Blank":          {"  \n/\n", "a", false, false},
		"Never":          {never, "node_modules/.cache", true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := parseIgnore(tc.patterns).drops(tc.name, tc.folder); got != tc.drops {
				t.Errorf("drops(%q) = %v, want %v", tc.name, got, tc.drops)
			}
		})
	}
}

func TestLimitsNameTheLargestParts(t *testing.T) {
	entries := []entry{
		{name: "node_modules/huge/a", size: 60}, {name: "node_modules/huge/b", size: 30}, {name: "node_modules/small/a", size: 10}, {name: "index.js", size: 1},
	}
	_, _, err := pack(entries, sizes{zipped: 1000, unzipped: 100})
	if err == nil || !strings.Contains(err.Error(), "node_modules/huge (90 bytes), node_modules/small (10 bytes), index.js (1 bytes)") {
		t.Errorf("error = %v, want the largest parts by size", err)
	}
	if _, _, err := pack(nil, sizes{zipped: 5, unzipped: 100}); err == nil || !strings.Contains(err.Error(), "bytes zipped, the limit is 5") {
		t.Errorf("error = %v, want the limit on the archive", err)
	}
}

// FuzzIgnore gives any patterns and names: matching must end, and an empty list drops nothing.
func FuzzIgnore(f *testing.F) {
	f.Add("a/**/b\n!c", "a/x/b")
	f.Add("[", "[")
	f.Add("**/**/**", "a/b/c/d")
	f.Fuzz(func(t *testing.T, patterns, name string) {
		if len(patterns)+len(name) > 200 {
			t.Skip("longer than people write")
		}
		if parseIgnore(patterns).drops(name, true) && strings.Trim(patterns, " \t\r\n") == "" {
			t.Error("nothing was dropped by no pattern")
		}
	})
}

// TestWalkAgreesWithIgnored: what dev watches is what deploy packs.
func TestWalkAgreesWithIgnored(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"index.mjs", "lib/a.mjs", "lib/a.pyc", "notes/x.txt", "keep.log", "drop.log", ".git/HEAD", "function.yaml", "lib/function.yaml",
		"node_modules/p/index.js", "node_modules/.cache/x", "build/out.js", "src/build/out.js", IgnoreFile,
	} {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		text := ""
		if name == IgnoreFile {
			text = "*.log\n!keep.log\n/build/\nnotes\n"
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := walk(dir)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := Ignored(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.name)
		if ignored(e.name, false) {
			t.Errorf("%s is packed, but Ignored says it is not", e.name)
		}
	}
	want := []string{"index.mjs", "keep.log", "lib/a.mjs", "lib/function.yaml", "node_modules/p/index.js", "src/build/out.js"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("packed (-want +got):\n%s", diff)
	}
	for name, folder := range map[string]bool{"drop.log": false, "notes": true, "build": true, ".git": true, "function.yaml": false} {
		if !ignored(name, folder) {
			t.Errorf("%s is not packed, but Ignored says it is", name)
		}
	}
}

func TestIgnoreFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, IgnoreFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := walk(dir); err == nil {
		t.Error("walk went on without the patterns")
	}
	if _, err := Ignored(dir); err == nil {
		t.Error("Ignored went on without the patterns")
	}
}

func TestCommandName(t *testing.T) {
	for want, args := range map[string][]string{
		"go build": {"go", "build", "-trimpath", "."}, "npm ci": {"npm", "ci", "--omit=dev"}, "python3": {"python3", "-c", "import os"}, "true": {"true"},
	} {
		if got := commandName(args[0], args[1:]); got != want {
			t.Errorf("commandName(%q) = %q, want %q", args, got, want)
		}
	}
}
