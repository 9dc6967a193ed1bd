package pod

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/lambkin-dev/lambkin/runtime-api/extension"
)

// TestReadyWaitsForTheLaunch holds that a runtime which asks for work before its start has been noticed gets none yet: its
// output would not be in the log of the invocation.
func TestReadyWaitsForTheLaunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Function: "fn"})
		in := newIncarnation(p.newEnvironment(0), nil)
		in.registry = extension.NewRegistry(extension.Info{}, nil)
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := in.onReady(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a runtime that is gone gets %v", err)
		}
		answered := make(chan error, 2)
		go func() { answered <- in.onReady(t.Context()) }()
		go func() { answered <- in.onIdle(t.Context()) }() // another poller of the same process
		synctest.Wait()
		select {
		case err := <-answered:
			t.Fatalf("ready before the launch: %v", err)
		default:
		}
		close(in.launched)
		for range 2 {
			if err := <-answered; err != nil {
				t.Errorf("after the launch: %v", err)
			}
		}
		<-in.ready
	})
}
