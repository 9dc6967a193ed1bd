package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Tools runs a compiler or package manager in dir with extra variables, and gives what it printed if it fails.
type Tools func(ctx context.Context, dir string, env []string, name string, args ...string) error

// Machine runs the tools of this machine.
func Machine(ctx context.Context, dir string, env []string, name string, args ...string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("%s is not installed: %w", name, err)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return &ToolError{Command: commandName(name, args), Output: strings.TrimSpace(out.String()), Err: err}
	}
	return nil
}

// commandName is a program with its sub-commands, without flags and what follows them: "go build", "npm ci".
func commandName(name string, args []string) string {
	if i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }); i >= 0 {
		args = args[:i]
	}
	return strings.Join(append([]string{name}, args...), " ")
}

// ToolError says that a tool failed, with what it printed.
type ToolError struct {
	Command string
	// Output is everything the tool printed, on as many lines as it likes; it is shown after the error.
	Output string
	Err    error
}

// Error names the command; the output is apart.
func (e *ToolError) Error() string { return fmt.Sprintf("%s: %v", e.Command, e.Err) }

// Unwrap gives the cause.
func (e *ToolError) Unwrap() error { return e.Err }

// isRefusal reports whether a tool ran and said no, rather than not being there.
func isRefusal(err error) bool {
	tool := new(ToolError)
	return errors.As(err, &tool)
}

// GOARCH is how Go names an architecture.
func GOARCH(a v1alpha1.Architecture) string {
	if a == v1alpha1.ArchitectureARM {
		return "arm64"
	}
	return "amd64"
}

// compile makes a package of a Go program: one static executable named bootstrap, or for go1.x like the handler.
func compile(ctx context.Context, dir, target string, o Options) (*Package, error) {
	out, err := os.MkdirTemp("", "lambkin-go-")
	if err != nil {
		return nil, fmt.Errorf("make room for the compiler: %w", err)
	}
	defer func() { _ = os.RemoveAll(out) }()
	guess, tags := Guess{Runtime: or(o.Runtime, defaultProvided), Handler: or(o.Handler, "bootstrap")}, "-tags=lambda.norpc"
	name := "bootstrap"
	if o.Runtime == runtimeGo {
		name, tags = guess.Handler, "-tags=" // it is called by its name, and by net/rpc
	}
	binary := filepath.Join(out, "program")
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + GOARCH(o.Architecture)}
	err = o.Tools(ctx, dir, env, "go", "build", "-trimpath", "-buildvcs=false", tags, "-ldflags=-s -w -buildid=", "-o", binary, target)
	if err != nil {
		return nil, fmt.Errorf("compile %q: %w%s", dir, err, wayOutOfGo(dir, err))
	}
	info, err := os.Stat(binary)
	if err != nil {
		return nil, fmt.Errorf("%q holds no program, which package main would be: %w", dir, err)
	}
	if program, err := isProgram(binary); err != nil || !program {
		return nil, errors.Join(fmt.Errorf("%q holds a library: a function is a program, in package main", dir), err)
	}
	return finish([]entry{{name: name, path: binary, exec: true, size: info.Size()}}, guess)
}

// wayOutOfGo is what helps against faults of modules rather than of code; empty if nothing we know of does.
func wayOutOfGo(dir string, err error) string {
	tool := new(ToolError)
	if !errors.As(err, &tool) {
		return ""
	}
	const begin, complete = "go mod init example.com/function && go mod tidy", "go mod tidy"
	for _, known := range []struct{ said, help string }{
		{"go.mod file not found", begin},
		{"cannot find main module", begin},
		{"no required module provides", complete},
		{"missing go.sum entry", complete},
		{"updates to go.mod needed", complete},
	} {
		if strings.Contains(tool.Output, known.said) {
			return fmt.Sprintf(": run %q in %q first", known.help, dir)
		}
	}
	return ""
}

// installer is how one language's dependencies are recognised and installed.
type installer struct {
	family   string
	manifest string   // the file that names them
	present  []string // folders of which one is there if they are installed
	leave    string   // patterns of what it installs, for sources that are built elsewhere
	command  func(dir string) []string
}

// packageJSON is the manifest of Node.js.
const packageJSON = "package.json"

func installers() []installer {
	return []installer{
		{"nodejs", packageJSON, []string{"node_modules"}, "node_modules/", npm},
		{"python", "requirements.txt", nil, "", func(string) []string {
			return []string{"python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt", "--target", "."}
		}},
		{"ruby", "Gemfile", []string{"vendor/bundle"}, "/vendor/bundle/\n/.bundle/", func(string) []string { return []string{"bundle", "install", "--quiet"} }},
	}
}

// npm installs exactly what a lock file says, if there is one.
func npm(dir string) []string {
	verb := "install"
	if _, err := os.Stat(filepath.Join(dir, "package-lock.json")); err == nil {
		verb = "ci"
	}
	return []string{"npm", verb, "--omit=dev", "--no-audit", "--no-fund"}
}

// dependencies gives the folder to pack: dir itself, or a copy into which dependencies were installed. It refuses a
// folder that needs some and has none.
func dependencies(ctx context.Context, dir, runtime string, o Options) (string, func(), error) {
	nothing := func() {}
	for _, in := range installers() {
		if !strings.HasPrefix(runtime, in.family) || !in.needed(dir) {
			continue
		}
		if o.Install {
			return in.install(ctx, dir, o.Tools)
		}
		if in.missing(dir) {
			return "", nothing, fmt.Errorf("%s names dependencies that are not installed: run %q in %q, or deploy with --build",
				in.manifest, strings.Join(in.command(dir), " "), dir)
		}
	}
	return dir, nothing, nil
}

// needed reports whether the folder names any dependency.
func (in installer) needed(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, in.manifest))
	if err != nil {
		return false
	}
	if in.manifest != packageJSON {
		return len(bytes.TrimSpace(text)) > 0
	}
	var pkg struct {
		Dependencies map[string]json.RawMessage `json:"dependencies"`
	}
	return json.Unmarshal(text, &pkg) == nil && len(pkg.Dependencies) > 0
}

// missing reports whether dependencies are certainly not installed. Python's may lie anywhere beside the code, so it
// looks whether there is any installed distribution.
func (in installer) missing(dir string) bool {
	for _, name := range in.present {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return false
		}
	}
	if in.family != "python" {
		return true
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.dist-info"))
	return err == nil && len(found) == 0
}

// install copies the folder and installs into the copy, so that the person's own folder stays as it is.
func (in installer) install(ctx context.Context, dir string, tools Tools) (string, func(), error) {
	copied, err := os.MkdirTemp("", "lambkin-build-")
	if err != nil {
		return "", func() {}, fmt.Errorf("make room for a build: %w", err)
	}
	cleanup := func() { _ = os.RemoveAll(copied) }
	if err := copyTree(dir, copied); err != nil {
		cleanup()
		return "", func() {}, err
	}
	command := in.command(copied)
	env := []string{"BUNDLE_PATH=vendor/bundle", "BUNDLE_WITHOUT=development:test"}
	if err := tools(ctx, copied, env, command[0], command[1:]...); err != nil {
		cleanup()
		return "", func() {}, fmt.Errorf("install dependencies of %q: %w", dir, err)
	}
	return copied, cleanup, nil
}

// copyTree copies what would be packed, and the ignore file with it.
func copyTree(from, to string) error {
	entries, err := walk(from)
	if err != nil {
		return err
	}
	ignoreFile := entry{name: IgnoreFile, path: filepath.Join(from, IgnoreFile)}
	if _, err := os.Stat(ignoreFile.path); err == nil {
		entries = append(entries, ignoreFile)
	}
	for _, e := range entries {
		if err := copyEntry(e, filepath.Join(to, filepath.FromSlash(e.name))); err != nil {
			return fmt.Errorf("copy %q: %w", e.name, err)
		}
	}
	return nil
}

func copyEntry(e entry, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if e.link != "" {
		return os.Symlink(e.link, to)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, e.mode())
	if err != nil {
		return err
	}
	err = copyFile(f, e.path)
	if closed := f.Close(); err == nil && !errors.Is(closed, fs.ErrClosed) {
		err = closed
	}
	return err
}
