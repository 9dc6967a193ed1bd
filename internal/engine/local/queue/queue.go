// Package queue keeps work for later in a bbolt file. What Put acknowledged is handed to the handler at least once, also
// after a crash; in the normal course of things exactly once.
//
// Items are grouped, by function as the engine uses it, and groups take turns: many items of one group do not hold up
// the few of another. Within a group the item that is due first goes first, and of those the one that was put first.
package queue

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Item is one piece of work.
type Item struct {
	// Group is whose turn it takes; at most 256 bytes.
	Group string
	// Due is when it may be handled.
	Due time.Time
	// Body is the work, for the handler to understand.
	Body []byte
}

// Outcome says what becomes of an item that was handled. It takes effect as a whole or, after a crash, not at all.
type Outcome struct {
	// Again, unless nil, takes the item's place; otherwise the item is done.
	Again *Item
	// More are put into the queue beside it, whatever the limits.
	More []Item
}

// Handler does the work. If ctx ends, its outcome does not count and the item stays as it is.
type Handler func(ctx context.Context, it Item) Outcome

// Config bounds a queue. Zero values take the defaults given.
type Config struct {
	// MaxItems and MaxBytes bound what may wait: 100,000 items and 1 GiB by default.
	MaxItems int
	MaxBytes int64
	// Parallel and PerGroup bound how many items are handled at once: 64, and 16 of one group, by default.
	Parallel int
	PerGroup int
	// Logger takes what goes wrong with the disk; nil discards it.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.MaxItems == 0 {
		c.MaxItems = 100_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	if c.Parallel == 0 {
		c.Parallel = 64
	}
	if c.PerGroup == 0 {
		c.PerGroup = 16
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// diskRetry is how long the queue waits before it tries again to write down an outcome.
const diskRetry = time.Second

// Queue is an open queue. It is safe for concurrent use.
type Queue struct {
	cfg    Config
	disk   disk
	handle Handler

	mu    sync.Mutex
	index index
	wake  chan struct{} // gets one when there may be something to do

	stop context.CancelFunc // of dispatch
	cut  context.CancelFunc // of the handlers
	done sync.WaitGroup
}

// Open goes on with what is in the file, and hands it to handle until Close.
func Open(db *bolt.DB, cfg Config, handle Handler) (*Queue, error) {
	q := &Queue{
		cfg:    cfg.withDefaults(),
		disk:   disk{db: db, writes: &writes{update: db.Update}},
		handle: handle,
		wake:   make(chan struct{}, 1),
	}
	q.index = newIndex(q.cfg.PerGroup)
	if err := q.disk.open(q.index.add); err != nil {
		return nil, fmt.Errorf("cannot open the queue of events: %w", err)
	}
	work, cut := context.WithCancel(context.Background())
	ctx, stop := context.WithCancel(work)
	q.stop, q.cut = stop, cut
	q.done.Go(func() { q.dispatch(ctx, work) })
	return q, nil
}

// Put stores an item and returns when it is on the disk. A full queue fails with TooManyRequestsException.
func (q *Queue) Put(it Item) error {
	entry := ticket{group: it.Group, due: it.Due.UnixNano(), size: int64(len(it.Body))}
	q.mu.Lock()
	full := q.index.items >= q.cfg.MaxItems || q.index.bytes+entry.size > q.cfg.MaxBytes
	if !full {
		q.index.reserve(entry)
	}
	q.mu.Unlock()
	if full {
		return lambda.Throttled(lambda.ReasonCallerRate, time.Second)
	}
	id, err := q.disk.put(it)
	q.mu.Lock()
	q.index.release(entry)
	if err == nil {
		entry.id = id
		q.index.add(entry)
	}
	q.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot store an event: %w", err)
	}
	q.poke()
	return nil
}

// Len is how many items wait or are being handled.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.index.items
}

// Close hands out nothing more and waits for the handlers to return; when ctx ends, it ends theirs. What was not
// finished is handled after the next Open.
func (q *Queue) Close(ctx context.Context) {
	q.stop()
	defer context.AfterFunc(ctx, q.cut)()
	q.done.Wait()
	q.cut()
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// dispatch hands out what is due until ctx ends, and then waits for the handlers, who work under the other context.
func (q *Queue) dispatch(ctx, work context.Context) {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		for ctx.Err() == nil {
			t, ok := q.take()
			if !ok {
				break
			}
			handlers.Go(func() { q.work(work, t) })
		}
		if next, ok := q.next(); ok {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// take gives the ticket whose turn it is.
func (q *Queue) take() (ticket, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.index.running >= q.cfg.Parallel {
		return ticket{}, false
	}
	return q.index.take(time.Now().UnixNano())
}

// next says when something will be due that may run then.
func (q *Queue) next() (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.index.running >= q.cfg.Parallel {
		return time.Time{}, false
	}
	return q.index.next()
}

// work handles one item and writes down the outcome, again and again if the disk does not take it.
func (q *Queue) work(ctx context.Context, t ticket) {
	defer q.poke()
	out, err := q.outcome(ctx, t)
	for err == nil && ctx.Err() == nil {
		var added []ticket
		if added, err = q.disk.settle(t, out); err == nil {
			q.settled(t, added)
			return
		}
		q.cfg.Logger.Error("cannot write down what became of an event; trying again", "group", t.group, "error", err)
		err = pause(ctx, diskRetry)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.index.putBack(t)
}

// outcome reads the item and has it handled.
func (q *Queue) outcome(ctx context.Context, t ticket) (Outcome, error) {
	it, err := q.disk.read(t)
	if err != nil {
		q.cfg.Logger.Error("cannot read an event", "group", t.group, "error", err)
		return Outcome{}, pause(ctx, diskRetry)
	}
	out := q.handle(ctx, it)
	return out, ctx.Err()
}

func (q *Queue) settled(t ticket, added []ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.index.finish(t)
	for _, a := range added {
		q.index.add(a)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
