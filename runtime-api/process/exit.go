package process

import (
	"fmt"
	"syscall"
)

// Exit says how a program ended.
type Exit struct {
	// Code is the exit status, -1 when a signal ended the program.
	Code int
	// Signal is the signal that ended the program, or 0.
	Signal syscall.Signal
	// OOM is true when the program was killed because it, with its descendants,
	// exceeded its memory.
	OOM bool
}

// String is "" for success, else the words of AWS and package os:
// "exit status 3", "signal: killed", "signal: segmentation fault".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "signal: " + e.Signal.String()
	}
	if e.Code == 0 {
		return ""
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
