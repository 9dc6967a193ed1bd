package alias

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/apply"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
)

// indexes collects what family.Index makes, for a fake client.
type indexes struct{ *fake.ClientBuilder }

func (i indexes) IndexField(_ context.Context, obj client.Object, field string, extract client.IndexerFunc) error {
	i.WithIndex(obj, field, extract)
	return nil
}

type world struct {
	*Reconciler
	t       *testing.T
	client  client.Client
	applied int
	refuse  error
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{servingv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t}
	b := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).
		WithStatusSubresource(new(v1alpha1.Alias), new(servingv1.Route)).
		WithInterceptorFuncs(interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				w.applied++
				if w.refuse != nil {
					return w.refuse
				}
				return c.Apply(ctx, obj, opts...)
			},
		})
	if err := family.Index(t.Context(), indexes{b}); err != nil {
		t.Fatal(err)
	}
	w.client = b.Build()
	w.Reconciler = &Reconciler{
		Client: w.client, Applier: &apply.Applier{Client: w.client, Live: w.client}, Serving: func() bool { return true },
		Reporter: &report.Reporter{Client: w.client, Events: events.NewFakeRecorder(10)},
	}
	return w
}

func (w *world) reconcile() (reconcile.Result, error) {
	w.t.Helper()
	q := reconcile.Request{}
	q.Namespace, q.Name = "shop", "orders.live"
	return w.Reconcile(w.t.Context(), q)
}

// done reconciles and wants nothing to be left to do.
func (w *world) done() *v1alpha1.Alias {
	w.t.Helper()
	if got, err := w.reconcile(); err != nil || got != (reconcile.Result{}) {
		w.t.Errorf("got %v, %v", got, err)
	}
	return w.alias()
}

func (w *world) alias() *v1alpha1.Alias {
	w.t.Helper()
	a := new(v1alpha1.Alias)
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: "orders.live"}, a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) want(status metav1.ConditionStatus, reason v1alpha1.Reason, says string) {
	w.t.Helper()
	c := meta.FindStatusCondition(w.done().Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Status != status || c.Reason != string(reason) || !strings.Contains(c.Message, says) {
		w.t.Errorf("got %+v, want %s %s with %q", c, status, reason, says)
	}
}

// knative has Knative write the status of the Route.
func (w *world) knative(status corev1.ConditionStatus, message string) {
	w.t.Helper()
	r := w.route()
	r.Status.ObservedGeneration = r.Generation
	r.Status.URL = &apis.URL{Scheme: "http", Host: "orders-live.shop.example"}
	r.Status.SetConditions(apis.Conditions{{Type: servingv1.RouteConditionReady, Status: status, Reason: "R", Message: message}})
	if err := w.client.Status().Update(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) route() *servingv1.Route {
	w.t.Helper()
	r := new(servingv1.Route)
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: v1alpha1.AliasRouteName("orders", "live")}, r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func function() *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "f1"}, Spec: v1alpha1.FunctionSpec{FunctionName: "orders"}}
	fn.Status.MarkReady(1)
	return fn
}

// version is one that serves.
func version(n int64) *v1alpha1.Version {
	v := &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.VersionSpec{FunctionName: "orders", Version: n}}
	v.Default()
	v.Status.MarkReady(1)
	return v
}

func alias(to string, weights map[string]v1alpha1.Weight) *v1alpha1.Alias {
	return &v1alpha1.Alias{
		ObjectMeta: metav1.ObjectMeta{Name: "orders.live", Namespace: "shop", UID: "a1", Generation: 1},
		Spec:       v1alpha1.AliasSpec{FunctionName: "orders", Name: "live", FunctionVersion: to, AdditionalVersionWeights: weights},
	}
}

func TestReconcile(t *testing.T) {
	w := newWorld(t, function(), version(1), version(2), alias("1", map[string]v1alpha1.Weight{"2": "0.105"}))
	w.want(metav1.ConditionUnknown, v1alpha1.ReasonCreating, "The alias is being created. Requests are being moved")
	r := w.route()
	if r.OwnerReferences[0].UID != "a1" {
		t.Errorf("the Route's owner is %+v", r.OwnerReferences)
	}
	want := []servingv1.TrafficTarget{
		{ConfigurationName: v1alpha1.VersionServiceName("orders", 1), LatestRevision: new(true), Percent: ptr.To[int64](89)},
		{ConfigurationName: v1alpha1.VersionServiceName("orders", 2), LatestRevision: new(true), Percent: ptr.To[int64](11)},
	}
	if diff := cmp.Diff(want, r.Spec.Traffic); diff != "" {
		t.Errorf("traffic - want, + got:\n%s", diff)
	}
	w.knative(corev1.ConditionTrue, "")
	w.want(metav1.ConditionTrue, v1alpha1.ReasonReady, "Version 2 gets 11% of the calls instead of 10.5%")
	a := w.done()
	if a.Status.URL != "http://orders-live.shop.example" || a.Labels[v1alpha1.LabelFunction] != "orders" || a.OwnerReferences[0].UID != "f1" {
		t.Errorf("got %+v", a)
	}
	w.applied = 0
	if w.done().ResourceVersion != a.ResourceVersion || w.applied != 0 {
		t.Error("nothing has changed and something was written")
	}
	w.knative(corev1.ConditionUnknown, "")
	w.want(metav1.ConditionUnknown, v1alpha1.ReasonUpdating, "The alias is being updated.")
	w.knative(corev1.ConditionFalse, "no ingress\nclass")
	w.want(metav1.ConditionFalse, v1alpha1.ReasonRouteFailed, "R: no ingress class")
}

func TestLatest(t *testing.T) {
	w := newWorld(t, function(), alias("$LATEST", nil))
	w.done()
	want := []servingv1.TrafficTarget{{ConfigurationName: "orders", LatestRevision: new(true), Percent: ptr.To[int64](100)}}
	if diff := cmp.Diff(want, w.route().Spec.Traffic); diff != "" {
		t.Errorf("traffic - want, + got:\n%s", diff)
	}
}

// TestVisibility holds that an alias is not seen where one of its versions is not to be seen.
func TestVisibility(t *testing.T) {
	hidden := version(2)
	hidden.Spec.Function.HTTP = &v1alpha1.HTTP{Visibility: v1alpha1.VisibilityClusterLocal}
	for to, want := range map[string]string{"1": "", "2": "cluster-local"} {
		w := newWorld(t, function(), version(1), hidden, alias(to, nil))
		w.done()
		if got := w.route().Labels["networking.knative.dev/visibility"]; got != want {
			t.Errorf("to version %s: got %q, want %q", to, got, want)
		}
	}
}

func TestReconcileWaits(t *testing.T) {
	starting, failed, updating := version(1), version(1), version(1)
	starting.Status = v1alpha1.FunctionStatus{}
	starting.Status.MarkProgressing(1)
	failed.Status = v1alpha1.FunctionStatus{}
	failed.Status.MarkFailed(1, v1alpha1.Failf(v1alpha1.ReasonInitFailed, "it exited"))
	updating.Status.MarkProgressing(2)
	cases := map[string]struct {
		why     string
		version *v1alpha1.Version
		says    string
		routed  bool
	}{
		"Starting": {"It will be ready.", starting, "Version 1 is not ready yet.", false},
		"Failed":   {"It may be ready yet.", failed, "Version 1 has failed: it exited", false},
		"Updating": {"It serves all the while.", updating, "Requests are being moved", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, function(), tc.version, alias("1", nil))
			w.want(metav1.ConditionUnknown, v1alpha1.ReasonCreating, tc.says)
			if (w.applied > 0) != tc.routed {
				t.Errorf("%s a Route was written %d times", tc.why, w.applied)
			}
		})
	}
}

func TestReconcileFailures(t *testing.T) {
	misnamed := alias("1", nil)
	misnamed.Spec.FunctionName = "Orders" // whose aliases have other names
	other := function()
	other.Name, other.Spec.FunctionName = v1alpha1.ObjectName("Orders"), "Orders"
	taken := &servingv1.Route{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.AliasRouteName("orders", "live"), Namespace: "shop"}}
	cases := map[string]struct {
		why     string
		objects []client.Object
		change  func(w *world)
		want    v1alpha1.Reason
		again   bool
	}{
		"NoFunction": {"Its coming is an event.", []client.Object{alias("1", nil)}, nil, v1alpha1.ReasonFunctionNotFound, false},
		"NoVersion":  {"Its coming is an event.", []client.Object{function(), alias("1", nil)}, nil, v1alpha1.ReasonVersionNotFound, false},
		"OneVersion": {"Both must be there.", []client.Object{function(), version(1), alias("1", map[string]v1alpha1.Weight{"2": "0.1"})}, nil, v1alpha1.ReasonVersionNotFound, false},
		"Misnamed":   {"Nobody would find it.", []client.Object{other, misnamed}, nil, v1alpha1.ReasonSpecInvalid, false},
		"NoKnative":  {"Its coming is an event.", []client.Object{function(), version(1), alias("1", nil)}, func(w *world) { w.Serving = func() bool { return false } }, v1alpha1.ReasonKnativeMissing, false},
		"Taken":      {"Its going is none.", []client.Object{function(), version(1), alias("1", nil), taken}, nil, v1alpha1.ReasonNameTaken, true},
		"Refused": {"A policy may change.", []client.Object{function(), version(1), alias("1", nil)}, func(w *world) {
			w.refuse = apierrors.NewForbidden(servingv1.Resource("routes"), "x", errors.New("quota"))
		}, v1alpha1.ReasonRefused, true},
		"Broken": {"It may be whole again.", []client.Object{function(), version(1), alias("1", nil)}, func(w *world) {
			w.refuse = errors.New("boom")
		}, v1alpha1.ReasonInternalError, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.objects...)
			if tc.change != nil {
				tc.change(w)
			}
			if _, err := w.reconcile(); (err != nil) != tc.again {
				t.Errorf("%s got %v", tc.why, err)
			}
			if c := meta.FindStatusCondition(w.alias().Status.Conditions, v1alpha1.ConditionReady); c == nil || c.Reason != string(tc.want) {
				t.Errorf("%s got %+v, want %s", tc.why, c, tc.want)
			}
		})
	}
}

// TestReconcileWithoutAnswer holds that an alias is not failed because nobody could be asked about it.
func TestReconcileWithoutAnswer(t *testing.T) {
	w := newWorld(t, function(), version(1), version(2), alias("1", nil))
	unanswered := apierrors.NewInternalError(errors.New("failed calling webhook"))
	ready := func(why string, status metav1.ConditionStatus, says string) {
		t.Helper()
		if _, err := w.reconcile(); (err != nil) != (w.refuse != nil) {
			t.Errorf("%s: got %v", why, err)
		}
		c := meta.FindStatusCondition(w.alias().Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || c.Status != status || !strings.Contains(c.Message, says) {
			t.Errorf("%s: got %+v, want %s %q", why, c, status, says)
		}
	}
	w.refuse = unanswered
	ready("who waits goes on waiting", metav1.ConditionUnknown, "tried again")
	w.refuse = nil
	ready("the Route is written", metav1.ConditionUnknown, "moved")
	w.knative(corev1.ConditionTrue, "")
	ready("it serves", metav1.ConditionTrue, "")
	if err := w.client.Delete(t.Context(), w.route()); err != nil {
		t.Fatal(err)
	}
	w.refuse = unanswered
	ready("what served is not taken back", metav1.ConditionTrue, "")

	a := w.alias()
	a.Spec.FunctionVersion, a.Generation = "2", 2
	if err := w.client.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	ready("an update waits too", metav1.ConditionUnknown, "tried again")
}

func TestReconcileNothing(t *testing.T) {
	going := alias("1", nil)
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/wait"}
	for _, objects := range [][]client.Object{nil, {function(), version(1), going}} {
		w := newWorld(t, objects...)
		if got, err := w.reconcile(); err != nil || got != (reconcile.Result{}) || w.applied != 0 {
			t.Errorf("got %v, %v, %d writes", got, err, w.applied)
		}
	}
	w := newWorld(t, function(), version(1), alias("1", nil))
	conflict := apierrors.NewConflict(servingv1.Resource("routes"), "x", errors.New("uid"))
	w.done()
	w.refuse = conflict
	r := w.route()
	r.Annotations = nil // makes it be applied again
	if err := w.client.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, err := w.reconcile(); err != nil || got.RequeueAfter <= 0 {
		t.Errorf("a conflict: got %v, %v", got, err)
	}
	going2 := apierrors.NewForbidden(servingv1.Resource("routes"), "x", errors.New("terminating"))
	going2.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	w.refuse = going2
	if got, err := w.reconcile(); err != nil || got != (reconcile.Result{}) {
		t.Errorf("in a namespace that is going: got %v, %v", got, err)
	}
}
