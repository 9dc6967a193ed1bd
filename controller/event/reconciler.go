package event

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"k8s.io/client-go/util/workqueue"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
)

const (
	// firstBackoff and lastBackoff bound the wait after the API server has failed us.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = time.Minute
)

// Reconciler works off AsyncInvocations. Its fields are not changed once it is set up.
type Reconciler struct {
	// Client writes, and reads from the manager's cache. The cache may hold events without their payload; see [Slim].
	Client client.Client
	// Live reads from the API server: an event is read again before it is tried, because a cache may show it after it
	// was done with.
	Live client.Reader
	// Invoker runs the functions of a namespace.
	Invoker func(namespace string) lambda.Invoker
	// HTTP posts records to URLs. It should keep away from addresses of the controller itself.
	HTTP *http.Client
	// Messages sends records to queues, topics and event buses; nil: there are none.
	Messages *messaging.Client
	// Identity completes the ARNs in records.
	Identity func() lambda.Identity
	// Delay is the wait after a function's first failure; zero is AWS's, one minute.
	Delay time.Duration
	// Concurrency is how many events are tried at once, and PerFunction how many of one function, so that a slow one does
	// not hold up the others. Zero is 64 and 16.
	Concurrency, PerFunction int
	// Grace is how long events that are being tried may go on when the controller stops; zero is 20 seconds.
	Grace time.Duration
	// Metrics counts how events and records end; nil: nothing does.
	Metrics *Metrics
	// Log takes what is given up; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is the machine's.
	Now func() time.Time

	lanes    lanes
	outcomes outcomes
}

// SetupWithManager makes it a controller of a manager. It runs where the manager leads.
func (r *Reconciler) SetupWithManager(mgr manager.Manager) error {
	onlyNew := predicate.Funcs{ // what follows is timed: nobody but us changes an event
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	err := builder.ControllerManagedBy(mgr).Named("asyncinvocation").
		For(&v1alpha1.AsyncInvocation{}, builder.WithPredicates(onlyNew)).
		WatchesRawSource(source.Func(r.listen)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: orDefault(r.Concurrency, 64),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstBackoff, lastBackoff),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("cannot set up the controller of asynchronous invocations: %w", err)
	}
	return nil
}

// listen has events whose turn has come put into the controller's queue.
func (r *Reconciler) listen(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	r.lanes.onTurn(func(key client.ObjectKey) { q.Add(reconcile.Request{NamespacedName: key}) })
	return nil
}

// Slim takes from an event what a cache need not hold: its payload is read when its turn comes. It is a transform for the
// manager's cache of AsyncInvocations.
func Slim(obj any) (any, error) {
	if a, ok := obj.(*v1alpha1.AsyncInvocation); ok {
		a.Spec.Payload, a.ManagedFields = nil, nil
	}
	return obj, nil
}

// Reconcile tries an event whose turn has come, and carries out what is decided.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	defer r.lanes.leave(req.NamespacedName)
	a := new(v1alpha1.AsyncInvocation)
	if found, err := read(ctx, r.Client, req.NamespacedName, a); !found {
		return reconcile.Result{}, r.gone(req.NamespacedName, err)
	}
	if step, ok := r.outcomes.of(a); ok {
		return r.settle(ctx, a, step)
	}
	if wait := r.untilDue(a); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if !r.lanes.enter(req.NamespacedName, group(a), orDefault(r.PerFunction, 16)) {
		return reconcile.Result{}, nil // it is called when a place is free
	}
	*a = v1alpha1.AsyncInvocation{}
	if found, err := read(ctx, r.Live, req.NamespacedName, a); !found {
		return reconcile.Result{}, r.gone(req.NamespacedName, err)
	}
	if wait := r.untilDue(a); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	step, err := r.attempt(ctx, a)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.outcomes.note(a, step)
	return r.settle(ctx, a, step)
}

// read reports whether the event is there to be worked on.
func read(ctx context.Context, from client.Reader, key client.ObjectKey, a *v1alpha1.AsyncInvocation) (bool, error) {
	if err := from.Get(ctx, key, a); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("cannot read AsyncInvocation %s: %w", key, err)
	}
	return a.DeletionTimestamp.IsZero(), nil
}

// gone forgets an event that is not there any more, unless it only could not be read.
func (r *Reconciler) gone(key client.ObjectKey, err error) error {
	if err == nil {
		r.outcomes.forget(key)
	}
	return err
}

// group is by whom turns are taken: a function, or the destinations of its records.
func group(a *v1alpha1.AsyncInvocation) string {
	ev, err := delivery.FromObject(a)
	if err != nil {
		return a.Namespace
	}
	return a.Namespace + "/" + ev.Group()
}

// untilDue is how long the event has to wait yet.
func (r *Reconciler) untilDue(a *v1alpha1.AsyncInvocation) time.Duration {
	if a.Status.NextAttempt == nil {
		return 0
	}
	return a.Status.NextAttempt.Sub(r.now())
}

func (r *Reconciler) sender() delivery.Sender {
	return delivery.Sender{HTTP: r.HTTP, Messages: r.Messages}
}

func (r *Reconciler) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func (r *Reconciler) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func orDefault(n, byDefault int) int {
	if n == 0 {
		return byDefault
	}
	return n
}
