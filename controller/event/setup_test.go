package event

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func TestSetup(t *testing.T) {
	known := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	anyName := true // names are unique in a process, which may run this test twice
	for name, tc := range map[string]struct {
		scheme *runtime.Scheme
		works  bool
	}{"Known": {known, true}, "Unknown": {runtime.NewScheme(), false}} {
		mgr, err := manager.New(&rest.Config{Host: "http://127.0.0.1:1"}, manager.Options{
			Scheme: tc.scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: &anyName},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := new(Reconciler).SetupWithManager(mgr); (err == nil) != tc.works {
			t.Errorf("%s: SetupWithManager = %v", name, err)
		}
	}
}

// TestListen holds that an event whose turn has come gets into the controller's queue.
func TestListen(t *testing.T) {
	q := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, time.Second))
	defer q.ShutDown()
	r := new(Reconciler)
	if err := r.listen(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		r.lanes.enter(key(name), "g", 1)
	}
	r.lanes.leave(key("a"))
	if got, _ := q.Get(); got.NamespacedName != (client.ObjectKey{Namespace: "team", Name: "b"}) {
		t.Errorf("the queue holds %v", got)
	}
}
