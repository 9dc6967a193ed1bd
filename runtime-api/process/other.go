//go:build !linux

package process

import (
	"context"
	"errors"
	"syscall"
)

// errSystem is why nothing is started.
var errSystem = errors.New("functions run on Linux only: use a server there, or a cluster")

// Process stands for a program that cannot be: [Start] gives none.
type Process struct{}

// Start fails.
func Start(Spec) (*Process, error) { return nil, errSystem }

// Done is for programs that run.
func (p *Process) Done() <-chan struct{} { return nil }

// Exit is for programs that have ended.
func (p *Process) Exit() Exit { return Exit{Code: -1} }

// Kill has nothing to kill.
func (p *Process) Kill() {}

// PeakMemory is none.
func (p *Process) PeakMemory() int64 { return 0 }

// Pid is nobody's.
func (p *Process) Pid() int { return 0 }

// Signal fails.
func (p *Process) Signal(syscall.Signal) error { return errSystem }

// Stop has nothing to stop.
func (p *Process) Stop(context.Context) {}

// MaybeHelper returns at once: there are no sandboxes.
func MaybeHelper() {}

// Reap has nothing to do where nothing is started.
func Reap(context.Context) error { return nil }

// Delegate fails.
func Delegate() (string, error) { return "", errSystem }

// Supports says that nothing is.
func Supports() Support { return Support{Sandbox: errSystem, Cgroup: errSystem} }
