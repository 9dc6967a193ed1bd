package pod

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// ErrShuttingDown is the answer to an invocation that comes after Shutdown has begun. It has not been executed, so callers
// are told with 503 and Retry-After to come again: by then another pod takes it. It is no throttle, which 429 would say,
// and no fault, which 500 would.
var ErrShuttingDown error = &lambda.Error{
	Code:       lambda.CodeServiceUnavailable,
	Message:    "The function's environments are shutting down. The invocation was not executed. Try again.",
	RetryAfter: time.Second,
}

// Pod runs one version of one function. It is a lambda.Invoker.
type Pod struct {
	cfg   Config
	queue *invoke.Queue

	life context.Context // ends when environments must go
	kill context.CancelFunc
	all  sync.WaitGroup // environments

	inflight sync.WaitGroup // invocations between Submit and their end

	mu       sync.Mutex
	closed   bool
	live     int // environments
	starting int // of these, not yet initialized
	serving  int // of these, initialized and alive
	leaving  int // of these, told to end for another tenant
	free     []int
	first    chan struct{} // closed when an init has ended for the first time, well or not
	ready    chan struct{} // closed when an environment has initialized for the first time
	tried    bool
	isReady  bool
	lastInit *invoke.Failure
}

// New makes a pod; Start starts it.
func New(cfg Config) *Pod {
	cfg = cfg.withDefaults()
	life, kill := context.WithCancel(context.Background()) //nolint:contextcheck // ended by Shutdown, not by a caller
	p := &Pod{
		cfg:   cfg,
		queue: invoke.NewQueue(cfg.QueueDepth),
		life:  life,
		kill:  kill,
		first: make(chan struct{}),
		ready: make(chan struct{}),
	}
	if cfg.TenantIsolation {
		p.queue.Starve(p.makeRoom)
	}
	return p
}

// Start brings up the Min environments and returns at once.
func (p *Pod) Start() {
	for range p.cfg.Min {
		p.grow(func() bool { return true })
	}
}

// Invoke runs the function once. See lambda.Invoker; ErrShuttingDown is the one further error.
func (p *Pod) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	if in.ID == "" {
		named := *in
		named.ID = uuid.NewString()
		in = &named
	}
	if err := lambda.CheckTenant(p.cfg.TenantIsolation, in.TenantID); p.cfg.TenantIsolation && err != nil {
		return nil, err
	}
	if !p.enter() {
		p.cfg.Observer.Refused("closed")
		return nil, ErrShuttingDown
	}
	t, taken, err := p.queue.Submit(ctx, in)
	if err != nil {
		p.inflight.Done()
		return nil, p.refused(err)
	}
	defer p.leave(t)
	if !taken {
		p.grow(func() bool { return p.starting < p.queue.Waiting() })
		p.makeRoom()
	}
	return p.await(ctx, t, taken)
}

// refused notes why the queue did not take an invocation.
func (p *Pod) refused(err error) error {
	if errors.Is(err, invoke.ErrClosed) {
		p.cfg.Observer.Refused("closed")
		return ErrShuttingDown
	}
	p.cfg.Observer.Refused("full")
	return err
}

// leave counts an invocation out when it has ended, which may be after its caller has gone: a pod that drains waits for
// it all the same.
func (p *Pod) leave(t *invoke.Task) {
	select {
	case <-t.Done():
		p.inflight.Done()
	default:
		go func() {
			<-t.Done()
			p.inflight.Done()
		}()
	}
}

// enter counts an invocation in, unless the pod is closed.
func (p *Pod) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.inflight.Add(1)
	return true
}

// await waits for the outcome. A task that still waits in the queue when its caller leaves, or has waited too long, is
// never executed.
func (p *Pod) await(ctx context.Context, t *invoke.Task, taken bool) (*lambda.Result, error) {
	var expired <-chan time.Time
	if !taken {
		timer := time.NewTimer(p.cfg.QueueTimeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		select {
		case <-t.Done():
			t.Leave()
			return p.outcome(t)
		case <-expired:
			if t.Abandon() {
				p.cfg.Observer.Refused("expired")
				return nil, lambda.Throttled(lambda.ReasonConcurrency, time.Second)
			}
			expired = nil
		case <-ctx.Done():
			t.Leave()
			if t.Abandon() {
				p.cfg.Observer.Refused("cancelled")
			}
			return nil, context.Cause(ctx)
		}
	}
}

func (p *Pod) outcome(t *invoke.Task) (*lambda.Result, error) {
	r := t.Result()
	if r == nil {
		return nil, ErrShuttingDown // dropped from the queue
	}
	r.ExecutedVersion = p.cfg.Version
	return r, nil
}

// grow adds an environment if there may be one more and need says so.
func (p *Pod) grow(need func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.live >= p.cfg.Max || !need() {
		return
	}
	e := p.newEnvironment(p.slot())
	p.live++
	p.starting++
	p.cfg.Observer.Environments(p.live)
	p.all.Go(func() {
		e.run(p.life)
		p.gone(e)
	})
}

// slot is the lowest number that no environment has; the caller holds the lock.
func (p *Pod) slot() int {
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	return p.live
}

// gone takes an environment that has ended off the count.
func (p *Pod) gone(e *environment) {
	p.mu.Lock()
	p.live--
	p.free = append(p.free, e.index)
	if e.starting {
		p.starting--
	}
	if e.leaving {
		p.leaving--
	}
	p.cfg.Observer.Environments(p.live)
	p.mu.Unlock()
	if p.queue.Waiting() > 0 {
		p.grow(func() bool { return p.starting < p.queue.Waiting() })
	}
}

// mark notes that an environment begins or ends to initialize.
func (p *Pod) mark(e *environment, starting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.starting == starting {
		return
	}
	e.starting = starting
	if starting {
		p.starting++
		return
	}
	p.starting--
}

// initialized notes how an init ended.
func (p *Pod) initialized(f *invoke.Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastInit = f
	if f == nil && !p.isReady {
		p.isReady = true
		close(p.ready)
	}
	if !p.tried {
		p.tried = true
		close(p.first)
	}
}

// FirstInit is closed when an init has ended for the first time, well or not; if well, Ready has been closed before it.
func (p *Pod) FirstInit() <-chan struct{} { return p.first }

// Ready is closed when an environment has initialized for the first time.
func (p *Pod) Ready() <-chan struct{} { return p.ready }

// InitFailure is how the last init failed; nil if it succeeded or there was none.
func (p *Pod) InitFailure() *invoke.Failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lastInit
}

// Environments is how many there are, and how many of them have initialized.
func (p *Pod) Environments() (live, serving int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live, p.serving
}

// count notes that an environment has begun (1) or ceased (-1) to serve.
func (p *Pod) count(change int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving += change
}

// Shutdown refuses new invocations, waits until the accepted ones have ended or ctx ends, and then ends the
// environments. What is still queued when ctx ends is dropped with ErrShuttingDown; what still runs is killed. It
// returns when no process is left.
func (p *Pod) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		p.inflight.Wait()
		close(drained)
	}()
	var err error
	select {
	case <-drained:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.queue.Close()
	p.queue.DropAll()
	p.kill()
	p.all.Wait()
	<-drained
	return err
}
