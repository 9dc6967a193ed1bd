package knative

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// maxBacklog is how many events of a namespace may wait, as on one machine.
	maxBacklog = 100_000
	// backlogAge is how long a count is believed. The number that waits can pass the bound by what comes in that time.
	backlogAge = 2 * time.Second
)

// Backlog bounds how many events wait in each namespace: they are in the cluster's database, which has room for other things
// too. It counts seldom, and by the number that the API server gives with a list of one. Its zero value is ready. It is safe for
// concurrent use.
type Backlog struct {
	most int // maxBacklog if 0
	now  func() time.Time

	mu     sync.Mutex
	counts map[string]*count // by namespace
}

// count is how many events there were, and when.
type count struct {
	mu      sync.Mutex // held while it is counted
	waiting int64
	at      time.Time
}

// admit fails with TooManyRequestsException if too many events wait.
func (b *Backlog) admit(ctx context.Context, objects client.Reader, namespace string) error {
	c := b.of(namespace)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now
	if b.now != nil {
		now = b.now
	}
	if at := now(); at.Sub(c.at) > backlogAge {
		waiting, err := countEvents(ctx, objects, namespace)
		if err != nil {
			return err
		}
		c.waiting, c.at = waiting, at
	}
	most := int64(b.most)
	if most == 0 {
		most = maxBacklog
	}
	if c.waiting >= most {
		return lambda.Throttled(lambda.ReasonCallerRate, backlogAge)
	}
	c.waiting++
	return nil
}

func (b *Backlog) of(namespace string) *count {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		b.counts = make(map[string]*count)
	}
	c := b.counts[namespace]
	if c == nil {
		c = new(count)
		b.counts[namespace] = c
	}
	return c
}

// countEvents asks for one event's metadata, and how many more there are.
func countEvents(ctx context.Context, objects client.Reader, namespace string) (int64, error) {
	list := new(metav1.PartialObjectMetadataList)
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("AsyncInvocationList"))
	if err := objects.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return 0, objectError(ctx, "AsyncInvocation", "", fmt.Errorf("count events: %w", err))
	}
	n := int64(len(list.Items))
	if more := list.GetRemainingItemCount(); more != nil {
		n += *more
	}
	return n, nil
}
