package knative

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestBacklog holds that events beyond the bound are refused as throttled, that counting is seldom, and that room that has
// become free is found.
func TestBacklog(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	waiting, counted := int64(0), 0
	var fail error
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			meta, ok := list.(*metav1.PartialObjectMetadataList)
			if !ok {
				return c.List(ctx, list, opts...)
			}
			counted++
			if waiting > 0 {
				more := waiting - 1
				meta.Items, meta.RemainingItemCount = make([]metav1.PartialObjectMetadata, 1), &more
			}
			return fail
		},
	})
	e.Backlog = &Backlog{most: 5, now: func() time.Time { return now }}
	send := func() error {
		return e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, "f"), Payload: []byte("1")})
	}
	for range 5 {
		must(t, send())
	}
	if counted != 1 {
		t.Errorf("counted %d times for events of one moment", counted)
	}
	err := send()
	wantCode(t, "one too many", err, lambda.CodeTooManyRequests)
	if known := lambda.AsError(err); known.Reason != lambda.ReasonCallerRate || known.RetryAfter == 0 {
		t.Errorf("refused with %+v", known)
	}
	waiting, now = 4, now.Add(time.Minute)
	must(t, send())
	wantCode(t, "one too many again", send(), lambda.CodeTooManyRequests)
	now, fail = now.Add(time.Minute), errors.New("down")
	wantCode(t, "nobody can count", send(), lambda.CodeServiceUnavailable)
}

// TestEnqueueAsksTheCacheFirst holds that an event for a known function costs one request, and one for a new function two.
func TestEnqueueAsksTheCacheFirst(t *testing.T) {
	e, api := newEngine(t)
	deploy(t, e, "f")
	e.Cache = api
	gets := 0
	e.Client = interceptor.NewClient(api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			gets++
			return c.Get(ctx, key, obj, opts...)
		},
	})
	must(t, e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, "f"), Payload: []byte("1")}))
	if gets != 0 {
		t.Errorf("asked %d times for a function that the cache knows", gets)
	}
	other, _ := newEngine(t)
	e.Cache = other.Client
	must(t, e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, "f"), Payload: []byte("1")}))
	wantCode(t, "nobody", e.Enqueue(t.Context(), &lambda.Invocation{Function: reference(t, "g"), Payload: []byte("1")}), lambda.CodeResourceNotFound)
}
