package invoke

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// ErrClosed is given to pollers and callers of a queue or session that has been closed.
var ErrClosed = errors.New("closed")

// livenessInterval is how often a poller that waits is asked whether it is still there. A poller is asked once more
// at hand-over, so this bounds only how long a connection that nobody reads from is kept.
const livenessInterval = time.Second

// Queue holds the tasks that wait for an environment, first come first served, and the pollers that wait for a task.
// At most one of the two is ever non-empty.
type Queue struct {
	capacity int
	chunks   sync.Pool // *[]byte of chunkSize

	mu      sync.Mutex
	tasks   []*Task
	pollers []*poller
	closed  bool
	starved func() // see Starve; nil: nobody wants to know
}

// poller is one environment that waits for work.
type poller struct {
	tenant *Tenant    // whose work it takes; nil: everybody's
	ready  chan *Task // holds at most one task: what was handed to this poller
}

// NewQueue makes a queue for at most capacity waiting tasks.
func NewQueue(capacity int) *Queue { return &Queue{capacity: capacity} }

// Submit accepts an invocation. It reports whether an idle environment took it at once. A full queue refuses with
// TooManyRequestsException.
//
// ctx is the caller's. A task whose caller has left is never handed out.
func (q *Queue) Submit(ctx context.Context, in *lambda.Invocation) (t *Task, taken bool, err error) {
	t = newTask(ctx, in, time.Now())
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false, ErrClosed
	}
	if q.hand(t) {
		return t, true, nil
	}
	if len(q.tasks) >= q.capacity {
		q.tasks = slices.DeleteFunc(q.tasks, func(t *Task) bool { return !t.live() })
	}
	if len(q.tasks) >= q.capacity {
		return nil, false, lambda.Throttled(lambda.ReasonConcurrency, time.Second)
	}
	q.tasks = append(q.tasks, t)
	return t, false, nil
}

// hand gives t to the poller that came last: the environment that was busy most recently is the warmest, and the
// others get the chance to become idle long enough to be retired. One that is the tenant's already goes before one that is
// nobody's yet.
func (q *Queue) hand(t *Task) bool {
	best := -1
	for i := len(q.pollers) - 1; i >= 0; i-- {
		p := q.pollers[i]
		if p.tenant == nil || p.tenant.isOf(t.In.TenantID) {
			best = i
			break
		}
		if best < 0 && p.tenant.takes(t) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	p := q.pollers[best]
	q.pollers = slices.Delete(q.pollers, best, best+1)
	p.tenant.bind(t)
	p.ready <- t
	return true
}

// Take is TakeFor an environment that takes everybody's tasks.
func (q *Queue) Take(ctx context.Context, stop <-chan struct{}, alive func() bool) (*Task, error) {
	return q.TakeFor(ctx, nil, stop, alive)
}

// TakeFor waits for a task of the tenant whose caller still waits. alive is asked before a task is given out and now and then while
// none is there; when it says no, or ctx ends, or stop is closed, TakeFor gives up and a task already chosen goes back to
// the head of the queue.
func (q *Queue) TakeFor(ctx context.Context, tenant *Tenant, stop <-chan struct{}, alive func() bool) (*Task, error) {
	select {
	case <-stop:
		return nil, ErrClosed
	default:
	}
	t, p, err := q.enter(tenant)
	if err != nil {
		return nil, err
	}
	if t != nil {
		return q.confirm(t, alive)
	}
	if q.starved != nil && q.Waiting() > 0 {
		q.starved()
	}
	tick := time.NewTicker(livenessInterval)
	defer tick.Stop()
	for {
		select {
		case t, ok := <-p.ready:
			if !ok {
				return nil, ErrClosed
			}
			return q.confirm(t, alive)
		case <-tick.C:
			if !alive() {
				q.withdraw(p)
				return nil, context.Canceled
			}
		case <-ctx.Done():
			q.withdraw(p)
			return nil, ctx.Err()
		case <-stop:
			q.withdraw(p)
			return nil, ErrClosed
		}
	}
}

// confirm makes sure that the poller is still there to take t.
func (q *Queue) confirm(t *Task, alive func() bool) (*Task, error) {
	if !alive() {
		q.Return(t)
		return nil, context.Canceled
	}
	return t, nil
}

// enter gives the first live task that the tenant takes, or a place among the pollers.
func (q *Queue) enter(tenant *Tenant) (*Task, *poller, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := 0; i < len(q.tasks); {
		t := q.tasks[i]
		if !tenant.takes(t) {
			i++
			continue
		}
		q.remove(i)
		if t.wanted() {
			tenant.bind(t)
			return t, nil, nil
		}
	}
	if q.closed {
		return nil, nil, ErrClosed
	}
	p := &poller{tenant: tenant, ready: make(chan *Task, 1)}
	q.pollers = append(q.pollers, p)
	return nil, p, nil
}

// remove takes a task out; the caller holds the lock. The first one, which it nearly always is, costs nothing.
func (q *Queue) remove(i int) {
	if i == 0 {
		q.tasks[0] = nil
		q.tasks = q.tasks[1:]
		return
	}
	q.tasks = slices.Delete(q.tasks, i, i+1)
}

// withdraw takes p out; a task that was handed to it in the meantime goes back.
func (q *Queue) withdraw(p *poller) {
	q.mu.Lock()
	q.pollers = slices.DeleteFunc(q.pollers, func(o *poller) bool { return o == p })
	q.mu.Unlock()
	select {
	case t, ok := <-p.ready:
		if ok {
			q.Return(t)
		}
	default:
	}
}

// Return puts a task that could not be handed over back at the head, ahead of all that came later. It is given to a
// waiting poller at once if there is one. Capacity does not matter here: the task was accepted before.
func (q *Queue) Return(t *Task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.live() || q.hand(t) {
		return
	}
	q.tasks = slices.Insert(q.tasks, 0, t)
}

// Waiting is how many tasks wait for an environment.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, t := range q.tasks {
		if t.live() {
			n++
		}
	}
	return n
}

// Close refuses new tasks and ends the pollers' waiting. Tasks that were accepted can still be taken, so that a pod
// that drains loses nothing; DropAll ends them.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	for _, p := range q.pollers {
		close(p.ready)
	}
	q.pollers = nil
}

// DropAll ends every waiting task unexecuted.
func (q *Queue) DropAll() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.tasks {
		t.Abandon()
	}
	q.tasks = nil
}
