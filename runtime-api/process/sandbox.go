//go:build linux

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// helperName is argv[0] of the helper that builds the sandbox from within.
	helperName = "lambkin-sandbox"
	// reportFD is the file on which the helper reports failure.
	reportFD = 3
	// helperLimit bounds the building: a source on a dead network file system may hang.
	helperLimit = 10 * time.Second
)

// armed is true in a program that called MaybeHelper, and is never reset. A
// program that did not would, started as its own helper, do its usual work once more.
var armed atomic.Bool //nolint:gochecknoglobals // a fact about the program, set once by its main

// plan is what the helper is told in argv[1]; the program and its arguments follow.
type plan struct {
	Sandbox Sandbox
	Dir     string
	Parent  int // pid; another parent means that we have died
}

// failure is what the helper reports when it fails.
type failure struct {
	Step  string // what failed, empty for the execution of the program
	Errno syscall.Errno
}

// confine starts the program by way of the helper, in new namespaces. Root
// needs a mount namespace only. Others need a user namespace around it, in
// which they stay who they are but may mount.
func (p *Process) confine(spec Spec, attr os.ProcAttr) (*os.Process, error) {
	if !armed.Load() {
		return nil, fmt.Errorf("%w: this program does not call process.MaybeHelper", ErrSandbox)
	}
	told, err := json.Marshal(plan{Sandbox: spec.Sandbox, Dir: spec.Dir, Parent: os.Getpid()})
	if err != nil {
		return nil, fmt.Errorf("tell the helper what to do: %w", err)
	}
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer from.Close()
	attr.Dir = ""
	attr.Files = append(attr.Files[:reportFD:reportFD], to)
	unshare(attr.Sys)
	helper, err := os.StartProcess("/proc/self/exe", append([]string{helperName, string(told), spec.Path}, spec.Args...), &attr)
	_ = to.Close() // the helper has its own
	if err != nil {
		return nil, fmt.Errorf("%w: new namespace: %w", ErrSandbox, errors.Unwrap(err))
	}
	if err := await(from, spec.Path); err != nil {
		_ = helper.Kill() // it exits by itself unless it hangs
		_, _ = helper.Wait()
		return nil, err
	}
	return helper, nil
}

// unshare asks for the namespaces we need.
func unshare(sys *syscall.SysProcAttr) {
	sys.Cloneflags = unix.CLONE_NEWNS
	if mayMount() {
		return
	}
	sys.Cloneflags |= unix.CLONE_NEWUSER
	sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN} // survives the execution of the helper, which drops it
}

// mayMount tells whether we have the right to mount ourselves.
func mayMount() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	return err == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// await returns when the helper has executed the program, which closes the pipe
// without a word, or has failed.
func await(from *os.File, path string) error {
	if err := from.SetReadDeadline(time.Now().Add(helperLimit)); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(from, 1<<10))
	if err != nil {
		return fmt.Errorf("%w: no answer from the helper: %w", ErrSandbox, err)
	}
	if len(text) == 0 {
		return nil
	}
	var f failure
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("%w: answer of the helper: %w", ErrSandbox, err)
	}
	if f.Step == "" {
		return &os.PathError{Op: "fork/exec", Path: path, Err: f.Errno}
	}
	return fmt.Errorf("%w: %s: %w", ErrSandbox, f.Step, f.Errno)
}
