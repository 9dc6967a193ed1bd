package resourcepolicy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/report"
)

func newReconciler(t *testing.T, objects ...client.Object) *Reconciler {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithStatusSubresource(new(v1alpha1.ResourcePolicy)).Build()
	return &Reconciler{Client: c, Reporter: &report.Reporter{Client: c, Events: events.NewFakeRecorder(10)}}
}

// policy is one as somebody writes it by hand: without name and label, but for those that the API server demands.
func policy(spec v1alpha1.ResourcePolicySpec) *v1alpha1.ResourcePolicy {
	if spec.Policy == "" {
		spec.Policy = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"*"}}`
	}
	p := &v1alpha1.ResourcePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Generation: 2}, Spec: spec}
	p.Default()
	p.Labels = nil
	return p
}

// owners are one of each kind that can have a policy.
func owners() []client.Object {
	at := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "shop", UID: "uid"}
	}
	return []client.Object{
		&v1alpha1.Function{ObjectMeta: at("orders")}, &v1alpha1.Version{ObjectMeta: at("orders.7")},
		&v1alpha1.Alias{ObjectMeta: at("orders.live")}, &v1alpha1.LayerVersion{ObjectMeta: at("tools.3")},
	}
}

func TestReconcile(t *testing.T) {
	cases := map[string]struct {
		reason  string
		policy  *v1alpha1.ResourcePolicy
		owners  []client.Object
		owner   string // kind
		cause   v1alpha1.Reason
		message string
	}{
		"Function": {"It holds.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders"}), owners(), "Function", v1alpha1.ReasonReady, ""},
		"Version":  {"It holds.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders", Qualifier: "7"}), owners(), "Version", v1alpha1.ReasonReady, ""},
		"Alias":    {"It holds.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders", Qualifier: "live"}), owners(), "Alias", v1alpha1.ReasonReady, ""},
		"Layer":    {"It holds.", policy(v1alpha1.ResourcePolicySpec{LayerName: "tools", LayerVersion: 3}), owners(), "LayerVersion", v1alpha1.ReasonReady, ""},

		"NoFunction": {"It may come.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders"}), nil, "", v1alpha1.ReasonFunctionNotFound, `no function "orders"`},
		"NoVersion":  {"It may come.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders", Qualifier: "7"}), nil, "", v1alpha1.ReasonVersionNotFound, "no version 7"},
		"NoAlias":    {"It may come.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders", Qualifier: "live"}), nil, "", v1alpha1.ReasonAliasNotFound, `no alias "live"`},
		"NoLayer":    {"It may come.", policy(v1alpha1.ResourcePolicySpec{LayerName: "tools", LayerVersion: 3}), nil, "", v1alpha1.ReasonLayerNotFound, "no version 3"},
		"Unreadable": {
			"The API server does not read policies.", policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders", Policy: `{"Statement":[]}`}), owners(),
			"Function", v1alpha1.ReasonSpecInvalid, "Statement is missing",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newReconciler(t, append(tc.owners, tc.policy)...)
			q := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(tc.policy)}
			if _, err := r.Reconcile(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			got := new(v1alpha1.ResourcePolicy)
			if err := r.Client.Get(t.Context(), q.NamespacedName, got); err != nil {
				t.Fatal(err)
			}
			c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady)
			if c == nil || c.Reason != string(tc.cause) || !strings.Contains(c.Message, tc.message) || got.Status.ObservedGeneration != 2 {
				t.Errorf("%s got %+v, want %s with %q", tc.reason, got.Status, tc.cause, tc.message)
			}
			if tc.owner == "" {
				return
			}
			if refs := got.OwnerReferences; len(refs) != 1 || refs[0].Kind != tc.owner || refs[0].UID != "uid" || len(got.Labels) != 1 {
				t.Errorf("%s it has become no member of its %s: %+v", tc.reason, tc.owner, got.ObjectMeta)
			}
		})
	}
}

func TestReconcileNothing(t *testing.T) {
	going := policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders"})
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/wait"}
	for _, objects := range [][]client.Object{nil, append(owners(), going)} {
		r := newReconciler(t, objects...)
		if got, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(going)}); err != nil || got != (reconcile.Result{}) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestReconcileUnreadable(t *testing.T) {
	boom := errors.New("boom")
	for _, kind := range []string{"*v1alpha1.ResourcePolicy", "*v1alpha1.Function"} {
		p := policy(v1alpha1.ResourcePolicySpec{FunctionName: "orders"})
		r := newReconciler(t, append(owners(), p)...)
		watching, _ := r.Client.(client.WithWatch)
		r.Client = interceptor.NewClient(watching, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if fmt.Sprintf("%T", obj) == kind {
					return boom
				}
				return c.Get(ctx, key, obj, opts...)
			},
		})
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)}); !errors.Is(err, boom) {
			t.Errorf("%s cannot be read: got %v", kind, err)
		}
	}
}
