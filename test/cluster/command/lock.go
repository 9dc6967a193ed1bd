package command

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

// lock keeps others from starting or ending the same cluster at the same time. The lock ends with the process.
func lock(cluster layout.Cluster) (unlock func(), err error) {
	if err := os.MkdirAll(cluster.Cache, 0o755); err != nil {
		return nil, err
	}
	name := cluster.CachePath(cluster.Name + ".lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("cluster %q is being started or ended by someone else (lock %q): %w", cluster.Name, name, err)
	}
	return func() { _ = f.Close() }, nil
}
