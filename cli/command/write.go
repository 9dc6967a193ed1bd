package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/source"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// change is what a write did.
type change string

const (
	created    change = "created"
	configured change = "configured"
	unchanged  change = "unchanged"
)

// write creates or updates an object. Updates that change nothing are told apart by the generation, which the engine
// raises only for a different spec, after defaulting.
func write(ctx context.Context, e engine.Objects, obj v1alpha1.Object) (change, error) {
	before, ok := obj.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return "", fmt.Errorf("%T is no object", obj)
	}
	err := e.Get(ctx, obj.GetName(), before)
	if isNotFound(err) {
		obj.SetResourceVersion("")
		return created, e.Create(ctx, obj)
	}
	if err != nil {
		return "", err
	}
	if err := e.Update(ctx, obj); err != nil {
		return "", err
	}
	if obj.GetGeneration() == before.GetGeneration() {
		return unchanged, nil
	}
	return configured, nil
}

// validate checks an object as the server will, so that all faults are told before anything is sent.
func validate(obj v1alpha1.Object) error {
	checked, ok := obj.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return fmt.Errorf("%T is no object", obj)
	}
	checked.Default()
	faults := checked.Validate().ToAggregate()
	if faults == nil {
		return nil
	}
	return &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: faults.Error(), Err: faults}
}

// uploadZip stores an archive and gives its name.
func uploadZip(ctx context.Context, e engine.Code, pkg *source.Package) (*v1alpha1.Blob, error) {
	blob, err := e.PutCode(ctx, bytes.NewReader(pkg.Zip), lambda.MaxZip)
	if err != nil {
		return nil, fmt.Errorf("upload the code: %w", err)
	}
	if blob.SHA256 != pkg.SHA256 {
		return nil, fmt.Errorf("upload the code: it arrived as %s, sent was %s", blob.SHA256, pkg.SHA256)
	}
	return &blob, nil
}

// Waiting for a function: how often it is looked at first, and at most.
const (
	firstLook = 5 * time.Millisecond
	slowLook  = 250 * time.Millisecond
)

// errNotReady says that a function did not become ready.
var errNotReady = errors.New("not ready")

// waitReady waits until the current generation of a function serves, and fills fn with it.
func waitReady(ctx context.Context, e engine.Objects, fn *v1alpha1.Function, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNotReady)
	defer cancel()
	for pause := firstLook; ; pause = min(2*pause, slowLook) {
		if err := e.Get(ctx, fn.Name, fn); err != nil && ctx.Err() == nil {
			return fmt.Errorf("look at function %q: %w", lambdaName(fn), err)
		}
		c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady)
		current := c != nil && fn.Status.ObservedGeneration >= fn.Generation
		if current && c.Status == metav1.ConditionTrue {
			return nil
		}
		if current && c.Status == metav1.ConditionFalse {
			return fmt.Errorf("function %q is %w: %s: %s", lambdaName(fn), errNotReady, c.Reason, c.Message)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errNotReady) {
				return fmt.Errorf("function %q is %w after %s: \"lambkin describe %s\" shows how far it is", lambdaName(fn), errNotReady, patience, lambdaName(fn))
			}
			return ctx.Err()
		}
	}
}

// noteDeviations tells what a function that is ready asked for and does not get.
func (a *App) noteDeviations(fn *v1alpha1.Function) {
	if c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionExact); c != nil && c.Status == metav1.ConditionFalse {
		a.IO.Notef("%s: %s", lambdaName(fn), a.IO.Paint(terminal.Warn, c.Message))
	}
}

// functionURL is where plain HTTP requests reach a function.
func (a *App) functionURL(fn *v1alpha1.Function) string {
	if fn.Status.URL != "" {
		return fn.Status.URL
	}
	endpoint, err := a.endpoint()
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(endpoint.value, "/") + "/_url/" + lambdaName(fn) + "/"
}

// publish makes a version of a function as it is now. Without a change since the last version it gives that one.
func publish(ctx context.Context, e engine.Objects, fn *v1alpha1.Function, description string) (*v1alpha1.Version, change, error) {
	v, made, err := engine.PublishVersion(ctx, e, fn, description)
	if err != nil {
		return nil, "", fmt.Errorf("publish a version of %q: %w", lambdaName(fn), err)
	}
	if made {
		return v, created, nil
	}
	return v, unchanged, nil
}
