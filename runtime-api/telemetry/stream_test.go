package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStreamLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	cases := map[string]struct {
		reason string
		writes []string
		want   []string // lines as a subscriber gets them
	}{
		"Pieces":   {"a line ends at its newline, not at a write's end", []string{"a", "b\nc", "\n"}, []string{"ab", "c"}},
		"Empty":    {"empty lines are lines", []string{"\n\na\n"}, []string{"", "", "a"}},
		"Rest":     {"what has no newline comes at the end", []string{"a\nb"}, []string{"a", "b"}},
		"Return":   {"carriage returns belong to the line", []string{"a\rb\r\n"}, []string{"a\rb\r"}},
		"Exact":    {"a line of the greatest length is one line", []string{long + "\n"}, []string{long}},
		"ExactTwo": {"even if its newline comes later", []string{long, "\nb\n"}, []string{long, "b"}},
		"Over":     {"a longer one is split", []string{long + "yz\n"}, []string{long, "yz"}},
		"OverTwo":  {"also across writes", []string{long, "y", "z\n"}, []string{long, "yz"}},
		"Endless":  {"and as often as needed", []string{long + long + long + "a\nb\n"}, []string{long, long, long, "a", "b"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, listened := range []bool{false, true} {
				b := newBus(t)
				var sub *subscriber
				if listened {
					sub = listen(t, b, extension)
				}
				l, out := newLogger(t, LoggerConfig{Bus: b})
				s := l.Extension()
				for _, w := range tc.writes {
					write(t, s, w)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				want := strings.Join(tc.want, "\n") + "\n"
				if got := out.String(); got != want {
					t.Errorf("%s (listened: %v): log of %d bytes, want %d: %.80q", tc.reason, listened, len(got), len(want), got)
				}
				if !listened {
					continue
				}
				var events strings.Builder
				for _, line := range tc.want {
					fmt.Fprintf(&events, "\"extension\",\"record\":%s}\n", strings.ReplaceAll(fmt.Sprintf("%q", line), `\x`, `\u00`))
				}
				if got := heard(sub); got != events.String() {
					t.Errorf("%s: subscribers got %.200q", tc.reason, got)
				}
			}
		})
	}
}

func TestStreamAfterClose(t *testing.T) {
	l, out := newLogger(t, LoggerConfig{})
	s := l.Function()
	write(t, s, "rest")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.streams) != 0 {
		t.Error("a closed stream is still known")
	}
	write(t, s, "late\n")
	if got := out.String(); got != "rest\nlate\n" {
		t.Errorf("got %q", got)
	}
}

// Buffers do not stay as large as the largest line.
func TestStreamLetsGoOfMemory(t *testing.T) {
	l, _ := newLogger(t, LoggerConfig{Bus: newBus(t)})
	s := l.Function()
	write(t, s, strings.Repeat("x", MaxLine))
	write(t, s, "\n")
	if cap(s.partial) > keepBuffer || cap(l.buf) > keepBuffer {
		t.Errorf("%d and %d bytes are kept", cap(s.partial), cap(l.buf))
	}
}

// Many writers at once: every line comes out whole.
func TestStreamsAreConcurrent(t *testing.T) {
	l, out := newLogger(t, LoggerConfig{})
	var work sync.WaitGroup
	for i := range 4 {
		s := l.Extension()
		work.Go(func() {
			for range 200 {
				for _, piece := range []string{"wri", "ter ", fmt.Sprint(i), "\n"} {
					_, _ = s.Write([]byte(piece))
				}
			}
		})
	}
	work.Go(func() {
		for range 200 {
			l.Start(Start{RequestID: "r"}, false)
			l.Finish(Report{RequestID: "r", Status: StatusSuccess})
		}
	})
	work.Wait()
	counts := map[string]int{}
	for line := range strings.Lines(out.String()) {
		counts[strings.Fields(line)[0]]++
	}
	want := map[string]int{"writer": 800, "START": 200, "END": 200, "REPORT": 200}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoggedFrames(t *testing.T) {
	b := newBus(t)
	sub := listen(t, b, function)
	l, out := newLogger(t, LoggerConfig{Bus: b, Format: JSON, Application: LevelWarn})
	stream := bytesOf(
		frame(0xa55a0003, 1, "two\nlines\n"),
		frame(0xa55a000f, 1, "text at INFO"),
		frame(0xa55a0016, 1, `{"message":"an error"}`),
	)
	if err := l.Frames(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "two\nlines\n{\"message\":\"an error\"}\n"; got != want {
		t.Errorf("log: got %q, want %q", got, want)
	}
	want := `"function","record":"two\nlines"}
"function","record":"text at INFO"}
"function","record":{"message":"an error"}}
`
	if diff := cmp.Diff(want, heard(sub)); diff != "" {
		t.Errorf("a record of several lines is one event: -want +got:\n%s", diff)
	}
	if err := l.Frames(strings.NewReader("this is not framed")); !errors.Is(err, ErrFrame) {
		t.Errorf("got %v, want ErrFrame", err)
	}
}

// However output is cut into writes, the log is the same, and nothing is lost or added but a last newline.
func FuzzStream(f *testing.F) {
	f.Add([]byte("a\nb"), 1, true)
	f.Add([]byte("\n\n{\"level\":\"INFO\"}\n"), 3, false)
	f.Fuzz(func(t *testing.T, data []byte, step int, listened bool) {
		if step < 1 {
			step = 1
		}
		b := NewBus(false)
		if listened {
			listen(t, b, function)
		}
		out := new(output)
		l := NewLogger(LoggerConfig{Out: out, Bus: b, Format: JSON})
		s := l.Function()
		for rest := data; len(rest) > 0; {
			n := min(step, len(rest))
			_, _ = s.Write(rest[:n])
			rest = rest[n:]
		}
		_ = s.Close()
		want := string(data)
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if len(data) < MaxLine && out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}
