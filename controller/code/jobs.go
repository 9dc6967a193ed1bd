package code

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// remembered is how many outcomes are kept. They are small; one that was dropped costs a few requests to the registry.
const remembered = 8192

// jobTimeout bounds a job, its waiting for a turn included.
const jobTimeout = 30 * time.Minute

// jobs runs work in the background, each kind once at a time, and remembers what came out of it for a while.
type jobs struct {
	patience time.Duration
	finished func(client.Object)
	outcomes *memory[outcome]

	life context.Context //nolint:containedctx // the jobs' own, ended by close
	stop context.CancelFunc
	wait sync.WaitGroup

	mu      sync.Mutex
	running map[string]*job
}

// outcome is how a job ended.
type outcome struct {
	result Result
	err    error
	once   bool // it is told once and tried again then
}

// job is work under way.
type job struct {
	done chan struct{} // closed when out is set

	mu      sync.Mutex
	doing   string
	waiting map[types.UID]client.Object // whom to tell of the end
	out     outcome
}

// work is what a job does. It says what it is doing just now, in a sentence.
type work func(ctx context.Context, say func(doing string)) (Result, error)

func newJobs(cfg Config) *jobs {
	j := &jobs{patience: cfg.Patience, finished: cfg.Finished, outcomes: newMemory[outcome](cfg, cfg.Memory), running: make(map[string]*job)}
	j.life, j.stop = context.WithCancel(context.Background())
	return j
}

// close ends all jobs and waits for them.
func (j *jobs) close() {
	j.stop()
	j.wait.Wait()
}

// do gives the outcome of the work with this key: a remembered one, or that of the job that runs or is begun. If that
// does not end soon it gives what is being done, and the owner is told of the end.
func (j *jobs) do(ctx context.Context, key string, owner client.Object, w work) (Result, error) {
	if out, ok := j.outcomes.get(key); ok {
		if out.once {
			j.outcomes.forget(key)
		}
		return out.result, out.err
	}
	running := j.begin(key, w)
	timer := time.NewTimer(j.patience)
	defer timer.Stop()
	select {
	case <-running.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	out, ended := running.outcome(owner)
	if !ended {
		return Result{Doing: out.result.Doing}, nil
	}
	if out.once {
		j.outcomes.forget(key)
	}
	return out.result, out.err
}

// begin gives the job that runs, or starts one.
func (j *jobs) begin(key string, w work) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	if running, ok := j.running[key]; ok {
		return running
	}
	started := &job{done: make(chan struct{}), doing: "The code is being looked at.", waiting: make(map[types.UID]client.Object)}
	j.running[key] = started
	j.wait.Go(func() { j.run(key, started, w) })
	return started
}

func (j *jobs) run(key string, running *job, w work) {
	ctx, cancel := context.WithTimeout(j.life, jobTimeout)
	defer cancel()
	result, err := guarded(ctx, running.say, w)
	out := outcome{result: result, err: err, once: err != nil && !lasting(err)}
	j.mu.Lock()
	if j.life.Err() == nil {
		j.outcomes.put(key, out)
	}
	delete(j.running, key)
	j.mu.Unlock()
	for _, owner := range running.end(out) {
		j.finished(owner)
	}
}

// guarded makes an error of a panic: no function's code may end the controller of all.
func guarded(ctx context.Context, say func(string), w work) (result Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = Result{}, fmt.Errorf("a fault in the controller: %v", p)
		}
	}()
	return w(ctx, say)
}

// lasting reports whether the same input fails in the same way each time.
func lasting(err error) bool {
	f := new(v1alpha1.Failure)
	return errors.As(err, &f) && (f.Reason == v1alpha1.ReasonCodeInvalid || f.Reason == v1alpha1.ReasonEntrypointInvalid)
}

func (j *job) say(doing string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.doing = doing
}

// end sets the outcome and gives those who wait for it.
func (j *job) end(out outcome) map[types.UID]client.Object {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out = out
	close(j.done)
	return j.waiting
}

// outcome gives the outcome if there is one. Otherwise it gives what is being done, and the owner is told of the end.
func (j *job) outcome(owner client.Object) (out outcome, ended bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-j.done:
		return j.out, true
	default:
		j.waiting[owner.GetUID()] = owner
		return outcome{result: Result{Doing: j.doing}}, false
	}
}

// turn waits for a place in a queue of limited width. The function that it gives leaves it.
func turn(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// memory keeps what was found out for a while.
type memory[T any] struct {
	cache *cache.LRUExpireCache
	age   time.Duration
}

// clock makes a function a clock for the cache.
type clock func() time.Time

// Now is the time.
func (c clock) Now() time.Time { return c() }

func newMemory[T any](cfg Config, age time.Duration) *memory[T] {
	return &memory[T]{cache.NewLRUExpireCacheWithClock(remembered, clock(cfg.Now)), age}
}

func (m *memory[T]) get(key string) (T, bool) {
	found, _ := m.cache.Get(key)
	v, ok := found.(T)
	return v, ok
}

func (m *memory[T]) put(key string, v T) { m.cache.Add(key, v, m.age) }

func (m *memory[T]) forget(key string) { m.cache.Remove(key) }
