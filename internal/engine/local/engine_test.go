package local_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/enginetest"
	"github.com/lambkin-dev/lambkin/internal/engine/local"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	os.Exit(m.Run())
}

// logTo sends the engine's words to the test's log.
type logTo struct{ t testing.TB }

func (l logTo) Write(p []byte) (int, error) {
	l.t.Logf("engine: %s", p)
	return len(p), nil
}

// closing closes an engine at the end of a test, so that what is left over shows.
func closing(t *testing.T, e *local.Engine) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func suite(t *testing.T, sandbox bool) {
	dirs := map[engine.Engine]string{}
	enginetest.Run(t, func(t *testing.T) engine.Engine {
		dir := t.TempDir()
		e, err := local.Open(t.Context(), local.Config{
			DataDir: dir, RetryDelay: 50 * time.Millisecond, Sandbox: sandbox, MaxEnvironments: 8,
			Logger: slog.New(slog.NewTextHandler(logTo{t}, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		closing(t, e)
		dirs[e] = dir
		return e
	}, enginetest.WithSecrets(func(t *testing.T, e engine.Engine, name, key, value string) {
		dir := filepath.Join(dirs[e], "secrets", name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestEngine(t *testing.T) { suite(t, false) }

func TestEngineWithSandbox(t *testing.T) {
	if err := process.Supports().Sandbox; err != nil {
		t.Skipf("this machine does not allow sandboxes (user and mount namespaces): %v", err)
	}
	suite(t, true)
}
