package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Interpreters finds the programs that run our clients, and remembers them: asking one for its version takes as long as
// starting it. The zero value looks on PATH. It is safe for concurrent use.
type Interpreters struct {
	// LookPath finds a program; nil is [exec.LookPath].
	LookPath func(name string) (string, error)
	// Version gives a program's version, such as "3.11.7"; nil runs it with --version.
	Version func(path string) (string, error)

	mu    sync.Mutex
	found map[string]string // by runtime id
}

// language is what our client of a family needs.
type language struct {
	names   []string // programs to try, the exact one first
	minimum string
	install string // how to get it on Debian and its relatives
}

// probeTimeout bounds how long a program may take to say its version; a broken version manager may hang.
const probeTimeout = 10 * time.Second

var versionForm = regexp.MustCompile(`\d+(\.\d+)+`)

// Find gives the path of an interpreter for r: the exact version if it is installed, else any that our client runs on.
// The error names what to install.
func (i *Interpreters) Find(r Runtime) (string, error) {
	need, ok := languageOf(r)
	if !ok {
		return "", fmt.Errorf("runtime %q has no interpreter", r.ID)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if path, ok := i.found[r.ID]; ok {
		return path, nil
	}
	path, err := i.search(need)
	if err != nil {
		return "", fmt.Errorf("runtime %q needs %s %s or later: %w; install it, on Debian with %q",
			r.ID, need.names[len(need.names)-1], need.minimum, err, need.install)
	}
	if i.found == nil {
		i.found = make(map[string]string)
	}
	i.found[r.ID] = path
	return path, nil
}

func (i *Interpreters) search(need language) (string, error) {
	var faults []error
	for _, name := range need.names {
		path, err := i.probe(name, need.minimum)
		if err == nil {
			return path, nil
		}
		faults = append(faults, err)
	}
	// The last name is the general one; why an exact version is missing interests nobody.
	return "", faults[len(faults)-1]
}

// probe asks a program for its version. Being on PATH is not enough: version managers put there what they cannot run.
func (i *Interpreters) probe(name, minimum string) (string, error) {
	lookPath, version := i.LookPath, i.Version
	if lookPath == nil {
		lookPath = exec.LookPath
	}
	if version == nil {
		version = runVersion
	}
	path, err := lookPath(name)
	if err != nil {
		return "", fmt.Errorf("%q is not on PATH: %w", name, err)
	}
	have, err := version(path)
	if err != nil {
		return "", fmt.Errorf("%q does not run: %w", path, err)
	}
	if olderThan(have, minimum) {
		return "", fmt.Errorf("%q is version %s", path, have)
	}
	return path, nil
}

func languageOf(r Runtime) (language, bool) {
	switch r.Family {
	case Node:
		return language{[]string{"node" + r.Version, "node"}, "18", "apt-get install nodejs"}, true
	case Python:
		return language{[]string{"python" + r.Version, "python3"}, "3.9", "apt-get install python3"}, true
	case Ruby:
		return language{[]string{"ruby" + r.Version, "ruby"}, "3.1", "apt-get install ruby"}, true
	default:
		return language{}, false
	}
}

func runVersion(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run with --version: %w", err)
	}
	version := versionForm.FindString(string(out))
	if version == "" {
		return "", errors.New("run with --version: no version in what it prints")
	}
	return version, nil
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
