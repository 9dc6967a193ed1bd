package apply

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// world is a cluster that counts what is asked of it.
type world struct {
	client.Client
	live client.Client

	applied int // writes
	looked  int // reads past the cache
	refuse  error
}

// newWorld makes a cluster with objects. The cache shows only those that the API server has too.
func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{servingv1.AddToScheme, v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := new(world)
	w.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			w.applied++
			if w.refuse != nil {
				return w.refuse
			}
			return c.Apply(ctx, obj, opts...)
		},
	}).Build()
	w.live = w.Client
	return w
}

// Get reads past the cache.
func (w *world) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	w.looked++
	return w.live.Get(ctx, key, obj, opts...)
}

func (w *world) applier() *Applier { return &Applier{Client: w.Client, Live: w} }

func owner() *v1alpha1.Function {
	return &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: "u1"}}
}

func service(uid types.UID, change ...func(*servingv1.Service)) *servingv1.Service {
	s := &servingv1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "serving.knative.dev/v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "orders", Namespace: "shop", Labels: map[string]string{v1alpha1.LabelFunction: "orders"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "lambkin.dev/v1alpha1", Kind: "Function", Name: "orders", UID: uid, Controller: new(true),
			}},
		},
	}
	s.Spec.Template.Annotations = map[string]string{"scale": "1"}
	s.Spec.Template.Spec.Containers = []corev1.Container{{Name: "user-container", Image: "one"}}
	for _, c := range change {
		c(s)
	}
	return s
}

func TestApplyOnlyWhatIsNew(t *testing.T) {
	w := newWorld(t)
	apply := func(reason string, wanted *servingv1.Service, requests int) *servingv1.Service {
		t.Helper()
		w.applied = 0
		live := new(servingv1.Service)
		if err := w.applier().Apply(t.Context(), owner(), wanted, live); err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		if w.applied != requests {
			t.Errorf("%s: %d writes, want %d", reason, w.applied, requests)
		}
		return live
	}
	apply("it is not there yet", service("u1"), 1)
	w.looked = 0
	apply("nothing has changed", service("u1"), 0)
	if w.looked != 0 {
		t.Errorf("the API server was asked %d times for what the cache has", w.looked)
	}
	two := func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].Image = "two" }
	if live := apply("the image is another", service("u1", two), 1); live.Spec.Template.Spec.Containers[0].Image != "two" {
		t.Errorf("the answer holds %+v", live.Spec.Template.Spec.Containers)
	}
	bare := func(s *servingv1.Service) { two(s); s.Spec.Template.Annotations = nil }
	if live := apply("an annotation is no longer wanted", service("u1", bare), 1); len(live.Spec.Template.Annotations) != 0 {
		t.Errorf("what is no longer wanted is still there: %v", live.Spec.Template.Annotations)
	}
	apply("nothing has changed", service("u1", bare), 0)
}

func TestApplyTakesBackAndLeavesAlone(t *testing.T) {
	w := newWorld(t)
	live := new(servingv1.Service)
	if err := w.applier().Apply(t.Context(), owner(), service("u1"), live); err != nil {
		t.Fatal(err)
	}
	live.Annotations["theirs"] = "kept"
	live.Spec.Template.Annotations["scale"] = "9"
	if err := w.Update(t.Context(), live, client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
	w.applied = 0
	if err := w.applier().Apply(t.Context(), owner(), service("u1"), live); err != nil {
		t.Fatal(err)
	}
	if w.applied != 1 || live.Spec.Template.Annotations["scale"] != "1" {
		t.Errorf("%d writes, and the annotation is %q", w.applied, live.Spec.Template.Annotations["scale"])
	}
	if live.Annotations["theirs"] != "kept" {
		t.Errorf("others' annotation went: %v", live.Annotations)
	}
}

func TestApplyNeverTouchesOthers(t *testing.T) {
	foreign := service("u2")
	plain := service("u1", func(s *servingv1.Service) { s.OwnerReferences = nil })
	for name, there := range map[string]*servingv1.Service{"AnotherOwner": foreign, "NoOwner": plain} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, there)
			err := w.applier().Apply(t.Context(), owner(), service("u1"), new(servingv1.Service))
			wantReason(t, err, v1alpha1.ReasonNameTaken)
			if w.applied != 0 {
				t.Error("it was written to")
			}
		})
	}
	t.Run("NotInTheCache", func(t *testing.T) {
		w := newWorld(t)
		w.live = newWorld(t, plain).Client
		wantReason(t, w.applier().Apply(t.Context(), owner(), service("u1"), new(servingv1.Service)), v1alpha1.ReasonNameTaken)
		if w.applied != 0 {
			t.Error("it was written to")
		}
	})
	t.Run("MadeInTheMeantime", func(t *testing.T) {
		w := newWorld(t)
		w.refuse = apierrors.NewConflict(servingv1.Resource("services"), "orders", errors.New("conflict with \"kn\": .spec.template"))
		wantReason(t, w.applier().Apply(t.Context(), owner(), service("u1"), new(servingv1.Service)), v1alpha1.ReasonNameTaken)
	})
}

// TestApplyForce holds that only an object that is known to be ours is taken back by force, and only that very one.
func TestApplyForce(t *testing.T) {
	var seen []client.ApplyOptions
	var uids []types.UID
	scheme := runtime.NewScheme()
	if err := servingv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			o := client.ApplyOptions{}
			o.ApplyOptions(opts)
			seen = append(seen, o)
			if u, ok := obj.(interface{ GetUID() types.UID }); ok {
				uids = append(uids, u.GetUID())
			}
			return c.Apply(ctx, obj, opts...)
		},
	}).Build()
	a := &Applier{Client: c, Live: c}
	live := new(servingv1.Service)
	for _, image := range []string{"one", "two"} {
		wanted := service("u1", func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].Image = image })
		if err := a.Apply(t.Context(), owner(), wanted, live); err != nil {
			t.Fatal(err)
		}
		// The fake gives no uid; a real API server does.
		live.UID = "live"
		if err := c.Update(t.Context(), live); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 2 || ptr.Deref(seen[0].Force, false) || !ptr.Deref(seen[1].Force, false) {
		t.Errorf("options were %+v", seen)
	}
	if diff := cmp.Diff([]types.UID{"", "live"}, uids); diff != "" {
		t.Errorf("uids - want, + got:\n%s", diff)
	}
}

func TestApplyWhatIsGoing(t *testing.T) {
	going := service("u1", func(s *servingv1.Service) {
		s.DeletionTimestamp, s.Finalizers = new(metav1.Now()), []string{"test/wait"}
	})
	err := newWorld(t, going).applier().Apply(t.Context(), owner(), service("u1"), new(servingv1.Service))
	if !errors.Is(err, ErrGoing) {
		t.Errorf("got %v, want ErrGoing", err)
	}
}

func wantReason(t *testing.T, err error, want v1alpha1.Reason) {
	t.Helper()
	if f := new(v1alpha1.Failure); !errors.As(err, &f) || f.Reason != want {
		t.Errorf("got %v, want reason %s", err, want)
	}
}
