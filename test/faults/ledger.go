package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// entry is what is known of one request id.
type entry struct {
	accepted           bool
	began, ended, dead int
}

// done reports whether the event has come to its end.
func (e *entry) done() bool { return e.ended > 0 || e.dead > 0 }

// ledger keeps what became of every event. It is safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	entries map[string]*entry
	refused int // answers that were no acceptance
	unheard int // requests without an answer: the event may or may not be there
}

func newLedger() *ledger { return &ledger{entries: make(map[string]*entry)} }

// note changes the entry of a request id.
func (l *ledger) note(id string, change func(e *entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	if e == nil {
		e = new(entry)
		l.entries[id] = e
	}
	change(e)
}

// miss counts a request that was not accepted.
func (l *ledger) miss(answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answered {
		l.refused++
		return
	}
	l.unheard++
}

// hear takes over what a journal tells of a request id.
func (l *ledger) hear(what, id string) {
	l.note(id, func(e *entry) {
		switch what {
		case began:
			e.began++
		case ended:
			e.ended++
		case dead:
			e.dead++
		}
	})
}

// settlePoll is how often it is looked whether all is done.
const settlePoll = 500 * time.Millisecond

// settle waits until every accepted event has come to its end, or for as long as patience lasts. It fails if the journal could
// not be read to its end; what is lost is for the verdict to say.
func settle(ctx context.Context, l *ledger, j *journal, patience time.Duration) error {
	for begin := time.Now(); ; {
		err := j.catchUp(ctx, l.hear)
		if err == nil && l.count().lost == 0 || time.Since(begin) >= patience || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settlePoll):
		}
	}
}

// total is the outcome of a run.
type total struct {
	accepted, executed, retried, duplicates, dead, lost, stray, refused, unheard int
	missing                                                                      []string
}

// maxShown is how many of the lost are named.
const maxShown = 10

// count counts. An event is executed if it came to its end in the function at least once, a retry is a begin after the
// first, and a duplicate an end after the first. Strays were executed although nobody heard that they are accepted.
func (l *ledger) count() total {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := total{refused: l.refused, unheard: l.unheard}
	for id, e := range l.entries {
		if !e.accepted {
			t.stray++
			continue
		}
		t.accepted++
		t.retried += max(0, e.began-1)
		t.duplicates += max(0, e.ended-1)
		if e.ended > 0 {
			t.executed++
		}
		if e.dead > 0 {
			t.dead++
		}
		if !e.done() {
			t.lost++
			if len(t.missing) < maxShown {
				t.missing = append(t.missing, id)
			}
		}
	}
	return t
}

func (t total) print(w io.Writer, kills map[string]int) {
	fmt.Fprint(w, "\n| killed | times |\n|---|---|\n")
	for _, what := range slices.Sorted(maps.Keys(kills)) {
		fmt.Fprintf(w, "| %s | %d |\n", what, kills[what])
	}
	fmt.Fprint(w, "\n| events | number |\n|---|---|\n")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"accepted", t.accepted}, {"executed", t.executed}, {"retried", t.retried}, {"executed more than once", t.duplicates},
		{"dead-lettered", t.dead}, {"lost", t.lost}, {"refused", t.refused}, {"requests without an answer", t.unheard},
		{"executed though nobody heard of their acceptance", t.stray},
	} {
		fmt.Fprintf(w, "| %s | %d |\n", row.what, row.n)
	}
}

// verdict fails if something was lost or came back under another id, or if there was too little to lose.
func (t total) verdict(least int) error {
	if t.lost > 0 {
		return fmt.Errorf("%d accepted events were neither executed nor dead-lettered, such as %q", t.lost, t.missing)
	}
	if unsent := t.stray - t.refused - t.unheard; unsent > 0 {
		return fmt.Errorf("%d events were executed under ids of no request: what is executed again must have the same", unsent)
	}
	if t.accepted < least {
		return fmt.Errorf("%d events were accepted: fewer than %d prove nothing", t.accepted, least)
	}
	return nil
}
