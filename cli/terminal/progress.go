package terminal

import (
	"fmt"
	"sync"
	"time"
)

// patience is how long a step may take before anything is said about it.
const patience = time.Second

// tick is how often the line of a running step is rewritten on a terminal.
const tick = 120 * time.Millisecond

// Progress tells about one step that takes long. Steps under a second say nothing.
type Progress struct {
	streams *Streams
	label   string
	began   time.Time
	stop    chan struct{}
	ended   chan struct{}
	once    sync.Once
	shown   bool // owned by the watching goroutine until ended is closed
}

// Begin starts a step. The caller must end it with Done; label says what is being done.
func (s *Streams) Begin(label string) *Progress {
	p := &Progress{streams: s, label: label, began: time.Now(), stop: make(chan struct{}), ended: make(chan struct{})}
	go p.watch()
	return p
}

// watch speaks once the step has taken too long, and goes on speaking on a terminal.
func (p *Progress) watch() {
	defer close(p.ended)
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-p.stop:
		return
	case <-wait.C:
	}
	p.shown = true
	if !p.streams.Live {
		p.streams.Notef("%s …", p.label)
		<-p.stop
		return
	}
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for i := 0; ; i++ {
		_, _ = fmt.Fprintf(p.streams.Err, "\r\x1b[K%c %s %s", frames[i%len(frames)], p.label, Took(time.Since(p.began)))
		select {
		case <-p.stop:
			_, _ = fmt.Fprint(p.streams.Err, "\r\x1b[K")
			return
		case <-ticker.C:
		}
	}
}

// Done ends the step; a step that was shown gets a last line with its duration. Doing it twice changes nothing.
func (p *Progress) Done() {
	p.once.Do(func() {
		close(p.stop)
		<-p.ended
		if p.shown {
			p.streams.Notef("%s … %s", p.label, Took(time.Since(p.began)))
		}
	})
}
