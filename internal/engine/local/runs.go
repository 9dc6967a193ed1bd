package local

import (
	"sync"
	"time"
)

// run is one runner's time in a slot. Its slot guards what changes.
type run struct {
	runner runner
	unit   *unit
	users  int       // calls between acquire and release
	used   time.Time // end of the last
	old    bool      // no longer its slot's run; stops with the last user

	end sync.Once
}

// runs are all that have been started and have not ended.
type runs struct {
	mu   sync.Mutex
	live map[*run]bool
	done sync.WaitGroup
}

// newRun starts a unit.
func (e *Engine) newRun(u *unit) (*run, error) {
	runner, err := e.start(u)
	if err != nil {
		return nil, err
	}
	r := &run{runner: runner, unit: u, used: time.Now()}
	e.runs.mu.Lock()
	defer e.runs.mu.Unlock()
	if e.runs.live == nil {
		e.runs.live = make(map[*run]bool)
	}
	e.runs.live[r] = true
	return r, nil
}

// end shuts a run down beside what else goes on. What it still does has as much time as it needs, or until Close waits
// no longer. A second call does nothing.
func (e *Engine) end(r *run) {
	r.end.Do(func() {
		e.runs.done.Go(func() {
			if err := r.runner.Shutdown(e.drain); err != nil {
				e.log.Warn("invocations were cut short", "function", r.unit.pod.Function, "version", r.unit.pod.Version, "error", err)
			}
			e.runs.mu.Lock()
			defer e.runs.mu.Unlock()
			delete(e.runs.live, r)
		})
	})
}

// endAll shuts every run down, whoever uses it, and waits until none is left. No run may be started any more.
func (e *Engine) endAll() {
	for _, r := range e.runs.all() {
		e.end(r)
	}
	e.runs.done.Wait()
}

func (s *runs) all() []*run {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*run, 0, len(s.live))
	for r := range s.live {
		all = append(all, r)
	}
	return all
}

// folders adds those that runs use to a set.
func (s *runs) folders(used map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.live {
		for _, f := range r.unit.folders {
			used[f] = true
		}
	}
}
