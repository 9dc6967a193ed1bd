package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
)

// module is the import path of this module.
const module = "github.com/lambkin-dev/lambkin"

// maxLines is the longest that a hand-written Go file may be.
const maxLines = 600

// pkg is one package of ours as `go list` sees it, without its tests. Name is its folder.
type pkg struct {
	Name    string
	Doc     string
	Imports []string
	GoFiles []string
}

// own gives the folder of one of our packages from its import path.
func own(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// within reports whether a folder is root or lies in it.
func within(folder, root string) bool {
	return folder == root || strings.HasPrefix(folder, root+"/")
}

// checkImports compares the imports among our packages with the table, both ways.
func checkImports(pkgs []pkg, table map[string][]string) []string {
	var faults []string
	used := make(map[string]map[string]bool, len(pkgs))
	for _, p := range pkgs {
		used[p.Name] = make(map[string]bool)
		for _, i := range p.Imports {
			name, ours := own(i)
			if !ours {
				continue
			}
			used[p.Name][name] = true
			if !slices.Contains(table[p.Name], name) {
				faults = append(faults, fmt.Sprintf("%s imports %s, which the table does not allow: take it as a parameter or an interface "+
					"where the two are wired, or argue for a new entry in rules_test.go", p.Name, name))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if used[name] == nil {
			faults = append(faults, fmt.Sprintf("the table has a row for %s, which is no package: delete the row in rules_test.go", name))
			continue
		}
		for _, i := range table[name] {
			if !used[name][i] {
				faults = append(faults, fmt.Sprintf("the table lets %s import %s, which it does not: delete the entry in rules_test.go", name, i))
			}
		}
	}
	return faults
}

// checkRows finds packages of the product that the table does not name. Samples, tests and tools need no row.
func checkRows(pkgs []pkg, table map[string][]string) []string {
	var faults []string
	for _, p := range pkgs {
		if _, listed := table[p.Name]; listed || free(p.Name) {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s has no row in the table: say in rules_test.go what it may import, and what it is for in its package comment", p.Name))
	}
	return faults
}

// free reports whether a package stands outside the table because nothing depends on it.
func free(name string) bool {
	return slices.ContainsFunc([]string{"bench", "test", "tools"}, func(root string) bool { return within(name, root) }) ||
		strings.HasPrefix(name, "functions/")
}

// checkFences finds direct imports of fenced modules from the wrong side.
func checkFences(pkgs []pkg, fences []fence) []string {
	var faults []string
	for _, p := range pkgs {
		if free(p.Name) && !strings.HasPrefix(p.Name, "functions/") {
			continue
		}
		for _, i := range p.Imports {
			f := slices.IndexFunc(fences, func(f fence) bool { return strings.HasPrefix(i, f.module) })
			if f < 0 || slices.ContainsFunc(fences[f].allowed, func(root string) bool { return within(p.Name, root) }) {
				continue
			}
			faults = append(faults, fmt.Sprintf("%s imports %s; %s: %s", p.Name, i, fences[f].why, fences[f].wayOut()))
		}
	}
	return faults
}

// checkPodModules compares the modules linked into the pod's binary with the reviewed list, both ways.
func checkPodModules(linked []string, allowed map[string]string) []string {
	var faults []string
	for _, m := range linked {
		if _, ok := allowed[m]; ok || m == module {
			continue
		}
		faults = append(faults, fmt.Sprintf("runtime-api links %s: do without it, or add it with its reason to podModules in rules_test.go; "+
			"Kubernetes packages are never the answer", m))
	}
	for _, m := range slices.Sorted(maps.Keys(allowed)) {
		if !slices.Contains(linked, m) {
			faults = append(faults, fmt.Sprintf("runtime-api no longer links %s: delete it from podModules in rules_test.go", m))
		}
	}
	return faults
}

// checkComments finds packages that do not say what they are for, and names that say nothing.
func checkComments(pkgs []pkg, bad []string) []string {
	var faults []string
	for _, p := range pkgs {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			faults = append(faults, fmt.Sprintf("%s has no package comment: begin doc.go with what it is for and what its callers may rely on", p.Name))
		}
		if slices.Contains(bad, path.Base(p.Name)) {
			faults = append(faults, fmt.Sprintf("%s has a name that says nothing: call it after what it holds", p.Name))
		}
	}
	return faults
}

// file is one Go file: its path from the root, and its text.
type file struct {
	Path string
	Text []byte
}

// checkFile looks at place, length and init functions of one Go file.
func checkFile(f file, folders []string) []string {
	var faults []string
	top, _, inFolder := strings.Cut(f.Path, "/")
	if !inFolder || !slices.Contains(folders, top) {
		faults = append(faults, fmt.Sprintf("%s lies outside the folders that hold Go code: the folder list is the architecture; move it into one of %v", f.Path, folders))
	}
	tree, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return append(faults, fmt.Sprintf("%s does not parse: %v", f.Path, err))
	}
	if n := strings.Count(string(f.Text), "\n"); n > maxLines && !ast.IsGenerated(tree) {
		faults = append(faults, fmt.Sprintf("%s has %d lines; the limit is %d: split it by what its parts are for", f.Path, n, maxLines))
	}
	for _, d := range tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			faults = append(faults, fmt.Sprintf("%s has an init function: make a constructor and call it where things are wired", f.Path))
		}
	}
	return faults
}
