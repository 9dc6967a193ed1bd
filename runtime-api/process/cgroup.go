//go:build linux

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Places of the cgroup v2 interface, see cgroups(7).
const (
	procRoot   = "/proc"
	cgroupRoot = "/sys/fs/cgroup"
	// selfGroup is where Delegate moves us: a cgroup that shares out its memory
	// must not hold processes itself.
	selfGroup = "lambkin.self"
)

// Delegate prepares the cgroup we run in for [Spec.Cgroup], and returns its
// directory. It must be writable, offer the memory controller and hold no
// process but us, as with "systemd-run --user --scope -p Delegate=yes", or in a
// container with a writable cgroup. We are moved into a group below it.
// The error says what is missing; without a cgroup memory is polled.
func Delegate() (string, error) {
	return cgroups{proc: procRoot, root: cgroupRoot}.delegate(os.Getpid())
}

// cgroups is the cgroup v2 hierarchy as seen by this process.
type cgroups struct {
	proc string // procfs
	root string // cgroupfs
}

// own returns the directory of the cgroup we are in.
func (c cgroups) own() (string, error) {
	membership, err := os.ReadFile(filepath.Join(c.proc, "self", "cgroup"))
	if err != nil {
		return "", err
	}
	path, ok := unifiedPath(membership)
	if !ok {
		return "", errors.New("no cgroup v2 on this host")
	}
	return filepath.Join(c.root, path), nil
}

// unifiedPath finds our cgroup v2 in the text of /proc/self/cgroup ("0::/path").
func unifiedPath(membership []byte) (string, bool) {
	for line := range strings.Lines(string(membership)) {
		path, found := strings.CutPrefix(strings.TrimRight(line, "\n"), "0::/")
		if found {
			return filepath.Clean("/" + path), true
		}
	}
	return "", false
}

// delegable returns the directory that can take our children's groups, and
// whether it already does.
func (c cgroups) delegable(pid int) (dir string, ready bool, err error) {
	dir, err = c.own()
	if err != nil {
		return "", false, err
	}
	if filepath.Base(dir) == selfGroup {
		return filepath.Dir(dir), true, nil
	}
	if !lists(filepath.Join(dir, "cgroup.controllers"), "memory") {
		return "", false, fmt.Errorf("cgroup %q has no memory controller to delegate", dir)
	}
	if err := writable(filepath.Join(dir, "cgroup.procs")); err != nil {
		return "", false, fmt.Errorf("cgroup %q is not delegated to us: %w", dir, err)
	}
	if err := writable(filepath.Join(dir, "cgroup.subtree_control")); err != nil {
		return "", false, fmt.Errorf("cgroup %q is not delegated to us: %w", dir, err)
	}
	procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return "", false, err
	}
	if strings.TrimSpace(string(procs)) != strconv.Itoa(pid) {
		return "", false, fmt.Errorf("cgroup %q holds other processes besides us: start in a scope of its own", dir)
	}
	return dir, false, nil
}

// delegate does the work of Delegate for the process pid.
func (c cgroups) delegate(pid int) (string, error) {
	dir, ready, err := c.delegable(pid)
	if err != nil || ready {
		return dir, err
	}
	self := filepath.Join(dir, selfGroup)
	if err := os.Mkdir(self, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := put(self, "cgroup.procs", strconv.Itoa(pid)); err != nil {
		return "", err
	}
	if err := put(dir, "cgroup.subtree_control", "+memory"); err != nil {
		return "", errors.Join(err, put(dir, "cgroup.procs", strconv.Itoa(pid)), os.Remove(self))
	}
	return dir, nil
}

// cgroup confines one program and its descendants. A nil cgroup does nothing.
type cgroup struct {
	dir string
	fd  *os.File // the directory, for the fork into it
}

// newCgroup makes a group below parent with a memory limit in bytes (0 for none).
func newCgroup(parent, name string, memory int64) (*cgroup, error) {
	dir := filepath.Join(parent, "lambkin."+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := limit(dir, memory); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	fd, err := os.Open(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &cgroup{dir: dir, fd: fd}, nil
}

// limit makes the kernel kill the whole group when it needs more than memory bytes.
func limit(dir string, memory int64) error {
	if memory <= 0 {
		return nil
	}
	if err := put(dir, "memory.max", strconv.FormatInt(memory, 10)); err != nil {
		return err
	}
	if err := put(dir, "memory.oom.group", "1"); err != nil {
		return err
	}
	err := put(dir, "memory.swap.max", "0")
	if errors.Is(err, fs.ErrNotExist) { // no swap on this host
		return nil
	}
	return err
}

// peak returns the most memory the group ever used, in bytes, or what it uses
// now where the kernel (before 5.19) does not keep the peak. It is false without
// a group or without the memory controller.
func (g *cgroup) peak() (int64, bool) {
	if g == nil {
		return 0, false
	}
	for _, file := range []string{"memory.peak", "memory.current"} {
		text, err := os.ReadFile(filepath.Join(g.dir, file))
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// kill ends every process in the group, also those that a census cannot know.
func (g *cgroup) kill() {
	if g == nil {
		return
	}
	_ = put(g.dir, "cgroup.kill", "1") // before Linux 5.14: the census has to do
}

// close removes the group once its processes are gone.
func (g *cgroup) close() {
	if g == nil {
		return
	}
	_ = g.fd.Close() // a directory: nothing to lose
	for end := time.Now().Add(sweepLimit); time.Now().Before(end); time.Sleep(sweepPause) {
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// oomKilled tells whether the kernel killed in this group for want of memory.
func (g *cgroup) oomKilled() bool { return g != nil && oomKills(g.dir) > 0 }

// starvation returns how often the kernel killed for want of memory in our own
// cgroup, 0 where it does not tell.
func starvation() int64 {
	c := cgroups{proc: procRoot, root: cgroupRoot}
	kills := int64(0)
	if dir, err := c.own(); err == nil {
		kills = oomKills(dir)
	}
	return kills + c.oldKills()
}

// oldKills is what version 1 counts for our own cgroup. In a container that is
// at the root of what is mounted, whatever path the kernel tells.
func (c cgroups) oldKills() int64 {
	membership, err := os.ReadFile(filepath.Join(c.proc, "self", "cgroup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(membership)) {
		_, path, found := strings.Cut(strings.TrimRight(line, "\n"), ":memory:/")
		if !found {
			continue
		}
		for _, dir := range []string{filepath.Clean("/" + path), "/"} {
			control, err := os.ReadFile(filepath.Join(c.root, "memory", dir, "memory.oom_control"))
			if err == nil {
				return parseOOMKills(control)
			}
		}
	}
	return 0
}

// oomKills returns how many processes the kernel killed in the cgroup dir and
// below for want of memory.
func oomKills(dir string) int64 {
	events, err := os.ReadFile(filepath.Join(dir, "memory.events"))
	if err != nil {
		return 0
	}
	return parseOOMKills(events)
}

// parseOOMKills reads memory.events, or memory.oom_control of version 1: lines
// of a key and a count.
func parseOOMKills(events []byte) int64 {
	for line := range bytes.Lines(events) {
		fields := bytes.Fields(line)
		if len(fields) != 2 || string(fields[0]) != "oom_kill" {
			continue
		}
		n, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	return 0
}

// lists tells whether the words in the file include word.
func lists(file, word string) bool {
	text, err := os.ReadFile(file)
	return err == nil && slices.Contains(strings.Fields(string(text)), word)
}

// writable returns why the file cannot be written, or nil.
func writable(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// put writes a setting of a cgroup. It does not create the file.
func put(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
