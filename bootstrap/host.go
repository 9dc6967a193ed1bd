package bootstrap

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Host is the place where a runtime process is to be started: an image, or a machine where code, layers and clients lie
// anywhere.
type Host struct {
	TaskRoot   string // where the function's code is: /var/task in an image
	OptRoot    string // where the merged layers are: /opt in an image
	RuntimeDir string // what [Extract] returned
	// ImageRuntimeDir is where AWS's base images keep their runtime client, /var/runtime; empty on a host. A bootstrap
	// in it is used for the managed families, rather than ours.
	ImageRuntimeDir string
	Self            string   // path of a program with the sub-commands of package runner, which serve go1.x and exec
	Handler         string   // the function's handler
	Environ         []string // the environment that the process gets otherwise, as NAME=VALUE; the last value counts
	// Interpreters finds node, python and ruby. It may be shared; nil looks on PATH each time.
	Interpreters *Interpreters
}

// Error says why a runtime cannot be started here.
type Error struct {
	// Type is the error type that callers of the function see, such as "Runtime.InvalidEntrypoint".
	Type string
	// Message is what they read.
	Message string
	// Err is the cause, if there is one.
	Err error
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func invalidEntrypoint(format string, args ...any) *Error {
	return &Error{Type: "Runtime.InvalidEntrypoint", Message: fmt.Sprintf(format, args...)}
}

// Command says how the runtime's process is started on h: its arguments, the first being the executable's path, and
// the variables to set beside (and over) those of h.Environ. The working directory is h.TaskRoot. An error is an [*Error].
func (r Runtime) Command(h Host) (argv, env []string, err error) {
	argv, err = r.arguments(h)
	if err != nil {
		return nil, nil, err
	}
	return argv, r.Environment(h), nil
}

func (r Runtime) arguments(h Host) ([]string, error) {
	switch r.Family {
	case Provided:
		return providedBootstrap(h)
	case GoRPC:
		return h.runner("gorpc")
	case Exec:
		return h.runner("exec")
	}
	if path := filepath.Join(h.ImageRuntimeDir, "bootstrap"); h.ImageRuntimeDir != "" && isExecutable(path) {
		return []string{path}, nil
	}
	return r.managed(h)
}

// managed starts our own client in an interpreter, behind the user's wrapper if there is one.
func (r Runtime) managed(h Host) ([]string, error) {
	script, ours := r.script(h)
	if !ours {
		return nil, invalidEntrypoint("runtime %q needs its AWS base image (public.ecr.aws/lambda/%s) and cannot run on a plain host: "+
			"deploy it as a container image", r.ID, r.Family)
	}
	if h.RuntimeDir == "" {
		return nil, invalidEntrypoint("runtime %q needs a runtime client, and neither the image nor this program brings one", r.ID)
	}
	wrapper, err := h.wrapper()
	if err != nil {
		return nil, err
	}
	interpreter, err := h.interpreters().Find(r)
	if err != nil {
		return nil, &Error{Type: "Runtime.InvalidEntrypoint", Message: err.Error(), Err: err}
	}
	return slices.Concat(wrapper, []string{interpreter}, r.flags(h), []string{script}), nil
}

func (r Runtime) script(h Host) (path string, ok bool) {
	switch r.Family {
	case Node:
		return filepath.Join(h.RuntimeDir, "node", "bootstrap.mjs"), true
	case Python:
		return filepath.Join(h.RuntimeDir, "python", "bootstrap.py"), true
	case Ruby:
		return filepath.Join(h.RuntimeDir, "ruby", "bootstrap.rb"), true
	default:
		return "", false
	}
}

// flags keeps node's heap below the function's memory: V8 sizes it by the machine otherwise, collects late and is killed.
func (r Runtime) flags(h Host) []string {
	memory, err := strconv.Atoi(h.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if r.Family != Node || err != nil || memory <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("--max-old-space-size=%d", memory*9/10)}
}

// providedBootstrap takes the first executable named bootstrap, in the order in which Lambda looks.
func providedBootstrap(h Host) ([]string, error) {
	places := []string{h.RuntimeDir, h.ImageRuntimeDir, h.TaskRoot, h.OptRoot}
	for _, dir := range places {
		if path := filepath.Join(dir, "bootstrap"); dir != "" && isExecutable(path) {
			return []string{path}, nil
		}
	}
	return nil, noBootstrap()
}

// runner serves an executable of the function's, named by its handler, through a sub-command of our own binary.
func (h Host) runner(verb string) ([]string, error) {
	path := filepath.Join(h.TaskRoot, h.Handler)
	if err := checkProgram(h.Handler, func(string) bool { return isExecutable(path) }); err != nil {
		return nil, err
	}
	return []string{h.Self, verb, "--", path}, nil
}

// wrapper gives the arguments of AWS_LAMBDA_EXEC_WRAPPER. A missing one ends as on Lambda, where the shell cannot find it.
func (h Host) wrapper() ([]string, error) {
	named := h.getenv("AWS_LAMBDA_EXEC_WRAPPER")
	if named == "" {
		return nil, nil
	}
	path := h.local(named)
	if isExecutable(path) {
		return []string{path}, nil
	}
	return nil, &Error{
		Type:    "Runtime.ExitError",
		Message: "Runtime exited with error: exit status 127",
		Err:     fmt.Errorf("AWS_LAMBDA_EXEC_WRAPPER %q is not an executable file: %w", named, os.ErrNotExist),
	}
}

// local turns a path as the function knows it into one of this host, where /opt and /var/task may lie elsewhere.
func (h Host) local(path string) string {
	if rest, ok := strings.CutPrefix(path, "/opt/"); ok {
		return filepath.Join(h.OptRoot, rest)
	}
	if rest, ok := strings.CutPrefix(path, "/var/task/"); ok {
		return filepath.Join(h.TaskRoot, rest)
	}
	return path
}

func (h Host) interpreters() *Interpreters {
	if h.Interpreters == nil {
		return &Interpreters{}
	}
	return h.Interpreters
}

// getenv is the value of the last entry of name, as for the process.
func (h Host) getenv(name string) string {
	for _, entry := range slices.Backward(h.Environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
