package main

import (
	"context"
	"fmt"
	"io"
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
	url string // where the function tells what it does; not changed once events are sent

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

// settlePoll is how often it is looked whether all is done.
const settlePoll = 500 * time.Millisecond

// settle waits until every accepted event has come to its end.
func (l *ledger) settle(ctx context.Context, patience time.Duration) error {
	end := time.After(patience)
	for l.count().lost > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return nil // the verdict says what is missing
		case <-time.After(settlePoll):
		}
	}
	return nil
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
	for what, n := range kills {
		fmt.Fprintf(w, "| %s | %d |\n", what, n)
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

// verdict fails if something was lost, or if there was too little to lose.
func (t total) verdict(least int) error {
	if t.lost > 0 {
		return fmt.Errorf("%d accepted events were neither executed nor dead-lettered, such as %q", t.lost, t.missing)
	}
	if t.accepted < least {
		return fmt.Errorf("%d events were accepted: fewer than %d prove nothing", t.accepted, least)
	}
	return nil
}
