//go:build linux

package process

import "os"

// Supports tries what can only be known by trying, and changes nothing. It
// builds and drops a sandbox, so the program must call [MaybeHelper].
func Supports() Support {
	_, _, cgroup := cgroups{proc: procRoot, root: cgroupRoot}.delegable(os.Getpid())
	return Support{Sandbox: trySandbox(), Cgroup: cgroup}
}

// trySandbox builds a sandbox around nothing: without a program the helper exits.
func trySandbox() error {
	some := os.TempDir()
	p, err := start(Spec{Sandbox: Sandbox{Task: some, Opt: some, Runtime: some, Tmp: some}})
	if err != nil {
		return err
	}
	<-p.Done()
	return nil
}
