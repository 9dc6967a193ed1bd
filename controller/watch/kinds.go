// Package watch has the events that controller-runtime has not: kinds that come to the cluster while the controller runs,
// and the wish to have all objects looked at again.
package watch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// DefaultInterval is how often a cluster is asked for kinds that it does not have.
const DefaultInterval = 10 * time.Second

// Kinds knows which of the kinds that somebody else installs the cluster has. To watch a kind that is not there would keep
// the controller from starting; so what needs it is begun when it is there, at once or later. It is a
// manager.Runnable, and once all kinds are there it asks for nothing any more.
type Kinds struct {
	// Mapper asks the cluster.
	Mapper meta.RESTMapper
	// Interval between questions; DefaultInterval if zero.
	Interval time.Duration
	// Arrived is called when kinds have come that were not there at first; nil: nobody.
	Arrived func(ctx context.Context)
	// Log takes what goes wrong.
	Log logr.Logger

	looking sync.Mutex // held while the cluster is asked
	waiting []arrival

	mu      sync.RWMutex // never held for long
	present map[schema.GroupVersionKind]bool
}

// arrival is what is begun when a kind comes.
type arrival struct {
	kind  schema.GroupVersionKind
	begin func() error
}

// When has begin called once the kind is there, which may be at once, in the first Look. It is for before Start.
func (k *Kinds) When(kind schema.GroupVersionKind, begin func() error) {
	k.looking.Lock()
	defer k.looking.Unlock()
	k.waiting = append(k.waiting, arrival{kind, begin})
}

// Has reports whether a kind was there when the cluster was last asked.
func (k *Kinds) Has(kind schema.GroupVersionKind) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.present[kind]
}

// Look asks the cluster for the kinds that are missing, and begins what waited for those that are there. It reports whether
// any has come.
func (k *Kinds) Look() (news bool, err error) {
	k.looking.Lock()
	defer k.looking.Unlock()
	waiting, asked := k.waiting, make(map[schema.GroupVersionKind]bool)
	k.waiting = nil
	for i, a := range waiting {
		there, err := k.begin(a, asked)
		if err != nil {
			k.waiting = append(k.waiting, waiting[i:]...)
			return news, err
		}
		news = news || there
		if !there {
			k.waiting = append(k.waiting, a)
		}
	}
	return news, nil
}

// begin begins what waits for a kind, if that is there. asked holds the answers of one Look.
func (k *Kinds) begin(a arrival, asked map[schema.GroupVersionKind]bool) (there bool, err error) {
	there, known := asked[a.kind]
	if !known {
		if there, err = k.ask(a.kind); err != nil {
			return false, err
		}
		asked[a.kind] = there
	}
	if !there {
		return false, nil
	}
	if err := a.begin(); err != nil {
		return false, fmt.Errorf("begin with %v: %w", a.kind, err)
	}
	k.note(a.kind)
	return true, nil
}

func (k *Kinds) note(kind schema.GroupVersionKind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.present == nil {
		k.present = make(map[schema.GroupVersionKind]bool)
	}
	k.present[kind] = true
}

func (k *Kinds) ask(kind schema.GroupVersionKind) (bool, error) {
	_, err := k.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask the cluster for %v: %w", kind, err)
	}
	return true, nil
}

// Start looks until all kinds are there or ctx ends.
func (k *Kinds) Start(ctx context.Context) error {
	interval := k.Interval
	if interval <= 0 {
		interval = DefaultInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !k.complete() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		news, err := k.Look()
		if err != nil {
			k.Log.Error(err, "kinds of other APIs are looked for again")
		}
		if news && k.Arrived != nil {
			k.Arrived(ctx)
		}
	}
	return nil
}

func (k *Kinds) complete() bool {
	k.looking.Lock()
	defer k.looking.Unlock()
	return len(k.waiting) == 0
}
