package logbook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/engine/local/logbook"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func writer(t testing.TB, s *logbook.Shelf, fn lambda.Name) io.WriteCloser {
	t.Helper()
	w, err := s.Writer(fn)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); err != nil || n != len(text) {
		t.Fatalf("Write = %d, %v", n, err)
	}
}

func read(t testing.TB, s *logbook.Shelf, fn lambda.Name, opts logbook.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.Read(t.Context(), fn, opts, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	cases := map[string]struct {
		reason string
		writes []string
		want   string
	}{
		"Whole":     {reason: "Lines come back as they went in.", writes: []string{"a\n", "b\nc\n"}, want: "a\nb\nc\n"},
		"Pieces":    {reason: "A line may come in pieces.", writes: []string{"a", "b", "c\nd", "e\n"}, want: "abc\nde\n"},
		"Unended":   {reason: "Close ends a last line.", writes: []string{"a\nb"}, want: "a\nb\n"},
		"Empty":     {reason: "Empty lines are lines too.", writes: []string{"\n", "a\n\n"}, want: "\na\n\n"},
		"Binary":    {reason: "Any bytes may be logged.", writes: []string{"\x00\xff\r\n"}, want: "\x00\xff\r\n"},
		"Long":      {reason: "A long line is broken.", writes: []string{long + "\n"}, want: long[:256<<10-1] + "\n" + long[256<<10-1:] + "\n"},
		"LongNoEnd": {reason: "A line without end must not fill the memory.", writes: []string{long, "y"}, want: long[:256<<10-1] + "\n" + long[256<<10-1:] + "\ny\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := logbook.New(t.TempDir(), logbook.Config{})
			w := writer(t, s, "f")
			for _, text := range tc.writes {
				write(t, w, text)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, s, "f", logbook.Options{}); got != tc.want {
				t.Errorf("%s\ngot %d bytes %.60q, want %d bytes %.60q", tc.reason, len(got), got, len(tc.want), tc.want)
			}
		})
	}
}

func TestSinceAndTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logbook.New(t.TempDir(), logbook.Config{})
		w := writer(t, s, "f")
		defer w.Close()
		for i := range 5 {
			write(t, w, fmt.Sprintf("line %d\n", i))
			time.Sleep(time.Second)
		}
		cases := map[string]struct {
			opts logbook.Options
			want string
		}{
			"All":          {logbook.Options{}, "line 0\nline 1\nline 2\nline 3\nline 4\n"},
			"Tail":         {logbook.Options{Tail: 2}, "line 3\nline 4\n"},
			"TailMore":     {logbook.Options{Tail: 9}, "line 0\nline 1\nline 2\nline 3\nline 4\n"},
			"Since":        {logbook.Options{Since: time.Now().Add(-2 * time.Second)}, "line 3\nline 4\n"},
			"SinceAndTail": {logbook.Options{Since: time.Now().Add(-3 * time.Second), Tail: 1}, "line 4\n"},
			"SinceNow":     {logbook.Options{Since: time.Now()}, ""},
		}
		for name, tc := range cases {
			if diff := cmp.Diff(tc.want, read(t, s, "f", tc.opts)); diff != "" {
				t.Errorf("%s\n%s", name, diff)
			}
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logbook.New(t.TempDir(), logbook.Config{FileSize: 100})
		w := writer(t, s, "f")
		defer w.Close()
		write(t, w, "old\nrecent\n")
		ctx, cancel := context.WithCancel(t.Context())
		pr, pw := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			ended <- s.Read(ctx, "f", logbook.Options{Tail: 1, Follow: true}, pw)
			pw.Close()
		}()
		var got bytes.Buffer
		var reading sync.WaitGroup
		reading.Go(func() { io.Copy(&got, pr) })
		synctest.Wait()
		var want strings.Builder
		want.WriteString("recent\n")
		for i := range 20 { // over several files
			line := fmt.Sprintf("new line %d\n", i)
			write(t, w, line)
			want.WriteString(line)
			synctest.Wait()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the end of the context is how following ends, got %v", err)
		}
		reading.Wait()
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("Follow\n%s", diff)
		}
	})
}

func TestOldestGo(t *testing.T) {
	dir := t.TempDir()
	s := logbook.New(dir, logbook.Config{FileSize: 1000, Files: 3})
	w := writer(t, s, "f")
	for i := range 500 {
		write(t, w, fmt.Sprintf("line %03d\n", i))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "f"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v; want 3", len(files), err)
	}
	for _, f := range files {
		if fi, err := f.Info(); err != nil || fi.Size() > 1100 || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has %d bytes and mode %v, %v; want about 1000 and 0600", f.Name(), fi.Size(), fi.Mode(), err)
		}
	}
	lines := strings.Split(strings.TrimSpace(read(t, s, "f", logbook.Options{})), "\n")
	if last := lines[len(lines)-1]; last != "line 499" || len(lines) < 60 || len(lines) > 120 {
		t.Errorf("%d lines up to %q are kept, want the last 60 to 120", len(lines), last)
	}
}

func TestGoesOnAfterACrash(t *testing.T) {
	dir := t.TempDir()
	w := writer(t, logbook.New(dir, logbook.Config{}), "f")
	write(t, w, "whole\n")
	file := filepath.Join(dir, "f", "1.log")
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "2026-01-01T00:00:00.000000Z cut li")
	f.Close()

	s := logbook.New(dir, logbook.Config{})
	w = writer(t, s, "f")
	defer w.Close()
	write(t, w, "next\n")
	if diff := cmp.Diff("whole\ncut li\nnext\n", read(t, s, "f", logbook.Options{})); diff != "" {
		t.Errorf("a line that was cut must not spoil the next\n%s", diff)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := logbook.New(dir, logbook.Config{})
	w := writer(t, s, "f")
	defer w.Close()
	write(t, w, "before\n")
	if err := s.Remove("f"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "f", logbook.Options{}); got != "" {
		t.Errorf("a removed log still holds %q", got)
	}
	write(t, w, "after\n")
	if got := read(t, s, "f", logbook.Options{}); got != "after\n" {
		t.Errorf("a log goes on after Remove with %q, want \"after\\n\"", got)
	}
}

func TestSweep(t *testing.T) {
	s := logbook.New(t.TempDir(), logbook.Config{})
	if err := s.Sweep(func(lambda.Name) bool { return false }); err != nil {
		t.Errorf("Sweep of nothing: %v", err)
	}
	for _, fn := range []lambda.Name{"kept", "gone"} {
		w := writer(t, s, fn)
		write(t, w, "a line\n")
		w.Close()
	}
	if err := s.Sweep(func(fn lambda.Name) bool { return fn == "kept" }); err != nil {
		t.Fatal(err)
	}
	if kept, gone := read(t, s, "kept", logbook.Options{}), read(t, s, "gone", logbook.Options{}); kept != "a line\n" || gone != "" {
		t.Errorf("after Sweep there are %q and %q", kept, gone)
	}
}

func TestNames(t *testing.T) {
	s := logbook.New(t.TempDir(), logbook.Config{})
	for _, fn := range []lambda.Name{"", "..", "a/b", "a.b"} {
		if _, err := s.Writer(fn); err == nil {
			t.Errorf("Writer(%q) works", fn)
		}
		if err := s.Read(t.Context(), fn, logbook.Options{}, io.Discard); err == nil {
			t.Errorf("Read(%q) works", fn)
		}
	}
	if got := read(t, s, "silent", logbook.Options{}); got != "" {
		t.Errorf("a function that never wrote has the log %q", got)
	}
}

type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestReaderGone(t *testing.T) {
	s := logbook.New(t.TempDir(), logbook.Config{})
	w := writer(t, s, "f")
	defer w.Close()
	write(t, w, "a\n")
	if err := s.Read(t.Context(), "f", logbook.Options{Follow: true}, brokenPipe{}); !errors.Is(err, errPipe) {
		t.Errorf("Read to nobody = %v, want its error", err)
	}
}

func TestManyWriters(t *testing.T) {
	s := logbook.New(t.TempDir(), logbook.Config{FileSize: 4000, Files: 1000})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			w := writer(t, s, "f")
			defer w.Close()
			for i := range 50 {
				write(t, w, fmt.Sprintf("writer %d line ", n))
				write(t, w, fmt.Sprintf("%d\n", i))
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for line := range strings.Lines(read(t, s, "f", logbook.Options{})) {
		seen[line] = true
	}
	for n := range 8 {
		for i := range 50 {
			if line := fmt.Sprintf("writer %d line %d\n", n, i); !seen[line] {
				t.Errorf("%q is missing", line)
			}
		}
	}
}
