// Package terminal is the only part of the command line that prints. It knows whether a person is watching: tables are
// aligned, colour and moving progress appear on a terminal only, and NO_COLOR is respected (https://no-color.org).
// Results go to standard output; everything told about the way there goes to standard error, so that pipes stay clean.
package terminal

import (
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// Streams are the program's three streams and what is known about them.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTerminal says that nobody pipes anything in.
	InTerminal bool
	// Colour says that a person watches standard output and wants colour.
	Colour bool
	// Live says that standard error is a terminal, where a line may be rewritten.
	Live bool
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
func (s *Streams) Printf(format string, args ...any) { _, _ = fmt.Fprintf(s.Out, format, args...) }

// Notef writes a line about what is going on.
func (s *Streams) Notef(format string, args ...any) { _, _ = fmt.Fprintf(s.Err, format+"\n", args...) }

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
