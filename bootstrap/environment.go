package bootstrap

import (
	"path/filepath"
	"slices"
	"strings"
)

// defaultPath is Lambda's own, for a process that would have no PATH at all.
const defaultPath = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"

// Environment gives the variables that Lambda sets for the runtime, as NAME=VALUE, with this host's folders in place of
// Lambda's. It is a function of h alone.
//
// Search paths (PATH, NODE_PATH, PYTHONPATH, …) begin with what h.Environ holds, so a user's entries win and ours are
// still searched. LANG and TZ keep the user's value. The others describe the platform and are always ours.
func (r Runtime) Environment(h Host) []string {
	env := []string{
		"LAMBDA_TASK_ROOT=" + h.TaskRoot,
		"LAMBDA_RUNTIME_DIR=" + h.runtimeDir(),
		h.keep("LANG", "en_US.UTF-8"),
		h.keep("TZ", ":UTC"),
		h.searchPath("PATH", h.path()...),
		h.searchPath("LD_LIBRARY_PATH", h.TaskRoot, h.task("lib"), h.opt("lib")),
	}
	if r.Family != Provided && r.Family != Exec {
		env = append(env, "AWS_EXECUTION_ENV=AWS_Lambda_"+r.ID)
	}
	return append(env, r.languageEnvironment(h)...)
}

func (r Runtime) languageEnvironment(h Host) []string {
	switch r.Family {
	case Node:
		return []string{h.searchPath("NODE_PATH",
			h.opt("nodejs", "node"+r.Version, "node_modules"), h.opt("nodejs", "node_modules"), h.TaskRoot)}
	case Python:
		return r.pythonEnvironment(h)
	case Ruby:
		return []string{
			h.searchPath("GEM_PATH", h.task("vendor", "bundle", "ruby", r.Version+".0"), h.opt("ruby", "gems", r.Version+".0")),
			h.searchPath("RUBYLIB", h.TaskRoot, h.opt("ruby", "lib")),
		}
	default:
		return nil
	}
}

func (r Runtime) pythonEnvironment(h Host) []string {
	env := []string{h.searchPath("PYTHONPATH", h.opt("python", "lib", "python"+r.Version, "site-packages"), h.opt("python"))}
	if !olderThan(r.Version, "3.12") {
		env = append(env, h.keep("LC_CTYPE", "C.UTF-8"))
	}
	return env
}

// path is the PATH to have if the process has none, and the layers' programs in any case.
func (h Host) path() []string {
	if h.getenv("PATH") != "" {
		return []string{h.opt("bin")}
	}
	return append(strings.Split(defaultPath, ":"), h.opt("bin"))
}

func (h Host) runtimeDir() string {
	if h.ImageRuntimeDir != "" {
		return h.ImageRuntimeDir
	}
	return h.RuntimeDir
}

func (h Host) opt(elements ...string) string {
	return filepath.Join(append([]string{h.OptRoot}, elements...)...)
}

func (h Host) task(elements ...string) string {
	return filepath.Join(append([]string{h.TaskRoot}, elements...)...)
}

// keep gives the variable the value that it has already, or else the given one.
func (h Host) keep(name, value string) string {
	if current := h.getenv(name); current != "" {
		return name + "=" + current
	}
	return name + "=" + value
}

// searchPath joins what the variable holds already with the folders that it lacks.
func (h Host) searchPath(name string, folders ...string) string {
	var list []string
	if current := h.getenv(name); current != "" {
		list = strings.Split(current, ":")
	}
	for _, folder := range folders {
		if !slices.Contains(list, folder) {
			list = append(list, folder)
		}
	}
	return name + "=" + strings.Join(list, ":")
}
