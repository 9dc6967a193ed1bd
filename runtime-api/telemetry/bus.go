package telemetry

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// FlushTimeout is how long Shutdown may take at most.
const FlushTimeout = 2 * time.Second

// Bus hands the events of one environment to the extensions that subscribed. It is safe for concurrent use. Emit never
// waits for a subscriber.
type Bus struct {
	multi   bool
	observe atomic.Pointer[func(time.Time, Record)] // told of events that the Bus itself makes
	wanted  atomic.Uint32                           // sources that anybody subscribed to
	current atomic.Pointer[[]*subscriber]           // for Emit; never changed in place

	mu     sync.Mutex
	closed bool // no more subscriptions
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// NewBus makes a Bus without subscribers. multi says that the environment runs several invocations at once.
// Shutdown ends it.
func NewBus(multi bool) *Bus {
	b := &Bus{multi: multi}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.current.Store(new([]*subscriber))
	return b
}

// Subscribe takes a subscription request of the named extension and answers with nil or an [*Error]. A repeated
// request replaces the extension's earlier one, whose buffered events still go to the old destination.
func (b *Bus) Subscribe(api API, name string, body []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return api.closed()
	}
	r, err := parseRequest(api, b.multi, body)
	if err != nil {
		return err
	}
	list := slices.Clone(*b.current.Load())
	if i := slices.IndexFunc(list, func(s *subscriber) bool { return s.name == name }); i >= 0 {
		if list[i].api != api {
			return api.invalid("extension is subscribed through the " + string(list[i].api) + " API")
		}
		list[i].end()
		list = slices.Delete(list, i, i+1)
	}
	s := newSubscriber(name, api, r)
	b.wg.Go(func() { s.run(b.ctx) })
	b.publish(append(list, s))
	b.announce(Subscription{API: api, Name: name, State: "Subscribed", Types: r.types})
	return nil
}

// publish makes list the one that Emit uses.
func (b *Bus) publish(list []*subscriber) {
	var wanted source
	for _, s := range list {
		wanted |= s.sources
	}
	b.current.Store(&list)
	b.wanted.Store(uint32(wanted))
}

// announce emits an event that the Bus itself makes.
func (b *Bus) announce(r Record) {
	now := time.Now()
	if observe := b.observe.Load(); observe != nil {
		(*observe)(now, r)
	}
	b.Emit(now, r)
}

// CloseSubscriptions ends the time in which extensions may subscribe. The owner calls it at the first invocation.
func (b *Bus) CloseSubscriptions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// wants says whether anybody subscribed to a source. Without subscribers it is all that an event costs.
func (b *Bus) wants(s source) bool { return source(b.wanted.Load())&s != 0 }

// Emit hands an event to those who want it. The record is not kept.
func (b *Bus) Emit(at time.Time, r Record) {
	from := sourceOf(r)
	if !b.wants(from) {
		return
	}
	for _, s := range *b.current.Load() {
		if s.sources&from != 0 {
			s.add(at, r)
		}
	}
}

// Shutdown delivers what is buffered and ends all subscriptions. It returns when that is done, after FlushTimeout or
// when ctx ends, whichever comes first. Later events are lost.
func (b *Bus) Shutdown(ctx context.Context) {
	b.mu.Lock()
	b.closed = true
	for _, s := range *b.current.Load() {
		s.end()
	}
	b.publish(nil)
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, FlushTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, b.cancel)
	defer stop()
	b.wg.Wait()
	b.cancel()
}
