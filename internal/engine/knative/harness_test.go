package knative

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const namespace = "shop"

func identity() lambda.Identity {
	return lambda.Identity{Region: "us-east-1", Account: "000000000000"}
}

// newAPI is an API server in memory, with a controller that finds every function and version ready at once. The fake does not
// count generations, so this does.
func newAPI(t testing.TB) client.WithWatch {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(
		&v1alpha1.Function{}, &v1alpha1.Version{}, &v1alpha1.Alias{}, &v1alpha1.FunctionURLConfig{}, &v1alpha1.ResourcePolicy{}, &v1alpha1.AsyncInvocation{},
	).Build()
	return interceptor.NewClient(api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			obj.SetUID(types.UID(uuid.NewString()))
			obj.SetGeneration(1)
			obj.SetCreationTimestamp(metav1.Now())
			if err := c.Create(ctx, obj, opts...); err != nil {
				return err
			}
			return reconcile(ctx, c, obj)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			was := likeNew(obj)
			if err := c.Get(ctx, client.ObjectKeyFromObject(obj), was); err != nil {
				return err
			}
			obj.SetGeneration(was.GetGeneration())
			if !equality.Semantic.DeepEqual(specOf(obj), specOf(was)) {
				obj.SetGeneration(was.GetGeneration() + 1)
			}
			if err := c.Update(ctx, obj, opts...); err != nil {
				return err
			}
			return reconcile(ctx, c, obj)
		},
		List: listInParts,
	})
}

// listInParts gives lists in parts, as an API server does and the fake does not.
func listInParts(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	asked := (&client.ListOptions{}).ApplyOptions(opts)
	limit, after := asked.Limit, asked.Continue
	asked.Limit, asked.Continue = 0, ""
	if err := c.List(ctx, list, asked); err != nil {
		return err
	}
	if limit == 0 && after == "" {
		return nil // the whole, of whatever kind
	}
	start, err := base64.RawURLEncoding.DecodeString(after)
	if err != nil {
		return apierrors.NewBadRequest("continue key is not valid")
	}
	items, err := itemsOf(list)
	if err != nil {
		return err
	}
	slices.SortFunc(items, func(a, b v1alpha1.Object) int { return strings.Compare(a.GetName(), b.GetName()) })
	items = slices.DeleteFunc(items, func(o v1alpha1.Object) bool { return after != "" && o.GetName() <= string(start) })
	next := ""
	if limit > 0 && int64(len(items)) > limit {
		items = items[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(items[limit-1].GetName()))
	}
	if err := fillList(list, items); err != nil {
		return err
	}
	list.SetContinue(next)
	return nil
}

func specOf(obj client.Object) any {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return o.Spec
	case *v1alpha1.Version:
		return o.Spec
	case *v1alpha1.Alias:
		return o.Spec
	default:
		return nil
	}
}

// reconcile does what the controller does later.
func reconcile(ctx context.Context, c client.Client, obj client.Object) error {
	switch o := obj.DeepCopyObject().(type) {
	case *v1alpha1.Function:
		o.Status.MarkReady(o.Generation)
		return c.Status().Update(ctx, o)
	case *v1alpha1.Version:
		o.Status.MarkReady(o.Generation)
		return c.Status().Update(ctx, o)
	default:
		return nil
	}
}

// newEngine is an engine over an API server in memory, whose code is a double's.
func newEngine(t testing.TB) (*Engine, client.WithWatch) {
	t.Helper()
	api := newAPI(t)
	return &Engine{Client: api, Namespace: namespace, Identity: identity(), Code: new(double.Engine)}, api
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, reason string, err error, want lambda.Code) {
	t.Helper()
	if got := lambda.CodeOf(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", reason, got, err, want)
	}
}

// function is one whose archive e holds. change may alter it.
func function(t testing.TB, e *Engine, name string, change ...func(*v1alpha1.FunctionSpec)) *v1alpha1.Function {
	t.Helper()
	b, err := e.PutCode(t.Context(), strings.NewReader("zip"), 100)
	must(t, err)
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: name, Runtime: "nodejs22.x", Handler: "a.b", Code: v1alpha1.Code{Zip: &b}}}
	for _, c := range change {
		c(&fn.Spec)
	}
	return fn
}

// deploy creates a function, which is ready then.
func deploy(t testing.TB, e *Engine, name string, change ...func(*v1alpha1.FunctionSpec)) *v1alpha1.Function {
	t.Helper()
	fn := function(t, e, name, change...)
	must(t, e.Create(t.Context(), fn))
	must(t, e.Get(t.Context(), fn.Name, fn))
	return fn
}

func reference(t testing.TB, name string) lambda.Reference {
	t.Helper()
	ref, err := lambda.ParseReference(name)
	must(t, err)
	return ref
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
