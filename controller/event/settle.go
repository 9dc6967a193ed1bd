package event

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

const (
	// settleTimeout is how long writing down an outcome may take before it is begun again.
	settleTimeout = time.Minute
	// letterNameLength is how many hex digits name a letter's object.
	letterNameLength = 32
	// largePause is the first pause before a record that is too large to be kept is sent again.
	largePause = time.Second
)

// settle writes down what was decided. If it fails it is done again; what was written is found then.
func (r *Reconciler) settle(ctx context.Context, a *v1alpha1.AsyncInvocation, step delivery.Step) (reconcile.Result, error) {
	ctx, cancel := r.patient(ctx, settleTimeout)
	defer cancel()
	if step.Again() {
		return r.postpone(ctx, a, step)
	}
	if step.Condition != "" && step.Condition != delivery.Success {
		r.log().Info("an event is given up", "namespace", a.Namespace, "function", a.Spec.Function, "requestId", a.Spec.RequestID, "condition", step.Condition)
	}
	for len(step.Send) > 0 {
		if err := r.send(ctx, a, step.Send[0]); err != nil {
			return reconcile.Result{}, err
		}
		step.Send = step.Send[1:]
		r.outcomes.note(a, step) // a letter may have been delivered before the rest is done
	}
	err := r.Client.Delete(ctx, a, client.Preconditions{UID: &a.UID})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return reconcile.Result{}, fmt.Errorf("cannot delete AsyncInvocation %s/%s, which is done with: %w", a.Namespace, a.Name, err)
	}
	r.outcomes.forget(client.ObjectKeyFromObject(a))
	if step.Condition != "" {
		r.Metrics.event(string(step.Condition))
	}
	return reconcile.Result{}, nil
}

// postpone notes when the event is tried again.
func (r *Reconciler) postpone(ctx context.Context, a *v1alpha1.AsyncInvocation, step delivery.Step) (reconcile.Result, error) {
	patch, err := statusPatch(a.UID, step)
	if err != nil {
		return reconcile.Result{}, err
	}
	key := client.ObjectKeyFromObject(a)
	target := &v1alpha1.AsyncInvocation{ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name}}
	err = r.Client.Status().Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // it was deleted
		r.outcomes.forget(key)
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("cannot write down an attempt of AsyncInvocation %s: %w", key, err)
	}
	r.outcomes.forget(key)
	return reconcile.Result{RequeueAfter: max(step.Retry.Sub(r.now()), time.Millisecond)}, nil
}

// statusPatch sets the whole status, of the object with this uid and no other of its name.
func statusPatch(uid types.UID, step delivery.Step) ([]byte, error) {
	type status struct { // with every member, so that what was set is unset
		Attempts    int              `json:"attempts"`
		Refusals    int              `json:"refusals"`
		NextAttempt metav1.MicroTime `json:"nextAttempt"`
		LastError   string           `json:"lastError"`
	}
	type metadata struct {
		UID types.UID `json:"uid"`
	}
	patch, err := json.Marshal(struct {
		Metadata metadata `json:"metadata"`
		Status   status   `json:"status"`
	}{metadata{uid}, status{step.Attempts, step.Refusals, metav1.NewMicroTime(step.Retry), step.Error}})
	if err != nil {
		return nil, fmt.Errorf("cannot encode a status: %w", err)
	}
	return patch, nil
}

// send makes an event of its own of what goes out. It is no error if it is there: then this was done before.
func (r *Reconciler) send(ctx context.Context, parent *v1alpha1.AsyncInvocation, letter delivery.Letter) error {
	if len(letter.Body) > lambda.MaxAsyncPayload {
		r.sendLarge(ctx, letter)
		return nil
	}
	err := r.Client.Create(ctx, makeLetter(parent, letter))
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		r.log().Error("a record is given up: the API server does not take it", "namespace", parent.Namespace, "kind", letter.Kind, "requestId", letter.ID, "error", err)
		return nil
	default:
		return fmt.Errorf("cannot send the %s record of AsyncInvocation %s/%s: %w", letter.Kind, parent.Namespace, parent.Name, err)
	}
}

// wait reports false if ctx ends before the time is over.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// sendLarge deals with what is larger than an object may be. It goes out at once, and again with pauses that double as long as
// ctx allows; for a function it is too large on AWS too.
func (r *Reconciler) sendLarge(ctx context.Context, letter delivery.Letter) {
	err := error(lambda.Errorf(lambda.CodeRequestTooLarge, "%d bytes are more than an asynchronous event may have", len(letter.Body)))
	if letter.URL != "" {
		err = r.sender().Send(ctx, &letter.Event)
	}
	for pause := largePause; err != nil && letter.URL != "" && wait(ctx, pause); pause *= 2 {
		err = r.sender().Send(ctx, &letter.Event)
	}
	if err == nil {
		r.Metrics.record(outcomeDelivered)
	}
	if err != nil {
		r.Metrics.record(outcomeGivenUp)
		r.log().Error("a record that is too large to be kept is given up",
			"kind", letter.Kind, "destination", outbound.Redacted(letter.URL), "requestId", letter.ID, "error", err)
	}
}

// makeLetter is the object of what goes out. Its name follows from the event that it comes from.
func makeLetter(parent *v1alpha1.AsyncInvocation, letter delivery.Letter) *v1alpha1.AsyncInvocation {
	sum := sha256.Sum256([]byte(string(parent.UID) + " " + string(letter.Kind)))
	return &v1alpha1.AsyncInvocation{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: parent.Namespace,
			Name:      hex.EncodeToString(sum[:])[:letterNameLength],
			Labels:    map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(string(letter.Function.Name))},
		},
		Spec: letter.Spec(),
	}
}
