package event

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
)

// outcomes remembers what was decided and is not written down yet, so that an API server that is away for a while makes no
// function run again. There are no more of them than attempts that ended without it. Its zero value is empty. It is safe for
// concurrent use.
type outcomes struct {
	mu  sync.Mutex
	all map[client.ObjectKey]outcome
}

// outcome is of one object, not of the next with the same name.
type outcome struct {
	uid  types.UID
	step delivery.Step
}

func (o *outcomes) note(a *v1alpha1.AsyncInvocation, step delivery.Step) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = make(map[client.ObjectKey]outcome)
	}
	o.all[client.ObjectKeyFromObject(a)] = outcome{a.UID, step}
}

func (o *outcomes) of(a *v1alpha1.AsyncInvocation) (delivery.Step, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, ok := o.all[client.ObjectKeyFromObject(a)]
	return out.step, ok && out.uid == a.UID
}

func (o *outcomes) forget(key client.ObjectKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, key)
}
