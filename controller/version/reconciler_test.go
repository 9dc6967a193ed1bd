package version

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/deploy"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
)

// deployFunc deploys.
type deployFunc func(s *deploy.Subject) deploy.Outcome

func (f deployFunc) Deploy(_ context.Context, s *deploy.Subject) deploy.Outcome { return f(s) }

// indexes collects what family.Index makes, for a fake client.
type indexes struct{ *fake.ClientBuilder }

func (i indexes) IndexField(_ context.Context, obj client.Object, field string, extract client.IndexerFunc) error {
	i.WithIndex(obj, field, extract)
	return nil
}

type world struct {
	*Reconciler
	t        *testing.T
	client   client.Client
	deployed []*deploy.Subject
	outcome  deploy.Outcome
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	b := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithStatusSubresource(new(v1alpha1.Version))
	if err := family.Index(t.Context(), indexes{b}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: b.Build()}
	w.Reconciler = &Reconciler{
		Client: w.client,
		Deployer: deployFunc(func(s *deploy.Subject) deploy.Outcome {
			w.deployed = append(w.deployed, s)
			s.Status.MarkReady(s.Generation)
			return w.outcome
		}),
		Reporter: &report.Reporter{Client: w.client, Events: events.NewFakeRecorder(10)},
		Now:      func() time.Time { return time.Unix(1_700_000_000, 0) },
	}
	return w
}

func (w *world) reconcile(name string) (reconcile.Result, error) {
	w.t.Helper()
	q := reconcile.Request{}
	q.Namespace, q.Name = "shop", name
	return w.Reconcile(w.t.Context(), q)
}

func (w *world) get(name string) *v1alpha1.Version {
	w.t.Helper()
	v := new(v1alpha1.Version)
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func spec() v1alpha1.FunctionSpec {
	return v1alpha1.FunctionSpec{
		FunctionName: "orders", Runtime: "nodejs22.x", Handler: "index.handler",
		Code: v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}},
	}
}

func function() *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "f1", Generation: 1}, Spec: spec()}
	fn.Spec.Concurrency = &v1alpha1.Concurrency{Reserved: ptr.To[int32](9)}
	return fn
}

func version() *v1alpha1.Version {
	return &v1alpha1.Version{
		ObjectMeta: metav1.ObjectMeta{Name: "orders.1", Namespace: "shop", UID: "v1", Generation: 1},
		Spec:       v1alpha1.VersionSpec{FunctionName: "orders", Version: 1, Function: spec(), Image: "published@sha256:1"},
	}
}

func alias(name, to string, provisioned int32, also ...string) *v1alpha1.Alias {
	a := &v1alpha1.Alias{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.AliasSpec{
		FunctionName: "orders", Name: name, FunctionVersion: to, ProvisionedConcurrency: &provisioned,
	}}
	for _, v := range also {
		a.Spec.AdditionalVersionWeights = map[string]v1alpha1.Weight{v: "0.5"}
	}
	a.Default()
	return a
}

func TestReconcile(t *testing.T) {
	w := newWorld(t, function(), version())
	if got, err := w.reconcile("orders.1"); err != nil || got != (reconcile.Result{}) {
		t.Fatalf("got %v, %v", got, err)
	}
	s := w.deployed[0]
	if !s.Pinned || s.Image != "published@sha256:1" || s.FunctionName != "orders" {
		t.Errorf("deployed %+v", s)
	}
	if w := s.Workload; w.Name != v1alpha1.VersionServiceName("orders", 1) || w.Version != "1" || !w.Local || *w.Reserved != 9 || w.Provisioned != 0 {
		t.Errorf("deployed workload %+v", w)
	}
	v := w.get("orders.1")
	if v.Labels[v1alpha1.LabelFunction] != "orders" || len(v.OwnerReferences) != 1 || v.OwnerReferences[0].UID != "f1" {
		t.Errorf("it has become no member of its function: %+v", v.ObjectMeta)
	}
	if !meta.IsStatusConditionTrue(v.Status.Conditions, v1alpha1.ConditionReady) || v.Status.LastModified == nil {
		t.Errorf("the status is %+v", v.Status)
	}
}

func TestProvisioned(t *testing.T) {
	own := version()
	own.Spec.ProvisionedConcurrency = ptr.To[int32](2)
	cases := map[string]struct {
		reason  string
		version *v1alpha1.Version
		aliases []client.Object
		want    int32
	}{
		"None":   {"Nobody asks for any.", version(), nil, 0},
		"Own":    {"Its own.", own, nil, 2},
		"Alias":  {"An alias's that points to it comes on top.", own, []client.Object{alias("live", "1", 5)}, 7},
		"All":    {"All have been promised theirs.", own, []client.Object{alias("live", "1", 5), alias("dev", "1", 3)}, 10},
		"Weight": {"An alias's provisioned concurrency is its main version's.", own, []client.Object{alias("live", "2", 5, "1")}, 2},
		"Others": {"Others' aliases do not count.", own, []client.Object{alias("live", "2", 5)}, 2},
	}
	for name, tc := range cases {
		w := newWorld(t, append(tc.aliases, function(), tc.version)...)
		if _, err := w.reconcile("orders.1"); err != nil {
			t.Fatal(err)
		}
		if got := w.deployed[0].Workload.Provisioned; got != tc.want {
			t.Errorf("%s: got %d, want %d: %s", name, got, tc.want, tc.reason)
		}
	}
}

func TestReconcileFailures(t *testing.T) {
	misnamed := version()
	misnamed.Name = "orders.one"
	strange := version()
	strange.Spec.Function.Async = &v1alpha1.Async{}
	cases := map[string]struct {
		why     string
		objects []client.Object
		name    string
		want    v1alpha1.Reason
	}{
		"NoFunction": {"Its function is not there.", []client.Object{version()}, "orders.1", v1alpha1.ReasonFunctionNotFound},
		"Misnamed":   {"Nobody would find it.", []client.Object{function(), misnamed}, "orders.one", v1alpha1.ReasonSpecInvalid},
		"Strange":    {"It holds what is the function's alone.", []client.Object{function(), strange}, "orders.1", v1alpha1.ReasonSpecInvalid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.objects...)
			if got, err := w.reconcile(tc.name); err != nil || got != (reconcile.Result{}) {
				t.Errorf("%s got %v, %v", tc.why, got, err)
			}
			c := meta.FindStatusCondition(w.get(tc.name).Status.Conditions, v1alpha1.ConditionReady)
			if c == nil || c.Reason != string(tc.want) {
				t.Errorf("%s got %+v, want %s", tc.why, c, tc.want)
			}
			if len(w.deployed) != 0 {
				t.Error("it was deployed")
			}
		})
	}
}

func TestReconcileOutcomes(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		outcome deploy.Outcome
		want    reconcile.Result
		err     error
	}{
		"Waiting": {deploy.Outcome{After: time.Minute}, reconcile.Result{RequeueAfter: time.Minute}, nil},
		"Again":   {deploy.Outcome{Again: boom}, reconcile.Result{}, boom},
	} {
		w := newWorld(t, function(), version())
		w.outcome = tc.outcome
		if got, err := w.reconcile("orders.1"); got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestReconcileNothing(t *testing.T) {
	going := version()
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/wait"}
	w := newWorld(t, function(), going)
	for _, name := range []string{"orders.1", "orders.2"} {
		if got, err := w.reconcile(name); err != nil || got != (reconcile.Result{}) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if len(w.deployed) != 0 {
		t.Error("it was deployed")
	}
}
