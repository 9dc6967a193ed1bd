package source_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/cli/source"
)

// plant writes files, given as NAME, CONTENT pairs, below a new folder.
func plant(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(pairs); i += 2 {
		name := filepath.Join(dir, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	nodeCode   = "export const handler = async () => 1"
	pythonCode = "def handler(event, context):\n    return 1\n"
	rubyCode   = "def handler(event:, context:)\nend\n"
)

func TestInspect(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  []string
		o      source.Options
		want   string // why, runtime, handler, dockerfile
	}{
		"Node":       {"nothing to install", []string{"index.mjs", nodeCode, "package.json", "{}"}, source.Options{}, "- nodejs22.x index.handler -"},
		"NodeNeeds":  {"", []string{"index.mjs", nodeCode, "package.json", `{"dependencies":{"ms":"1"}}`}, source.Options{}, "package.json nodejs22.x index.handler -"},
		"NodeHas":    {"what is installed here is for this machine", []string{"index.mjs", nodeCode, "package.json", `{"dependencies":{"ms":"1"}}`, "node_modules/ms/index.js", ""}, source.Options{}, "package.json nodejs22.x index.handler -"},
		"NodeBuilds": {"TypeScript has to become JavaScript", []string{"index.ts", "", "package.json", `{"scripts":{"build":"tsc"}}`}, source.Options{Handler: "dist/index.handler"}, "package.json nodejs22.x dist/index.handler -"},
		"NodeTests":  {"other scripts build nothing", []string{"index.mjs", nodeCode, "package.json", `{"scripts":{"test":"x"}}`}, source.Options{}, "- nodejs22.x index.handler -"},
		"Python":     {"", []string{"app.py", pythonCode}, source.Options{}, "- python3.13 app.handler -"},
		"PythonHas":  {"", []string{"app.py", pythonCode, "requirements.txt", "six"}, source.Options{}, "requirements.txt python3.13 app.handler -"},
		"Blank":      {"an empty list is none", []string{"app.py", pythonCode, "requirements.txt", "\n"}, source.Options{}, "- python3.13 app.handler -"},
		"Ruby":       {"", []string{"app.rb", rubyCode, "Gemfile", "gem 'x'"}, source.Options{}, "Gemfile ruby3.4 app.handler -"},
		"Go":         {"", []string{"main.go", "package main", "go.mod", "module x"}, source.Options{}, "go.mod provided.al2023 bootstrap -"},
		"GoByName":   {"", []string{"main.go", "package main", "go.mod", "module x"}, source.Options{Runtime: "go"}, "go.mod provided.al2023 bootstrap -"},
		"Rust":       {"", []string{"Cargo.toml", ""}, source.Options{}, "Cargo.toml rust bootstrap -"},
		"Maven":      {"", []string{"pom.xml", ""}, source.Options{Handler: "a.B::c"}, "pom.xml java21 a.B::c -"},
		"Gradle":     {"", []string{"build.gradle.kts", ""}, source.Options{Handler: "a.B::c", Runtime: "java25"}, "build.gradle.kts java25 a.B::c -"},
		"DotNet":     {"", []string{"Fn.csproj", ""}, source.Options{Handler: "a::b::c"}, "Fn.csproj dotnet8 a::b::c -"},
		"Dockerfile": {"", []string{"Dockerfile", "", "app.py", pythonCode}, source.Options{}, "Dockerfile - - Dockerfile"},
		"NotDocker":  {"a runtime that is named counts more", []string{"Dockerfile", "", "app.py", pythonCode}, source.Options{Runtime: "python3.12"}, "- python3.12 app.handler -"},
		"Bootstrap":  {"a finished program", []string{"bootstrap", "x", "main.go", "package main"}, source.Options{}, "- provided.al2023 bootstrap -"},
		"OtherTool":  {"a manifest of another language is not looked at", []string{"pom.xml", "", "app.py", pythonCode}, source.Options{Runtime: "python3.13"}, "- python3.13 app.handler -"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := source.Inspect(plant(t, tc.files...), tc.o)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			got := strings.Join(slices.Collect(func(yield func(string) bool) {
				for _, word := range []string{s.Why, s.Runtime, s.Handler, s.Dockerfile} {
					if word == "" {
						word = "-"
					}
					if !yield(word) {
						return
					}
				}
			}), " ")
			if got != tc.want || s.Path != "" {
				t.Errorf("%s: %q at %q, want %q", tc.reason, got, s.Path, tc.want)
			}
		})
	}
}

func TestInspectRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"Java":     {[]string{"pom.xml", ""}, "example.Handler::handleRequest"},
		"DotNet":   {[]string{"a.fsproj", ""}, "Assembly::"},
		"Handlers": {[]string{"a.py", "def a(e, c):\n  pass\ndef b(e, c):\n  pass\n", "requirements.txt", "x"}, "--handler"},
		"Nothing":  {[]string{"words.txt", ""}, "nothing here looks like a function"},
	} {
		if _, err := source.Inspect(plant(t, tc.files...), source.Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}

// TestInspectFindsTheModule: a program of a larger Go module is built within it.
func TestInspectFindsTheModule(t *testing.T) {
	dir := plant(t, "go.mod", "module x", "lib/lib.go", "package lib", "cmd/fn/main.go", "package main")
	s, err := source.Inspect(filepath.Join(dir, "cmd", "fn"), source.Options{})
	if err != nil || s.Path != "cmd/fn" || s.Root != dir {
		t.Fatalf("%+v, %v", s, err)
	}
	if diff := cmp.Diff([]string{"cmd/fn/main.go", "go.mod", "lib/lib.go"}, packed(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := source.Inspect(plant(t, "main.go", "package main"), source.Options{}); err == nil || !strings.Contains(err.Error(), "go mod init") {
		t.Errorf("no module: %v", err)
	}
}

// packed lists what goes to the build.
func packed(t *testing.T, s source.Source) []string {
	t.Helper()
	pkg, err := s.Pack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Pack()
	if err != nil || again.SHA256 != pkg.SHA256 {
		t.Errorf("the same folder gives another archive, or %v", err)
	}
	r, err := zip.NewReader(bytes.NewReader(pkg.Zip), int64(len(pkg.Zip)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	return names
}

func TestWhatBuildsMakeStaysHere(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		o     source.Options
		want  []string
	}{
		"Node":   {[]string{"index.mjs", nodeCode, "package.json", `{"dependencies":{"ms":"1"}}`, "package-lock.json", "{}", "node_modules/ms/index.js", ""}, source.Options{}, []string{"index.mjs", "package-lock.json", "package.json"}},
		"Ruby":   {[]string{"app.rb", rubyCode, "Gemfile", "x", "vendor/bundle/x", "", "vendor/own.rb", ""}, source.Options{}, []string{"Gemfile", "app.rb", "vendor/own.rb"}},
		"Rust":   {[]string{"Cargo.toml", "", "src/main.rs", "", "target/release/x", ""}, source.Options{}, []string{"Cargo.toml", "src/main.rs"}},
		"Maven":  {[]string{"pom.xml", "", "src/A.java", "", "target/A.class", ""}, source.Options{Handler: "A"}, []string{"pom.xml", "src/A.java"}},
		"DotNet": {[]string{"a.csproj", "", "bin/a.dll", "", "obj/x", "", "A.cs", ""}, source.Options{Handler: "A"}, []string{"A.cs", "a.csproj"}},
		"Own":    {[]string{"app.py", pythonCode, "requirements.txt", "x", ".lambkinignore", "secret.txt", "secret.txt", "", ".git/config", "", "function.yaml", ""}, source.Options{}, []string{"app.py", "requirements.txt"}},
		"Docker": {[]string{"Dockerfile", "", "node_modules/x", ""}, source.Options{}, []string{"Dockerfile", "node_modules/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := source.Inspect(plant(t, tc.files...), tc.o)
			if err != nil {
				t.Fatal(err)
			}
			got := packed(t, s)
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := (source.Source{Root: t.TempDir()}).Pack(); err == nil {
		t.Error("nothing was packed")
	}
	if _, err := (source.Source{Root: "/none"}).Pack(); err == nil {
		t.Error("a folder that is not there was packed")
	}
}

func TestIsFolder(t *testing.T) {
	dir := plant(t, "file", "")
	if folder, err := source.IsFolder(dir); err != nil || !folder {
		t.Errorf("a folder: %v, %v", folder, err)
	}
	if folder, err := source.IsFolder(filepath.Join(dir, "file")); err != nil || folder {
		t.Errorf("a file: %v, %v", folder, err)
	}
	if _, err := source.IsFolder(filepath.Join(dir, "none")); err == nil {
		t.Error("nothing is no folder")
	}
}
