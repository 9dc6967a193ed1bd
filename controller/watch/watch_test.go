package watch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// mapper is a cluster with some kinds.
type mapper struct {
	meta.RESTMapper

	mu    sync.Mutex
	kinds map[schema.GroupKind]bool
	fault error
	asked int
}

// set changes the cluster while it is being asked.
func (m *mapper) set(fault error, kinds ...schema.GroupKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
	for _, k := range kinds {
		m.kinds[k] = true
	}
}

func (m *mapper) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.fault != nil {
		return nil, m.fault
	}
	if !m.kinds[kind] {
		return nil, &meta.NoKindMatchError{GroupKind: kind, SearchedVersions: versions}
	}
	return new(meta.RESTMapping), nil
}

func kind(name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "serving.knative.dev", Version: "v1", Kind: name}
}

func TestKindsThatAreThere(t *testing.T) {
	m := &mapper{kinds: map[schema.GroupKind]bool{kind("Service").GroupKind(): true}}
	k := &Kinds{Mapper: m}
	begun := map[string]int{}
	k.When(kind("Service"), func() error { begun["service"]++; return nil })
	k.When(kind("Service"), func() error { begun["service too"]++; return nil })
	k.When(kind("Route"), func() error { begun["route"]++; return nil })
	if k.Has(kind("Service")) {
		t.Error("nobody has looked and it is there")
	}
	if news, err := k.Look(); !news || err != nil {
		t.Errorf("got %v, %v", news, err)
	}
	if m.asked != 2 {
		t.Errorf("asked %d times for two kinds", m.asked)
	}
	if news, err := k.Look(); news || err != nil {
		t.Errorf("nothing new: got %v, %v", news, err)
	}
	if m.asked != 3 {
		t.Errorf("asked again for what is there")
	}
	if diff := cmp.Diff(map[string]int{"service": 1, "service too": 1}, begun); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	if !k.Has(kind("Service")) || k.Has(kind("Route")) {
		t.Error("it does not know what is there")
	}
}

func TestKindsThatTrouble(t *testing.T) {
	m := &mapper{kinds: map[schema.GroupKind]bool{kind("Service").GroupKind(): true, kind("Route").GroupKind(): true}}
	k := &Kinds{Mapper: m}
	fault, begun := errors.New("no"), 0
	k.When(kind("Service"), func() error { begun++; return nil })
	k.When(kind("Route"), func() error { return fault })
	if news, err := k.Look(); !news || !errors.Is(err, fault) {
		t.Errorf("got %v, %v", news, err)
	}
	if k.Has(kind("Route")) {
		t.Error("what could not be begun counts as there")
	}
	fault = nil
	if _, err := k.Look(); err != nil || begun != 1 || !k.Has(kind("Route")) {
		t.Errorf("the next look: %v, begun %d times", err, begun)
	}
	k.When(kind("Revision"), func() error { return nil })
	m.fault = errors.New("down")
	if _, err := k.Look(); !errors.Is(err, m.fault) {
		t.Errorf("got %v", err)
	}
	m.fault = nil
	m.kinds[kind("Revision").GroupKind()] = true
	if news, err := k.Look(); !news || err != nil {
		t.Errorf("after an error it is not looked for any more: %v, %v", news, err)
	}
}

func TestKindsThatCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mapper{kinds: map[schema.GroupKind]bool{}}
		var arrived, begun atomic.Int32
		k := &Kinds{Mapper: m, Arrived: func(context.Context) { arrived.Add(1) }, Log: logr.Discard()}
		k.When(kind("Service"), func() error { begun.Add(1); return nil })
		done := make(chan error)
		go func() { done <- k.Start(t.Context()) }()
		time.Sleep(DefaultInterval + time.Second)
		if begun.Load() != 0 || arrived.Load() != 0 {
			t.Error("it was begun with a kind that is not there")
		}
		m.set(errors.New("down for a moment"))
		time.Sleep(DefaultInterval)
		m.set(nil, kind("Service").GroupKind())
		if err := <-done; err != nil { // all are there, so it ends
			t.Error(err)
		}
		if begun.Load() != 1 || arrived.Load() != 1 {
			t.Errorf("begun %d times, told %d times", begun.Load(), arrived.Load())
		}
	})
}

func TestKindsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &Kinds{Mapper: &mapper{}, Interval: time.Hour}
		k.When(kind("Service"), func() error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Start(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAgain(t *testing.T) {
	request := func(name string) reconcile.Request {
		r := reconcile.Request{}
		r.Namespace, r.Name = "shop", name
		return r
	}
	a := &Again{Objects: func(context.Context) []reconcile.Request { return []reconcile.Request{request("a"), request("b")} }}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"}}
	a.All(t.Context()) // before the start there is nobody to tell
	a.One(pod)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := a.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	if queue.Len() != 0 {
		t.Errorf("%d in the queue at the start", queue.Len())
	}
	a.All(t.Context())
	a.One(pod)
	a.One(pod)
	var got []string
	for queue.Len() > 0 {
		r, _ := queue.Get()
		got = append(got, r.Name)
		queue.Done(r)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}

func TestPredicates(t *testing.T) {
	was := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Generation: 1, ResourceVersion: "1", Labels: map[string]string{"a": "b"}}}
	change := func(how func(*corev1.Pod)) event.UpdateEvent {
		is := was.DeepCopy()
		is.ResourceVersion = "2"
		how(is)
		return event.UpdateEvent{ObjectOld: was, ObjectNew: is}
	}
	status := change(func(p *corev1.Pod) { p.Status.Message = "x" })
	spec := change(func(p *corev1.Pod) { p.Generation = 2 })
	label := change(func(p *corev1.Pod) { p.Labels = nil })
	note := change(func(p *corev1.Pod) { p.Annotations = map[string]string{"a": "b"} })
	cases := map[string]struct{ got, want bool }{
		"WishesStatus":     {Wishes().Update(status), false},
		"WishesSpec":       {Wishes().Update(spec), true},
		"WishesLabel":      {Wishes().Update(label), true},
		"WishesAnnotation": {Wishes().Update(note), true},
		"WishesNew":        {Wishes().Create(event.CreateEvent{Object: was}), true},
		"WishesGone":       {Wishes().Delete(event.DeleteEvent{Object: was}), true},
		"ComingNew":        {Coming().Create(event.CreateEvent{Object: was}), true},
		"ComingSpec":       {Coming().Update(spec), false},
		"ComingGone":       {Coming().Delete(event.DeleteEvent{Object: was}), false},
		"ComingGeneric":    {Coming().Generic(event.GenericEvent{Object: was}), false},
		"BothNew":          {ComingAndGoing().Create(event.CreateEvent{Object: was}), true},
		"BothSpec":         {ComingAndGoing().Update(spec), false},
		"BothGone":         {ComingAndGoing().Delete(event.DeleteEvent{Object: was}), true},
	}
	for name, tc := range cases {
		if tc.got != tc.want {
			t.Errorf("%s: let through: %v, want %v", name, tc.got, tc.want)
		}
	}
}

// TestOptions holds that an object that fails waits longer and longer, but not for ever, and others not with it.
func TestOptions(t *testing.T) {
	o := Setup{Concurrency: 3}.Options()
	if o.MaxConcurrentReconciles != 3 {
		t.Errorf("%d at once", o.MaxConcurrentReconciles)
	}
	a, b := reconcile.Request{}, reconcile.Request{}
	a.Name, b.Name = "a", "b"
	for range 20 {
		o.RateLimiter.When(a)
	}
	if got := o.RateLimiter.When(a); got != longestPause {
		t.Errorf("after many failures it waits %v", got)
	}
	if got := o.RateLimiter.When(b); got != firstPause {
		t.Errorf("after one failure another waits %v", got)
	}
}
