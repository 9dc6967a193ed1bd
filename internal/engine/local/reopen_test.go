package local

import (
	"fmt"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/engine"
)

// crowd fills a data directory with functions of some versions each.
func crowd(t testing.TB, dir string, functions, versions int) {
	t.Helper()
	e, err := open(t.Context(), Config{DataDir: dir}, (&theater{play: echo}).start)
	must(t, err)
	for i := range functions {
		fn := function(t, e, fmt.Sprintf("f%d", i))
		must(t, e.Create(t.Context(), fn))
		for n := range versions {
			fn.Spec.Timeout = int32(n + 1)
			fn.ResourceVersion = ""
			must(t, e.Update(t.Context(), fn))
			_, _, err := engine.PublishVersion(t.Context(), e, fn, "")
			must(t, err)
		}
	}
	must(t, e.Close(t.Context()))
}

// TestReopenIsLazy holds that an engine with many functions starts none of them: only calls do that, each its own.
func TestReopenIsLazy(t *testing.T) {
	dir := t.TempDir()
	crowd(t, dir, 200, 1)
	th := &theater{}
	e := opened(t, Config{DataDir: dir}, th)
	if r, err := e.Invoke(t.Context(), call(t, "f150", "1")); err != nil || string(r.Payload) != "1" {
		t.Errorf("a call before anything was looked at: %+v, %v", r, err)
	}
	eventually(t, func() bool {
		for _, r := range e.allRoutes() {
			for _, s := range r.allSlots() {
				if s.current() == nil {
					return false
				}
			}
		}
		return true
	})
	if all, _ := th.stages(); len(all) != 1 || all[0].unit.pod.Function != "f150" {
		t.Errorf("%d functions were started, want the one that was called", len(all))
	}
}

// BenchmarkReopen is the start of an engine that has many functions already.
func BenchmarkReopen(b *testing.B) {
	dir := b.TempDir()
	crowd(b, dir, 200, 2)
	for b.Loop() {
		e, err := open(b.Context(), Config{DataDir: dir}, (&theater{play: echo}).start)
		must(b, err)
		b.StopTimer()
		must(b, e.Close(b.Context()))
		b.StartTimer()
	}
}
