package telemetry

import (
	"context"
	"sync"
	"time"
)

// How a batch is delivered. AWS does not tell its numbers; these keep an extension that restarts its listener from
// losing anything, and one that is stuck from holding memory for long.
const (
	attempts       = 3
	attemptTimeout = 2 * time.Second
	firstPause     = 100 * time.Millisecond // before the second attempt; doubled after each
)

// Reasons of platform.logsDropped.
const (
	reasonSlow = "Some logs were dropped because the downstream consumer is slower than the logs production rate"
	reasonDead = "Some logs were dropped because the downstream consumer did not accept them"
)

// subscriber is one subscription: a buffer, and a goroutine that empties it. What comes while a batch is on its way
// waits in a second buffer. Each of them holds at most twice maxBytes and maxItems, plus one event.
type subscriber struct {
	name    string
	api     API
	schema  Schema
	sources source
	limits  limits
	framing framing
	sink    sink

	wake   chan struct{} // the buffer is full
	stop   chan struct{} // closed by end
	ending sync.Once

	mu      sync.Mutex
	timer   *time.Timer // runs out when the oldest event has waited long enough
	pending batch
	spare   []byte // the other buffer, while nothing is on its way
	scratch []byte
	dropped LogsDropped
	number  uint64 // of the last batch
}

// batch is what is sent at once.
type batch struct {
	body    []byte
	items   int         // events in body, without a notice of dropped ones
	bytes   int         // their size
	dropped LogsDropped // what the notice in body tells of
}

func newSubscriber(name string, api API, r request) *subscriber {
	s := &subscriber{
		name: name, api: api, schema: r.schema, sources: r.sources, limits: r.limits,
		framing: r.framing(), sink: r.sink(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
		timer: time.NewTimer(r.limits.timeout),
	}
	s.timer.Stop()
	return s
}

// add buffers an event or drops it. It never waits for the subscriber's program.
func (s *subscriber) add(at time.Time, r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scratch = s.schema.appendEvent(s.scratch[:0], at, r)
	if len(s.scratch) == 0 {
		return
	}
	p := &s.pending
	if p.items >= 2*s.limits.items || p.bytes >= 2*s.limits.bytes {
		s.drop(1, int64(len(s.scratch)), reasonSlow)
		return
	}
	if p.items == 0 {
		s.timer.Reset(s.limits.timeout)
	}
	s.join(s.scratch)
	p.items++
	p.bytes += len(s.scratch)
	if p.items >= s.limits.items || p.bytes >= s.limits.bytes {
		select {
		case s.wake <- struct{}{}:
		default: // told already
		}
	}
}

// join puts an encoded event at the end of the pending batch.
func (s *subscriber) join(event []byte) {
	between := s.framing.between
	if len(s.pending.body) == 0 {
		between = s.framing.open
	}
	s.pending.body = append(append(s.pending.body, between...), event...)
}

func (s *subscriber) drop(records, bytes int64, reason string) {
	s.dropped.Records += records
	s.dropped.Bytes += bytes
	s.dropped.Reason = reason
}

// end lets run deliver the rest and return. It may be called more than once.
func (s *subscriber) end() { s.ending.Do(func() { close(s.stop) }) }

// run delivers until end is called and the rest is out. When ctx has ended, deliveries fail.
func (s *subscriber) run(ctx context.Context) {
	defer s.sink.close()
	for stopping := false; !stopping; {
		select {
		case <-s.wake:
		case <-s.timer.C:
		case <-s.stop:
			stopping = true
		}
		if b, ok := s.take(stopping); ok {
			s.settle(b, s.deliver(ctx, b))
		}
	}
}

// take empties the buffer. With last set, dropped events alone make a batch too.
func (s *subscriber) take(last bool) (batch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	if s.pending.items == 0 && (!last || s.dropped.Records == 0) {
		return batch{}, false
	}
	if s.dropped.Records > 0 && s.sources&platform != 0 {
		s.scratch = s.schema.appendEvent(s.scratch[:0], time.Now(), s.dropped)
		s.join(s.scratch)
		s.pending.dropped = s.dropped
	}
	s.dropped = LogsDropped{}
	b := s.pending
	s.pending, s.spare = batch{body: s.spare[:0]}, nil
	b.body = append(b.body, s.framing.end...)
	s.number++
	return b, len(b.body) > len(s.framing.end)
}

// deliver sends a batch, again and again if need be.
func (s *subscriber) deliver(ctx context.Context, b batch) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := s.attempt(ctx, b)
		if err == nil || attempt == attempts {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return err
		}
	}
}

func (s *subscriber) attempt(ctx context.Context, b batch) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return s.sink.send(ctx, s.number, b.body)
}

// settle keeps the buffer for the next batch and the books about a lost one.
func (s *subscriber) settle(b batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = b.body[:0]
	if err == nil {
		return
	}
	s.drop(int64(b.items), int64(b.bytes), reasonDead)
	s.drop(b.dropped.Records, b.dropped.Bytes, reasonDead)
}
