package telemetry

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// LoggerConfig is what a Logger needs.
type LoggerConfig struct {
	// Out gets the log. Each line or group of lines that belongs together is one Write; a failed Write is ignored,
	// since there is no other place to tell it.
	Out io.Writer
	// Bus gets the same events.
	Bus    *Bus
	Format Format // Text unless JSON
	// System and Application are the least important levels that are logged. As on Lambda they work in JSON logs only,
	// and subscribers get everything.
	System, Application Level
	// MultiConcurrency says that invocations overlap. Lines of the function can then not be attributed to one of them,
	// unless they are JSON objects with a requestId; other lines are in nobody's tail.
	MultiConcurrency bool
}

// Logger frames the log of one environment. It is safe for concurrent use: whatever is written at the same time,
// lines stay whole and START, function lines, END and REPORT of an invocation stay in order.
type Logger struct {
	cfg LoggerConfig

	mu      sync.Mutex
	buf     []byte // of the next Write
	tails   map[string]*tail
	streams []*Stream
}

// NewLogger makes a Logger. Events that the Bus itself makes appear in its log.
func NewLogger(cfg LoggerConfig) *Logger {
	l := &Logger{cfg: cfg, tails: make(map[string]*tail)}
	observe := l.note
	cfg.Bus.observe.Store(&observe)
	return l
}

// Emit logs a platform event that belongs to no method of its own, and hands it to the Bus.
func (l *Logger) Emit(r Record) {
	now := time.Now()
	l.note(now, r)
	l.cfg.Bus.Emit(now, r)
}

// note logs an event that the Bus has already.
func (l *Logger) note(at time.Time, r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.Format == JSON {
		l.json(at, r)
	} else {
		l.buf = appendText(l.buf, r)
	}
	l.flush("")
}

// json adds the line of a platform event to the buffer, if the system level lets it through.
func (l *Logger) json(at time.Time, r Record) {
	if recordLevel(r) < l.cfg.System {
		return
	}
	var view any = r
	if f, ok := r.(Fault); ok {
		view = f.text()
	}
	l.buf = append(appendEnvelope(l.buf, at, r.Type(), view), '\n')
}

// flush writes the buffer out, and into the tail of the invocation it belongs to, if any.
func (l *Logger) flush(requestID string) {
	if len(l.buf) == 0 {
		return
	}
	if requestID != "" && len(l.tails) > 0 {
		if t := l.tails[requestID]; t != nil {
			t.write(l.buf)
		}
	}
	_, _ = l.cfg.Out.Write(l.buf)
	l.buf = l.buf[:0]
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
}

// Start logs the begin of an invocation. With tail set, its log is kept for Finish.
func (l *Logger) Start(r Start, tail bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drain()
	if !l.cfg.MultiConcurrency {
		clear(l.tails) // of an invocation that was never finished
	}
	if tail {
		l.tails[r.RequestID] = newTail()
	}
	if l.cfg.Format == JSON {
		l.json(now, r)
	} else {
		l.buf = appendStart(l.buf, r)
	}
	l.flush(r.RequestID)
	if l.cfg.Bus.wants(platform) {
		l.cfg.Bus.Emit(now, r)
	}
}

// TimedOut logs that an invocation ran out of its time. Call it before Finish.
func (l *Logger) TimedOut(requestID string, limit time.Duration) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drain()
	line := string(appendTimeout(nil, now, requestID, limit))
	if l.cfg.Format == JSON {
		if recordLevel(Fault{}) >= l.cfg.System {
			l.buf = append(appendEnvelope(l.buf, now, Fault{}.Type(), line), '\n')
		}
	} else {
		l.buf = append(append(l.buf, line...), "\n\n"...)
	}
	l.flush(requestID)
	l.cfg.Bus.Emit(now, timeoutFault(line))
}

// RuntimeDone logs that the runtime has finished an invocation. What the function printed until now comes before it.
func (l *Logger) RuntimeDone(r RuntimeDone) {
	listened := l.cfg.Bus.wants(platform)
	if !listened && l.cfg.Format != JSON {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drain()
	if l.cfg.Format == JSON {
		l.json(now, r)
	}
	l.flush(r.RequestID)
	if listened {
		l.cfg.Bus.Emit(now, r)
	}
}

// Finish logs the end of an invocation and gives its tail: at most the last 4 KiB of its log, or nil if Start was not
// asked for it. Call it once for each Start.
func (l *Logger) Finish(r Report) []byte {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drain()
	if l.cfg.Format == JSON {
		l.json(now, r)
	} else {
		l.buf = appendReport(l.buf, r)
	}
	l.flush(r.RequestID)
	if l.cfg.Bus.wants(platform) {
		l.cfg.Bus.Emit(now, End{RequestID: r.RequestID})
		l.cfg.Bus.Emit(now, r)
	}
	t := l.tails[r.RequestID]
	if t == nil {
		return nil
	}
	delete(l.tails, r.RequestID)
	return t.bytes()
}

// drain brings in what the function has printed until now, so that it comes before what is logged next.
func (l *Logger) drain() {
	for _, s := range l.streams {
		if s.fromExtension {
			continue
		}
		for _, f := range s.followers {
			f.drain()
		}
		s.end()
	}
}

// line logs one line, without its newline, of the function or an extension.
func (l *Logger) line(text []byte, fromExtension bool, level Level) {
	l.record(text, fromExtension, level)
	from := function
	if fromExtension {
		from = extension
	}
	if l.cfg.Bus.wants(from) {
		object := l.cfg.Format == JSON && !fromExtension && isObject(text)
		l.cfg.Bus.Emit(time.Now(), Line{Text: text, FromExtension: fromExtension, Object: object})
	}
}

// record puts a line into the buffer and into tails, if the application level lets it through.
func (l *Logger) record(text []byte, fromExtension bool, level Level) {
	if l.cfg.Format == JSON && l.cfg.Application > 0 && !fromExtension {
		if level == 0 && isObject(text) {
			level = lineLevel(text)
		}
		if level > 0 && level < l.cfg.Application {
			return
		}
	}
	start := len(l.buf)
	l.buf = append(append(l.buf, text...), '\n')
	if len(l.tails) == 0 {
		return
	}
	if t := l.owner(text); t != nil {
		t.write(l.buf[start:])
	}
}

// owner gives the tail that a line belongs in, or nil.
func (l *Logger) owner(text []byte) *tail {
	if !l.cfg.MultiConcurrency {
		for _, t := range l.tails {
			return t // there is one at a time
		}
	}
	var line struct {
		RequestID string `json:"requestId"`
	}
	if !isObject(text) || json.Unmarshal(text, &line) != nil {
		return nil
	}
	return l.tails[line.RequestID]
}

// plain says whether lines can go out as they come: nobody looks at each of them.
func (l *Logger) plain(fromExtension bool) bool {
	from := function
	if fromExtension {
		from = extension
	}
	return len(l.tails) == 0 && !l.cfg.Bus.wants(from) && (l.cfg.Format != JSON || l.cfg.Application == 0)
}

// isObject says whether a line is a JSON object.
func isObject(line []byte) bool {
	for i, c := range line {
		if c == ' ' || c == '\t' || c == '\r' {
			continue
		}
		return c == '{' && json.Valid(line[i:])
	}
	return false
}
