package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is where the module begins, seen from here.
const root = "../.."

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}

// goList runs `go list` at the root and gives its output.
func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// packages gives all packages of this module.
func packages(t *testing.T) []pkg {
	t.Helper()
	type listed struct {
		pkg
		ImportPath string
	}
	var all []pkg
	d := json.NewDecoder(bytes.NewReader(goList(t, "-e", "-json=ImportPath,Doc,Imports,GoFiles", "./...")))
	for {
		var l listed
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read what go list wrote: %v", err)
		}
		name, ok := own(l.ImportPath)
		if !ok {
			t.Fatalf("%s is not in module %s", l.ImportPath, module)
		}
		l.Name = name
		all = append(all, l.pkg)
	}
	if len(all) == 0 {
		t.Fatal("go list found no packages")
	}
	return all
}

func TestPackages(t *testing.T) {
	all := packages(t)
	t.Run("Imports", func(t *testing.T) { report(t, checkImports(all, imports())) })
	t.Run("Rows", func(t *testing.T) { report(t, checkRows(all, imports())) })
	t.Run("Fences", func(t *testing.T) { report(t, checkFences(all, fences())) })
	t.Run("Comments", func(t *testing.T) { report(t, checkComments(all, namesThatSayNothing())) })
}

func TestPodModules(t *testing.T) {
	text := string(goList(t, "-e", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./runtime-api/..."))
	linked := slices.Compact(slices.Sorted(strings.FieldsSeq(text)))
	report(t, checkPodModules(linked, podModules()))
}

func TestFiles(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name, entry.Name())
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		path, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		seen++
		report(t, checkFile(file{filepath.ToSlash(path), text}, folders()))
		return nil
	})
	if err != nil {
		t.Fatalf("walk %s: %v", root, err)
	}
	if seen == 0 {
		t.Fatal("found no Go files")
	}
}

// skipFolder leaves out what is not ours to judge: hidden and built things, other people's packages, test data.
func skipFolder(name, base string) error {
	if name == root {
		return nil
	}
	if strings.HasPrefix(base, ".") || slices.Contains([]string{"bin", "node_modules", "testdata", "tmp", "vendor"}, base) {
		return filepath.SkipDir
	}
	return nil
}

func TestLicense(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		t.Fatalf("the repository has no license text: %v", err)
	}
	for _, want := range []string{"Apache License", "Version 2.0, January 2004", "END OF TERMS AND CONDITIONS"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("LICENSE does not say %q: copy the full text of the Apache License 2.0", want)
		}
	}
}
