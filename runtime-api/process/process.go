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
// Linux only.
package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MarkerVariable is the environment variable by which descendants of a program
// are recognised. Its value is random and differs between programs.
const MarkerVariable = "_LAMBKIN_PROCESS"

// drainTime bounds the wait for output after the end of all known processes:
// only a writer that blocks, or a holder of the pipe that got away, needs it.
const drainTime = time.Second

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
}

// Process is a started program together with all its descendants.
// All methods may be called by several goroutines.
type Process struct {
	pid     int
	members *census
	done    chan struct{}
	exit    Exit // written before done is closed

	mu     sync.Mutex
	reaped bool // the pid may belong to somebody else from now on
}

// Start runs the program. When it cannot be executed the error is an
// [*os.PathError] with the text AWS shows, for example
// "fork/exec /var/task/bootstrap: exec format error".
func Start(spec Spec) (*Process, error) {
	marker := newMarker()
	p := &Process{
		members: &census{proc: "/proc", marker: marker},
		done:    make(chan struct{}),
	}
	started := make(chan error)
	go p.live(spec, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// newMarker returns a value for MarkerVariable.
func newMarker() string {
	var b [12]byte
	rand.Read(b[:]) //nolint:errcheck // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// live is the whole life of a process on one thread: fork, wait, sweep, reap.
// It reports on started whether the first of these succeeded.
func (p *Process) live(spec Spec, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	out, err := newOutput(spec.Stdout, spec.Stderr)
	if err != nil {
		started <- err
		return
	}
	leader, err := p.fork(spec, out)
	out.start(err == nil)
	if err != nil {
		started <- err
		return
	}
	p.pid, p.members.leader = leader.Pid, leader.Pid
	started <- nil

	awaitExit(p.pid)
	p.members.killAll()
	state := p.reap(leader)
	out.drain(drainTime)
	p.exit = exitOf(state)
	close(p.done)
}

// fork starts the program as the leader of a session of its own, which dies with this thread.
func (p *Process) fork(spec Spec, out *output) (*os.Process, error) {
	return os.StartProcess(spec.Path, append([]string{spec.Path}, spec.Args...), &os.ProcAttr{
		Dir:   spec.Dir,
		Env:   append(spec.Env[:len(spec.Env):len(spec.Env)], MarkerVariable+"="+p.members.marker),
		Files: out.child[:],
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
}

// awaitExit returns when the child has exited and leaves it a zombie: as long as
// it is not reaped, its pid, and so its group and session, cannot become another's.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// reap takes the exit status of the leader. From then on nobody may signal the group.
func (p *Process) reap(leader *os.Process) *os.ProcessState {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	state, err := leader.Wait()
	if err != nil {
		return nil
	}
	return state
}

// Pid is the process id of the program. It is also the id of its group and session.
func (p *Process) Pid() int { return p.pid }

// Done is closed when the program has exited, every descendant is killed and the
// output has been passed on.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit says how the program ended. It is valid after Done.
func (p *Process) Exit() Exit { return p.exit }

// Signal sends sig to the whole group. After the end it returns [os.ErrProcessDone].
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("kill", unix.Kill(-p.pid, sig))
}

// Kill ends the program and everything that descends from it, and returns when
// they are gone: Done is closed by then.
func (p *Process) Kill() {
	p.members.note()
	_ = p.Signal(syscall.SIGKILL) // already gone: nothing to do but wait
	<-p.done
}

// Stop asks the group to end with SIGTERM, and kills it when ctx is done before that.
func (p *Process) Stop(ctx context.Context) {
	_ = p.Signal(syscall.SIGTERM) // already gone: the wait is over at once
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
	}
}
