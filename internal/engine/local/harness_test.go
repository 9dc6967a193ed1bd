package local

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

// theater runs units without processes: what a call does is a function of the test's.
type theater struct {
	play func(ctx context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error)
	// failure, if it gives one, is why a unit that is to be kept warm is not ready.
	failure func(u *unit) error

	mu      sync.Mutex
	started []*stage
}

// start is the theater's runnerFunc.
func (th *theater) start(u *unit) (runner, error) {
	s := &stage{theater: th, unit: u, ready: make(chan struct{})}
	if th.failure == nil || th.failure(u) == nil {
		close(s.ready)
	}
	th.mu.Lock()
	defer th.mu.Unlock()
	th.started = append(th.started, s)
	return s, nil
}

// stages are all that were started, and how many of them have not ended.
func (th *theater) stages() (all []*stage, live int) {
	th.mu.Lock()
	defer th.mu.Unlock()
	for _, s := range th.started {
		if !s.isClosed() {
			live++
		}
	}
	return th.started, live
}

// stage is a runner that, like a pod, refuses after Shutdown and waits for what it has accepted.
type stage struct {
	theater *theater
	unit    *unit
	ready   chan struct{}

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

func (s *stage) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *stage) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, pod.ErrShuttingDown
	}
	s.calls.Add(1)
	s.mu.Unlock()
	defer s.calls.Done()
	return s.theater.play(ctx, s.unit, in)
}

func (s *stage) Ready() <-chan struct{} { return s.ready }

func (s *stage) Environments() (live, serving int) {
	select {
	case <-s.ready:
		return s.unit.pod.Min, s.unit.pod.Min
	default:
		return s.unit.pod.Min, 0
	}
}

func (s *stage) Failure() error {
	if s.theater.failure == nil {
		return nil
	}
	return s.theater.failure(s.unit)
}

func (s *stage) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// echo answers with the request.
func echo(_ context.Context, _ *unit, in *lambda.Invocation) (*lambda.Result, error) {
	return &lambda.Result{RequestID: in.ID, Payload: in.Payload}, nil
}

// opened is an engine over a theater. It is closed at the end of the test.
func opened(t *testing.T, cfg Config, th *theater) *Engine {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	if th.play == nil {
		th.play = echo
	}
	cfg.Logger = slog.New(slog.NewTextHandler(toTest{t}, nil))
	e, err := open(t.Context(), cfg, th.start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if e.closed.Load() {
			return
		}
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// toTest sends the engine's words to the test's log.
type toTest struct{ t *testing.T }

func (w toTest) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, reason string, err error, want lambda.Code) {
	t.Helper()
	if got := lambda.CodeOf(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", reason, got, err, want)
	}
}

// code is an archive with an executable bootstrap that holds the text.
func code(t testing.TB, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	w, err := zw.CreateHeader(h)
	must(t, err)
	_, err = w.Write([]byte(text))
	must(t, err)
	must(t, zw.Close())
	return buf.Bytes()
}

func upload(t testing.TB, e *Engine, data []byte) *v1alpha1.Blob {
	t.Helper()
	b, err := e.PutCode(t.Context(), bytes.NewReader(data), lambda.MaxZip)
	must(t, err)
	return &b
}

// function is one that a theater can play on any machine.
func function(t testing.TB, e *Engine, name string) *v1alpha1.Function {
	t.Helper()
	return &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
		FunctionName: name, Runtime: "provided.al2023", Handler: "x",
		Architectures: []v1alpha1.Architecture{architecture()}, Code: v1alpha1.Code{Zip: upload(t, e, code(t, "first"))},
	}}
}

// deployed creates a function and waits for its first outcome.
func deployed(t testing.TB, e *Engine, name string, change ...func(*v1alpha1.FunctionSpec)) *v1alpha1.Function {
	t.Helper()
	fn := function(t, e, name)
	for _, c := range change {
		c(&fn.Spec)
	}
	must(t, e.Create(t.Context(), fn))
	return decided(t, e, fn.Name)
}

// decided waits until a function's status is about its generation.
func decided(t testing.TB, e *Engine, name string) *v1alpha1.Function {
	t.Helper()
	fn := new(v1alpha1.Function)
	eventually(t, func() bool {
		must(t, e.Get(t.Context(), name, fn))
		return fn.Status.ObservedGeneration == fn.Generation
	})
	return fn
}

// eventually waits until a condition holds. In a bubble of synctest the waiting costs nothing.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for range 30_000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain")
}

func call(t testing.TB, name, payload string) *lambda.Invocation {
	t.Helper()
	ref, err := lambda.ParseReference(name)
	must(t, err)
	return &lambda.Invocation{Function: ref, Payload: []byte(payload)}
}

// bubble runs a test with a clock that stands still while anything happens.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}
