// Package report writes what became of an object into its status, and tells people of it by an event.
package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// action is what events say the controller was doing.
const action = "Reconcile"

// maxNote is how long the text of an event may be, in bytes.
const maxNote = 1000

// Reporter reports.
type Reporter struct {
	// Client writes status.
	Client client.Client
	// Events takes events.
	Events events.EventRecorder
}

// Report writes the status of is, if it differs from that of was, the object as it was read. An event tells when it has
// become ready, or why not. A conflict with another write is an error like others: the object is to be looked at again.
func (r *Reporter) Report(ctx context.Context, was, is v1alpha1.Object) error {
	if equality.Semantic.DeepEqual(statusOf(was), statusOf(is)) {
		return nil
	}
	// The status alone is written; the rest may have been defaulted in memory.
	written, ok := was.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return fmt.Errorf("%T is none of our objects", was)
	}
	copyStatus(written, is)
	base := client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, written, base); err != nil {
		if apierrors.IsNotFound(err) {
			return nil // deleted in the meantime
		}
		return fmt.Errorf("write the status of %q: %w", was.GetName(), err)
	}
	r.tell(was, is)
	return nil
}

// tell makes the event, if readiness has come, gone, or has another reason than before.
func (r *Reporter) tell(was, is v1alpha1.Object) {
	before, now := ready(was), ready(is)
	if now == nil || now.Status == metav1.ConditionUnknown {
		return
	}
	if before != nil && before.Status == now.Status && before.Reason == now.Reason && before.ObservedGeneration == now.ObservedGeneration {
		return
	}
	kind, note := corev1.EventTypeNormal, now.Message
	if now.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	if note == "" {
		note = "It is ready."
	}
	r.Events.Eventf(is, nil, kind, now.Reason, action, "%s", note[:min(len(note), maxNote)])
}

func ready(obj v1alpha1.Object) *metav1.Condition {
	return meta.FindStatusCondition(conditionsOf(obj), v1alpha1.ConditionReady)
}

// soon is when an object is looked at again whose reconciliation met another write.
const soon = time.Second

// Result is the end of a reconciliation. Errors have it tried again with growing pauses; but a conflict with another write
// is no error, only a look that came too early. Without any the object is looked at again after a while, if that is not 0.
func Result(after time.Duration, errs ...error) (reconcile.Result, error) {
	if slices.ContainsFunc(errs, apierrors.IsConflict) {
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	if err := errors.Join(errs...); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: after}, nil
}
