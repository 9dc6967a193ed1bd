package terminal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Ask asks the person at the terminal for something that must not be seen, and gives what was typed.
func (s *Streams) Ask(what string) (string, error) {
	s.prompt(what)
	f, ok := s.In.(*os.File)
	if !ok {
		return s.line()
	}
	text, err := term.ReadPassword(int(f.Fd()))
	s.Notef("")
	if err != nil {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	return string(text), nil
}

// AskOpenly asks the person at the terminal for something that everybody may see.
func (s *Streams) AskOpenly(what string) (string, error) {
	s.prompt(what)
	return s.line()
}

func (s *Streams) prompt(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	_, _ = fmt.Fprintf(s.Err, "%s: ", what)
}

// line reads one line of standard input.
func (s *Streams) line() (string, error) {
	text, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(text), nil
}
