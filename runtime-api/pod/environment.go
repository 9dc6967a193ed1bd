package pod

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// environment is one execution environment: it lives through incarnations of its processes until it is no longer
// needed. All its fields but starting and leaving belong to the goroutine in run.
type environment struct {
	pod   *Pod
	index int
	tmp   string // its own temporary directory, or empty

	tenant *invoke.Tenant // whose invocations it takes; nil: everybody's

	starting bool // counted in Pod.starting; guarded by Pod.mu
	leaving  bool // counted in Pod.leaving; guarded by Pod.mu

	evicted     bool      // its place is needed for another tenant
	failedInits int       // in a row
	respawned   time.Time // when processes were started last
	crashes     int       // in a row, each soon after its start
}

func (p *Pod) newEnvironment(index int) *environment {
	e := &environment{pod: p, index: index, starting: true}
	if p.cfg.TenantIsolation {
		e.tenant = invoke.NewTenant()
	}
	if p.cfg.TmpDir != "" {
		e.tmp = filepath.Join(p.cfg.TmpDir, strconv.Itoa(index))
	}
	return e
}

// Back-off between incarnations that fail.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// steady is how long processes must have lived for their end not to count as one more crash in a row.
	steady = 10 * time.Second
)

func backoff(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	return min(firstBackoff<<min(failures-1, 10), maxBackoff)
}

// run lives until ctx ends or the environment is retired.
func (e *environment) run(ctx context.Context) {
	if err := e.prepare(); err != nil {
		e.pod.cfg.Logger.Error("cannot prepare an execution environment", "environment", e.index, "error", err)
		if e.tenant != nil {
			return // what another tenant has left is in it
		}
	}
	defer e.cleanUp()
	var task *invoke.Task
	for ctx.Err() == nil {
		e.pod.mark(e, task == nil)
		end := newIncarnation(e, task).run(ctx)
		e.pod.mark(e, false)
		if end == endRetired {
			return
		}
		if task = e.rest(ctx, end); task == nil && (e.evicted || e.spare()) {
			return
		}
	}
}

// prepare makes the environment's own directory. What is in it stays until the environment goes, as on Lambda.
func (e *environment) prepare() error {
	if e.pod.cfg.Scratch != "" {
		return empty(e.pod.cfg.Scratch)
	}
	if e.tmp == "" {
		return nil
	}
	if err := os.RemoveAll(e.tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(e.tmp, 0o777); err != nil {
		return err
	}
	return os.Chmod(e.tmp, 0o777|os.ModeSticky) // functions may run as another user
}

func (e *environment) cleanUp() {
	if e.tmp == "" {
		return
	}
	if err := os.RemoveAll(e.tmp); err != nil {
		e.pod.cfg.Logger.Warn("cannot remove a temporary directory", "directory", e.tmp, "error", err)
	}
}

// rest is what happens between two incarnations. After a failed init the environment waits for an invocation, within
// which init is run again; one that is to be kept warm also tries by itself after a while. After a failure of one that
// had initialized it comes back at once, or later if that happens again and again.
func (e *environment) rest(ctx context.Context, end ending) *invoke.Task {
	if end == endFailedInit {
		e.failedInits++
		return e.waitForTask(ctx, backoff(e.failedInits), e.index < e.pod.cfg.Min)
	}
	e.failedInits = 0
	e.crashes++
	if time.Since(e.respawned) > steady {
		e.crashes = 0
	}
	return e.waitForTask(ctx, backoff(e.crashes-1), true)
}

// waitForTask takes an invocation from the queue. With a limit it gives up after that time.
func (e *environment) waitForTask(ctx context.Context, limit time.Duration, limited bool) *invoke.Task {
	idle := e.pod.cfg.Idle
	if limited {
		idle = limit
	}
	if idle == 0 {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	t, err := e.pod.queue.TakeFor(wait, e.tenant, e.tenant.Evicted(), func() bool { return true })
	if e.tenant != nil && errors.Is(err, invoke.ErrClosed) {
		e.evicted = true
		e.pod.evict(e)
	}
	if err != nil {
		return nil // time to try again without one, or to go
	}
	return t
}

// spare says that the environment has nothing to do and need not be kept: it failed to initialize, is above Min, and
// nobody has called for as long as an idle environment is kept.
func (e *environment) spare() bool {
	return e.failedInits > 0 && e.index >= e.pod.cfg.Min
}
