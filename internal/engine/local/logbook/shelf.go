// Package logbook keeps the logs of functions in files: one book per function, lines in the order in which they came,
// each with its time, the oldest dropped when there are too many.
//
// A book is a folder of numbered files. A file is never changed but at its end, so a reader needs no lock: it reads up
// to the last line break and comes back when the book says that it has grown.
package logbook

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Config bounds what is kept of one function's log. Zero values take the defaults given.
type Config struct {
	// FileSize is how large one file may grow, 16 MiB by default, and Files how many are kept, 4 by default.
	FileSize int64
	Files    int
}

// maxLine is the longest line, in bytes; what goes beyond becomes the next line.
const maxLine = 256 << 10

// Shelf holds the books of all functions. It is safe for concurrent use.
type Shelf struct {
	dir string
	cfg Config

	mu    sync.Mutex
	books map[lambda.Name]*book
}

// New keeps books below dir, which is made when the first line is written.
func New(dir string, cfg Config) *Shelf {
	if cfg.FileSize == 0 {
		cfg.FileSize = 16 << 20
	}
	if cfg.Files == 0 {
		cfg.Files = 4
	}
	return &Shelf{dir: dir, cfg: cfg, books: make(map[lambda.Name]*book)}
}

// book gives the one book of a function.
func (s *Shelf) book(fn lambda.Name) (*book, error) {
	if !fn.Valid() {
		return nil, fmt.Errorf("no log of %q: not the name of a function", string(fn))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.books[fn]
	if b == nil {
		b = newBook(filepath.Join(s.dir, string(fn)), s.cfg)
		s.books[fn] = b
	}
	return b, nil
}

// Writer appends to a function's log. Writes may come from several goroutines and need not end with a line; what is
// left of one is written by Close, which callers owe.
func (s *Shelf) Writer(fn lambda.Name) (io.WriteCloser, error) {
	b, err := s.book(fn)
	if err != nil {
		return nil, err
	}
	b.use()
	return &writer{book: b}, nil
}

// Remove deletes a function's log. Readers that follow it go on with what comes next.
func (s *Shelf) Remove(fn lambda.Name) error {
	b, err := s.book(fn)
	if err != nil {
		return err
	}
	if err := errors.Join(b.close(), os.RemoveAll(b.dir)); err != nil {
		return fmt.Errorf("cannot remove the log of %q: %w", string(fn), err)
	}
	return nil
}

// Sweep removes the logs of functions that are not there any more, to which somebody may have written since Remove.
func (s *Shelf) Sweep(there func(fn lambda.Name) bool) error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot list logs: %w", err)
	}
	for _, e := range entries {
		fn := lambda.Name(e.Name())
		if !fn.Valid() || there(fn) {
			continue
		}
		if err := s.Remove(fn); err != nil {
			return err
		}
	}
	return nil
}
