package function

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
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
	writes   int
	now      time.Time
}

func newWorld(t *testing.T, outcome func(s *deploy.Subject) deploy.Outcome, objects ...client.Object) *world {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b := fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithStatusSubresource(new(v1alpha1.Function)).
		WithInterceptorFuncs(interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
				w.writes++
				return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			},
		})
	if err := family.Index(t.Context(), indexes{b}); err != nil {
		t.Fatal(err)
	}
	w.client = b.Build()
	w.Reconciler = &Reconciler{
		Client: w.client,
		Deployer: deployFunc(func(s *deploy.Subject) deploy.Outcome {
			w.deployed = append(w.deployed, s)
			return outcome(s)
		}),
		Reporter: &report.Reporter{Client: w.client, Events: events.NewFakeRecorder(10)},
		Now:      func() time.Time { return w.now },
	}
	return w
}

func (w *world) reconcile(name string) (reconcile.Result, error) {
	w.t.Helper()
	q := reconcile.Request{}
	q.Namespace, q.Name = "shop", name
	return w.Reconcile(w.t.Context(), q)
}

func (w *world) get(name string) *v1alpha1.Function {
	w.t.Helper()
	fn := new(v1alpha1.Function)
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, fn); err != nil {
		w.t.Fatal(err)
	}
	return fn
}

func ready(s *deploy.Subject) deploy.Outcome {
	s.Status.MarkReady(s.Generation)
	return deploy.Outcome{}
}

func function(name string) *v1alpha1.Function {
	return &v1alpha1.Function{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Generation: 1},
		Spec: v1alpha1.FunctionSpec{
			Runtime: "nodejs22.x", Handler: "index.handler", Code: v1alpha1.Code{Zip: &v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}},
		},
	}
}

func TestReconcile(t *testing.T) {
	w := newWorld(t, ready, function("orders"))
	if got, err := w.reconcile("orders"); err != nil || got != (reconcile.Result{}) {
		t.Fatalf("got %v, %v", got, err)
	}
	s := w.deployed[0]
	if s.Pinned || s.Image != "" || s.FunctionName != "orders" || s.Workload.Name != "orders" || s.Workload.Version != "$LATEST" {
		t.Errorf("deployed %+v", s)
	}
	if s.Workload.Spec.MemorySize != 128 || s.Workload.Asked.MemorySize != 0 {
		t.Errorf("deployed with memory %d, asked for %d", s.Workload.Spec.MemorySize, s.Workload.Asked.MemorySize)
	}
	fn := w.get("orders")
	if diff := cmp.Diff(function("orders").Spec, fn.Spec); diff != "" {
		t.Errorf("the spec was written to:\n%s", diff)
	}
	if fn.Status.LastModified == nil || !fn.Status.LastModified.Equal(new(metav1.NewMicroTime(w.now))) {
		t.Errorf("last modified %v", fn.Status.LastModified)
	}
	w.writes, w.now = 0, w.now.Add(time.Hour)
	if _, err := w.reconcile("orders"); err != nil || w.writes != 0 {
		t.Errorf("nothing changed: %d writes, %v", w.writes, err)
	}
	fn.Generation = 2
	if err := w.client.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reconcile("orders"); err != nil {
		t.Fatal(err)
	}
	if got := w.get("orders").Status.LastModified; !got.Equal(new(metav1.NewMicroTime(w.now))) {
		t.Errorf("after a change: last modified %v, want %v", got, w.now)
	}
}

func TestReconcileNothing(t *testing.T) {
	going := function("going")
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"test/wait"}
	w := newWorld(t, ready, going)
	for _, name := range []string{"gone", "going"} {
		if got, err := w.reconcile(name); err != nil || got != (reconcile.Result{}) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if len(w.deployed) != 0 || w.writes != 0 {
		t.Errorf("deployed %d, wrote %d times", len(w.deployed), w.writes)
	}
}

func TestReconcileInvalid(t *testing.T) {
	fn := function("orders")
	fn.Spec.FunctionName = "Orders" // whose object has another name
	w := newWorld(t, ready, fn)
	if got, err := w.reconcile("orders"); err != nil || got != (reconcile.Result{}) {
		t.Errorf("got %v, %v", got, err)
	}
	c := meta.FindStatusCondition(w.get("orders").Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Reason != string(v1alpha1.ReasonSpecInvalid) || !strings.Contains(c.Message, "metadata.name") {
		t.Errorf("got %+v", c)
	}
	if len(w.deployed) != 0 {
		t.Error("it was deployed")
	}
}

func TestReconcileOutcomes(t *testing.T) {
	boom := errors.New("boom")
	cases := map[string]struct {
		reason  string
		outcome deploy.Outcome
		want    reconcile.Result
		err     error
	}{
		"Done":    {"Events tell the rest.", deploy.Outcome{}, reconcile.Result{}, nil},
		"Waiting": {"There may be no event.", deploy.Outcome{After: time.Minute}, reconcile.Result{RequeueAfter: time.Minute}, nil},
		"Again":   {"It is tried again with pauses.", deploy.Outcome{Again: boom}, reconcile.Result{}, boom},
	}
	for name, tc := range cases {
		w := newWorld(t, func(s *deploy.Subject) deploy.Outcome {
			s.Status.MarkProgressing(s.Generation)
			return tc.outcome
		}, function("orders"))
		got, err := w.reconcile("orders")
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %s got %v, %v", name, tc.reason, got, err)
		}
		if len(w.get("orders").Status.Conditions) == 0 {
			t.Errorf("%s: nothing is told", name)
		}
	}
}

// TestReconcileStale holds that a conflict is no error and no word to the user.
func TestReconcileStale(t *testing.T) {
	var w *world
	w = newWorld(t, func(s *deploy.Subject) deploy.Outcome {
		fn := w.get("orders")
		fn.Labels = map[string]string{"changed": "meanwhile"}
		if err := w.client.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		return ready(s)
	}, function("orders"))
	got, err := w.reconcile("orders")
	if err != nil || got.RequeueAfter <= 0 {
		t.Errorf("got %v, %v", got, err)
	}
	if len(w.get("orders").Status.Conditions) != 0 {
		t.Error("a stale status was written")
	}
}

func TestLatestVersion(t *testing.T) {
	fn := function("orders")
	fn.Status.LatestVersion = 3
	v := func(n int64) *v1alpha1.Version {
		return &v1alpha1.Version{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.VersionObjectName("orders", n), Namespace: "shop"}, Spec: v1alpha1.VersionSpec{FunctionName: "orders", Version: n}}
	}
	w := newWorld(t, ready, fn, v(1), v(5))
	if _, err := w.reconcile("orders"); err != nil {
		t.Fatal(err)
	}
	if got := w.get("orders").Status.LatestVersion; got != 5 {
		t.Errorf("got %d, want 5", got)
	}
	if err := w.client.Delete(t.Context(), v(5)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reconcile("orders"); err != nil {
		t.Fatal(err)
	}
	if got := w.get("orders").Status.LatestVersion; got != 5 {
		t.Errorf("after version 5 was deleted: got %d; its number must not be used again", got)
	}
}

func TestReconcileUnreadable(t *testing.T) {
	down := apierrors.NewServiceUnavailable("down")
	w := newWorld(t, ready, function("orders"))
	w.Client = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return down
		},
	})
	if _, err := w.reconcile("orders"); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
