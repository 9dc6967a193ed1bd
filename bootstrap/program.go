package bootstrap

import "path/filepath"

// Places of a function's code and layers, as it knows them.
const (
	taskRoot = "/var/task"
	optRoot  = "/opt"
)

// CheckPrograms says what [Runtime.Command] would say about the function's own executables, for code that lies in archives
// rather than in folders: runtimes without an interpreter need one. executable reports whether a path, as the function will
// know it, is an executable file. An error is an [*Error].
func (r Runtime) CheckPrograms(handler string, executable func(path string) bool) error {
	switch r.Family {
	case Provided:
		if executable(taskRoot+"/bootstrap") || executable(optRoot+"/bootstrap") {
			return nil
		}
		return noBootstrap()
	case GoRPC, Exec:
		return checkProgram(handler, executable)
	default:
		return nil
	}
}

func noBootstrap() error {
	return invalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
}

// checkProgram wants the handler to be an executable in the code.
func checkProgram(handler string, executable func(path string) bool) error {
	if handler == "" || !filepath.IsLocal(handler) {
		return invalidEntrypoint("handler %q does not name an executable inside the function's code", handler)
	}
	if path := filepath.Join(taskRoot, handler); !executable(path) {
		return invalidEntrypoint("fork/exec %s: no such executable file (is it in the archive, with its x bit?)", path)
	}
	return nil
}
