package extension

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Next tells that the extension has nothing left to do, and waits for its next event. The error is an [*Error] or that
// of ctx. If ctx ends, which means that the caller has gone, no event is taken: it stays for the next call. A
// second call while one waits takes its place, since the first one's connection is most likely dead.
func (r *Registry) Next(ctx context.Context, id string) (Event, error) {
	m, p, err := r.arrive(id)
	if err != nil {
		return Event{}, err
	}
	select {
	case <-p.ch:
	case <-ctx.Done():
	}
	return r.take(ctx, m, p)
}

// arrive notes a call of event/next.
func (r *Registry) arrive(id string) (*member, *gate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.byID(id)
	if err != nil {
		return nil, nil, err
	}
	if m.state != StateRegistered && m.state != StateReady && m.state != StateRunning {
		return nil, nil, notAllowed(m.state, StateReady, id)
	}
	if m.state == StateRunning && m.event == nil {
		m.busy = false
	}
	m.state, m.everReady = StateReady, true
	if m.poll != nil {
		m.poll.open()
	}
	p := newGate()
	m.poll = &p
	m.deliver()
	r.settle()
	return m, m.poll, nil
}

// take ends a wait: with the event, or because the caller has gone or another call took its place.
func (r *Registry) take(ctx context.Context, m *member, p *gate) (Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine := m.poll == p
	if mine {
		m.poll = nil
	}
	if err := ctx.Err(); err != nil {
		return Event{}, fmt.Errorf("wait for the next event of extension %q: %w", m.name, err)
	}
	if m.state != StateReady {
		return Event{}, notAllowed(m.state, StateReady, m.id)
	}
	if !mine || m.event == nil {
		return Event{}, notAllowed(StateReady, StateReady, m.id)
	}
	e := *m.event
	if e.Type == EventInvoke {
		e.ID = uuid.NewString()
	}
	m.event, m.state = nil, StateRunning
	return e, nil
}

// deliver wakes the waiting call if there is an event for it.
func (m *member) deliver() {
	if m.poll != nil && m.event != nil {
		m.poll.open()
	}
}

// Invoke hands an INVOKE event to every extension that subscribed to it. Call it when Idle is closed: an event that
// nobody fetched is replaced. Without subscribers it costs nothing.
func (r *Registry) Invoke(in Invocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.invokers) == 0 || r.stopping {
		return
	}
	event := invokeEvent(in)
	for _, m := range r.invokers {
		m.busy, m.event = true, event
		m.deliver()
	}
	if r.idle.closed {
		r.idle = newGate()
	}
}

// Idle gives a channel that is closed when every extension that got the last INVOKE event has called event/next again;
// at once if there is no such extension.
func (r *Registry) Idle() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.idle.ch
}

// Shutdown hands the SHUTDOWN event to every extension that subscribed to it, in place of an INVOKE that was not
// fetched, and closes registration. From now on exits and reports of extensions are not failures. reason is one of the
// Reason constants; deadline is when the survivors are killed.
func (r *Registry) Shutdown(reason string, deadline time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return
	}
	r.stopping, r.closed = true, true
	event := &Event{Type: EventShutdown, DeadlineMs: deadline.UnixMilli(), ShutdownReason: reason}
	for _, m := range r.order {
		m.event = nil
		if m.shutdown && !m.state.final() {
			m.event = event
			m.deliver()
		}
	}
}
