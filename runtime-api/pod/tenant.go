package pod

import (
	"os"
	"path/filepath"

	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// makeRoom tells an idle environment of some tenant to end if invocations of others wait and there can be no more
// environments. The one that takes its place is nobody's until it gets one of them.
func (p *Pod) makeRoom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cfg.TenantIsolation || p.closed || p.live < p.cfg.Max || p.queue.Waiting() <= p.starting+p.leaving {
		return
	}
	if p.queue.Evict() {
		p.leaving++
	}
}

// vacate ends the incarnation of an environment that was told to end, and reports whether it could.
func (in *incarnation) vacate() bool {
	p := in.env.pod
	retired := in.session.Retire()
	p.mu.Lock()
	if retired {
		in.env.leaving = true // until it has gone
	} else {
		p.leaving--
	}
	p.mu.Unlock()
	if retired {
		in.stop(extension.ReasonSpindown, invoke.Exited("signal: killed", false))
	}
	return retired
}

// evict notes that an environment which waits between two incarnations was told to end, and does.
func (p *Pod) evict(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.leaving = true
}

// empty removes what a directory holds.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
