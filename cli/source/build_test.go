package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/source"
)

// compiler is Tools that write this content in place of a program.
func compiler(content string) *recorder {
	return &recorder{act: func(_ string, args []string) error {
		i := slices.Index(args, "-o")
		if i < 0 {
			return errors.New("no -o")
		}
		if content == "" {
			return nil
		}
		return os.WriteFile(args[i+1], []byte(content), 0o755)
	}}
}

func TestGoIsCompiled(t *testing.T) {
	const program = "\x7fELFprogram"
	cases := map[string]struct {
		reason           string
		options          source.Options
		runtime, handler string
		entry, tags      string
	}{
		"Plain": {"a program for the current runtime", source.Options{}, "provided.al2023", "bootstrap", "bootstrap", "-tags=lambda.norpc"},
		"Named": {"the handler's name is the person's, the file's is the runtime's",
			source.Options{Runtime: "provided.al2", Handler: "orders"}, "provided.al2", "orders", "bootstrap", "-tags=lambda.norpc"},
		"Language": {"", source.Options{Runtime: "golang"}, "provided.al2023", "bootstrap", "bootstrap", "-tags=lambda.norpc"},
		"Old": {"go1.x starts the file that the handler names, and speaks net/rpc to it",
			source.Options{Runtime: "go1.x", Handler: "main"}, "go1.x", "main", "main", "-tags="},
		"OldUnnamed": {"", source.Options{Runtime: "go1.x"}, "go1.x", "bootstrap", "bootstrap", "-tags="},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := compiler(program)
			tc.options.Tools, tc.options.Architecture = r.run, v1alpha1.ArchitectureARM
			pkg, err := source.Pack(t.Context(), tree(t, "main.go", "package main", "secret.txt", "left out"), tc.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"-rwxr-xr-x " + tc.entry + " " + program}, content(t, pkg.Zip)); diff != "" {
				t.Errorf("%s: the archive (-want +got):\n%s", tc.reason, diff)
			}
			if pkg.Runtime != tc.runtime || pkg.Handler != tc.handler {
				t.Errorf("%s: %s %s, want %s %s", tc.reason, pkg.Runtime, pkg.Handler, tc.runtime, tc.handler)
			}
			if diff := cmp.Diff([]string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"}, r.env); diff != "" {
				t.Error(diff)
			}
			if len(r.commands) != 1 || !strings.Contains(r.commands[0], " "+tc.tags+" ") {
				t.Errorf("ran %q, want one command with %s", r.commands, tc.tags)
			}
		})
	}
}

func TestFinishedProgramsForGo1xAreNotCompiled(t *testing.T) {
	r := compiler("")
	pkg, err := source.Pack(t.Context(), tree(t, "main*", "\x7fELF"), source.Options{Runtime: "go1.x", Handler: "main", Tools: r.run})
	if err != nil || pkg.Handler != "main" || len(r.commands) != 0 {
		t.Errorf("%+v, %v after %q", pkg, err, r.commands)
	}
}

func TestWhatIsNoProgram(t *testing.T) {
	for content, want := range map[string]string{"": "holds no program", "!<arch>\n": "a function is a program, in package main"} {
		_, err := source.Pack(t.Context(), tree(t, "lib.go", "package lib"), source.Options{Tools: compiler(content).run})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a compiler that writes %q: %v, want %q", content, err, want)
		}
	}
}

func TestWayOutOfMissingModules(t *testing.T) {
	cases := map[string]struct{ reason, says, want string }{
		"NoModule":     {"", "go: go.mod file not found in current directory or any parent directory; see 'go help modules'", `"go mod init example.com/function && go mod tidy"`},
		"NoModuleUsed": {"the first cause counts", "main.go:3:8: no required module provides package a.example/b: go.mod file not found in …", `"go mod init example.com/function`},
		"NotRequired":  {"", "main.go:3:8: no required module provides package a.example/b; to add it:\n\tgo get a.example/b", `run "go mod tidy" in`},
		"NoSum":        {"", "main.go:3:8: missing go.sum entry for module providing package a.example/b", `run "go mod tidy" in`},
		"Code":         {"a fault of the code has no command that helps", "main.go:3:15: undefined: nothing", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			failed := &source.ToolError{Command: "go build", Output: tc.says, Err: errors.New("exit status 1")}
			r := &recorder{act: func(string, []string) error { return failed }}
			_, err := source.Pack(t.Context(), tree(t, "main.go", "package main"), source.Options{Tools: r.run})
			if !errors.Is(err, failed) || !strings.Contains(err.Error(), tc.want) || (tc.want == "") == strings.Contains(err.Error(), "run \"") {
				t.Errorf("%s: %v, want %s in it", tc.reason, err, tc.want)
			}
		})
	}
}

func TestMachineTellsWhatAToolSays(t *testing.T) {
	dir := t.TempDir()
	err := source.Machine(t.Context(), dir, []string{"WORD=seven"}, "sh", "-c", "echo $WORD in $PWD; echo and this >&2; exit 7")
	tool := new(source.ToolError)
	if !errors.As(err, &tool) {
		t.Fatalf("error = %v, want a ToolError", err)
	}
	if want := "seven in " + dir + "\nand this"; tool.Output != want {
		t.Errorf("output = %q, want %q", tool.Output, want)
	}
	if want := "sh: exit status 7"; tool.Error() != want {
		t.Errorf("error = %q, want %q: flags and scripts are not for people", tool.Error(), want)
	}
	if err := source.Machine(t.Context(), dir, nil, "no-such-tool-anywhere"); err == nil || errors.As(err, &tool) && tool.Command == "no-such-tool-anywhere" {
		t.Errorf("a tool that is not there: %v, want an error that is no refusal", err)
	}
	if err := source.Machine(t.Context(), dir, nil, "true"); err != nil {
		t.Error(err)
	}
}

func TestInstallLeavesTheFolderAlone(t *testing.T) {
	dir := tree(t, "index.mjs", "export const handler = () => 1", "package.json", `{"dependencies":{"a":"1"}}`,
		".lambkinignore", "notes.txt\n", "notes.txt", "private", "bin/tool*", "#!/bin/sh\n")
	if err := os.Symlink("bin/tool", filepath.Join(dir, "tool")); err != nil {
		t.Fatal(err)
	}
	var at string
	r := &recorder{act: func(dir string, _ []string) error {
		at = dir
		if err := os.MkdirAll(filepath.Join(dir, "node_modules", "a"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "node_modules", "a", "index.js"), []byte("1"), 0o600)
	}}
	pkg, err := source.Pack(t.Context(), dir, source.Options{Install: true, Tools: r.run})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-rwxr-xr-x bin/tool #!/bin/sh\n", "-rw-r--r-- index.mjs export const handler = () => 1",
		"-rw-r--r-- node_modules/a/index.js 1", `-rw-r--r-- package.json {"dependencies":{"a":"1"}}`, "Lrwxrwxrwx tool bin/tool",
	}
	if diff := cmp.Diff(want, content(t, pkg.Zip)); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		t.Error("dependencies were installed into the person's own folder")
	}
	if _, err := os.Stat(at); err == nil {
		t.Errorf("the copy in %q is left behind", at)
	}
}

func TestInstallThatFails(t *testing.T) {
	var at string
	r := &recorder{act: func(dir string, _ []string) error {
		at = dir
		return errors.New("no such package")
	}}
	_, err := source.Pack(t.Context(), tree(t, "app.py", "def handler(event, context): pass", "requirements.txt", "nothing==0"),
		source.Options{Install: true, Tools: r.run})
	if err == nil || !strings.Contains(err.Error(), "no such package") {
		t.Errorf("error = %v", err)
	}
	if _, err := os.Stat(at); at == "" || err == nil {
		t.Errorf("the copy in %q is left behind", at)
	}
}
