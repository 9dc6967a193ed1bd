package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Default runtimes, by language.
const (
	defaultNode     = "nodejs22.x"
	defaultPython   = "python3.13"
	defaultRuby     = "ruby3.4"
	defaultProvided = "provided.al2023"
	runtimeExec     = "exec"
	runtimeGo       = "go1.x"
)

// Guess is what a folder or archive seems to be.
type Guess struct {
	// Runtime is the runtime's id.
	Runtime string
	// Handler is what the runtime calls.
	Handler string
	// GoProgram says that the folder holds Go source, which has to be compiled first.
	GoProgram bool
}

// ErrNothing says that none of the files tells a language.
var ErrNothing = errors.New("nothing here looks like a function: expected a bootstrap, package.json, index.mjs, lambda_function.py, main.go, …")

// GuessFrom finds out what the files are. runtime, if not empty, is what the person said; then only the handler is
// looked for. It fails if files of several languages compete.
func GuessFrom(files fs.FS, runtime string) (Guess, error) {
	names, err := topFiles(files)
	if err != nil {
		return Guess{}, err
	}
	c, err := language(names, runtime)
	if err != nil || c.handler == nil {
		return Guess{Runtime: runtime}, err
	}
	handler, err := c.handler(files, names)
	if err != nil {
		return Guess{}, err
	}
	return Guess{Runtime: or(runtime, c.runtime), Handler: handler, GoProgram: c.compiled}, nil
}

// language finds out what files are written in, within what the person said. It gives the zero candidate for a runtime
// that we know nothing of.
func language(names []string, runtime string) (candidate, error) {
	candidates := candidates(names)
	if runtime != "" {
		candidates = slices.DeleteFunc([]candidate{provided(), golang(), node(), python(), ruby()}, func(c candidate) bool { return !c.serves(runtime, names) })
	}
	switch {
	case len(candidates) == 0 && runtime == "":
		return candidate{}, ErrNothing
	case len(candidates) > 1 && runtime == "":
		return candidate{}, fmt.Errorf("this could be %s: say which with --runtime", described(candidates))
	case len(candidates) == 0:
		return candidate{}, nil // a runtime whose handlers we cannot guess
	}
	return pick(candidates, names), nil
}

// pick takes the candidate that fits the files: a Go program and a finished bootstrap share a runtime.
func pick(all []candidate, names []string) candidate {
	for _, c := range all {
		if c.fits(names) {
			return c
		}
	}
	return all[0]
}

// candidate is a language that a folder may be written in.
type candidate struct {
	name     string
	runtime  string
	family   string // prefix of its runtimes' ids
	compiled bool
	fits     func(names []string) bool
	handler  func(files fs.FS, names []string) (string, error)
}

// serves reports whether files are for a runtime in this language. Programs for go1.x have any name, so only source tells.
func (c candidate) serves(runtime string, names []string) bool {
	return strings.HasPrefix(runtime, c.family) || (runtime == runtimeGo && c.compiled && c.fits(names))
}

func provided() candidate {
	return candidate{
		name: "an executable named bootstrap", runtime: defaultProvided, family: "provided",
		fits:    func(names []string) bool { return slices.Contains(names, "bootstrap") },
		handler: func(fs.FS, []string) (string, error) { return "bootstrap", nil },
	}
}

func golang() candidate {
	return candidate{
		name: "Go", runtime: defaultProvided, family: "provided", compiled: true,
		fits:    func(names []string) bool { return hasSuffix(names, ".go") },
		handler: func(fs.FS, []string) (string, error) { return "bootstrap", nil },
	}
}

func node() candidate {
	return candidate{
		name: "JavaScript", runtime: defaultNode, family: "nodejs",
		fits: func(names []string) bool {
			return slices.Contains(names, "package.json") || hasSuffix(names, ".mjs", ".js", ".cjs")
		},
		handler: nodeHandler,
	}
}

func python() candidate {
	return candidate{
		name: "Python", runtime: defaultPython, family: "python",
		fits:    func(names []string) bool { return hasSuffix(names, ".py") },
		handler: pythonHandler,
	}
}

func ruby() candidate {
	return candidate{
		name: "Ruby", runtime: defaultRuby, family: "ruby",
		fits:    func(names []string) bool { return hasSuffix(names, ".rb") },
		handler: rubyHandler,
	}
}

// candidates gives the languages that the names fit. A bootstrap settles it: the rest is what it works with.
func candidates(names []string) []candidate {
	if c := provided(); c.fits(names) {
		return []candidate{c}
	}
	return slices.DeleteFunc([]candidate{golang(), node(), python(), ruby()}, func(c candidate) bool { return !c.fits(names) })
}

func described(all []candidate) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	return strings.Join(names, " or ")
}

// topFiles lists what may be code of the function: hidden files are settings of tools.
func topFiles(files fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("look at the code: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !strings.HasSuffix(e.Name(), "_test.go") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func hasSuffix(names []string, suffixes ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(suffixes, path.Ext(name)) })
}

// module is a file that may hold the handler, without its extension.
func module(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// modules lists the files with these extensions, those with customary names first.
func modules(names, extensions, customary []string) []string {
	var found []string
	for _, want := range customary {
		for _, name := range names {
			if module(name) == want && slices.Contains(extensions, path.Ext(name)) {
				found = append(found, name)
			}
		}
	}
	for _, name := range names {
		if slices.Contains(extensions, path.Ext(name)) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

var (
	nodeExport = regexp.MustCompile(`(?:exports\.|export\s+(?:const|let|var|async\s+function|function)\s+)([A-Za-z_$][\w$]*)` +
		`|(?:module\.exports\s*=|export)\s*\{[^}]*?\b(handler)\s*[,:}(]`)
	pythonDef = regexp.MustCompile(`(?m)^(?:async\s+)?def\s+([A-Za-z_]\w*)\s*\(\s*\w+[^,)]*,\s*\w+`)
	rubyDef   = regexp.MustCompile(`(?m)^\s*def\s+((?:self\.)?[a-z_]\w*)[\s(]*(?:event:|\*\*)`)
)

func nodeHandler(files fs.FS, names []string) (string, error) {
	list := modules(names, []string{".mjs", ".js", ".cjs"}, []string{"index", "handler", "app", "main", "function"})
	if main := packageMain(files); main != "" {
		list = append([]string{main}, list...)
	}
	return findHandler(files, list, nodeExport, []string{"handler"})
}

// packageMain is the entry that package.json names; empty if there is none inside the folder.
func packageMain(files fs.FS) string {
	var pkg struct {
		Main string `json:"main"`
	}
	text, err := fs.ReadFile(files, "package.json")
	if err != nil || json.Unmarshal(text, &pkg) != nil || pkg.Main == "" {
		return ""
	}
	for _, ext := range []string{"", ".mjs", ".js", ".cjs"} {
		name := path.Clean(pkg.Main) + ext
		if info, err := fs.Stat(files, name); err == nil && !info.IsDir() {
			return name
		}
	}
	return ""
}

func pythonHandler(files fs.FS, names []string) (string, error) {
	list := modules(names, []string{".py"}, []string{"lambda_function", "handler", "app", "main", "index", "function"})
	return findHandler(files, list, pythonDef, []string{"lambda_handler", "handler", "main"})
}

func rubyHandler(files fs.FS, names []string) (string, error) {
	list := modules(names, []string{".rb"}, []string{"lambda_function", "handler", "app", "main", "function"})
	return findHandler(files, list, rubyDef, []string{"lambda_handler", "handler", "main"})
}

// findHandler takes the first file that has a function with one of the wanted names, else the only function there is.
func findHandler(files fs.FS, list []string, form *regexp.Regexp, wanted []string) (string, error) {
	var all []string
	for _, name := range list {
		functions, err := functionsOf(files, name, form)
		if err != nil {
			return "", err
		}
		for _, want := range wanted {
			if slices.Contains(functions, want) {
				return module(name) + "." + want, nil
			}
		}
		for _, f := range functions {
			all = append(all, module(name)+"."+strings.TrimPrefix(f, "self."))
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	if len(all) == 0 {
		return "", fmt.Errorf("no handler found in %s: name it with --handler, such as %s.%s", strings.Join(list, ", "), firstModule(list), wanted[0])
	}
	return "", fmt.Errorf("several functions could be the handler (%s): name it with --handler", strings.Join(all, ", "))
}

func firstModule(list []string) string {
	if len(list) == 0 {
		return "index"
	}
	return module(list[0])
}

// maxScan is how much of a file is searched for handlers.
const maxScan = 1 << 20

func functionsOf(files fs.FS, name string, form *regexp.Regexp) ([]string, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("look for a handler: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxScan))
	if err != nil {
		return nil, fmt.Errorf("look for a handler in %q: %w", name, err)
	}
	var functions []string
	for _, m := range form.FindAllSubmatch(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), -1) {
		if f := string(bytes.Join(m[1:], nil)); !slices.Contains(functions, f) {
			functions = append(functions, f)
		}
	}
	return functions, nil
}

func or(v, byDefault string) string {
	if v == "" {
		return byDefault
	}
	return v
}
