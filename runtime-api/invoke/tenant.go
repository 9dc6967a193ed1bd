package invoke

// Tenant is whose invocations an environment takes: nobody's in particular at first, and from its first one on those of
// that tenant only. It lives as long as the environment does, whatever becomes of its processes. A nil Tenant is an
// environment that takes everybody's.
type Tenant struct {
	evicted chan struct{}

	// Guarded by the mutex of the one queue that the environment takes its work from.
	bound bool
	id    string
}

// NewTenant makes the Tenant of a new environment.
func NewTenant() *Tenant { return &Tenant{evicted: make(chan struct{}, 1)} }

// Evicted gets one when the environment should end, though it has done nothing wrong: it is idle, and its place is needed
// for another tenant. The channel of a nil Tenant never does.
func (t *Tenant) Evicted() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.evicted
}

// takes says whether the environment may have a task.
func (t *Tenant) takes(task *Task) bool {
	return t == nil || !t.bound || t.id == task.In.TenantID
}

// isOf says whether the environment is this tenant's already.
func (t *Tenant) isOf(id string) bool { return t != nil && t.bound && t.id == id }

// bind makes the environment the tenant's for good.
func (t *Tenant) bind(task *Task) {
	if t != nil {
		t.bound, t.id = true, task.In.TenantID
	}
}

// Starve has f called when an environment begins to wait though there are tasks, because they are of other tenants. It must
// be called before the queue is used.
func (q *Queue) Starve(f func()) { q.starved = f }

// Evict tells the environment that has waited longest for its tenant's work to end. It reports false if none waits.
func (q *Queue) Evict() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, p := range q.pollers {
		if p.tenant == nil || !p.tenant.bound {
			continue
		}
		q.pollers = append(q.pollers[:i:i], q.pollers[i+1:]...) // it gets no work any more
		p.tenant.evicted <- struct{}{}
		return true
	}
	return false
}
