// Package double is an engine in memory for the tests of its callers: it keeps objects and code, and runs Go functions in
// place of real ones. It defaults objects but takes invalid ones; what an engine must do is the business
// of enginetest.
package double

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Engine is an engine in memory. The fields may be set before use; the zero value works.
type Engine struct {
	// OnInvoke runs invocations; by default they are echoed.
	OnInvoke lambda.InvokerFunc
	// OnWrite may refuse an object that is created or updated.
	OnWrite func(obj v1alpha1.Object) error
	// OnReady sets the status of a function that was written; by default it is ready at once.
	OnReady func(fn *v1alpha1.Function)
	// Log is what every function's log holds.
	Log []string

	mu      sync.Mutex
	objects map[string]v1alpha1.Object
	blobs   map[string][]byte
	queued  []*lambda.Invocation
	writes  int64
}

var _ engine.Engine = (*Engine)(nil)

func key(obj runtime.Object, name string) string { return fmt.Sprintf("%T/%s", obj, name) }

func notFound(obj v1alpha1.Object, name string) error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "%s %q not found", reflect.TypeOf(obj).Elem().Name(), name)
}

// Get implements [engine.Objects].
func (e *Engine) Get(_ context.Context, name string, obj v1alpha1.Object) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept, ok := e.objects[key(obj, name)]
	if !ok {
		return notFound(obj, name)
	}
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(kept.DeepCopyObject()).Elem())
	return nil
}

// List implements [engine.Objects].
func (e *Engine) List(_ context.Context, list runtime.Object, labels map[string]string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	items := reflect.ValueOf(list).Elem().FieldByName("Items")
	items.SetZero()
	prefix := "*" + items.Type().Elem().String() + "/"
	var keys []string
	for k, obj := range e.objects {
		if strings.HasPrefix(k, prefix) && hasAll(obj.GetLabels(), labels) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		items.Set(reflect.Append(items, reflect.ValueOf(e.objects[k].DeepCopyObject()).Elem()))
	}
	return nil
}

// ListPage implements [engine.Pages]. It makes every part from the whole.
func (e *Engine) ListPage(ctx context.Context, list runtime.Object, labels map[string]string, p engine.Page) (next string, err error) {
	if err := e.List(ctx, list, labels); err != nil {
		return "", err
	}
	items := reflect.ValueOf(list).Elem().FieldByName("Items")
	nameOf := func(i int) string { return items.Index(i).FieldByName("Name").String() }
	from := 0
	for from < items.Len() && p.After != "" && nameOf(from) <= p.After {
		from++
	}
	to := min(from+p.Limit, items.Len())
	if to < items.Len() {
		next = nameOf(to - 1)
	}
	items.Set(items.Slice(from, to))
	return next, nil
}

func hasAll(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// Create implements [engine.Objects].
func (e *Engine) Create(_ context.Context, obj v1alpha1.Object) error {
	if err := e.check(obj); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := key(obj, obj.GetName())
	if _, ok := e.objects[k]; ok {
		return lambda.Errorf(lambda.CodeResourceConflict, "%s %q exists already", reflect.TypeOf(obj).Elem().Name(), obj.GetName())
	}
	obj.SetGeneration(1)
	if obj.GetUID() == "" { // tests may tell objects apart by it
		obj.SetUID("00000000-0000-4000-8000-000000000001")
	}
	obj.SetCreationTimestamp(metav1.NewTime(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)))
	e.keep(obj)
	return nil
}

func (e *Engine) check(obj v1alpha1.Object) error {
	obj.Default()
	if e.OnWrite == nil {
		return nil
	}
	return e.OnWrite(obj)
}

// keep stores a copy; functions become ready at once. The caller holds the lock.
func (e *Engine) keep(obj v1alpha1.Object) {
	e.writes++
	obj.SetResourceVersion(strconv.FormatInt(e.writes, 10))
	if fn, ok := obj.(*v1alpha1.Function); ok {
		e.ready(fn)
	}
	if e.objects == nil {
		e.objects = map[string]v1alpha1.Object{}
	}
	kept, _ := obj.DeepCopyObject().(v1alpha1.Object)
	e.objects[key(obj, obj.GetName())] = kept
	if v, ok := obj.(*v1alpha1.Version); ok {
		e.published(v)
	}
}

func (e *Engine) ready(fn *v1alpha1.Function) {
	if e.OnReady == nil {
		fn.Status.MarkReady(fn.Generation)
		return
	}
	e.OnReady(fn)
}

// published raises the function's count of versions. The caller holds the lock.
func (e *Engine) published(v *v1alpha1.Version) {
	for _, obj := range e.objects {
		if fn, ok := obj.(*v1alpha1.Function); ok && fn.Spec.FunctionName == v.Spec.FunctionName {
			fn.Status.LatestVersion = max(fn.Status.LatestVersion, v.Spec.Version)
		}
	}
}

// Update implements [engine.Objects].
func (e *Engine) Update(_ context.Context, obj v1alpha1.Object) error {
	if err := e.check(obj); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	kept, ok := e.objects[key(obj, obj.GetName())]
	if !ok {
		return notFound(obj, obj.GetName())
	}
	if v := obj.GetResourceVersion(); v != "" && v != kept.GetResourceVersion() {
		return lambda.Errorf(lambda.CodePreconditionFailed, "the object has changed")
	}
	generation := kept.GetGeneration()
	if !reflect.DeepEqual(spec(kept), spec(obj)) {
		generation++
	}
	obj.SetGeneration(generation)
	obj.SetUID(kept.GetUID())
	obj.SetCreationTimestamp(kept.GetCreationTimestamp())
	if fn, ok := obj.(*v1alpha1.Function); ok {
		fn.Status = kept.(*v1alpha1.Function).Status //nolint:forcetypeassert // same key, same type
	}
	e.keep(obj)
	return nil
}

func spec(obj v1alpha1.Object) any {
	return reflect.ValueOf(obj).Elem().FieldByName("Spec").Interface()
}

// Delete implements [engine.Objects].
func (e *Engine) Delete(_ context.Context, obj v1alpha1.Object) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := key(obj, obj.GetName())
	kept, ok := e.objects[k]
	if !ok {
		return notFound(obj, obj.GetName())
	}
	if v := obj.GetResourceVersion(); v != "" && v != kept.GetResourceVersion() {
		return lambda.Errorf(lambda.CodePreconditionFailed, "the object has changed")
	}
	delete(e.objects, k)
	return nil
}

// PutCode implements [engine.Code].
func (e *Engine) PutCode(_ context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return v1alpha1.Blob{}, fmt.Errorf("read code: %w", err)
	}
	if int64(len(data)) > limit {
		return v1alpha1.Blob{}, lambda.Errorf(lambda.CodeRequestEntityTooLarge, "code may have at most %d bytes", limit)
	}
	sum := sha256.Sum256(data)
	b := v1alpha1.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.blobs == nil {
		e.blobs = map[string][]byte{}
	}
	e.blobs[b.SHA256] = data
	return b, nil
}

// OpenCode implements [engine.Code].
func (e *Engine) OpenCode(_ context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	data, ok := e.blobs[b.SHA256]
	if !ok {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "no code with digest %q", b.SHA256)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Logs implements [engine.Logs]. Following means waiting for the end of ctx.
func (e *Engine) Logs(ctx context.Context, fn lambda.Name, opts engine.LogOptions, w io.Writer) error {
	if err := e.Get(ctx, string(fn), new(v1alpha1.Function)); err != nil {
		return err
	}
	lines := e.Log
	if opts.Tail > 0 && opts.Tail < len(lines) {
		lines = lines[len(lines)-opts.Tail:]
	}
	for _, line := range lines {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
	}
	if opts.Follow {
		<-ctx.Done()
	}
	return nil
}

// Enqueue implements [engine.Async].
func (e *Engine) Enqueue(_ context.Context, in *lambda.Invocation) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queued = append(e.queued, in)
	return nil
}

// Queued gives the payloads of the asynchronous invocations so far.
func (e *Engine) Queued() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var payloads []string
	for _, in := range e.queued {
		payloads = append(payloads, string(in.Payload))
	}
	return payloads
}

// Invoke implements [lambda.Invoker].
func (e *Engine) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	if err := e.Get(ctx, string(in.Function.Name), new(v1alpha1.Function)); err != nil {
		return nil, err
	}
	if e.OnInvoke != nil {
		return e.OnInvoke(ctx, in)
	}
	return &lambda.Result{RequestID: in.ID, ExecutedVersion: lambda.LatestVersion, Payload: in.Payload}, nil
}

// Server is a handler with the engine behind it, as on a real server.
func (e *Engine) Server() http.Handler { return remote.Guard(remote.Handler(e)) }
