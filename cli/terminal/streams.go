// Package terminal is the only part of the command line that prints. It knows whether a person is watching: tables are
// aligned, colour and moving progress appear on a terminal only, and NO_COLOR is respected (https://no-color.org).
// Results go to standard output; everything told about the way there goes to standard error, so that pipes stay clean.
package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// Streams are the program's three streams and what is known about them. Printing is safe for concurrent use: lines stay
// whole, and none is written into the moving line of a step.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTerminal says that nobody pipes anything in.
	InTerminal bool
	// Colour says that a person watches standard output and wants colour.
	Colour bool
	// Live says that standard error is a terminal, where a line may be rewritten.
	Live bool

	mu     sync.Mutex
	moving bool // the moving line is on the screen
}

// System gives the process's own streams.
func System() *Streams {
	live := isTerminal(os.Stderr) && os.Getenv("TERM") != "dumb"
	return &Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal: isTerminal(os.Stdin),
		Colour:     isTerminal(os.Stdout) && live && os.Getenv("NO_COLOR") == "",
		Live:       live,
	}
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// Printf writes a result. A closed pipe is the reader's wish, so errors are not told.
func (s *Streams) Printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	_, _ = fmt.Fprintf(s.Out, format, args...)
}

// Notef writes a line about what is going on.
func (s *Streams) Notef(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	_, _ = fmt.Fprintf(s.Err, format+"\n", args...)
}

// columns is how long the moving line may be: longer ones would wrap and could not be rewritten.
const columns = 79

// move rewrites the moving line.
func (s *Streams) move(text string) {
	if utf8.RuneCountInString(text) > columns {
		text = string([]rune(text)[:columns-1]) + "…"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprint(s.Err, wipe+text)
	s.moving = true
}

// still takes the moving line away.
func (s *Streams) still() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

// clear takes the moving line away. The caller holds the lock.
func (s *Streams) clear() {
	if s.moving {
		_, _ = fmt.Fprint(s.Err, wipe)
		s.moving = false
	}
}

// Style is how a word stands out.
type Style string

// The styles, as terminal attributes.
const (
	Good Style = "32"
	Bad  Style = "31"
	Warn Style = "33"
	Bold Style = "1"
	Dim  Style = "2"
)

// Paint gives text in a style, or as it is where there is no colour.
func (s *Streams) Paint(style Style, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
