package bootstrap_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

func TestExtract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	first, err := bootstrap.Extract(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"node/bootstrap.mjs", "python/bootstrap.py", "python/lambkin_runtime/__init__.py", "ruby/bootstrap.rb",
	} {
		info, err := os.Stat(filepath.Join(first, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm()&0o444 != 0o444 {
			t.Errorf("%s has mode %v: functions run as other users", name, info.Mode())
		}
	}
	second, err := bootstrap.Extract(dir)
	if err != nil || second != first {
		t.Errorf("again: %q, %v; want the same folder %q", second, err, first)
	}
}

func TestExtractSideBySide(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := bootstrap.Extract(dir); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v (%v), want the one version and no drafts", entries, err)
	}
}

func TestExtractNeedsAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "", 0o600)
	if _, err := bootstrap.Extract(file); err == nil {
		t.Error("extracting into a file succeeded")
	}
}

// The embedded set is a list of patterns: a file that none of them names would be missed in every function.
func TestEverySourceIsEmbedded(t *testing.T) {
	dir, err := bootstrap.Extract(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range []string{"node", "python", "ruby"} {
		if diff := cmp.Diff(files(t, language), files(t, filepath.Join(dir, language))); diff != "" {
			t.Errorf("%s: source (-) and embedded (+) differ:\n%s", language, diff)
		}
	}
}

func files(t *testing.T, root string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && entry.Name() == "__pycache__" {
			return fs.SkipDir
		}
		if !entry.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCatalogueHoldsEveryRuntimeOfTheAPI(t *testing.T) {
	for _, id := range types.Runtime("").Values() {
		if id == "nodejs" {
			continue // the id of Node 0.10, which the API has refused since 2016
		}
		if _, ok := bootstrap.Lookup(string(id)); !ok {
			t.Errorf("runtime %q is unknown", id)
		}
	}
}

func TestLookup(t *testing.T) {
	cases := map[string]struct {
		reason string
		want   bootstrap.Runtime
	}{
		"nodejs20.x":    {"node counts majors", bootstrap.Runtime{ID: "nodejs20.x", Family: bootstrap.Node, Version: "20"}},
		"python3.12":    {"the id's version as it is", bootstrap.Runtime{ID: "python3.12", Family: bootstrap.Python, Version: "3.12"}},
		"java8.al2":     {"the system is not the language's version", bootstrap.Runtime{ID: "java8.al2", Family: bootstrap.Java, Version: "8"}},
		"dotnetcore3.1": {"core is a name", bootstrap.Runtime{ID: "dotnetcore3.1", Family: bootstrap.DotNet, Version: "3.1"}},
		"go1.x":         {"retired, and still deployed", bootstrap.Runtime{ID: "go1.x", Family: bootstrap.GoRPC, Version: "1"}},
		"exec":          {"ours", bootstrap.Runtime{ID: "exec", Family: bootstrap.Exec}},
	}
	for id, tc := range cases {
		t.Run(id, func(t *testing.T) {
			got, ok := bootstrap.Lookup(id)
			if !ok || got != tc.want {
				t.Errorf("%s: got %+v, %v; want %+v", tc.reason, got, ok, tc.want)
			}
		})
	}
	for _, id := range []string{"", "cobol1.x", "python3", "Python3.12"} {
		if r, ok := bootstrap.Lookup(id); ok {
			t.Errorf("%q is known as %+v", id, r)
		}
	}
}

func TestAllHasNoDuplicates(t *testing.T) {
	var ids []string
	for _, r := range bootstrap.All() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("an id is there twice: %q", ids)
	}
}
