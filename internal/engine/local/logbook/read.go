package logbook

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Options choose a part of a log.
type Options struct {
	// Since drops lines that are older; zero drops none.
	Since time.Time
	// Tail keeps only the last lines of those that are there at the start; 0 keeps all.
	Tail int
	// Follow goes on with new lines until the context ends, which is no error.
	Follow bool
}

// Read writes lines of a function's log to w, without their times. A function that never wrote has an empty log.
func (s *Shelf) Read(ctx context.Context, fn lambda.Name, opts Options, w io.Writer) error {
	b, err := s.book(fn)
	if err != nil {
		return err
	}
	r := &reader{book: b, out: bufio.NewWriter(w)}
	if !opts.Since.IsZero() {
		r.since = []byte(opts.Since.UTC().Format(stampForm))
	}
	grown := b.watch()
	if err := r.first(ctx, opts.Tail); err != nil {
		return err
	}
	for opts.Follow {
		select {
		case <-ctx.Done():
			return nil
		case <-grown:
		}
		grown = b.watch()
		if err := r.read(ctx, r.print); err != nil {
			return err
		}
		if err := r.out.Flush(); err != nil {
			return fmt.Errorf("cannot pass on log: %w", err)
		}
	}
	return ctx.Err()
}

// reader goes through the files of a book.
type reader struct {
	book  *book
	out   *bufio.Writer
	since []byte // stamp

	number int   // of the file that is read
	offset int64 // in it, behind the last whole line
}

// first prints what is there already.
func (r *reader) first(ctx context.Context, tail int) error {
	if tail <= 0 {
		return errors.Join(r.read(ctx, r.print), r.out.Flush())
	}
	var kept [][]byte
	next := 0
	err := r.read(ctx, func(line []byte) error {
		if len(kept) < tail {
			kept = append(kept, bytes.Clone(line))
			return nil
		}
		kept[next] = append(kept[next][:0], line...)
		next = (next + 1) % tail
		return nil
	})
	if err != nil {
		return err
	}
	for i := range kept {
		if err := r.print(kept[(next+i)%len(kept)]); err != nil {
			return err
		}
	}
	return r.out.Flush()
}

func (r *reader) print(line []byte) error {
	if _, err := r.out.Write(line); err != nil {
		return fmt.Errorf("cannot pass on log: %w", err)
	}
	return nil
}

// read calls visit with every whole line from the place where the reader stands to the end.
func (r *reader) read(ctx context.Context, visit func(line []byte) error) error {
	numbers, err := r.book.numbers()
	if err != nil {
		return err
	}
	if n := len(numbers); n > 0 && numbers[n-1] < r.number {
		r.number, r.offset = 0, 0 // the log was removed and begins anew
	}
	for _, n := range numbers {
		if n < r.number {
			continue
		}
		if n > r.number {
			r.number, r.offset = n, 0
		}
		if err := r.readFile(ctx, visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *reader) readFile(ctx context.Context, visit func(line []byte) error) error {
	f, err := os.Open(r.book.path(r.number))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(r.offset, io.SeekStart); err != nil {
		return fmt.Errorf("cannot read log: %w", err)
	}
	lines := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line that is being written is read next time
		}
		if err != nil {
			return fmt.Errorf("cannot read log: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.offset += int64(len(line))
		if len(line) <= len(stampForm) || bytes.Compare(line[:len(stampForm)], r.since) < 0 {
			continue
		}
		if err := visit(line[len(stampForm):]); err != nil {
			return err
		}
	}
}
