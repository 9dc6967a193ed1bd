package local

import (
	"context"
	"errors"
	"time"

	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

// retryAfter is what callers are told who were throttled or came while the engine closes.
const retryAfter = time.Second

// Invoke runs a function. See lambda.Invoker.
func (e *Engine) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	if len(in.Payload) > lambda.MaxRequestPayload {
		return nil, tooLarge(lambda.MaxRequestPayload)
	}
	r, err := e.find(in.Function)
	if err != nil {
		return nil, err
	}
	if !r.enter() {
		return nil, lambda.Throttled(lambda.ReasonReservedConcurrency, retryAfter)
	}
	defer r.leave()
	if e.running.Add(1) > int64(e.cfg.Concurrency) {
		e.running.Add(-1)
		return nil, lambda.Throttled(lambda.ReasonConcurrency, retryAfter)
	}
	defer e.running.Add(-1)
	return e.run(ctx, r, in)
}

func tooLarge(limit int) error {
	return lambda.Errorf(lambda.CodeRequestTooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
}

// run hands an invocation to the version that its qualifier leads to. A run that ends at this very moment refuses
// without having executed anything; then the next takes it.
func (e *Engine) run(ctx context.Context, r *route, in *lambda.Invocation) (*lambda.Result, error) {
	label, s, err := r.follow(in.Function.Qualifier, e.draw)
	if err != nil {
		return nil, e.notFound(in.Function)
	}
	in, err = engine.Admit(in, engine.Target{
		ARN: engine.FunctionARN(in.Function, e.cfg.Identity), Function: r.specOf(lambda.LatestVersion), Version: r.specOf(label),
	})
	if err != nil {
		return nil, err
	}
	for {
		result, err := s.invoke(ctx, in)
		if errors.Is(err, pod.ErrShuttingDown) || errors.Is(err, errNoVersion) {
			if err := e.usable(ctx); err != nil {
				return nil, err
			}
		}
		switch {
		case errors.Is(err, pod.ErrShuttingDown):
			continue
		case errors.Is(err, errNoVersion):
			return nil, e.notFound(in.Function)
		case err != nil:
			return nil, err
		}
		result.ExecutedVersion = label
		return result, nil
	}
}

// find gives the route of a function in our region.
func (e *Engine) find(ref lambda.Reference) (*route, error) {
	if ref.Region != "" && ref.Region != e.cfg.Identity.Region {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Functions from '%s' are not reachable in this region ('%s')", ref.Region, e.cfg.Identity.Region)
	}
	foreign := ref.Account != "" && ref.Account != e.cfg.Identity.Account
	r := e.route(ref.Name)
	if r == nil || foreign {
		return nil, e.notFound(ref)
	}
	return r, nil
}

// notFound is what Invoke answers on AWS: an unqualified name is completed.
func (e *Engine) notFound(ref lambda.Reference) error {
	ref.Qualifier = or(ref.Qualifier, lambda.LatestVersion)
	return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", ref.ARN(e.cfg.Identity))
}
