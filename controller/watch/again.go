package watch

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Again is a source of events for a controller: all its objects, whenever somebody wishes them to be looked at again.
type Again struct {
	// Objects gives a request for each object.
	Objects func(ctx context.Context) []reconcile.Request

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

var _ source.Source = (*Again)(nil)

// Start takes the controller's queue. It is called by the controller.
func (a *Again) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = queue
	return nil
}

// All has all objects looked at. Before the controller has been started there is nothing to do: it begins with all.
func (a *Again) All(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queue == nil {
		return
	}
	for _, r := range a.Objects(ctx) {
		a.queue.Add(r)
	}
}

// One has one object looked at.
func (a *Again) One(obj client.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queue != nil {
		a.queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
	}
}
