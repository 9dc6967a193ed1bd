package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// refusal gives the error of a request about an object the reason that it becomes in a condition.
func refusal(obj client.Object, err error) error {
	switch {
	case isKindMissing(err):
		return v1alpha1.Failf(v1alpha1.ReasonKnativeMissing, "the cluster does not know %s; install Knative Serving", obj.GetObjectKind().GroupVersionKind().GroupVersion())
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("namespace %q %w", obj.GetNamespace(), ErrGoing)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err), apierrors.IsRequestEntityTooLargeError(err):
		return refused(obj, reasonIn(err.Error()))
	default:
		return fmt.Errorf("apply %s %q: %w", kindOf(obj), obj.GetName(), err)
	}
}

// IsUnanswered says that the API server, or a webhook that it asks, did not answer. Nothing is known about an object then that was
// not known before, and whoever waits for it goes on waiting.
func IsUnanswered(err error) bool {
	if f := new(v1alpha1.Failure); err == nil || errors.As(err, &f) {
		return false
	}
	return slices.ContainsFunc([]func(error) bool{
		apierrors.IsServerTimeout, apierrors.IsTimeout, apierrors.IsTooManyRequests, apierrors.IsServiceUnavailable, apierrors.IsInternalError,
		utilnet.IsConnectionRefused, utilnet.IsConnectionReset, utilnet.IsTimeout,
	}, func(is func(error) bool) bool { return is(err) })
}

// isKindMissing reports whether the API server does not know the kind: as discovery tells it, or, where it was known before,
// by an answer that is none of the API's own.
func isKindMissing(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// reasonIn is what an admission webhook says, without the words around it.
func reasonIn(message string) string {
	if _, said, ok := strings.Cut(message, "denied the request: "); ok {
		return said
	}
	return message
}

// bounds are Knative's own bounds of what a Service may ask for, by a word in its refusal, with the setting that moves
// them.
func bounds() map[string]string {
	return map[string]string{
		"timeoutSeconds":       "raise max-revision-timeout-seconds in ConfigMap knative-serving/config-defaults above the function's timeout",
		"containerConcurrency": "raise container-concurrency-max-limit in ConfigMap knative-serving/config-defaults, or lower concurrency",
		"max-scale":            "raise max-scale-limit in ConfigMap knative-serving/config-autoscaler, or lower scaling.maxScale",
	}
}

// refused tells what Knative bounds from what the cluster does not allow.
func refused(obj client.Object, said string) error {
	said = strings.Join(strings.Fields(said), " ") // in one line
	for word, wayOut := range bounds() {
		if strings.Contains(said, word) {
			return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "Knative refuses it: %s; %s", said, wayOut)
		}
	}
	return v1alpha1.Failf(v1alpha1.ReasonRefused, "%s %q was refused: %s", kindOf(obj), obj.GetName(), said)
}
