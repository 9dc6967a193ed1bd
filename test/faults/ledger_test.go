package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCount(t *testing.T) {
	l := newLedger()
	for id, e := range map[string]entry{
		"done":      {accepted: true, began: 1, ended: 1},
		"twice":     {accepted: true, began: 3, ended: 2},
		"dead":      {accepted: true, began: 3, dead: 1},
		"never ran": {accepted: true, dead: 1},
		"lost":      {accepted: true, began: 1},
		"stray":     {began: 1, ended: 1},
	} {
		l.note(id, func(was *entry) { *was = e })
	}
	l.miss(true)
	l.miss(false)
	got := l.count()
	want := total{accepted: 5, executed: 2, retried: 4, duplicates: 1, dead: 2, lost: 1, stray: 1, refused: 1, unheard: 1, missing: []string{"lost"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(total{})); diff != "" {
		t.Error(diff)
	}
	if err := got.verdict(1); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("a lost event gives %v", err)
	}
	var out bytes.Buffer
	got.print(&out, map[string]int{"a pod": 3})
	if !strings.Contains(out.String(), "| lost | 1 |\n") || !strings.Contains(out.String(), "| a pod | 3 |\n") {
		t.Errorf("printed:\n%s", out.String())
	}
	l.hear(ended, "lost")
	l.hear(began, "another stray")
	if err := l.count().verdict(5); err != nil {
		t.Errorf("as many strays as requests without a good answer give %v", err)
	}
	l.hear(began, "nobody's")
	if err := l.count().verdict(5); err == nil {
		t.Error("an id that nobody sent is no fault")
	}
	l.miss(false)
	if err := l.count().verdict(6); err == nil {
		t.Error("too few events prove something")
	}
	if err := l.count().verdict(5); err != nil {
		t.Error(err)
	}
}
