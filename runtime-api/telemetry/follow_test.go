package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// follow lets a new pipe lead to s and gives both its ends; the process has the second.
func follow(t *testing.T, s *Stream) (*os.File, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := followers(s)
	var run sync.WaitGroup
	run.Go(func() {
		if _, err := io.Copy(s, r); err != nil {
			t.Errorf("Copy: %v", err)
		}
	})
	for followers(s) == before { // until it listens
		continue
	}
	t.Cleanup(func() { _ = w.Close(); _ = r.Close(); run.Wait() })
	return r, w
}

func followers(s *Stream) int {
	s.logger.mu.Lock()
	defer s.logger.mu.Unlock()
	return len(s.followers)
}

// A process prints and then answers. However the goroutines run, its lines are between START and END.
func TestFollowKeepsOrder(t *testing.T) {
	b := newBus(t)
	sub := listen(t, b, platform|function)
	l, out := newLogger(t, LoggerConfig{Bus: b})
	_, stdout := follow(t, l.Function())
	_, stderr := follow(t, l.Function())
	var want strings.Builder
	for i := range 500 {
		id := fmt.Sprint("r", i)
		l.Start(Start{RequestID: id, Version: "1"}, false)
		write(t, stdout, "out "+id+"\n")
		write(t, stderr, "err "+id) // no newline
		l.RuntimeDone(RuntimeDone{RequestID: id, Status: StatusSuccess})
		l.Finish(Report{RequestID: id, Status: StatusSuccess})
		fmt.Fprintf(&want, "START RequestId: %s Version: 1\nout %s\nerr %s\nEND RequestId: %s\nREPORT RequestId: %s\tDuration: 0.00 ms\t\n", id, id, id, id, id)
	}
	// The two pipes have no order between them, so compare with one order restored.
	got := out.String()
	for i := range 500 {
		got = strings.Replace(got, fmt.Sprintf("err r%d\nout r%d\n", i, i), fmt.Sprintf("out r%d\nerr r%d\n", i, i), 1)
	}
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("-want +got:\n%.2000s", diff)
	}
	done := strings.Count(heard(sub), "platform.runtimeDone")
	if done != 500 {
		t.Errorf("%d platform.runtimeDone, want 500", done)
	}
}

func TestFollowEnds(t *testing.T) {
	l, out := newLogger(t, LoggerConfig{})
	s := l.Extension()
	_, w := follow(t, s)
	reading, _ := follow(t, s)
	write(t, w, "last words")
	_ = w.Close()
	for followers(s) > 1 {
		continue
	}
	_ = reading.Close() // the other way to end
	for followers(s) > 0 {
		continue
	}
	for out.String() == "" {
		continue
	}
	if got := out.String(); got != "last words\n" {
		t.Errorf("got %q", got)
	}
}

// The owner bounds how long it waits for the rest of an output with a deadline on the pipe.
func TestFollowHeedsDeadlines(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	l, out := newLogger(t, LoggerConfig{})
	write(t, w, "something")
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := l.Function().ReadFrom(r)
	if n != 9 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ReadFrom = %d, %v; want 9 and the deadline", n, err)
	}
	if got := out.String(); got != "something\n" {
		t.Errorf("got %q", got)
	}
}

// A process without end must not hold up an invocation for ever.
func TestFollowOfEndlessOutput(t *testing.T) {
	l, _ := newLogger(t, LoggerConfig{})
	r, w := follow(t, l.Function())
	var spam sync.WaitGroup
	spam.Go(func() {
		line := bytes.Repeat([]byte("spam\n"), 1000)
		for {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	for range 20 {
		l.Start(Start{RequestID: "r"}, false)
		l.Finish(Report{RequestID: "r", Status: StatusSuccess})
	}
	_ = r.Close()
	_ = w.Close()
	spam.Wait()
}

// What may block is read outside of the Logger's lock.
func TestReadFromOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(file, []byte("a\nb"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	closed, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	broken := errors.New("broken")
	cases := map[string]struct {
		r    io.Reader
		want string
		err  error
	}{
		"File":   {f, "a\nb\n", nil},
		"Reader": {strings.NewReader("c\nd"), "c\nd\n", nil},
		"Broken": {io.MultiReader(strings.NewReader("e"), iotest.ErrReader(broken)), "e\n", broken},
		"Closed": {closed, "", os.ErrClosed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, out := newLogger(t, LoggerConfig{})
			if _, err := l.Function().ReadFrom(tc.r); !errors.Is(err, tc.err) {
				t.Errorf("got error %v, want %v", err, tc.err)
			}
			if got := out.String(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
