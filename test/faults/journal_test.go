package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJournal tells a collector things, also one that was killed and comes back, and reads what it knows.
func TestJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal")
	var handler http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer s.Close()
	start := func() {
		c, err := openCollector(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.file.Close() })
		handler = c.handler()
	}
	j := journal{url: s.URL + "/journal"}
	read := func() (lines []string) {
		if err := j.catchUp(t.Context(), func(what, id string) { lines = append(lines, what+" "+id) }); err != nil {
			t.Error(err)
		}
		return lines
	}
	start()
	tellAll(t, s.URL, "/began/1", "/ended/1")
	if diff := cmp.Diff([]string{"began 1", "ended 1"}, read()); diff != "" {
		t.Error(diff)
	}
	if again := read(); len(again) != 0 {
		t.Errorf("it says again %q", again)
	}
	tellAll(t, s.URL, "/began/2")
	start()
	tellAll(t, s.URL, "/dead")
	if diff := cmp.Diff([]string{"began 2", "dead 3"}, read()); diff != "" {
		t.Error(diff)
	}
	if err := tell(t.Context(), s.URL+"/began/two%20words"); err == nil {
		t.Error("what is no request id is taken")
	}
	handler = http.NotFoundHandler()
	if err := j.catchUp(t.Context(), func(string, string) {}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("where no collector is the journal gives %v", err)
	}
}

func tellAll(t *testing.T, base string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Ce-Subject", "3")
		resp, err := client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// TestSettle has a journal that tells the end of an event, and one that cannot be read.
func TestSettle(t *testing.T) {
	c, err := openCollector(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.file.Close()
	s := httptest.NewServer(c.handler())
	defer s.Close()
	l := newLedger()
	l.note("1", func(e *entry) { e.accepted = true })
	tellAll(t, s.URL, "/began/1", "/ended/1")
	if err := settle(t.Context(), l, &journal{url: s.URL + "/journal"}, 0); err != nil || l.count().executed != 1 {
		t.Errorf("settled with %v and %+v", err, l.count())
	}
	l.note("2", func(e *entry) { e.accepted = true })
	if err := settle(t.Context(), l, &journal{url: s.URL + "/journal"}, 0); err != nil || l.count().lost != 1 {
		t.Errorf("with a lost event settled with %v and %+v", err, l.count())
	}
	if err := settle(t.Context(), l, &journal{url: s.URL + "/nothing"}, 0); err == nil {
		t.Error("settled without a journal")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := settle(ctx, l, &journal{url: s.URL + "/journal"}, 1<<62); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped it settles with %v", err)
	}
}
