//go:build linux

package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime bounds the wait for output after the end of all known processes:
// only a writer that blocks, or a holder of the pipe that got away, needs it.
const drainTime = time.Second

// Process is a started program together with all its descendants.
// All methods may be called by several goroutines.
type Process struct {
	pid     int
	members *census
	memory  *watch
	done    chan struct{}
	exit    Exit // written before done is closed

	mu     sync.Mutex
	reaped bool // the pid may belong to somebody else from now on
	shot   bool // we sent SIGKILL ourselves
}

// Start runs the program. When it cannot be executed the error is an
// [*os.PathError] with the text AWS shows, for example
// "fork/exec /var/task/bootstrap: exec format error". When the sandbox cannot be
// built it is an [ErrSandbox].
func Start(spec Spec) (*Process, error) {
	if spec.Path == "" {
		return nil, &os.PathError{Op: "fork/exec", Err: syscall.ENOENT}
	}
	return start(spec)
}

// start is Start, but in a sandbox an empty path runs nothing, see Supports.
func start(spec Spec) (*Process, error) {
	p := &Process{
		members: &census{proc: procRoot, marker: newMarker()},
		done:    make(chan struct{}),
	}
	p.memory = &watch{members: p.members, exceed: func() { _ = p.Signal(syscall.SIGKILL) }}
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
	rand.Read(b[:])
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
	starved := starvation()
	leader, err := p.fork(spec, out)
	out.start(err == nil)
	if err != nil {
		started <- err
		return
	}
	started <- nil

	var watching sync.WaitGroup
	exited := make(chan struct{})
	watching.Go(func() { p.memory.run(exited) })
	awaitExit(p.pid)
	close(exited)
	p.memory.group.kill()
	p.members.killAll()
	watching.Wait() // it may just be looking
	p.memory.end()
	p.exit = p.verdict(p.reap(leader), starvation() > starved)
	p.memory.group.close()
	out.drain(drainTime)
	close(p.done)
}

// fork starts the program, in a cgroup if it shall have one and can.
func (p *Process) fork(spec Spec, out *output) (*os.Process, error) {
	if spec.Cgroup != "" {
		p.memory.group, _ = newCgroup(spec.Cgroup, p.members.marker, spec.Memory) // else memory is polled
	}
	leader, err := p.exec(spec, out)
	if err != nil && p.memory.group != nil {
		p.memory.group.close() // perhaps it may not fork into the group: then the next try succeeds
		p.memory.group = nil
		leader, err = p.exec(spec, out)
	}
	if p.memory.group == nil {
		p.memory.limit = spec.Memory
	}
	if err != nil {
		return nil, err
	}
	p.pid, p.members.leader = leader.Pid, leader.Pid
	return leader, nil
}

// exec forks and executes the leader of a new session, which dies with this thread.
func (p *Process) exec(spec Spec, out *output) (*os.Process, error) {
	attr := os.ProcAttr{
		Dir:   spec.Dir,
		Env:   append(slices.Clip(spec.Env), MarkerVariable+"="+p.members.marker),
		Files: out.child[:],
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if group := p.memory.group; group != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.fd.Fd())
	}
	if spec.Sandbox != (Sandbox{}) {
		return p.confine(spec, attr)
	}
	return os.StartProcess(spec.Path, append([]string{spec.Path}, spec.Args...), &attr)
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

// verdict says how the program ended. A SIGKILL that is not ours is taken for the
// kernel's when it has killed for want of memory in the meantime, in the program's
// group or, starved, in our own: in a pod that is the container's limit.
func (p *Process) verdict(state *os.ProcessState, starved bool) Exit {
	exit := exitOf(state)
	if exit.Signal != syscall.SIGKILL {
		return exit
	}
	exit.OOM = p.memory.overrun() || (starved && !p.shot)
	return exit
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
	p.shot = p.shot || sig == syscall.SIGKILL
	return os.NewSyscallError("kill", unix.Kill(-p.pid, sig))
}

// Kill ends the program and everything that descends from it, and returns when
// they are gone: Done is closed by then.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	p.members.members()           // learn who descends from it while chains of parents are whole
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

// PeakMemory returns the most memory the program and its descendants were seen
// to use together so far, in bytes. It looks anew when the last look is old.
func (p *Process) PeakMemory() int64 {
	p.memory.look(p.memory.pace())
	return p.memory.highest()
}

// exitOf translates what the kernel reported. A nil state means that somebody
// else took the status away; the program is gone and counts as killed.
func exitOf(state *os.ProcessState) Exit {
	if state == nil {
		return Exit{Code: -1, Signal: syscall.SIGKILL}
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return Exit{Code: -1, Signal: status.Signal()}
	}
	return Exit{Code: status.ExitStatus()}
}
