package source_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/cli/source"
)

func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func TestGuessFrom(t *testing.T) {
	const py = "def lambda_handler(event, context):\n    pass\n"
	cases := map[string]struct {
		reason  string
		files   fs.FS
		runtime string
		want    source.Guess
		fails   bool
	}{
		"Bootstrap":       {"an executable settles it, whatever lies beside", files("bootstrap", "", "lib.py", py), "", source.Guess{Runtime: "provided.al2023", Handler: "bootstrap"}, false},
		"Go":              {"Go has to be compiled", files("main.go", "", "main_test.go", "", "go.mod", ""), "", source.Guess{Runtime: "provided.al2023", Handler: "bootstrap", GoProgram: true}, false},
		"GoNamed":         {"the runtime does not say whether there is source", files("main.go", ""), "provided.al2", source.Guess{Runtime: "provided.al2", Handler: "bootstrap", GoProgram: true}, false},
		"OnlyGoTests":     {"tests are no program", files("main_test.go", ""), "", source.Guess{}, true},
		"NodeModule":      {"", files("index.mjs", "export const handler = async () => 1"), "", source.Guess{Runtime: "nodejs22.x", Handler: "index.handler"}, false},
		"NodeCommonJS":    {"", files("app.js", "exports.handler = async () => 1"), "", source.Guess{Runtime: "nodejs22.x", Handler: "app.handler"}, false},
		"NodeModuleDot":   {"", files("app.cjs", "module.exports.handler = () => 1"), "", source.Guess{Runtime: "nodejs22.x", Handler: "app.handler"}, false},
		"NodeMain":        {"package.json names the file", files("package.json", `{"main":"./src/api"}`, "src/api.js", "export async function handler() {}", "index.js", "exports.handler = 1"), "", source.Guess{Runtime: "nodejs22.x", Handler: "src/api.handler"}, false},
		"NodeMainOutside": {"a main outside of the folder is none", files("package.json", `{"main":"../x.js"}`, "index.js", "exports.handler = 1"), "", source.Guess{Runtime: "nodejs22.x", Handler: "index.handler"}, false},
		"NodeBroken":      {"a package.json that is no JSON has no main", files("package.json", `{`, "index.js", "exports.handler = 1"), "", source.Guess{Runtime: "nodejs22.x", Handler: "index.handler"}, false},
		"Python":          {"", files("lambda_function.py", py), "", source.Guess{Runtime: "python3.13", Handler: "lambda_function.lambda_handler"}, false},
		"PythonAsync":     {"", files("x.py", "async def handler(event, context): pass"), "python3.12", source.Guess{Runtime: "python3.12", Handler: "x.handler"}, false},
		"PythonTyped":     {"annotations do not hide the two parameters", files("x.py", "def handler(event: dict, context) -> dict: pass"), "", source.Guess{Runtime: "python3.13", Handler: "x.handler"}, false},
		"PythonOnly":      {"the only function with two parameters", files("x.py", "def helper(a): pass\ndef greet(event, context): pass"), "", source.Guess{Runtime: "python3.13", Handler: "x.greet"}, false},
		"PythonTwo":       {"two could be meant", files("x.py", "def one(a, b): pass\ndef two(a, b): pass"), "", source.Guess{}, true},
		"PythonNested":    {"an inner function is none", files("x.py", "class A:\n    def handler(self, event): pass"), "", source.Guess{}, true},
		"Ruby":            {"", files("handler.rb", "def handler(event:, context:)\nend"), "", source.Guess{Runtime: "ruby3.4", Handler: "handler.handler"}, false},
		"RubyModule":      {"", files("app.rb", "module A\n  def self.work(event:, context:)\n  end\nend"), "", source.Guess{Runtime: "ruby3.4", Handler: "app.work"}, false},
		"Two":             {"several languages", files("a.py", py, "index.mjs", ""), "", source.Guess{}, true},
		"TwoNamed":        {"the person says which", files("lambda_function.py", py, "index.mjs", ""), "python3.11", source.Guess{Runtime: "python3.11", Handler: "lambda_function.lambda_handler"}, false},
		"Nothing":         {"", files("readme.txt", ""), "", source.Guess{}, true},
		"Unknown":         {"a runtime we know nothing of is the person's business", files("a.jar", ""), "java21", source.Guess{Runtime: "java21"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := source.GuessFrom(tc.files, tc.runtime)
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error = %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestRuntimeID(t *testing.T) {
	const klr = "https://raw.example/triggermesh/knative-lambda-runtime/master/"
	for in, want := range map[string]string{
		"nodejs22.x": "nodejs22.x", "node": "nodejs22.x", "python": "python3.13", "go": "provided.al2023", " ruby ": "ruby3.4", "": "",
		klr + "node10/runtime.yaml": "nodejs22.x", klr + "node-10.x/buildtemplate.yaml": "nodejs22.x", klr + "python37/runtime.yaml": "python3.13",
		klr + "go/runtime.yaml": "provided.al2023", klr + "ruby25/runtime.yaml": "ruby3.4", klr + "java8/runtime.yaml": "java8.al2",
		"https://raw.example/triggermesh/aws-custom-runtime/main/runtime.yaml": "provided.al2023",
		"knative-node10-runtime": "nodejs22.x", "knative-go-runtime": "provided.al2023", "exec": "exec", "dotnet8": "dotnet8",
	} {
		if got := source.RuntimeID(in); got != want {
			t.Errorf("RuntimeID(%q) = %q, want %q", in, got, want)
		}
	}
}

// tree writes files below a new folder. A name that ends with "*" is executable.
func tree(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(pairs); i += 2 {
		name, executable := strings.CutSuffix(pairs[i], "*")
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o600)
		if executable {
			mode = 0o700
		}
		if err := os.WriteFile(at, []byte(pairs[i+1]), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// content lists an archive: names with modes and contents.
func content(t *testing.T, data []byte) []string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f.Mode().String()+" "+f.Name+" "+string(text))
	}
	return list
}

const handler = "exports.handler = async () => 1"

func TestPackFolder(t *testing.T) {
	dir := tree(t, "index.js", handler, "lib/b.js", "b", "lib/a.js", "a", "tool*", "run", ".env.example", "E",
		".git/config", "secret", "__pycache__/x.pyc", "", "function.yaml", "kind: Function", "drop/me", "", "keep.log", "", "other.log", "",
		source.IgnoreFile, "# comment\ndrop/\n*.log\n!keep.log\n")
	pkg, err := source.Pack(t.Context(), dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-rw-r--r-- .env.example E", "-rw-r--r-- index.js " + handler, "-rw-r--r-- keep.log ",
		"-rw-r--r-- lib/a.js a", "-rw-r--r-- lib/b.js b", "-rwxr-xr-x tool run",
	}
	if diff := cmp.Diff(want, content(t, pkg.Zip)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	if pkg.Runtime != "nodejs22.x" || pkg.Handler != "index.handler" || pkg.Unzipped != int64(len(handler)+len("Eabrun")) {
		t.Errorf("package = %q %q %d", pkg.Runtime, pkg.Handler, pkg.Unzipped)
	}
}

func TestPackIsDeterministic(t *testing.T) {
	pairs := []string{"index.js", handler, "b", "2", "a/z", "3"}
	first, err := source.Pack(t.Context(), tree(t, pairs...), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := tree(t, "a/z", "3", "b", "2", "index.js", handler)
	if err := os.Chtimes(filepath.Join(dir, "b"), time.Unix(1, 0), time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	second, err := source.Pack(t.Context(), dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if first.SHA256 != second.SHA256 {
		t.Error("the same files gave another archive")
	}
	if err := os.Chmod(filepath.Join(dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if third, err := source.Pack(t.Context(), dir, source.Options{}); err != nil || third.SHA256 == second.SHA256 {
		t.Errorf("an executable bit made no difference (%v)", err)
	}
}

func TestLinks(t *testing.T) {
	cases := map[string]struct {
		target string
		fails  bool
	}{
		"Inside": {"lib/real.js", false}, "Up": {"../other.js", true}, "Absolute": {"/etc/passwd", true}, "ThroughUp": {"lib/../../x", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, "index.js", handler, "lib/real.js", "x")
			if err := os.Symlink(tc.target, filepath.Join(dir, "link.js")); err != nil {
				t.Fatal(err)
			}
			pkg, err := source.Pack(t.Context(), dir, source.Options{})
			if (err != nil) != tc.fails {
				t.Fatalf("Pack = %v", err)
			}
			if err == nil && !strings.Contains(strings.Join(content(t, pkg.Zip), "\n"), "L"+"rwxrwxrwx link.js "+tc.target) {
				t.Errorf("archive = %q", content(t, pkg.Zip))
			}
		})
	}
}

func TestPackFile(t *testing.T) {
	elf := "\x7fELF and more"
	cases := map[string]struct {
		reason           string
		name, text       string
		o                source.Options
		runtime, handler string
		entry            string
		fails            bool
	}{
		"Script":     {"one file is enough", "app.py", "def handler(event, context): pass", source.Options{}, "python3.13", "app.handler", "-rw-r--r-- app.py", false},
		"Program":    {"a compiled program is its own runtime", "server*", elf, source.Options{}, "provided.al2023", "bootstrap", "-rwxr-xr-x bootstrap", false},
		"NoExecBit":  {"downloads lose the bit", "server", elf, source.Options{}, "provided.al2023", "bootstrap", "-rwxr-xr-x bootstrap", false},
		"Bootstrap":  {"a script of that name speaks the Runtime API", "bootstrap", "#!/bin/sh", source.Options{}, "provided.al2023", "bootstrap", "-rwxr-xr-x bootstrap", false},
		"Executable": {"any other executable runs once per event", "tool.sh*", "#!/bin/sh", source.Options{}, "exec", "tool.sh", "-rwxr-xr-x tool.sh", false},
		"SaidExec":   {"the person may say so of any file", "tool.py", "#!/usr/bin/python3", source.Options{Runtime: "exec"}, "exec", "tool.py", "-rwxr-xr-x tool.py", false},
		"SaidOther":  {"and may say otherwise", "tool.sh*", "#!/bin/sh", source.Options{Runtime: "provided.al2"}, "provided.al2", "bootstrap", "-rwxr-xr-x bootstrap", false},
		"Text":       {"a text is no function", "notes.txt", "hello", source.Options{}, "", "", "", true},
		"NoHandler":  {"", "app.py", "x = 1", source.Options{}, "", "", "", true},
		"NotAZip":    {"", "x.zip", "no", source.Options{}, "", "", "", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, tc.name, tc.text)
			pkg, err := source.Pack(t.Context(), filepath.Join(dir, strings.TrimSuffix(tc.name, "*")), tc.o)
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error = %v", tc.reason, err)
			}
			if err != nil {
				return
			}
			list := content(t, pkg.Zip)
			if pkg.Runtime != tc.runtime || pkg.Handler != tc.handler || len(list) != 1 || !strings.HasPrefix(list[0], tc.entry+" ") {
				t.Errorf("%s: package = %q %q %q", tc.reason, pkg.Runtime, pkg.Handler, list)
			}
		})
	}
}

func TestPackZip(t *testing.T) {
	folder, err := source.Pack(t.Context(), tree(t, "index.js", handler), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := tree(t, "code.zip", string(folder.Zip))
	pkg, err := source.Pack(t.Context(), filepath.Join(dir, "code.zip"), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(folder, pkg); diff != "" {
		t.Errorf("a zip is taken as it is (-folder +zip):\n%s", diff)
	}
	layer, err := source.PackLayer(filepath.Join(dir, "code.zip"))
	if err != nil || layer.SHA256 != pkg.SHA256 || layer.Runtime != "" {
		t.Errorf("PackLayer = %+v, %v", layer, err)
	}
	if _, err := source.PackLayer(t.TempDir()); err == nil {
		t.Error("an empty layer was packed")
	}
}

// recorder is Tools that only remember.
type recorder struct {
	commands []string
	env      []string
	act      func(dir string, args []string) error
}

func (r *recorder) run(_ context.Context, dir string, env []string, name string, args ...string) error {
	r.commands = append(r.commands, name+" "+strings.Join(args, " "))
	r.env = env
	if r.act == nil {
		return nil
	}
	return r.act(dir, args)
}

func TestGoThatDoesNotCompile(t *testing.T) {
	failure := &source.ToolError{Command: "go build", Output: "x.go:1: undefined", Err: errors.New("exit status 1")}
	r := &recorder{act: func(string, []string) error { return failure }}
	_, err := source.Pack(t.Context(), tree(t, "main.go", "package main"), source.Options{Tools: r.run})
	if got := new(source.ToolError); !errors.As(err, &got) || got.Output != failure.Output {
		t.Errorf("error = %v, want what the compiler said", err)
	}
	r.act = nil // a library compiles to nothing
	if _, err := source.Pack(t.Context(), tree(t, "lib.go", "package lib"), source.Options{Tools: r.run}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v, want that there is no program", err)
	}
}

func TestDependencies(t *testing.T) {
	cases := map[string]struct {
		reason  string
		files   []string
		install bool
		want    string // the command
		fails   bool
	}{
		"Missing":       {"better refused than deployed broken", []string{"index.js", handler, "package.json", `{"dependencies":{"a":"1"}}`}, false, "", true},
		"Installed":     {"", []string{"index.js", handler, "package.json", `{"dependencies":{"a":"1"}}`, "node_modules/a/index.js", ""}, false, "", false},
		"None":          {"a package.json without any needs none", []string{"index.js", handler, "package.json", `{"name":"x"}`}, false, "", false},
		"Install":       {"", []string{"index.js", handler, "package.json", `{"dependencies":{"a":"1"}}`}, true, "npm install", false},
		"InstallLocked": {"a lock file is followed", []string{"index.js", handler, "package.json", `{"dependencies":{"a":"1"}}`, "package-lock.json", "{}"}, true, "npm ci", false},
		"Python":        {"", []string{"app.py", "def handler(event, context): pass", "requirements.txt", "requests"}, true, "python3 -m pip install", false},
		"PythonMissing": {"", []string{"app.py", "def handler(event, context): pass", "requirements.txt", "requests"}, false, "", true},
		"PythonThere":   {"", []string{"app.py", "def handler(event, context): pass", "requirements.txt", "requests", "requests-1.dist-info/METADATA", ""}, false, "", false},
		"PythonEmpty":   {"", []string{"app.py", "def handler(event, context): pass", "requirements.txt", "\n"}, false, "", false},
		"RubyMissing":   {"", []string{"app.rb", "def handler(event:, context:)\nend", "Gemfile", "gem 'a'"}, false, "", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, tc.files...)
			r := &recorder{act: func(at string, _ []string) error {
				if at == dir {
					t.Error("the person's own folder was changed")
				}
				return os.WriteFile(filepath.Join(at, "installed"), nil, 0o600)
			}}
			pkg, err := source.Pack(t.Context(), dir, source.Options{Tools: r.run, Install: tc.install})
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error = %v", tc.reason, err)
			}
			if !strings.HasPrefix(strings.Join(r.commands, ";"), tc.want) || (tc.want == "") != (len(r.commands) == 0) {
				t.Errorf("%s: commands = %q, want %q", tc.reason, r.commands, tc.want)
			}
			if tc.want != "" && !strings.Contains(strings.Join(content(t, pkg.Zip), "\n"), "installed") {
				t.Error("what was installed is not in the archive")
			}
		})
	}
}

func TestCheckOnlyStopsForRefusals(t *testing.T) {
	refusal := &source.ToolError{Command: "node --check", Err: errors.New("exit status 1")}
	cases := map[string]struct {
		files []string
		err   error
		fails bool
	}{
		"Fine":          {[]string{"a.mjs", "b.py", "c.rb"}, nil, false},
		"Refused":       {[]string{"a.mjs"}, refusal, true},
		"NoInterpreter": {[]string{"a.mjs"}, fs.ErrNotExist, false},
		"OtherFile":     {[]string{"a.txt"}, refusal, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &recorder{act: func(string, []string) error { return tc.err }}
			if err := source.Check(t.Context(), ".", tc.files, r.run); (err != nil) != tc.fails {
				t.Errorf("Check = %v", err)
			}
		})
	}
}
