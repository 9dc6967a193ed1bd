package terminal_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/cli/terminal"
)

func streams() (*terminal.Streams, *bytes.Buffer, *bytes.Buffer) {
	out, err := new(bytes.Buffer), new(bytes.Buffer)
	return &terminal.Streams{Out: out, Err: err}, out, err
}

func TestTable(t *testing.T) {
	s, out, _ := streams()
	table := terminal.Table{Head: []string{"NAME", "READY", "AGE"}}
	table.Add("a-long-name", "True", "5m")
	table.Add("ü", "", "1d", "a cell too many")
	table.Add("short")
	s.Print(table)
	want := "NAME          READY   AGE\n" +
		"a-long-name   True    5m\n" +
		"ü                     1d\n" +
		"short\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestColourOnlyWhereWanted(t *testing.T) {
	s, _, _ := streams()
	if got := s.Paint(terminal.Bad, "no"); got != "no" {
		t.Errorf("Paint without colour = %q", got)
	}
	s.Colour = true
	if got := s.Paint(terminal.Bad, "no"); got != "\x1b[31mno\x1b[0m" {
		t.Errorf("Paint = %q", got)
	}
	if got := s.Paint(terminal.Bad, ""); got != "" {
		t.Errorf("Paint of nothing = %q", got)
	}
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	got := []string{
		terminal.Bytes(0), terminal.Bytes(1023), terminal.Bytes(1536), terminal.Bytes(52428800),
		terminal.Age(now, time.Time{}), terminal.Age(now, now.Add(time.Hour)), terminal.Age(now, now.Add(-59*time.Second)),
		terminal.Age(now, now.Add(-3*time.Minute)), terminal.Age(now, now.Add(-47*time.Hour)), terminal.Age(now, now.Add(-49*time.Hour)),
		terminal.Took(240 * time.Millisecond), terminal.Took(3100 * time.Millisecond),
	}
	want := []string{"0 B", "1023 B", "1.5 KB", "50.0 MB", "", "0s", "59s", "3m", "47h", "2d", "240ms", "3.1s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProgress(t *testing.T) {
	cases := map[string]struct {
		reason string
		live   bool
		takes  time.Duration
		want   string
	}{
		"Quick":    {"what is over soon needs no words", false, 900 * time.Millisecond, ""},
		"Plain":    {"one line at the start and one at the end in a file", false, 2 * time.Second, "build …\nbuild … 2.0s\n"},
		"Terminal": {"the moving line is wiped before the last one", true, 2 * time.Second, "\r\x1b[Kbuild … 2.0s\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, err := streams()
				s.Live = tc.live
				p := s.Begin("build")
				time.Sleep(tc.takes)
				p.Done()
				p.Done()
				if got := err.String(); !strings.HasSuffix(got, tc.want) || (!tc.live && got != tc.want) {
					t.Errorf("%s: wrote %q, want %q", tc.reason, got, tc.want)
				}
			})
		})
	}
}

func TestPrintingGoesWhereItBelongs(t *testing.T) {
	s, out, err := streams()
	s.Printf("result %d\n", 1)
	s.Notef("note %d", 2)
	if out.String() != "result 1\n" || err.String() != "note 2\n" {
		t.Errorf("results %q, notes %q", out, err)
	}
}

func TestColouredTable(t *testing.T) {
	s, out, _ := streams()
	s.Colour = true
	table := terminal.Table{Head: []string{"A", "B"}}
	table.Add("1", "2")
	s.Print(table)
	if got := out.String(); got != "\x1b[1mA   B\x1b[0m\n1   2\n" {
		t.Errorf("printed %q, want a bold head and plain rows", got)
	}
}

func TestEmptyTable(t *testing.T) {
	s, out, _ := streams()
	s.Print(terminal.Table{Head: []string{"A", "B"}})
	s.Print(terminal.Table{})
	if got := out.String(); got != "A   B\n\n" {
		t.Errorf("printed %q", got)
	}
}

// TestSystem has no terminal, as in a pipe: nothing may move or be coloured.
func TestSystem(t *testing.T) {
	s := terminal.System()
	if s.Colour && !s.Live {
		t.Error("colour without a terminal")
	}
	t.Setenv("NO_COLOR", "1")
	if terminal.System().Colour {
		t.Error("colour in spite of NO_COLOR")
	}
	t.Setenv("TERM", "dumb")
	if terminal.System().Live {
		t.Error("a moving line on a terminal that cannot")
	}
}

// TestProgressSpins looks at a step that takes long on a terminal: it moves, tells the time, and leaves one line.
func TestProgressSpins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, err := streams()
		s.Live = true
		p := s.Begin("compile")
		time.Sleep(1500 * time.Millisecond)
		p.Done()
		lines := strings.Split(err.String(), "\r\x1b[K")
		if len(lines) < 4 || !strings.HasSuffix(lines[1], "compile 1.0s") || lines[len(lines)-1] != "compile … 1.5s\n" {
			t.Errorf("wrote %q", lines)
		}
	})
}
