// Package engine is the port between the doors (AWS gateway, CLI) and what stands behind them: one machine or a
// cluster. An engine keeps the objects of api/v1alpha1, holds uploaded code, runs functions and gives their logs; what
// an engine must do beyond the comments here is what the suite in enginetest checks.
//
// Errors are [lambda.Error] values: ResourceNotFoundException for what is not there, ResourceConflictException for
// what is there already or is changing, PreconditionFailedException for a stale resourceVersion,
// InvalidParameterValueException for what does not validate.
package engine

import (
	"context"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Objects keeps the objects of one namespace. A write that returned nil is durable. Values passed in and out are
// never shared with the engine. It is safe for concurrent use.
type Objects interface {
	// Get fills obj, whose type says the kind, with the object of that name.
	Get(ctx context.Context, name string, obj v1alpha1.Object) error
	// List fills list, whose type says the kind, with all objects that have these labels, in the order of their names.
	List(ctx context.Context, list runtime.Object, labels map[string]string) error
	// Create adds obj after defaulting and validating it, and fills in what the engine sets: uid, resourceVersion,
	// generation, creationTimestamp. Its status is ignored.
	Create(ctx context.Context, obj v1alpha1.Object) error
	// Update replaces the object's metadata and spec if resourceVersion is empty or still current; status is kept.
	// A change of the spec raises the generation.
	Update(ctx context.Context, obj v1alpha1.Object) error
	// Delete removes the object and everything that belongs to it. With a resourceVersion set in obj it fails if that
	// is no longer current.
	Delete(ctx context.Context, obj v1alpha1.Object) error
}

// Recent is for engines that ask another machine for objects. What it gives is as it was a moment ago, and costs a look into
// memory: it is for what is asked for with each request. Nothing inside what it gives may be changed.
type Recent interface {
	// GetRecent is Get.
	GetRecent(ctx context.Context, name string, obj v1alpha1.Object) error
	// ListRecent is List, in no order.
	ListRecent(ctx context.Context, list runtime.Object, labels map[string]string) error
}

// RecentOf gives the recent objects of an engine; where it has no such, the objects themselves.
func RecentOf(o Objects) Recent {
	if r, ok := o.(Recent); ok {
		return r
	}
	return current{o}
}

// current is objects as they are.
type current struct{ objects Objects }

// GetRecent implements [Recent].
func (c current) GetRecent(ctx context.Context, name string, obj v1alpha1.Object) error {
	return c.objects.Get(ctx, name, obj)
}

// ListRecent implements [Recent].
func (c current) ListRecent(ctx context.Context, list runtime.Object, labels map[string]string) error {
	return c.objects.List(ctx, list, labels)
}

// Page is a part of a list.
type Page struct {
	// Limit is the most objects that the part has; it must be above 0.
	Limit int
	// After is the token that the part before gave; empty for the first one.
	After string
}

// Pages gives lists in parts, so that what a part costs does not depend on how long the list is.
type Pages interface {
	// ListPage fills list as List does, but with one part of it, and gives the token of the part after; that is empty
	// after the last one. A part may have fewer objects than its limit, even none, without being the last. Objects that
	// come or go meanwhile may be missing or not; all others are given exactly once. What cannot be a token of this list
	// fails with InvalidParameterValueException.
	ListPage(ctx context.Context, list runtime.Object, labels map[string]string, p Page) (next string, err error)
}

// Store is objects, singly and in lists.
type Store interface {
	Objects
	Pages
}

// Code holds uploaded archives by their digest until no object names them any more.
type Code interface {
	// PutCode stores what r gives, at most limit bytes. More fails with RequestEntityTooLargeException.
	PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error)
	// OpenCode reads stored bytes back.
	OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error)
}

// LogOptions choose a part of a function's log.
type LogOptions struct {
	// Since drops what is older; zero means from the beginning of what is kept.
	Since time.Time
	// Tail keeps only the last lines of what is there already; 0 means all.
	Tail int
	// Follow goes on until the context ends.
	Follow bool
}

// Logs gives functions' logs.
type Logs interface {
	// Logs writes the log of a function, all versions and environments together, to w line by line.
	Logs(ctx context.Context, fn lambda.Name, opts LogOptions, w io.Writer) error
}

// Async takes events to be processed later.
type Async interface {
	// Enqueue accepts an invocation and returns when it is stored so that it survives a crash. It is then run with
	// the retries, age limit and destinations of the function.
	Enqueue(ctx context.Context, in *lambda.Invocation) error
}

// Engine is all of it.
type Engine interface {
	Store
	Code
	Logs
	Async
	lambda.Invoker
}
