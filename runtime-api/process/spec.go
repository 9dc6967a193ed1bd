// Package process starts, confines, watches, signals and stops the processes of
// execution environments: runtimes and extensions. It knows nothing of Lambda.
//
// # What belongs to a process
//
// Everything that descends from a started program belongs to it and dies with
// it. Each program leads its own session, and so its own process group. Signals
// go to that group. When the leader exits, for whatever reason, the rest is
// killed before Done is closed. A descendant that has left the session (setsid,
// daemon) is known by one of
//
//   - its ancestors: a chain of parents that leads to the program, as long as
//     these live;
//   - its environment: every program is given [MarkerVariable], which
//     descendants inherit and which the kernel shows in /proc/PID/environ even
//     when parents are long gone;
//   - its cgroup, where there is one for the program (see [Delegate]).
//
// Only a descendant that left the session, lost its parents and replaced its
// environment, all in one poll interval of the memory watch and without a
// cgroup, gets away.
//
// # When we die ourselves
//
// A program is killed when the thread that forked it ends (PR_SET_PDEATHSIG is
// tied to the thread, not to the whole process). So each program has a goroutine
// locked to a thread, which forks it and then waits for it: the thread lives
// exactly as long as the program.
//
// All that needs Linux. Elsewhere [Start] says so, for programs that do other things too.
package process

import (
	"errors"
	"io"
)

// MarkerVariable is the environment variable by which descendants of a program
// are recognised. Its value is random and differs between programs.
const MarkerVariable = "_LAMBKIN_PROCESS"

// Spec says what to run and how.
type Spec struct {
	// Path is executed directly, never by a shell, and is also argv[0].
	Path string
	// Args are the arguments without argv[0].
	Args []string
	// Dir is the working directory; empty means ours.
	Dir string
	// Env is the complete environment apart from [MarkerVariable]; nothing is inherited.
	Env []string
	// Stdout and Stderr receive the output, one Write per read; nil discards it.
	// The same writer in both sees the two streams in the order of writing.
	// A write error discards the rest; the program never notices.
	Stdout, Stderr io.Writer
	// Memory limits the program and its descendants together, in bytes; 0 is no
	// limit. Excess is answered with SIGKILL for all, and [Exit.OOM].
	Memory int64
	// Cgroup is a directory from [Delegate]: the kernel then enforces Memory in a
	// group below it. Empty, or where the group cannot be made, memory is polled.
	Cgroup string
	// Sandbox shows the program its own directories; the zero value does nothing.
	// Path and Dir are then looked up inside.
	Sandbox Sandbox
}

// ErrSandbox is in the chain of every error of [Start] that says that this host
// does not let us build the sandbox. Without a sandbox the program may well run.
var ErrSandbox = errors.New("sandbox not possible here")

// Sandbox says which directories of the host the program sees at the places AWS
// documents. Each may be empty: then the program sees the host's there. The
// program gets a mount namespace of its own; nothing changes on the host. In it
// the names sandbox and sandbox.localdomain, which extensions expect, lead to
// 127.0.0.1 as far as the host has a file /etc/hosts.
//
// It is for functions to find their places and not to step on each other's
// files. It does not hold a hostile program, least of all one run by root.
type Sandbox struct {
	Task    string // at /var/task, read-only
	Opt     string // at /opt, read-only
	Runtime string // at /var/runtime; Python keeps compiled files beside its sources
	Tmp     string // at /tmp
}

// Support says what this host allows. Each field is nil when it works, else the reason.
type Support struct {
	// Sandbox is about [Spec.Sandbox].
	Sandbox error
	// Cgroup is about [Delegate].
	Cgroup error
}
