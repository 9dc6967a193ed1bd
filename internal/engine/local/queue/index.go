package queue

import (
	"container/heap"
	"slices"
	"time"
)

// ticket stands for an item on the disk.
type ticket struct {
	id    uint64
	group string
	due   int64 // Unix time in ns
	size  int64
}

// index is what the queue knows without the disk: which items there are and whose turn it is. It takes no locks.
type index struct {
	perGroup int
	groups   map[string]*group
	turns    []*group // every group that has items, the one whose turn is next first
	items    int      // waiting, running and being written
	bytes    int64
	running  int
}

// group is the tickets of one group that wait, and how many are being handled.
type group struct {
	name    string
	waiting tickets
	running int
}

func newIndex(perGroup int) index {
	return index{perGroup: perGroup, groups: make(map[string]*group)}
}

// reserve makes room for an item that is being written, and release gives it back.
func (x *index) reserve(t ticket) { x.items++; x.bytes += t.size }
func (x *index) release(t ticket) { x.items--; x.bytes -= t.size }

// add takes in an item that is on the disk.
func (x *index) add(t ticket) {
	x.reserve(t)
	x.enqueue(t)
}

func (x *index) enqueue(t ticket) {
	g := x.groups[t.group]
	if g == nil {
		g = &group{name: t.group}
		x.groups[t.group] = g
		x.turns = append(x.turns, g)
	}
	heap.Push(&g.waiting, t)
}

// take gives the first due ticket of the next group that has one and may run it. The group then waits for its next turn.
func (x *index) take(now int64) (ticket, bool) {
	for i, g := range x.turns {
		if len(g.waiting) == 0 || g.waiting[0].due > now || g.running >= x.perGroup {
			continue
		}
		t, ok := heap.Pop(&g.waiting).(ticket)
		if !ok {
			return ticket{}, false
		}
		g.running++
		x.running++
		x.turns = append(slices.Delete(x.turns, i, i+1), g)
		return t, true
	}
	return ticket{}, false
}

// next says when the first ticket that may run will be due.
func (x *index) next() (time.Time, bool) {
	var first int64
	found := false
	for _, g := range x.turns {
		if len(g.waiting) == 0 || g.running >= x.perGroup {
			continue
		}
		if due := g.waiting[0].due; !found || due < first {
			first, found = due, true
		}
	}
	return time.Unix(0, first), found
}

// finish forgets a ticket that was taken.
func (x *index) finish(t ticket) {
	x.release(t)
	x.ended(t)
}

// putBack makes a ticket that was taken wait again.
func (x *index) putBack(t ticket) {
	x.enqueue(t)
	x.ended(t)
}

func (x *index) ended(t ticket) {
	g := x.groups[t.group]
	g.running--
	x.running--
	if g.running == 0 && len(g.waiting) == 0 {
		delete(x.groups, t.group)
		x.turns = slices.DeleteFunc(x.turns, func(other *group) bool { return other == g })
	}
}

// tickets is a heap: what is due first comes first, and of equals what was put first.
type tickets []ticket

// Len, Less, Swap, Push and Pop make tickets a [heap.Interface].
func (h tickets) Len() int { return len(h) }

// Less orders by time and then by number.
func (h tickets) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].id < h[j].id
}

// Swap exchanges two.
func (h tickets) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push appends one; callers use [heap.Push].
func (h *tickets) Push(x any) {
	if t, ok := x.(ticket); ok {
		*h = append(*h, t)
	}
}

// Pop takes the last; callers use [heap.Pop].
func (h *tickets) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
