package rollout

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"sync"
)

// Count is how many calls of one version have ended, and how many of them failed.
type Count struct{ Calls, Failed int }

// Rate is the share of calls that failed, from 0 to 1; 0 if there was none.
func (c Count) Rate() float64 {
	if c.Calls == 0 {
		return 0
	}
	return float64(c.Failed) / float64(c.Calls)
}

// Since is what has been counted after an earlier count.
func (c Count) Since(earlier Count) Count {
	return Count{Calls: c.Calls - earlier.Calls, Failed: c.Failed - earlier.Failed}
}

const (
	// maxLine is how much of a line is looked at; those we want are far shorter.
	maxLine = 8 << 10
	// maxRunning is how many calls may be running at once; of more, the new ones are not counted.
	maxRunning = 100_000
)

// Tally counts the calls of each version in a function's log, which is written to it. It understands both formats of the
// log and ignores everything that functions print. It is safe for concurrent use. The zero value works.
type Tally struct {
	mu      sync.Mutex
	rest    []byte // the beginning of a line whose end has not come yet
	skip    bool   // the line that is coming is longer than maxLine
	running map[string]string
	counts  map[string]Count
}

// Of is the count of a version.
func (t *Tally) Of(version string) Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[version]
}

// All are the counts of all versions that were called.
func (t *Tally) All() map[string]Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// Write takes the next part of the log. It never fails.
func (t *Tally) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for part := range bytes.SplitAfterSeq(p, []byte("\n")) {
		text, whole := bytes.CutSuffix(part, []byte("\n"))
		if len(t.rest)+len(text) > maxLine {
			t.skip, t.rest = true, nil
		}
		if !t.skip {
			t.rest = append(t.rest, text...)
		}
		if whole {
			t.line(strings.TrimSpace(string(t.rest)))
			t.skip, t.rest = false, t.rest[:0]
		}
	}
	return len(p), nil
}

// line takes one line. The caller holds the lock.
func (t *Tally) line(line string) {
	e := eventOf(line)
	switch {
	case e.begins && len(t.running) < maxRunning:
		if t.running == nil {
			t.running, t.counts = map[string]string{}, map[string]Count{}
		}
		t.running[e.id] = e.version
	case e.ends:
		version, known := t.running[e.id]
		if !known {
			return // it began before we looked
		}
		delete(t.running, e.id)
		c := t.counts[version]
		c.Calls++
		if e.failed {
			c.Failed++
		}
		t.counts[version] = c
	}
}

// event is what a line tells about a call.
type event struct {
	begins, ends, failed bool
	id, version          string
}

// eventOf reads a line of either format; any other line gives an event that says nothing.
func eventOf(line string) event {
	if rest, ok := strings.CutPrefix(line, "START RequestId: "); ok {
		id, version, ok := strings.Cut(rest, " Version: ")
		return event{begins: ok && id != "", id: id, version: version}
	}
	if rest, ok := strings.CutPrefix(line, "REPORT RequestId: "); ok {
		id, facts, _ := strings.Cut(rest, "\t")
		return event{ends: true, id: id, failed: strings.Contains("\t"+facts, "\tStatus: ")}
	}
	if !strings.HasPrefix(line, "{") || !strings.Contains(line, `"platform.`) {
		return event{}
	}
	return jsonEvent(line)
}

func jsonEvent(line string) event {
	var doc struct {
		Type   string `json:"type"`
		Record struct {
			RequestID string `json:"requestId"`
			Version   string `json:"version"`
			Status    string `json:"status"`
		} `json:"record"`
	}
	if json.Unmarshal([]byte(line), &doc) != nil {
		return event{}
	}
	r := doc.Record
	switch doc.Type {
	case "platform.start":
		return event{begins: r.RequestID != "", id: r.RequestID, version: r.Version}
	case "platform.report":
		return event{ends: true, id: r.RequestID, failed: r.Status != "" && r.Status != "success"}
	default:
		return event{}
	}
}
