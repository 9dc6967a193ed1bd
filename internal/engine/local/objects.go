package local

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
)

// Kinds as they are in work keys.
const (
	kindFunction  = "Function"
	kindVersion   = "Version"
	kindAlias     = "Alias"
	kindURLConfig = "FunctionURLConfig"
	kindPolicy    = "ResourcePolicy"
)

// Get fills obj with the object of its kind and that name.
func (e *Engine) Get(ctx context.Context, name string, obj v1alpha1.Object) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	if err := e.store.Get(name, obj); err != nil {
		return err
	}
	e.observe(obj)
	return nil
}

// List fills list with the objects of its kind that have these labels.
func (e *Engine) List(ctx context.Context, list runtime.Object, labels map[string]string) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	if err := e.store.List(list, labels); err != nil {
		return err
	}
	e.observeAll(list)
	return nil
}

// ListPage fills list with one part of what List gives.
func (e *Engine) ListPage(ctx context.Context, list runtime.Object, labels map[string]string, p engine.Page) (next string, err error) {
	if err := e.usable(ctx); err != nil {
		return "", err
	}
	next, err = e.store.ListPage(list, labels, p.After, p.Limit)
	e.observeAll(list)
	return next, err
}

// Create adds obj. Code that it names by digest must have been put before.
func (e *Engine) Create(ctx context.Context, obj v1alpha1.Object) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	if err := e.check(obj); err != nil {
		return err
	}
	if err := e.store.Create(obj); err != nil {
		return err
	}
	return e.changed(obj)
}

// Update replaces obj's metadata and spec.
func (e *Engine) Update(ctx context.Context, obj v1alpha1.Object) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	if err := e.check(obj); err != nil {
		return err
	}
	if err := e.store.Update(obj); err != nil {
		return err
	}
	return e.changed(obj)
}

// Delete removes obj and all that belongs to it. What the function is doing at that time it does to its end.
func (e *Engine) Delete(ctx context.Context, obj v1alpha1.Object) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	gone, err := e.store.Delete(obj)
	if err != nil {
		return err
	}
	for _, o := range gone {
		if err := e.changed(o); err != nil {
			return err
		}
	}
	if fn, ok := gone[0].(*v1alpha1.Function); ok {
		return e.logs.Remove(lambda.Name(fn.LambdaName()))
	}
	return nil
}

// usable refuses calls whose context has ended, and all after Close.
func (e *Engine) usable(ctx context.Context) error {
	if e.closed.Load() {
		return &lambda.Error{Code: lambda.CodeServiceUnavailable, Message: "The engine is shutting down. Try again.", RetryAfter: retryAfter}
	}
	return ctx.Err()
}

// changed renews the route that obj belongs to and asks for what depends on obj to be reconciled.
func (e *Engine) changed(obj v1alpha1.Object) error {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		e.work.add(workKey{kindFunction, o.Name})
		return e.renew(lambda.Name(o.LambdaName()))
	case *v1alpha1.Version:
		e.work.add(workKey{kindVersion, o.Name})
		defer e.recheckAliases(lambda.Name(o.Spec.FunctionName))
		return e.renew(lambda.Name(o.Spec.FunctionName))
	case *v1alpha1.Alias:
		e.work.add(workKey{kindAlias, o.Name})
		e.work.add(workKey{kindURLConfig, v1alpha1.FunctionURLObjectName(o.Spec.FunctionName, o.Spec.Name)})
		return e.renew(lambda.Name(o.Spec.FunctionName))
	case *v1alpha1.FunctionURLConfig:
		e.work.add(workKey{kindURLConfig, o.Name})
	case *v1alpha1.ResourcePolicy:
		e.work.add(workKey{kindPolicy, o.Name})
	case *v1alpha1.LayerVersion, *v1alpha1.CodeSigningConfig:
		e.retryFailed()
	}
	return nil
}

// recheckAliases has a function's aliases looked at again, as its versions have changed.
func (e *Engine) recheckAliases(fn lambda.Name) {
	if r := e.route(fn); r != nil {
		for _, name := range r.aliasObjects() {
			e.work.add(workKey{kindAlias, name})
		}
	}
}

// check refuses an object that names what is not there.
func (e *Engine) check(obj v1alpha1.Object) error {
	var targets []string
	switch o := obj.(type) {
	case *v1alpha1.Function:
		targets = o.Spec.Destinations()
	case *v1alpha1.Version:
		targets = o.Spec.Async.Destinations() // the rest is as it was when the function had it
	case *v1alpha1.Alias:
		targets = o.Spec.Async.Destinations()
	}
	if err := e.checkDestinations(targets); err != nil {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "%v", err)
	}
	return e.checkCode(obj)
}

// checkDestinations says which destination nothing can be sent to: its records would be lost.
func (e *Engine) checkDestinations(targets []string) error {
	for _, target := range targets {
		if err := e.endpoints().Check(target); err != nil {
			return err
		}
	}
	return nil
}

// endpoints are those of the services that take records; none if nobody has said so.
func (e *Engine) endpoints() messaging.Endpoints {
	if e.cfg.Messages == nil {
		return messaging.Endpoints{}
	}
	return e.cfg.Messages.Endpoints()
}

// checkCode refuses an object that names bytes which were never put, and keeps those that it names from being swept.
func (e *Engine) checkCode(obj v1alpha1.Object) error {
	for _, b := range blobsOf(obj) {
		size, err := e.blobs.Size(b.SHA256)
		if lambda.CodeOf(err) == lambda.CodeResourceNotFound || err == nil && size != b.Size {
			return lambda.Errorf(lambda.CodeInvalidParameterValue, "no code with digest %q and size %d was uploaded", b.SHA256, b.Size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// blobsOf are the blobs that an object names in its spec.
func blobsOf(obj v1alpha1.Object) []v1alpha1.Blob {
	var named *v1alpha1.Blob
	switch o := obj.(type) {
	case *v1alpha1.Function:
		named = o.Spec.Code.Zip
	case *v1alpha1.Version:
		named = o.Spec.Function.Code.Zip
	case *v1alpha1.LayerVersion:
		named = &o.Spec.Content
	}
	if named == nil {
		return nil
	}
	return []v1alpha1.Blob{*named}
}
