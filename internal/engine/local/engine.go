package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/local/blob"
	"github.com/lambkin-dev/lambkin/internal/engine/local/logbook"
	"github.com/lambkin-dev/lambkin/internal/engine/local/queue"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// reconcilers is how many objects are reconciled at once.
const reconcilers = 4

// Engine runs functions on this machine. It is an engine.Engine.
type Engine struct {
	cfg   Config
	log   *slog.Logger
	store *store.Store
	blobs *blob.Store
	trees trees
	runs  runs
	logs  *logbook.Shelf
	async *queue.Queue
	work  *workqueue
	http  *http.Client

	clients      string // folder of our runtime clients
	interpreters bootstrap.Interpreters

	start runnerFunc     // makes what runs a unit; a field so that tests can do without processes
	draw  func() float64 // from [0, 1), for weights of aliases

	mu        sync.RWMutex
	routes    map[lambda.Name]*route
	renewing  sync.Mutex   // held while a route is read from the store, so that older never follows newer
	preparing sync.RWMutex // held for reading while a unit is made, and for writing while folders are swept
	running   atomic.Int64 // invocations
	closed    atomic.Bool

	life  context.Context //nolint:containedctx // the engine's own, ended by Close
	stop  context.CancelFunc
	loops sync.WaitGroup  // goroutines that end with life
	drain context.Context //nolint:containedctx // ended when Close waits no longer
	cut   context.CancelFunc
}

var _ engine.Engine = (*Engine)(nil)

// Open opens the data directory and goes on with what is in it. It fails if another process has it open.
func Open(ctx context.Context, cfg Config) (*Engine, error) { return open(ctx, cfg, nil) }

// open is Open with another way to run units, unless start is nil.
func open(ctx context.Context, cfg Config, start runnerFunc) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make data directory: %w", err)
	}
	objects, err := store.Open(filepath.Join(cfg.DataDir, "objects.db"))
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:    cfg,
		log:    cfg.Logger,
		store:  objects,
		logs:   logbook.New(filepath.Join(cfg.DataDir, "logs"), logbook.Config{}),
		work:   newWorkqueue(),
		http:   outbound.Client(cfg.Transport),
		draw:   rand.Float64,
		routes: make(map[lambda.Name]*route),
		start:  start,
	}
	if start == nil {
		e.start = e.startPod
	}
	e.life, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	e.drain, e.cut = context.WithCancel(context.WithoutCancel(ctx))
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// begin prepares the directory and starts what runs until Close.
func (e *Engine) begin() error {
	steps := []func() error{e.openFolders, e.openRoutes, e.openQueue}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	for range reconcilers {
		e.loops.Go(e.reconcileLoop)
	}
	e.loops.Go(e.idleLoop)
	e.loops.Go(e.sweepLoop)
	return nil
}

func (e *Engine) openFolders() (err error) {
	if err := blob.SyncDir(e.cfg.DataDir); err != nil {
		return fmt.Errorf("cannot use data directory: %w", err)
	}
	if e.blobs, err = blob.Open(filepath.Join(e.cfg.DataDir, "blobs")); err != nil {
		return err
	}
	if e.trees, err = openTrees(e.cfg.DataDir); err != nil {
		return err
	}
	if err := os.RemoveAll(e.tmpDir()); err != nil {
		return fmt.Errorf("cannot clear temporary files: %w", err)
	}
	e.clients, err = bootstrap.Extract(filepath.Join(e.cfg.DataDir, "clients"))
	if err != nil {
		return err
	}
	return nil
}

func (e *Engine) tmpDir() string { return filepath.Join(e.cfg.DataDir, "tmp") }

// Close refuses new calls, lets what runs come to its end until ctx ends, and lets go of the data directory. Events
// that wait, also those that were being processed when ctx ended, are processed after the next Open.
func (e *Engine) Close(ctx context.Context) error {
	e.closed.Store(true)
	e.stop()
	e.work.close()
	stopCutting := context.AfterFunc(ctx, e.cut)
	defer stopCutting()
	if e.async != nil {
		e.async.Close(ctx)
	}
	e.loops.Wait()
	for _, r := range e.allRoutes() {
		r.retireAll()
	}
	e.endAll()
	e.cut()
	return e.store.Close()
}

// allRoutes is a copy of the table, to walk over without a lock.
func (e *Engine) allRoutes() []*route {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := make([]*route, 0, len(e.routes))
	for _, r := range e.routes {
		all = append(all, r)
	}
	return all
}

// idleLoop stops pods that have had nothing to do for a while.
func (e *Engine) idleLoop() {
	tick := time.NewTicker(max(e.cfg.IdleTimeout/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-e.life.Done():
			return
		case now := <-tick.C:
			for _, r := range e.allRoutes() {
				r.retireIdle(now.Add(-e.cfg.IdleTimeout))
			}
		}
	}
}
