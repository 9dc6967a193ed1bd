// Package apply writes child objects by server-side apply, and only when there is something to write.
//
// The fields that are applied are ours alone: they are taken back from whoever changes them. All others, such as
// annotations that people add, are left as they are. An object that belongs to somebody else is never touched.
package apply

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

const (
	// Manager is the field manager under which the controller applies.
	Manager = "lambkin-controller"
	// AnnotationApplied is on every object applied: a digest of what was applied last. Fields that are no longer applied
	// cannot be seen in the object; they make another digest.
	AnnotationApplied = v1alpha1.Group + "/applied"
)

// ErrGoing says that an object cannot be applied because it, or its namespace, is being deleted. When that has come to
// its end there is an event, so nothing needs to be tried again.
var ErrGoing = errors.New("is being deleted")

// Applier applies objects.
type Applier struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache, which may hold only objects that carry our labels.
	Live client.Reader
}

// Apply makes sure that wanted, a complete object with its type, exists as a child of owner. If it does already, nothing is
// asked of the API server. live, of the same type, is filled with the object as it is on the cluster, which after a
// write is as the API server answered it. Errors are [v1alpha1.Failure] values where the cluster has refused.
func (a *Applier) Apply(ctx context.Context, owner metav1.Object, wanted, live client.Object) error {
	draft, err := draftOf(wanted)
	if err != nil {
		return err
	}
	found, err := a.find(ctx, wanted, live)
	if err != nil {
		return refusal(wanted, err)
	}
	if found {
		if !metav1.IsControlledBy(live, owner) {
			return nameTaken(wanted)
		}
		if !live.GetDeletionTimestamp().IsZero() {
			return fmt.Errorf("%s %q %w", kindOf(wanted), wanted.GetName(), ErrGoing)
		}
		settled, err := draft.isIn(live)
		if err != nil || settled {
			return err
		}
	}
	return a.write(ctx, draft, live, found)
}

// find looks an object up, first in the cache.
func (a *Applier) find(ctx context.Context, wanted, live client.Object) (bool, error) {
	key := client.ObjectKeyFromObject(wanted)
	err := a.Client.Get(ctx, key, live)
	if apierrors.IsNotFound(err) {
		err = a.Live.Get(ctx, key, live)
	}
	if apierrors.IsNotFound(err) && !isKindMissing(err) {
		return false, nil
	}
	return err == nil, err //nolint:wrapcheck // refusal does
}

// write applies. The uid, or without an object the refusal to take fields over, keeps it from one that somebody else has
// made under the same name in the meantime.
func (a *Applier) write(ctx context.Context, d draft, live client.Object, found bool) error {
	options := []client.ApplyOption{client.FieldOwner(Manager)}
	if found {
		d.object.SetUID(live.GetUID())
		options = append(options, client.ForceOwnership)
	}
	err := a.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(d.object), options...)
	if !found && apierrors.IsConflict(err) {
		return nameTaken(d.object)
	}
	if err != nil {
		return refusal(d.object, err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(d.object.Object, live); err != nil {
		return fmt.Errorf("read the answer about %s %q: %w", kindOf(d.object), d.object.GetName(), err)
	}
	return nil
}

func nameTaken(obj client.Object) error {
	return v1alpha1.Failf(v1alpha1.ReasonNameTaken, "there is a %s %q that is not ours; delete it, or give the function another name", kindOf(obj), obj.GetName())
}

func kindOf(obj client.Object) string { return obj.GetObjectKind().GroupVersionKind().Kind }
