package watch

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Pauses between tries of an object that fails: the first, and the longest.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// Setup is what each controller is set up with.
type Setup struct {
	// Manager runs it.
	Manager manager.Manager
	// Concurrency is how many objects it looks at once.
	Concurrency int
	// Kinds tells it of kinds that come later.
	Kinds *Kinds
}

// Options are the options of a controller. Each object that fails waits for itself: there is no pace for all together,
// which many failing ones would take from the others.
func (s Setup) Options() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: s.Concurrency,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstPause, longestPause),
	}
}
