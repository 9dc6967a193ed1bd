package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// sweepPause is the wait between two looks for survivors.
	sweepPause = time.Millisecond
	// sweepLimit bounds the wait for killed processes: one stuck in the kernel
	// (an unreachable network file system) must not hold up its environment for ever.
	sweepLimit = 5 * time.Second
)

// census finds the living processes that belong to one program.
// The package comment says by what it knows them.
type census struct {
	proc   string // where procfs is mounted
	leader int
	marker string

	mu    sync.Mutex
	known map[identity]bool // all members ever seen
}

// identity tells a process from a later one with the same pid.
type identity struct {
	pid   int
	start uint64 // in clock ticks since boot
}

// note remembers who belongs to the program now, while chains of parents are whole.
func (c *census) note() { c.members() }

// members returns the living members, zombies excluded, in no particular order.
func (c *census) members() []stat {
	all := c.everyone()
	c.mu.Lock()
	defer c.mu.Unlock()
	verdicts := make(map[int]bool, len(all))
	var found []stat
	for _, s := range all {
		if !c.belongs(s, all, verdicts) {
			continue
		}
		if c.known == nil {
			c.known = make(map[identity]bool)
		}
		c.known[s.identity] = true
		if !s.dead() {
			found = append(found, s)
		}
	}
	return found
}

// belongs decides on one process and keeps the verdict.
func (c *census) belongs(s stat, all map[int]stat, verdicts map[int]bool) bool {
	verdict, judged := verdicts[s.pid]
	if judged {
		return verdict
	}
	verdicts[s.pid] = false // ends the recursion if the snapshot holds a circle
	verdict = s.pid == c.leader || s.session == c.leader || c.known[s.identity]
	if parent, ok := all[s.parent]; ok && !verdict {
		verdict = c.belongs(parent, all, verdicts)
	}
	verdict = verdict || c.marked(s.pid)
	verdicts[s.pid] = verdict
	return verdict
}

// marked tells whether the process carries our marker in its environment.
func (c *census) marked(pid int) bool {
	environ, err := os.ReadFile(filepath.Join(c.proc, strconv.Itoa(pid), "environ"))
	if err != nil {
		return false // gone, or another user's
	}
	return bytes.Contains(environ, []byte(MarkerVariable+"="+c.marker))
}

// everyone reads all processes there are.
func (c *census) everyone() map[int]stat {
	dir, err := os.Open(c.proc)
	if err != nil {
		return nil
	}
	defer dir.Close() //nolint:errcheck // read only
	names, _ := dir.Readdirnames(-1)
	all := make(map[int]stat, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, ok := c.read(pid); ok {
			all[pid] = s
		}
	}
	return all
}

// read returns what the kernel says about one process, or false when it is gone.
func (c *census) read(pid int) (stat, bool) {
	line, err := os.ReadFile(filepath.Join(c.proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, false
	}
	return parseStat(line)
}

// killAll kills all members but a zombie leader, again and again until none is
// left: one may have forked while we looked.
func (c *census) killAll() {
	_ = syscall.Kill(-c.leader, syscall.SIGKILL) // the group at once; empty but for the zombie is fine
	for end := time.Now().Add(sweepLimit); time.Now().Before(end); time.Sleep(sweepPause) {
		left := c.members()
		if len(left) == 0 {
			return
		}
		for _, s := range left {
			c.kill(s.identity)
		}
	}
}

// kill ends one process. The handle is taken before the identity is checked, so
// that it cannot hit a newcomer with the same pid.
func (c *census) kill(id identity) {
	handle, err := os.FindProcess(id.pid)
	if err != nil {
		return
	}
	defer handle.Release() //nolint:errcheck // cannot fail for a handle of ours
	if s, ok := c.read(id.pid); ok && s.identity == id {
		_ = handle.Kill() // already gone is as good
	}
}
