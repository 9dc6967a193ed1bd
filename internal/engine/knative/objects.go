package knative

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// pageSize is how many objects one request of a list asks for.
	pageSize = 500
	// maxCollisions is how often a write is tried anew because somebody else wrote in the meantime.
	maxCollisions = 20
	// vanishing is how long a create waits for an object of the same name that is being deleted.
	vanishing = 30 * time.Second
	// vanishPoll is how often it looks.
	vanishPoll = 100 * time.Millisecond
)

// kindOf is an object's or a list's kind, for sentences.
func kindOf(obj runtime.Object) string { return reflect.TypeOf(obj).Elem().Name() }

// likeNew is an empty object or list of the same kind: what the API server sends is read into nothing older.
func likeNew[T runtime.Object](obj T) T {
	fresh, _ := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(T) // the same type
	return fresh
}

// assign makes to what from is; both are of one kind.
func assign(to, from runtime.Object) { reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem()) }

// objectList is list as the API server's clients fill it.
func objectList(list runtime.Object) (client.ObjectList, error) {
	into, ok := list.(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("%T is no list of %s", list, v1alpha1.GroupVersion())
	}
	return into, nil
}

func copyOf(obj v1alpha1.Object) v1alpha1.Object {
	made, _ := obj.DeepCopyObject().(v1alpha1.Object) // the same type
	return made
}

// clearStatus empties an object's status, if its kind has one.
func clearStatus(obj v1alpha1.Object) {
	if status := reflect.ValueOf(obj).Elem().FieldByName("Status"); status.IsValid() {
		status.SetZero()
	}
}

// stamp writes apiVersion and kind, and leaves out the API server's notes on who wrote what.
func stamp(obj v1alpha1.Object) {
	obj.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kindOf(obj)))
	obj.SetManagedFields(nil)
}

// Get fills obj with the object of its kind and that name. What is being deleted counts as gone.
func (e *Engine) Get(ctx context.Context, name string, obj v1alpha1.Object) error {
	return e.get(ctx, e.Client, name, obj)
}

// GetRecent is Get as of a moment ago. See [engine.Recent].
func (e *Engine) GetRecent(ctx context.Context, name string, obj v1alpha1.Object) error {
	return e.get(ctx, e.recent(), name, obj)
}

func (e *Engine) get(ctx context.Context, from client.Reader, name string, obj v1alpha1.Object) error {
	fresh := likeNew(obj)
	if err := readFrom(ctx, from, client.ObjectKey{Namespace: e.Namespace, Name: name}, fresh); err != nil {
		return err
	}
	assign(obj, fresh)
	return nil
}

// ListRecent is List as of a moment ago. See [engine.Recent].
func (e *Engine) ListRecent(ctx context.Context, list runtime.Object, labels map[string]string) error {
	into, err := objectList(list)
	if err != nil {
		return err
	}
	fresh := likeNew(into)
	if err := e.recent().List(ctx, fresh, client.InNamespace(e.Namespace), client.MatchingLabels(labels)); err != nil {
		return objectError(ctx, kindOf(list), "", err)
	}
	items, err := itemsOf(fresh)
	if err != nil {
		return err
	}
	return fillList(into, items)
}

func (e *Engine) recent() client.Reader {
	if e.Cache == nil {
		return e.Client
	}
	return e.Cache
}

// read is Get into an empty object.
func (e *Engine) read(ctx context.Context, name string, fresh v1alpha1.Object) error {
	return readFrom(ctx, e.Client, client.ObjectKey{Namespace: e.Namespace, Name: name}, fresh)
}

func readFrom(ctx context.Context, objects client.Reader, key client.ObjectKey, fresh v1alpha1.Object) error {
	if err := objects.Get(ctx, key, fresh); err != nil {
		return objectError(ctx, kindOf(fresh), key.Name, err)
	}
	if fresh.GetDeletionTimestamp() != nil {
		return absent(kindOf(fresh), key.Name)
	}
	stamp(fresh)
	return nil
}

// List fills list with the objects of its kind that have these labels, by name.
func (e *Engine) List(ctx context.Context, list runtime.Object, labels map[string]string) error {
	into, err := objectList(list)
	if err != nil {
		return err
	}
	items, err := e.pages(ctx, into, labels, pageSize)
	if apierrors.IsResourceExpired(err) {
		items, err = e.pages(ctx, into, labels, 0) // all at once cannot expire in between
	}
	if err != nil {
		return objectError(ctx, kindOf(list), "", err)
	}
	slices.SortFunc(items, func(a, b v1alpha1.Object) int { return strings.Compare(a.GetName(), b.GetName()) })
	return fillList(into, items)
}

// ListPage fills list with one part of what List gives. The token is the API server's; when the state that it goes on from
// has been forgotten, the list goes on from the state that there is now.
func (e *Engine) ListPage(ctx context.Context, list runtime.Object, labels map[string]string, p engine.Page) (next string, err error) {
	into, err := objectList(list)
	if err != nil {
		return "", err
	}
	page := likeNew(into)
	read := func(token string) error {
		return e.Client.List(ctx, page, client.InNamespace(e.Namespace), client.MatchingLabels(labels), client.Limit(int64(p.Limit)), client.Continue(token))
	}
	err = read(p.After)
	if fresh := renewed(err); fresh != "" {
		err = read(fresh)
	}
	if p.After != "" && (apierrors.IsBadRequest(err) || apierrors.IsInvalid(err)) {
		return "", &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: "The token is none of this list.", Err: err}
	}
	if err != nil {
		return "", objectError(ctx, kindOf(list), "", err)
	}
	items, err := itemsOf(page)
	if err != nil {
		return "", err
	}
	return page.GetContinue(), fillList(into, items)
}

// renewed is the token that the API server gives in place of one that is too old; empty if err is something else.
func renewed(err error) string {
	var status apierrors.APIStatus
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}

// fillList makes list one of these objects without those that are being deleted.
func fillList(list client.ObjectList, items []v1alpha1.Object) error {
	items = slices.DeleteFunc(items, func(obj v1alpha1.Object) bool { return obj.GetDeletionTimestamp() != nil })
	objects := make([]runtime.Object, len(items))
	for i, obj := range items {
		stamp(obj)
		objects[i] = obj
	}
	fresh := likeNew(list)
	fresh.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kindOf(list)))
	if err := meta.SetList(fresh, objects); err != nil {
		return fmt.Errorf("fill %T: %w", list, err)
	}
	assign(list, fresh)
	return nil
}

// pages reads a list page by page; a size of 0 makes it one page. Errors are the API server's.
func (e *Engine) pages(ctx context.Context, like client.ObjectList, labels map[string]string, size int64) ([]v1alpha1.Object, error) {
	var all []v1alpha1.Object
	next := ""
	for {
		page := likeNew(like)
		err := e.Client.List(ctx, page, client.InNamespace(e.Namespace), client.MatchingLabels(labels), client.Limit(size), client.Continue(next))
		if err != nil {
			return nil, err //nolint:wrapcheck // the caller asks what it is
		}
		items, err := itemsOf(page)
		all = append(all, items...)
		if next = page.GetContinue(); err != nil || next == "" {
			return all, err
		}
	}
}

// itemsOf are the objects in a list.
func itemsOf(page client.ObjectList) (items []v1alpha1.Object, err error) {
	err = meta.EachListItem(page, func(item runtime.Object) error {
		obj, ok := item.(v1alpha1.Object)
		if !ok {
			return fmt.Errorf("%T is no kind of %s", item, v1alpha1.GroupVersion())
		}
		items = append(items, obj)
		return nil
	})
	return items, err //nolint:wrapcheck // it is our own
}

// Create adds obj. Code that it names by digest must have been put before, and its function must be there.
func (e *Engine) Create(ctx context.Context, obj v1alpha1.Object) error {
	made := copyOf(obj)
	made.Default()
	if err := e.refuse(made, made.Validate()); err != nil {
		return err
	}
	if err := e.checkCode(ctx, made, nil); err != nil {
		return err
	}
	blank(made, e.Namespace)
	if err := e.admit(ctx, made); err != nil {
		return err
	}
	keepAsked(made, obj)
	if err := e.create(ctx, made); err != nil {
		return objectError(ctx, kindOf(made), made.GetName(), err)
	}
	stamp(made)
	assign(obj, made)
	return nil
}

// keepAsked takes those defaults out of made again that may not hold for it: what an image speaks is found out later, and of
// one that speaks HTTP the controller has to see what was asked for. asked is the object before it got them.
func keepAsked(made, asked v1alpha1.Object) {
	switch made := made.(type) {
	case *v1alpha1.Function:
		if from, ok := asked.(*v1alpha1.Function); ok {
			withoutDefaults(&made.Spec, &from.Spec)
		}
	case *v1alpha1.Version:
		if from, ok := asked.(*v1alpha1.Version); ok {
			withoutDefaults(&made.Spec.Function, &from.Spec.Function)
		}
	}
}

func withoutDefaults(made, asked *v1alpha1.FunctionSpec) {
	if made.TakesDefaults() {
		return
	}
	name, kind := made.FunctionName, made.PackageType
	asked.DeepCopyInto(made)
	made.FunctionName, made.PackageType = name, kind
}

// blank takes out of an object what the API server sets, and puts it into the namespace.
func blank(obj v1alpha1.Object, namespace string) {
	obj.SetNamespace(namespace)
	obj.SetResourceVersion("")
	obj.SetUID("")
	obj.SetGeneration(0)
	obj.SetCreationTimestamp(metav1.Time{})
	obj.SetDeletionTimestamp(nil)
	obj.SetManagedFields(nil)
	clearStatus(obj)
}

// create waits for an object of the same name that is on its way out.
func (e *Engine) create(ctx context.Context, made v1alpha1.Object) error {
	ctx, cancel := context.WithTimeout(ctx, vanishing)
	defer cancel()
	for {
		err := e.Client.Create(ctx, made)
		if !apierrors.IsAlreadyExists(err) {
			return err //nolint:wrapcheck // the caller asks what it is
		}
		old := likeNew(made)
		if e.Client.Get(ctx, client.ObjectKeyFromObject(made), old) == nil && old.GetDeletionTimestamp() == nil {
			return err //nolint:wrapcheck // same
		}
		select {
		case <-ctx.Done():
			return err //nolint:wrapcheck // same
		case <-time.After(vanishPoll):
		}
	}
}

// Update replaces obj's metadata and spec. What the controller put into the metadata stays unless obj says otherwise.
func (e *Engine) Update(ctx context.Context, obj v1alpha1.Object) error {
	named := copyOf(obj)
	named.Default()
	for range maxCollisions {
		made, was := copyOf(named), likeNew(named)
		if err := e.current(ctx, made, was); err != nil {
			return err
		}
		if err := e.refuse(made, made.ValidateUpdate(was)); err != nil {
			return err
		}
		if err := e.checkCode(ctx, made, was); err != nil {
			return err
		}
		inherit(made, was)
		keepAsked(made, obj)
		err := e.Client.Update(ctx, made)
		if apierrors.IsConflict(err) && obj.GetResourceVersion() == "" {
			continue // somebody else was faster; the caller wants to replace whatever is there
		}
		if err != nil {
			return objectError(ctx, kindOf(made), made.GetName(), err)
		}
		stamp(made)
		assign(obj, made)
		return nil
	}
	return lambda.Errorf(lambda.CodeResourceConflict, "%s %q is being changed by too many at once. Try again.", kindOf(obj), named.GetName())
}

// current reads into was the object that obj stands for, unless obj names another revision or another life of it.
func (e *Engine) current(ctx context.Context, obj, was v1alpha1.Object) error {
	if err := e.read(ctx, obj.GetName(), was); err != nil {
		return err
	}
	if v := obj.GetResourceVersion(); v != "" && v != was.GetResourceVersion() {
		return stale()
	}
	if uid := obj.GetUID(); uid != "" && uid != was.GetUID() {
		return stale()
	}
	return nil
}

// inherit gives made what an update may not change. Owners and finalizers are others' to set, and a manifest that says
// nothing of them must not undo their work.
func inherit(made, was v1alpha1.Object) {
	owners, finalizers := made.GetOwnerReferences(), made.GetFinalizers()
	blank(made, was.GetNamespace())
	made.SetUID(was.GetUID())
	made.SetResourceVersion(was.GetResourceVersion())
	made.SetCreationTimestamp(was.GetCreationTimestamp())
	if owners == nil {
		made.SetOwnerReferences(was.GetOwnerReferences())
	}
	if finalizers == nil {
		made.SetFinalizers(was.GetFinalizers())
	}
}

// refuse turns the faults of an object into one error, whose cause is the aggregate of all of them.
func (e *Engine) refuse(obj v1alpha1.Object, faults field.ErrorList) error {
	at := field.NewPath("metadata")
	if ns := obj.GetNamespace(); ns != "" && ns != e.Namespace {
		faults = append(faults, field.Invalid(at.Child("namespace"), ns, fmt.Sprintf("must be %q", e.Namespace)))
	}
	if len(faults) == 0 && obj.GetName() == "" {
		faults = append(faults, field.Required(at.Child("name"), ""))
	}
	if len(faults) == 0 {
		return nil
	}
	all := faults.ToAggregate()
	return &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: all.Error(), Err: all}
}

// checkCode refuses an object that names bytes which were never put. Those that was names already are believed.
func (e *Engine) checkCode(ctx context.Context, obj, was v1alpha1.Object) error {
	b := blobOf(obj)
	if b == nil || was != nil && equality.Semantic.DeepEqual(b, blobOf(was)) {
		return nil
	}
	r, err := e.Code.OpenCode(ctx, *b)
	if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "no code with digest %q and size %d was uploaded", b.SHA256, b.Size)
	}
	if err != nil {
		return err
	}
	return r.Close()
}

// blobOf is the archive that an object names in its spec; nil if there is none.
func blobOf(obj v1alpha1.Object) *v1alpha1.Blob {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return o.Spec.Code.Zip
	case *v1alpha1.Version:
		return o.Spec.Function.Code.Zip
	case *v1alpha1.LayerVersion:
		return &o.Spec.Content
	default:
		return nil
	}
}
