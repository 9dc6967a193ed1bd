package terminal_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambkin-dev/lambkin/cli/terminal"
)

func TestSay(t *testing.T) {
	cases := map[string]struct {
		reason string
		early  bool // said before the step is shown
		want   string
	}{
		"Early": {"what was said before is told when the step is shown", true, "wait …\nwait: building\nwait … 2.0s\n"},
		"Late":  {"once, however often it is said", false, "wait …\nwait: building\nwait … 2.0s\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, err := streams()
				p := s.Begin("wait")
				if tc.early {
					p.Say("building")
				}
				time.Sleep(1500 * time.Millisecond)
				p.Say("building")
				p.Say("building")
				time.Sleep(500 * time.Millisecond)
				p.Done()
				if got := err.String(); got != tc.want {
					t.Errorf("%s: wrote %q, want %q", tc.reason, got, tc.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, _, err := streams()
		p := s.Begin("wait")
		p.Say("building")
		p.Done()
		if got := err.String(); got != "" {
			t.Errorf("a step that was quick: %q", got)
		}
	})
}

func TestSayOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out, err := streams()
		s.Live = true
		p := s.Begin("wait")
		p.Say(strings.Repeat("long ", 50))
		time.Sleep(1100 * time.Millisecond)
		s.Notef("[build] a line")
		s.Printf("a result\n")
		p.Done()
		text := err.String()
		lines := strings.Split(text, "\r\x1b[K")
		if n := len([]rune(lines[1])); n != 79 || !strings.HasSuffix(lines[1], "…") {
			t.Errorf("the moving line has %d columns and would wrap: %q", n, lines[1])
		}
		if !strings.Contains(text, "\r\x1b[K[build] a line\n") {
			t.Errorf("a line is written into the moving one: %q", text)
		}
		if out.String() != "a result\n" || !strings.HasSuffix(text, "wait … 1.1s\n") {
			t.Errorf("results %q, notes %q", out, text)
		}
	})
}

// TestLinesStayWhole prints from many places at once.
func TestLinesStayWhole(t *testing.T) {
	s, out, err := streams()
	s.Live = true
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				s.Notef("%s", "note")
				s.Printf("%s\n", "result")
			}
		})
	}
	all.Wait()
	if strings.Count(err.String(), "note\n") != 400 || strings.Count(out.String(), "result\n") != 400 {
		t.Errorf("notes %q, results %q", err, out)
	}
}

func TestAsk(t *testing.T) {
	for _, ask := range []func(*terminal.Streams, string) (string, error){(*terminal.Streams).Ask, (*terminal.Streams).AskOpenly} {
		for text, want := range map[string]string{"yes\n": "yes", " yes \r\n": "yes", "yes": "yes", "\n": ""} {
			s, _, told := streams()
			s.In = strings.NewReader(text)
			got, err := ask(s, "word")
			if err != nil || got != want || told.String() != "word: " {
				t.Errorf("answer %q gave %q, %v; told %q", text, got, err, told)
			}
		}
		s, _, _ := streams()
		s.In = strings.NewReader("")
		if _, err := ask(s, "word"); err == nil {
			t.Error("nobody answered, and that was taken for an answer")
		}
	}
}
