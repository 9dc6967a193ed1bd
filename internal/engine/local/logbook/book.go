package logbook

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// stampForm is the time at the start of each line, in UTC. All stamps have the same length and sort like their times.
const stampForm = "2006-01-02T15:04:05.000000Z "

// extension ends the names of a book's files; the rest is their number.
const extension = ".log"

// book is one function's log.
type book struct {
	dir string
	cfg Config

	mu     sync.Mutex
	users  int      // writers; the file is open only while there are some
	file   *os.File // nil until the next write
	number int
	size   int64
	grown  chan struct{} // closed when there is more to read
}

func newBook(dir string, cfg Config) *book {
	return &book{dir: dir, cfg: cfg, grown: make(chan struct{})}
}

func (b *book) use() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users++
}

// leave closes the file with the last writer.
func (b *book) leave() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users--
	if b.users > 0 {
		return nil
	}
	return b.closeFile()
}

func (b *book) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closeFile()
}

func (b *book) closeFile() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// watch gives a channel that is closed when the book has grown.
func (b *book) watch() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.grown
}

// add appends whole lines, each with its time.
func (b *book) add(lines []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.turn(); err != nil {
		return err
	}
	n, err := b.file.Write(stamp(lines, time.Now()))
	b.size += int64(n)
	close(b.grown)
	b.grown = make(chan struct{})
	if err != nil {
		return fmt.Errorf("cannot write log: %w", err)
	}
	return nil
}

// stamp puts the time before each line.
func stamp(lines []byte, now time.Time) []byte {
	at := now.UTC().Format(stampForm)
	out := make([]byte, 0, len(lines)+bytes.Count(lines, []byte{'\n'})*len(at))
	for line := range bytes.Lines(lines) {
		out = append(out, at...)
		out = append(out, line...)
	}
	return out
}

// turn opens the file to write to: the last one, or the next if that is full, in which case the oldest goes.
func (b *book) turn() error {
	if b.file != nil && b.size < b.cfg.FileSize {
		return nil
	}
	if err := b.closeFile(); err != nil {
		return fmt.Errorf("cannot close log: %w", err)
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return fmt.Errorf("cannot make folder for log: %w", err)
	}
	numbers, err := b.numbers()
	if err != nil {
		return err
	}
	if err := b.open(numbers); err != nil {
		return fmt.Errorf("cannot open log: %w", err)
	}
	for _, n := range numbers {
		if n > b.number-b.cfg.Files {
			continue
		}
		if err := os.Remove(b.path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot drop old log: %w", err)
		}
	}
	return nil
}

func (b *book) open(numbers []int) error {
	b.number = 1
	if len(numbers) > 0 {
		b.number = numbers[len(numbers)-1]
	}
	if fi, err := os.Stat(b.path(b.number)); err == nil && fi.Size() >= b.cfg.FileSize {
		b.number++
	}
	f, err := os.OpenFile(b.path(b.number), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	b.file, b.size = f, fi.Size()
	return b.mend()
}

// mend ends a last line that a crash has cut.
func (b *book) mend() error {
	if b.size == 0 {
		return nil
	}
	r, err := os.Open(b.path(b.number))
	if err != nil {
		return err
	}
	defer r.Close()
	last := make([]byte, 1)
	if _, err := r.ReadAt(last, b.size-1); err != nil || last[0] == '\n' {
		return err
	}
	n, err := b.file.Write([]byte{'\n'})
	b.size += int64(n)
	return err
}

// numbers are those of the files there are, the oldest first.
func (b *book) numbers() ([]int, error) {
	entries, err := os.ReadDir(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list log: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), extension)
		if n, err := strconv.Atoi(text); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func (b *book) path(number int) string { return filepath.Join(b.dir, strconv.Itoa(number)+extension) }

// writer gathers lines for a book.
type writer struct {
	book *book

	mu   sync.Mutex
	rest []byte // a line without its end
}

// Write passes on the lines that p completes.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	end := bytes.LastIndexByte(w.rest, '\n') + 1
	if end == 0 && len(w.rest) < maxLine {
		return len(p), nil
	}
	lines := foldLong(w.rest[:end])
	if tail := w.rest[end:]; len(tail) >= maxLine {
		lines, end = append(lines, foldLong(append(tail, '\n'))...), len(w.rest)
	}
	if err := w.book.add(lines); err != nil {
		return 0, err
	}
	w.rest = append(w.rest[:0], w.rest[min(end, len(w.rest)):]...)
	return len(p), nil
}

// foldLong breaks lines that are too long.
func foldLong(lines []byte) []byte {
	if len(lines) <= maxLine {
		return bytes.Clone(lines)
	}
	var out []byte
	for line := range bytes.Lines(lines) {
		for len(line) > maxLine {
			out = append(append(out, line[:maxLine-1]...), '\n')
			line = line[maxLine-1:]
		}
		out = append(out, line...)
	}
	return out
}

// Close writes what is left of a line.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if len(w.rest) > 0 {
		err = w.book.add(foldLong(append(w.rest, '\n')))
		w.rest = nil
	}
	return errors.Join(err, w.book.leave())
}
