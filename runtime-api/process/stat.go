//go:build linux

package process

import (
	"bytes"
	"os"
	"strconv"
)

// stat is the part of /proc/PID/stat that matters here. See proc_pid_stat(5).
type stat struct {
	identity
	state   byte
	parent  int
	session int
	forked  bool   // it has executed no program since it was forked
	cpu     uint64 // user and system time, in clock ticks
	rss     int64  // bytes
}

// dead tells whether nothing but the exit status is left of the process.
func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

// Positions in /proc/PID/stat, counted from the field after the name in parentheses.
const (
	fieldState   = 0
	fieldParent  = 1
	fieldSession = 3
	fieldFlags   = 6
	fieldUser    = 11
	fieldSystem  = 12
	fieldStart   = 19
	fieldRSS     = 21
)

// flagForked is PF_FORKNOEXEC of the kernel's include/linux/sched.h.
const flagForked = 0x40

// parseStat reads a line of /proc/PID/stat. The name of the program may hold
// anything, parentheses, spaces and newlines included; the last ")" ends it.
func parseStat(line []byte) (stat, bool) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, false
	}
	fields := bytes.Fields(line[end+1:])
	if len(fields) <= fieldRSS || len(fields[fieldState]) != 1 {
		return stat{}, false
	}
	n := numbers{ok: true}
	s := stat{
		identity: identity{
			pid:   int(n.parse(bytes.TrimSpace(line[:open]))),
			start: uint64(n.parse(fields[fieldStart])),
		},
		state:   fields[fieldState][0],
		parent:  int(n.parse(fields[fieldParent])),
		session: int(n.parse(fields[fieldSession])),
		forked:  n.parse(fields[fieldFlags])&flagForked != 0,
		cpu:     uint64(n.parse(fields[fieldUser])) + uint64(n.parse(fields[fieldSystem])),
		rss:     n.parse(fields[fieldRSS]) * int64(os.Getpagesize()),
	}
	return s, n.ok
}

// numbers parses decimal fields and remembers whether all were numbers.
type numbers struct{ ok bool }

func (n *numbers) parse(field []byte) int64 {
	v, err := strconv.ParseInt(string(field), 10, 64)
	if err != nil || v < 0 {
		n.ok = false
		return 0
	}
	return v
}
