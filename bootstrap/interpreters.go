package bootstrap

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Interpreters finds the programs that run our clients, and remembers them: asking one for its version takes as long as
// starting it. What is on PATH may be the shim of a version manager, which would cost every start a tenth of a second, so
// a program is also asked where it really is. The zero value looks on PATH. It is safe for concurrent use.
type Interpreters struct {
	// LookPath finds a program; nil is [exec.LookPath].
	LookPath func(name string) (string, error)
	// Run runs a program that was found and gives what it prints; nil really does.
	Run func(path string, args ...string) (string, error)

	mu    sync.Mutex
	found map[string]interpreter // by runtime id
}

// interpreter is a program that was found.
type interpreter struct{ path, version string }

// language is what our client of a family needs.
type language struct {
	names   []string // programs to try, the exact one first
	ask     []string // arguments with which it prints its version, then its own path on a second line
	minimum string
	install string // how to get it on Debian and its relatives
}

// probeTimeout bounds how long a program may take to say its version; a broken version manager may hang.
const probeTimeout = 10 * time.Second

var versionForm = regexp.MustCompile(`\d+(\.\d+)+`)

// Find gives the path of an interpreter for r: the exact version if it is installed, else any that our client runs on.
// The error names what to install.
func (i *Interpreters) Find(r Runtime) (string, error) {
	found, err := i.find(r)
	return found.path, err
}

// Version gives the version of the interpreter that Find finds, such as "3.11.7"; see [Runtime.Matches].
func (i *Interpreters) Version(r Runtime) (string, error) {
	found, err := i.find(r)
	return found.version, err
}

func (i *Interpreters) find(r Runtime) (interpreter, error) {
	need, ok := languageOf(r)
	if !ok {
		return interpreter{}, fmt.Errorf("runtime %q has no interpreter", r.ID)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if known, ok := i.found[r.ID]; ok {
		return known, nil
	}
	found, err := i.search(need)
	if err != nil {
		return found, fmt.Errorf("runtime %q needs %s %s or later: %w; install it, on Debian with %q",
			r.ID, need.names[len(need.names)-1], need.minimum, err, need.install)
	}
	if i.found == nil {
		i.found = make(map[string]interpreter)
	}
	i.found[r.ID] = found
	return found, nil
}

// Matches reports whether a version of the language, such as "3.11.7", is the one that the runtime's id names. Where the
// id names none, every version does.
func (r Runtime) Matches(version string) bool {
	return r.Version == "" || strings.HasPrefix(version+".", r.Version+".")
}

func (i *Interpreters) search(need language) (interpreter, error) {
	var faults []error
	for _, name := range need.names {
		found, err := i.probe(name, need)
		if err == nil {
			return found, nil
		}
		faults = append(faults, err)
	}
	// The last name is the general one; why an exact version is missing interests nobody.
	return interpreter{}, faults[len(faults)-1]
}

// probe asks a program for its version. Being on PATH is not enough: version managers put there what they cannot run.
func (i *Interpreters) probe(name string, need language) (interpreter, error) {
	lookPath, run := i.LookPath, i.Run
	if lookPath == nil {
		lookPath = exec.LookPath
	}
	if run == nil {
		run = runProgram
	}
	path, err := lookPath(name)
	if err != nil {
		return interpreter{}, fmt.Errorf("%q is not on PATH: %w", name, err)
	}
	out, err := run(path, need.ask...)
	if err != nil {
		return interpreter{}, fmt.Errorf("%q does not run: %w", path, err)
	}
	first, second, _ := strings.Cut(out, "\n")
	version := versionForm.FindString(first)
	if version == "" {
		return interpreter{}, fmt.Errorf("%q does not say its version", path)
	}
	if olderThan(version, need.minimum) {
		return interpreter{}, fmt.Errorf("%q is version %s", path, version)
	}
	if itself := strings.TrimSpace(second); filepath.IsAbs(itself) {
		return interpreter{itself, version}, nil
	}
	return interpreter{path, version}, nil
}

func languageOf(r Runtime) (language, bool) {
	switch r.Family {
	case Node:
		return language{
			names:   []string{"node" + r.Version, "node"},
			ask:     []string{"-p", `process.versions.node + "\n" + process.execPath`},
			minimum: "18", install: "apt-get install nodejs",
		}, true
	case Python:
		return language{
			names:   []string{"python" + r.Version, "python3"},
			ask:     []string{"-IS", "-c", `import sys; print("%d.%d.%d" % sys.version_info[:3]); print(sys.executable)`},
			minimum: "3.9", install: "apt-get install python3",
		}, true
	case Ruby:
		return language{
			names:   []string{"ruby" + r.Version, "ruby"},
			ask:     []string{"--disable=gems", "-rrbconfig", "-e", `puts RUBY_VERSION, RbConfig.ruby`},
			minimum: "3.1", install: "apt-get install ruby",
		}, true
	default:
		return language{}, false
	}
}

func runProgram(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	if ctx.Err() != nil {
		return "", fmt.Errorf("it took longer than %s: %w", probeTimeout, ctx.Err())
	}
	return string(out), err
}

// olderThan compares dotted numbers; a part that is missing or no number counts as 0.
func olderThan(version, minimum string) bool {
	have, want := strings.Split(version, "."), strings.Split(minimum, ".")
	for n := range want {
		if a, b := number(have, n), number(want, n); a != b {
			return a < b
		}
	}
	return false
}

func number(parts []string, n int) int {
	if n >= len(parts) {
		return 0
	}
	value, _ := strconv.Atoi(parts[n])
	return value
}
