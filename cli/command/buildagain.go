package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

// rebuildAnnotation makes the controller build again when its value changes, although nothing else has.
const rebuildAnnotation = v1alpha1.Group + "/rebuild"

// commit is what a git revision looks like that never moves.
var commit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// buildAgain asks for another build of a source that may have moved on although the object says the same: a branch of a
// repository. The person may ask for one too.
func (o *deployOptions) buildAgain(fn, existing *v1alpha1.Function) {
	s := fn.Spec.Code.Source
	if s == nil || existing.Status.LastBuild == nil {
		return
	}
	moves := s.Git != nil && o.remote.git != "" && !commit.MatchString(s.Git.Revision)
	if !moves && !o.rebuild {
		return
	}
	if fn.Annotations == nil {
		fn.Annotations = map[string]string{}
	}
	fn.Annotations[rebuildAnnotation] = o.app.now().UTC().Format(time.RFC3339Nano)
	o.buildBefore = existing.Status.LastBuild.Name
}

// errNothingToBuild says that --build-only has no object.
var errNothingToBuild = errors.New("--build-only: nothing has to be built; code that runs as it is becomes an image when it is deployed")

// buildAside builds what would be deployed and deploys nothing.
func (o *deployOptions) buildAside(ctx context.Context, e engine.Engine, fn *v1alpha1.Function, pkg *source.Package) (cluster.Build, error) {
	if fn.Spec.Code.Source == nil {
		return cluster.Build{}, errNothingToBuild
	}
	c, err := o.app.cluster()
	if err != nil {
		return cluster.Build{}, err
	}
	if pkg != nil {
		if err := uploadZip(ctx, e, pkg); err != nil {
			return cluster.Build{}, err
		}
	}
	layers, err := layersOf(ctx, e, fn)
	if err != nil {
		return cluster.Build{}, err
	}
	name, err := c.StartBuild(ctx, fn, layers)
	if err != nil || !o.wait {
		return cluster.Build{Name: name}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.patience, errNotReady)
	defer cancel()
	b, err := c.FollowBuild(ctx, name, o.app.tellBuild)
	switch {
	case errors.Is(context.Cause(ctx), errNotReady):
		return b, fmt.Errorf("build %q is %w after %s: \"lambkin logs build %s\" follows it", name, errNotReady, o.patience, name)
	case err != nil:
		return b, err
	case b.Succeeded != metav1.ConditionTrue:
		return b, fmt.Errorf("build %q failed: %s", name, orText(b.Message, b.Reason))
	}
	return b, nil
}

// layersOf finds the archives of a function's layers.
func layersOf(ctx context.Context, e engine.Objects, fn *v1alpha1.Function) ([]v1alpha1.Blob, error) {
	var found []v1alpha1.Blob
	for _, arn := range fn.Spec.Layers {
		parts := strings.Split(arn, ":")
		number, err := strconv.ParseInt(parts[len(parts)-1], 10, 64)
		if err != nil || len(parts) < 2 {
			return nil, usagef("--layer %q is no layer version", arn)
		}
		l := new(v1alpha1.LayerVersion)
		if err := e.Get(ctx, v1alpha1.LayerVersionObjectName(parts[len(parts)-2], number), l); err != nil {
			return nil, fmt.Errorf("find layer %q: %w", arn, err)
		}
		found = append(found, l.Spec.Content)
	}
	return found, nil
}
