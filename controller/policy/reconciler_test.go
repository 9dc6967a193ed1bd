package policy

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

func newClient(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) client.Client {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
}

func request() reconcile.Request {
	r := reconcile.Request{}
	r.Namespace = "shop"
	return r
}

func TestReconcile(t *testing.T) {
	function := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop"}}
	elsewhere := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "other"}}
	ours := resources.MakeNetworkPolicy("shop")
	old := resources.MakeNetworkPolicy("shop")
	old.Spec.Ingress = nil
	theirs := resources.MakeNetworkPolicy("shop")
	theirs.Labels, theirs.Spec.Ingress = nil, nil
	cases := map[string]struct {
		reason  string
		wanted  bool
		objects []client.Object
		want    *networkingv1.NetworkPolicy
	}{
		"Made":       {"There are functions and none yet.", true, []client.Object{function}, ours},
		"Kept":       {"It is there and right.", true, []client.Object{function, ours}, ours},
		"Renewed":    {"It is of an older release.", true, []client.Object{function, old}, ours},
		"Unwanted":   {"The operator wants none.", false, []client.Object{function}, nil},
		"Removed":    {"The operator wants none any more.", false, []client.Object{function, ours}, nil},
		"NoFunction": {"There is nothing to guard any more.", true, []client.Object{elsewhere, ours}, nil},
		"Nothing":    {"There is nothing at all.", true, []client.Object{elsewhere}, nil},
		"Theirs":     {"Somebody else's is left alone.", true, []client.Object{function, theirs}, theirs},
		"TheirsToo":  {"Also where none is wanted.", false, []client.Object{theirs}, theirs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			writes := 0
			c := newClient(t, interceptor.Funcs{
				Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
					writes++
					return c.Update(ctx, obj, opts...)
				},
			}, tc.objects...)
			r := &Reconciler{Client: c, Wanted: func() bool { return tc.wanted }}
			for range 2 {
				if got, err := r.Reconcile(t.Context(), request()); err != nil || got != (reconcile.Result{}) {
					t.Fatalf("%s got %v, %v", tc.reason, got, err)
				}
			}
			got := new(networkingv1.NetworkPolicy)
			err := c.Get(t.Context(), client.ObjectKeyFromObject(ours), got)
			if tc.want == nil {
				if !apierrors.IsNotFound(err) {
					t.Errorf("%s it is there: %v", tc.reason, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want.Spec, got.Spec); diff != "" {
				t.Errorf("%s - want, + got:\n%s", tc.reason, diff)
			}
			if writes > 1 {
				t.Errorf("it was written %d times", writes)
			}
		})
	}
}

func TestReconcileErrors(t *testing.T) {
	function := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop"}}
	boom := errors.New("boom")
	terminating := apierrors.NewForbidden(networkingv1.Resource("networkpolicies"), "x", boom)
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	there := apierrors.NewAlreadyExists(networkingv1.Resource("networkpolicies"), "x")
	cases := map[string]struct {
		reason            string
		list, get, create error
		want              error
	}{
		"List":        {reason: "Functions cannot be read.", list: boom, want: boom},
		"Get":         {reason: "The policy cannot be read.", get: boom, want: boom},
		"Create":      {reason: "It cannot be made.", create: boom, want: boom},
		"There":       {reason: "Somebody else's, which the cache does not show, is left alone.", create: there},
		"Terminating": {reason: "In a namespace that is going nothing is made.", create: terminating},
	}
	for name, tc := range cases {
		c := newClient(t, interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				return errors.Join(tc.list, c.List(ctx, list, opts...))
			},
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if tc.get != nil {
					return tc.get
				}
				return c.Get(ctx, key, obj, opts...)
			},
			Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
				return tc.create
			},
		}, function)
		r := &Reconciler{Client: c, Wanted: func() bool { return true }}
		if _, err := r.Reconcile(t.Context(), request()); !errors.Is(err, tc.want) {
			t.Errorf("%s: %s got %v, want %v", name, tc.reason, err, tc.want)
		}
	}
}

func TestNamespaceOf(t *testing.T) {
	got := namespaceOf(t.Context(), &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop"}})
	if len(got) != 1 || got[0] != request() {
		t.Errorf("got %v", got)
	}
}
