//go:build linux

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// watchFast is the pause between two looks at a program that runs,
	// watchSlow the longest at one that sleeps: what gets no CPU time allocates nothing.
	watchFast = 50 * time.Millisecond
	watchSlow = 400 * time.Millisecond
	// watchThorough is the pause between two searches of the whole of /proc,
	// which finds members that are no longer children of children.
	watchThorough = 2 * time.Second
)

// watch measures the memory of a program and its descendants and reports excess.
//
// The measure is the sum of the resident sets (RSS), because the kernel keeps
// it at hand: one short read per process. It counts pages that processes share
// once for each, and mapped files, which the kernel can drop at any time. So
// when it exceeds the limit the slow and exact figure decides: the proportional
// share (PSS) of anonymous and shared memory, for which the kernel walks the
// page tables. RLIMIT_AS is no substitute: Node, Go and Java reserve address
// space far beyond what they use.
//
// A program can exceed its limit for the time between two looks. Only a cgroup
// is exact; with one the kernel enforces the limit and the watch only measures.
type watch struct {
	members *census
	group   *cgroup // nil: none
	limit   int64   // bytes to enforce here, 0 for none: with a group the kernel does it
	exceed  func()  // called at most once, when the limit is exceeded

	mu       sync.Mutex
	peak     int64
	looked   time.Time // when usage was last measured
	searched time.Time // when all of /proc was last searched
	exceeded bool
	ended    bool // the pid may be another's: look no more
}

// run looks until done is closed.
func (w *watch) run(done <-chan struct{}) {
	pause, before := w.pace(), uint64(0)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-timer.C:
		}
		cpu := w.look(0)
		pause = min(2*pause, watchSlow)
		if cpu != before {
			pause, before = w.pace(), cpu
		}
		timer.Reset(pause)
	}
}

// pace is the pause between two looks at a program that runs. Where nothing is enforced the figure is for the log only.
func (w *watch) pace() time.Duration {
	if w.limit == 0 {
		return watchSlow / 2
	}
	return watchFast
}

// look measures, unless the last measurement is younger than age, and returns
// the CPU time spent by the members so far, in clock ticks.
func (w *watch) look(age time.Duration) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.ended || now.Sub(w.looked) < age {
		return 0
	}
	w.looked = now
	if peak, ok := w.group.peak(); ok {
		w.peak = max(w.peak, peak)
		return 0
	}
	members := w.list(now)
	usage, cpu := sum(members)
	if w.limit > 0 && usage > w.limit {
		usage = w.members.exactly(members)
	}
	w.peak = max(w.peak, usage, w.members.highWater())
	if w.limit > 0 && usage > w.limit && !w.exceeded {
		w.exceeded = true
		w.exceed()
	}
	return cpu
}

// highest returns the most memory seen, in bytes.
func (w *watch) highest() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peak
}

// list returns the members whose memory counts: those near at hand, or now and then all.
func (w *watch) list(now time.Time) []stat {
	if now.Sub(w.searched) < watchThorough {
		return slices.DeleteFunc(w.members.family(), borrows)
	}
	w.searched = now
	return slices.DeleteFunc(w.members.members(), borrows)
}

// borrows tells whether a process runs in its parent's memory, as a child of vfork(2) and posix_spawn(3) does until it has
// executed its program: that is one memory, though the kernel shows the whole of it at both. Where kcmp(2) is not
// allowed, as under a seccomp profile, the answer is no.
func borrows(s stat) bool {
	const ofMemory = 1 // KCMP_VM
	if !s.forked {
		return false
	}
	different, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(s.pid), uintptr(s.parent), ofMemory, 0, 0, 0)
	return errno == 0 && different == 0
}

// overrun tells whether the limit was exceeded, by our measure or the kernel's.
func (w *watch) overrun() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exceeded || w.group.oomKilled()
}

// end takes the last figure and forbids further looks: what comes next frees the pid.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if peak, ok := w.group.peak(); ok {
		w.peak = max(w.peak, peak)
	}
	w.ended = true
}

// sum adds up memory in bytes and CPU time in clock ticks.
func sum(members []stat) (rss int64, cpu uint64) {
	for _, s := range members {
		rss += s.rss
		cpu += s.cpu
	}
	return rss, cpu
}

// exactly returns the memory the processes cannot give back, in bytes. Where the
// kernel does not tell (no smaps_rollup, no permission) the resident set stands in.
func (c *census) exactly(members []stat) int64 {
	var total int64
	for _, s := range members {
		rollup, err := os.ReadFile(filepath.Join(c.proc, strconv.Itoa(s.pid), "smaps_rollup"))
		anonymous, ok := kilobytes(rollup, "Pss_Anon:")
		if err != nil || !ok {
			total += s.rss
			continue
		}
		shared, _ := kilobytes(rollup, "Pss_Shmem:")
		total += anonymous + shared
	}
	return total
}

// highWater returns the largest resident set the leader ever had, in bytes:
// it sees what came and went between two looks.
func (c *census) highWater() int64 {
	status, err := os.ReadFile(filepath.Join(c.proc, strconv.Itoa(c.leader), "status"))
	if err != nil {
		return 0
	}
	n, _ := kilobytes(status, "VmHWM:")
	return n
}

// kilobytes finds the line "key   N kB" and returns N in bytes.
func kilobytes(text []byte, key string) (int64, bool) {
	for line := range bytes.Lines(text) {
		rest, found := bytes.CutPrefix(line, []byte(key))
		if !found {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) != 2 || string(fields[1]) != "kB" {
			return 0, false
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 54) // times 1024 fits
		return n << 10, err == nil && n >= 0
	}
	return 0, false
}
