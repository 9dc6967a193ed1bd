package gateway

import (
	"context"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxRaces is how often a change is tried anew because somebody else changed the object first.
const maxRaces = 10

// updateFunctionConfigurationInput is UpdateFunctionConfigurationRequest.
type updateFunctionConfigurationInput struct {
	settings

	RevisionId string
}

// updateFunctionConfiguration does UpdateFunctionConfiguration.
func (g *gateway) updateFunctionConfiguration(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	var in updateFunctionConfigurationInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := in.refuse(); err != nil {
		return nil, err
	}
	if err := g.refuseFileSystems(in.FileSystemConfigs); err != nil {
		return nil, err
	}
	if err := g.checkDeadLetter(in.DeadLetterConfig); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	known, err := g.function(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(in.Layers) > 0 {
		if err := g.verifyCode(ctx, known.Spec.CodeSigningConfig); err != nil {
			return nil, err
		}
	}
	if err := g.checkLayers(ctx, in.Layers); err != nil {
		return nil, err
	}
	fn, err := g.modify(ctx, ref, in.RevisionId, func(fn *v1alpha1.Function) error { return in.apply(&fn.Spec) })
	if err != nil {
		return nil, err
	}
	return g.describe(ctx, snapshotOf(fn, g.arn(ref.Name, "")))
}

// updatable gets a function that is about to be updated: it must be at the revision that the caller knows, if one is
// given, and not be changing.
func (g *gateway) updatable(ctx context.Context, ref lambda.Reference, revisionID string) (*v1alpha1.Function, error) {
	fn, err := g.function(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := sameRevision(revisionID, snapshotRevision(snapshotOf(fn, ""))); err != nil {
		return nil, err
	}
	if update, _, _ := fn.Status.LastUpdateStatus(fn.Generation); update == v1alpha1.LastUpdateInProgress {
		return nil, g.inProgress(ref.Name)
	}
	if state, _, _ := fn.Status.State(); state == v1alpha1.StatePending {
		return nil, lambda.Errorf(lambda.CodeResourceConflict, "The operation cannot be performed at this time. "+
			"The function is currently in the following state: Pending")
	}
	return fn, nil
}

// inProgress is the error whose words tools wait on.
func (g *gateway) inProgress(name lambda.Name) error {
	return lambda.Errorf(lambda.CodeResourceConflict, "The operation cannot be performed at this time. "+
		"An update is in progress for resource: %s", g.arn(name, ""))
}

// modify updates a function's code or configuration. The change may be made several times, each time to what the
// function is then.
func (g *gateway) modify(ctx context.Context, ref lambda.Reference, revisionID string, change func(*v1alpha1.Function) error) (*v1alpha1.Function, error) {
	for range maxRaces {
		fn, err := g.updatable(ctx, ref, revisionID)
		if err != nil {
			return nil, err
		}
		if err := change(fn); err != nil {
			return nil, err
		}
		if err := g.engine.Update(ctx, fn); !isStale(err) {
			return fn, err
		}
	}
	return nil, g.inProgress(ref.Name)
}

// adjust changes what the API keeps apart from a function's configuration, such as tags: that is possible at any time.
func (g *gateway) adjust(ctx context.Context, ref lambda.Reference, change func(*v1alpha1.Function) error) error {
	for range maxRaces {
		fn, err := g.function(ctx, ref)
		if err != nil {
			return err
		}
		if err := change(fn); err != nil {
			return err
		}
		if err := g.engine.Update(ctx, fn); !isStale(err) {
			return err
		}
	}
	return g.inProgress(ref.Name)
}

// isStale reports whether an engine says that an object changed since it was read.
func isStale(err error) bool { return lambda.CodeOf(err) == lambda.CodePreconditionFailed }

// nameOf is a function's name in the API.
func nameOf(fn *v1alpha1.Function) lambda.Name { return lambda.Name(fn.LambdaName()) }
