package remote_test

import (
	"context"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/enginetest"
	"github.com/lambkin-dev/lambkin/internal/engine/local"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	os.Exit(m.Run())
}

// TestEngine: the local engine seen through both ends of this package is an engine like any other.
func TestEngine(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine {
		t.Helper()
		e, err := local.Open(t.Context(), local.Config{DataDir: t.TempDir(), RetryDelay: 50 * time.Millisecond, MaxEnvironments: 8})
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(remote.Guard(remote.Handler(e)))
		t.Cleanup(func() {
			srv.CloseClientConnections()
			srv.Close()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := e.Close(ctx); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		c, err := remote.New(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}
