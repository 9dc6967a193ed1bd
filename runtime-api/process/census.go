//go:build linux

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

// members searches all of /proc and returns the living members, zombies
// excluded, in no particular order.
func (c *census) members() []stat {
	v := verdicts{census: c, all: c.everyone(), given: make(map[int]bool)}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := make(map[identity]bool)
	var found []stat
	for _, s := range v.all {
		if !v.belongs(s) {
			continue
		}
		known[s.identity] = true
		if !s.dead() {
			found = append(found, s)
		}
	}
	c.known = known // the gone are forgotten
	return found
}

// family returns the living members that can be found without a search of all
// of /proc: the descendants of the leader and of every member seen before.
func (c *census) family() []stat {
	c.mu.Lock()
	defer c.mu.Unlock()
	queue := []int{c.leader}
	for id := range c.known {
		if s, ok := c.read(id.pid); ok && s.identity == id {
			queue = append(queue, id.pid)
		}
	}
	seen := make(map[int]bool)
	var found []stat
	for ; len(queue) > 0; queue = queue[1:] {
		s, ok := c.read(queue[0])
		if !ok || seen[s.pid] {
			continue
		}
		seen[s.pid] = true
		queue = append(queue, c.children(s.pid)...)
		c.remember(s.identity)
		if !s.dead() {
			found = append(found, s)
		}
	}
	return found
}

// remember keeps a member, so that it is still known when its parents are gone.
func (c *census) remember(id identity) {
	if c.known == nil {
		c.known = make(map[identity]bool)
	}
	c.known[id] = true
}

// children returns the processes forked by any thread of a process. It is empty
// on kernels without CONFIG_PROC_CHILDREN; a search of all of /proc does not need it.
func (c *census) children(pid int) []int {
	tasks := filepath.Join(c.proc, strconv.Itoa(pid), "task")
	threads, err := names(tasks)
	if err != nil {
		return nil
	}
	var pids []int
	for _, thread := range threads {
		list, err := os.ReadFile(filepath.Join(tasks, thread, "children"))
		if err != nil {
			continue
		}
		for field := range bytes.FieldsSeq(list) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// verdicts says of each process in a snapshot whether it is a member.
type verdicts struct {
	*census
	all   map[int]stat
	given map[int]bool
}

// belongs decides on one process, with the cheap evidence first. A descendant
// cannot be older than the leader, which spares most processes the look into
// their environment.
func (v *verdicts) belongs(s stat) bool {
	verdict, judged := v.given[s.pid]
	if judged {
		return verdict
	}
	if leader, ok := v.all[v.leader]; ok && s.start < leader.start {
		return false
	}
	v.given[s.pid] = false // ends the recursion if the snapshot holds a circle
	verdict = s.pid == v.leader || s.session == v.leader || v.known[s.identity]
	if parent, ok := v.all[s.parent]; ok && !verdict {
		verdict = v.belongs(parent)
	}
	verdict = verdict || v.marked(s.pid)
	v.given[s.pid] = verdict
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
	entries, err := names(c.proc)
	if err != nil {
		return nil
	}
	all := make(map[int]stat, len(entries))
	for _, name := range entries {
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

// names lists a directory without looking at the entries.
func names(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
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
		if len(left) == 0 { // nil also without procfs: then only the group could be killed
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
