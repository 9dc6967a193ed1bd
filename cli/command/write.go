package command

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
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
	published  change = "published" // as a version; the function is as it was
	built      change = "built"     // and not deployed
	rebuilt    change = "rebuilt"   // from the same source
)

// write creates or updates an object. Updates that change nothing are told apart by the generation, which the engine
// raises only for a different spec, after defaulting.
//
// If obj names a resourceVersion, nobody may have changed the spec since: the generation that obj was made of must be that
// of now. What an engine writes into the status meanwhile does not matter.
func write(ctx context.Context, e engine.Objects, obj v1alpha1.Object) (change, error) {
	version, generation := obj.GetResourceVersion(), obj.GetGeneration()
	for try := 1; ; try++ {
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
		if version != "" && before.GetGeneration() == generation {
			obj.SetResourceVersion(before.GetResourceVersion())
		}
		err = e.Update(ctx, obj)
		if lambda.CodeOf(err) == lambda.CodePreconditionFailed && before.GetGeneration() == generation && try < rollout.Tries {
			continue
		}
		if err != nil {
			return "", err
		}
		if obj.GetGeneration() == before.GetGeneration() {
			return unchanged, nil
		}
		return configured, nil
	}
}

// validate checks an object as the server will, so that all faults are told before anything is sent.
func validate(obj v1alpha1.Object) error {
	checked, err := defaulted(obj)
	if err != nil {
		return err
	}
	faults := checked.Validate().ToAggregate()
	if faults == nil {
		return nil
	}
	return &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: faults.Error(), Err: faults}
}

// defaulted is a copy of an object with all defaults. What is written has none: which of them hold, the engine knows.
func defaulted(obj v1alpha1.Object) (v1alpha1.Object, error) {
	whole, ok := obj.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object", obj)
	}
	whole.Default()
	return whole, nil
}

// uploadZip stores an archive under its digest.
func uploadZip(ctx context.Context, e engine.Code, pkg *source.Package) error {
	blob, err := e.PutCode(ctx, bytes.NewReader(pkg.Zip), lambda.MaxZip)
	if err != nil {
		return fmt.Errorf("upload the code: %w", err)
	}
	if blob.SHA256 != pkg.SHA256 {
		return fmt.Errorf("upload the code: it arrived as %s, sent was %s", blob.SHA256, pkg.SHA256)
	}
	return nil
}

// noteDeviations tells what a function that is ready asked for and does not get.
func (a *App) noteDeviations(fn *v1alpha1.Function) {
	if c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionExact); c != nil && c.Status == metav1.ConditionFalse {
		a.IO.Notef("%s: %s", lambdaName(fn), a.IO.Paint(terminal.Warn, c.Message))
	}
}

// functionURL is where plain HTTP requests reach a function.
func (a *App) functionURL(fn *v1alpha1.Function) string {
	return a.urlOf(fn.Status.URL, lambdaName(fn))
}

// urlOf is a URL as the engine told it; a server on a machine has one for everything, by the name that it is called by.
func (a *App) urlOf(told, name string) string {
	if told != "" || a.onCluster() {
		return told
	}
	endpoint, err := a.endpoint()
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(endpoint.value, "/") + "/_url/" + name + "/"
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
