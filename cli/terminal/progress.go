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

// wipe clears the line on a terminal.
const wipe = "\r\x1b[K"

// Progress tells about one step that takes long. Steps under a second say nothing.
type Progress struct {
	streams *Streams
	label   string
	began   time.Time
	stop    chan struct{}
	ended   chan struct{}
	once    sync.Once

	mu     sync.Mutex
	shown  bool
	detail string
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
	detail := p.show()
	if !p.streams.Live {
		p.streams.Notef("%s …", p.label)
		p.tell(detail)
		<-p.stop
		return
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for i := 0; ; i++ {
		p.draw(i)
		select {
		case <-p.stop:
			p.streams.still()
			return
		case <-ticker.C:
		}
	}
}

// show notes that the step is told of from now on, and gives what was said of it before.
func (p *Progress) show() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = true
	return p.detail
}

// draw writes the moving line.
func (p *Progress) draw(frame int) {
	p.mu.Lock()
	detail := p.detail
	p.mu.Unlock()
	if detail != "" {
		detail = ": " + detail
	}
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	p.streams.move(fmt.Sprintf("%c %s %s%s", frames[frame%len(frames)], p.label, Took(time.Since(p.began)), detail))
}

// Say tells how far the step is. On a terminal it stands beside the moving label, else on a line of its own, once.
func (p *Progress) Say(detail string) {
	p.mu.Lock()
	news := detail != p.detail
	p.detail = detail
	shown := p.shown
	p.mu.Unlock()
	if news && shown && !p.streams.Live {
		p.tell(detail)
	}
}

func (p *Progress) tell(detail string) {
	if detail != "" {
		p.streams.Notef("%s: %s", p.label, detail)
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
