package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Source is a folder as it would be built elsewhere.
type Source struct {
	// Why names the file for whose sake something has to be built; empty if the folder runs as it is.
	Why string
	// Runtime and Handler are empty for a Dockerfile.
	Runtime, Handler string
	// Dockerfile says that the folder describes an image.
	Dockerfile string
	// Root is the folder that the build needs, and Path the slash-separated way from it to the one that was asked about;
	// empty if they are the same.
	Root, Path string

	leave string // patterns of what a build makes itself
}

// The runtimes of languages that only builds know.
const (
	runtimeRust   = "rust"
	defaultJava   = "java21"
	defaultDotNet = "dotnet8"
)

// toolchain is how a language that has to be built is recognised.
type toolchain struct {
	family    string // prefix of its runtimes' ids
	runtime   string // where the person says nothing
	manifests []string
	handler   string // where the person says nothing; empty if it has to be said
	example   string
	leave     string
}

func toolchains() []toolchain {
	return []toolchain{
		{runtimeRust, runtimeRust, []string{"Cargo.toml"}, "bootstrap", "", "/target/"},
		{"java", defaultJava, []string{"pom.xml", "build.gradle", "build.gradle.kts"}, "", "example.Handler::handleRequest", "/target/\n/build/\n.gradle/"},
		{"dotnet", defaultDotNet, []string{"*.csproj", "*.fsproj", "*.vbproj"}, "", "Assembly::Namespace.Type::Method", "bin/\nobj/"},
	}
}

// Inspect finds out whether a folder has to be built before it can run, and as what. It looks only; Options.Install and
// Options.Tools do not matter. A Dockerfile counts unless the person has named a runtime.
func Inspect(dir string, o Options) (Source, error) {
	o.Runtime = RuntimeID(o.Runtime)
	found := Source{Root: dir, Runtime: o.Runtime, Handler: o.Handler}
	if o.Runtime == "" && exists(dir, dockerfile) {
		return Source{Root: dir, Why: dockerfile, Dockerfile: dockerfile}, nil
	}
	for _, t := range toolchains() {
		why := t.recognises(dir)
		if why == "" || (o.Runtime != "" && !strings.HasPrefix(o.Runtime, t.family)) {
			continue
		}
		found.Why, found.leave = why, t.leave
		found.Runtime, found.Handler = or(o.Runtime, t.runtime), or(o.Handler, t.handler)
		if found.Handler == "" {
			return found, fmt.Errorf("%q has a %s: name the handler with --handler, such as %s", dir, why, t.example)
		}
		return found, nil
	}
	guess, err := complete(os.DirFS(dir), o)
	if err != nil {
		return found, fmt.Errorf("%q: %w", dir, err)
	}
	found.Runtime, found.Handler = guess.Runtime, guess.Handler
	if guess.GoProgram {
		return found.ofGo(dir)
	}
	for _, in := range installers() {
		if strings.HasPrefix(guess.Runtime, in.family) && (in.needed(dir) || in.built(dir)) {
			found.Why, found.leave = in.manifest, in.leave
		}
	}
	return found, nil
}

// dockerfile is what the description of an image is called.
const dockerfile = "Dockerfile"

func exists(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular()
}

// recognises gives the name of the file that tells the language; empty if there is none.
func (t toolchain) recognises(dir string) string {
	for _, pattern := range t.manifests {
		if names, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(names) > 0 {
			return filepath.Base(names[0])
		}
	}
	return ""
}

// built reports whether the folder has a build script, as TypeScript has.
func (in installer) built(dir string) bool {
	var pkg struct {
		Scripts map[string]string `json:"scripts"`
	}
	text, err := os.ReadFile(filepath.Join(dir, in.manifest))
	return err == nil && in.manifest == packageJSON && json.Unmarshal(text, &pkg) == nil && pkg.Scripts["build"] != ""
}

// ofGo finds the module that a Go program belongs to: it is built as a whole.
func (s Source) ofGo(dir string) (Source, error) {
	s.Why = "go.mod"
	abs, err := filepath.Abs(dir)
	if err != nil {
		return s, fmt.Errorf("find the module of %q: %w", dir, err)
	}
	for root := abs; ; root = filepath.Dir(root) {
		if exists(root, s.Why) {
			rel, err := filepath.Rel(root, abs)
			if err != nil {
				return s, fmt.Errorf("find the module of %q: %w", dir, err)
			}
			if rel != "." {
				s.Root, s.Path = root, filepath.ToSlash(rel)
			}
			return s, nil
		}
		if root == filepath.Dir(root) {
			return s, fmt.Errorf("%q belongs to no Go module: run %q in it first", dir, "go mod init example.com/function && go mod tidy")
		}
	}
}

// Pack makes an archive of what the build needs. What a build makes itself, such as node_modules, stays out.
func (s Source) Pack() (*Package, error) {
	rules, err := rulesOf(s.Root)
	if err != nil {
		return nil, err
	}
	entries, err := walkBy(s.Root, append(rules, parseIgnore(s.leave)...))
	if err != nil {
		return nil, err
	}
	return finish(entries, Guess{Runtime: s.Runtime, Handler: s.Handler})
}

// IsFolder reports whether there is a folder at a path, rather than a file.
func IsFolder(name string) (bool, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("find the code: %w", err)
	}
	return err == nil && info.IsDir(), err
}
