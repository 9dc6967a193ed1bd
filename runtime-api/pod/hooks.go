package pod

import (
	"context"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// onReady is called at the runtime's first request for work: registration of extensions is over, and the environment
// is ready when all of them are. A fast runtime may ask before we know that it has started; what it prints would not yet
// be followed, so it waits until we do. A runtime with many pollers, or one that tries again, comes here more than once.
func (in *incarnation) onReady(ctx context.Context) error {
	select {
	case <-in.ready:
		return nil
	default:
	}
	select {
	case <-in.launched:
	case <-ctx.Done():
		return ctx.Err()
	}
	in.registry.CloseRegistration()
	select {
	case <-in.registry.Ready():
		in.readyOnce.Do(func() { close(in.ready) })
		return nil
	case <-in.registry.Failed():
		return invoke.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onIdle is called when the runtime asks for more: the environment is free when the extensions that were told of the
// invocation before are done with it too. Their time is the invocation's.
func (in *incarnation) onIdle(ctx context.Context) error {
	if err := in.onReady(ctx); err != nil {
		return err
	}
	done := in.registry.Idle()
	select {
	case <-done:
		return nil
	default:
	}
	limit := time.NewTimer(in.cfg.Timeout)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		signal(in.overran)
		return invoke.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onStarted is called at each hand-over.
func (in *incarnation) onStarted(t *invoke.Task) {
	signal(in.used)
	in.story.started(t)
	in.registry.Invoke(extension.Invocation{
		RequestID:   t.In.ID,
		Deadline:    t.Deadline(),
		FunctionARN: t.In.Function.ARN(in.cfg.Identity),
		Trace:       t.In.Trace,
	})
}

// onEnded is called when an invocation has its outcome, before its caller learns of it.
func (in *incarnation) onEnded(t *invoke.Task, r *lambda.Result) {
	in.story.ended(t, r)
	in.cfg.Observer.Ended(r, t.Started().Sub(t.Queued))
}
