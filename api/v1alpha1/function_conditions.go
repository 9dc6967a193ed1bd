package v1alpha1

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MarkProgressing notes that a generation is being brought up: reason Creating before the first success, Updating after.
// The sentences say what is being done just now.
func (s *FunctionStatus) MarkProgressing(generation int64, doing ...string) {
	why := Failure{ReasonCreating, "The function is being created."}
	if meta.IsStatusConditionTrue(s.Conditions, ConditionActive) {
		why = Failure{ReasonUpdating, "The function is being updated; the code before the update goes on serving."}
	}
	why.Message = strings.Join(append([]string{why.Message}, doing...), " ")
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionUnknown, why, generation)
}

// MarkReady notes that a generation serves. From then on the function counts as active. Deviations are sentences about
// what it asks for and does not get here; they are the message of Ready and make Exact False.
func (s *FunctionStatus) MarkReady(generation int64, deviations ...string) {
	s.ObservedGeneration = generation
	message := strings.Join(deviations, " ")
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionTrue, Failure{ReasonReady, message}, generation)
	if len(deviations) == 0 {
		setCondition(&s.Conditions, ConditionExact, metav1.ConditionTrue, Failure{ReasonAsSpecified, ""}, generation)
	} else {
		setCondition(&s.Conditions, ConditionExact, metav1.ConditionFalse, Failure{ReasonApproximated, message}, generation)
	}
	if !meta.IsStatusConditionTrue(s.Conditions, ConditionActive) {
		setCondition(&s.Conditions, ConditionActive, metav1.ConditionTrue, Failure{ReasonReady, ""}, generation)
	}
}

// MarkFailed notes that a generation cannot serve. The reason is that of the [Failure] in err's chain, InternalError if
// there is none.
func (s *FunctionStatus) MarkFailed(generation int64, err error) {
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionFalse, *failureOf(err), generation)
}

// States and update statuses of the Lambda API that a function can have here.
const (
	StatePending           = "Pending"
	StateActive            = "Active"
	StateFailed            = "Failed"
	LastUpdateSuccessful   = "Successful"
	LastUpdateInProgress   = "InProgress"
	LastUpdateFailed       = "Failed"
	reasonBeingCreated     = "The function is being created."
	reasonCodeBeingCreated = "Creating"
)

// State gives State, StateReason and StateReasonCode of the Lambda API. A function that was never ready is Pending, or
// Failed if it was given up; one that was ready once is Active for good, because its last good code serves.
func (s *FunctionStatus) State() (state, reason, code string) {
	if meta.IsStatusConditionTrue(s.Conditions, ConditionActive) {
		return StateActive, "", ""
	}
	ready := meta.FindStatusCondition(s.Conditions, ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionFalse {
		return StateFailed, ready.Message, Reason(ready.Reason).awsCode()
	}
	return StatePending, reasonBeingCreated, reasonCodeBeingCreated
}

// LastUpdateStatus gives LastUpdateStatus, LastUpdateStatusReason and LastUpdateStatusReasonCode of the Lambda API for
// an object of this generation. All are empty while the function is Pending, as on AWS.
func (s *FunctionStatus) LastUpdateStatus(generation int64) (status, reason, code string) {
	if state, _, _ := s.State(); state == StatePending {
		return "", "", ""
	}
	ready := meta.FindStatusCondition(s.Conditions, ConditionReady)
	if ready == nil || s.ObservedGeneration < generation || ready.Status == metav1.ConditionUnknown {
		return LastUpdateInProgress, reasonBeingCreated, reasonCodeBeingCreated
	}
	if ready.Status == metav1.ConditionFalse {
		return LastUpdateFailed, ready.Message, Reason(ready.Reason).awsCode()
	}
	return LastUpdateSuccessful, "", ""
}

// awsCode is the member of the Lambda API's StateReasonCode enumeration, and of LastUpdateStatusReasonCode, that a reason for
// failure stands for, on every engine. Reasons that only one who runs the platform can do something about are internal errors.
func (r Reason) awsCode() string {
	switch r {
	case ReasonCodeInvalid:
		return "InvalidZipFileException"
	case ReasonRuntimeUnavailable:
		return "InvalidRuntime"
	case ReasonCodeUnavailable, ReasonLayerNotFound, ReasonSecretNotFound, ReasonConfigMapNotFound, ReasonConfigurationUnsupported,
		ReasonSpecInvalid, ReasonNameTaken, ReasonRefused, ReasonCodeUntrusted, ReasonCodeSigningConfigNotFound:
		return "InvalidConfiguration"
	case ReasonInitFailed:
		return "FunctionError.RuntimeInitError"
	case ReasonInitTimeout:
		return "FunctionError.InitTimeout"
	case ReasonExtensionFailed:
		return "FunctionError.ExtensionInitError"
	case ReasonEntrypointInvalid:
		return "FunctionError.InvalidEntryPoint"
	case ReasonImageUnavailable:
		return "ImageAccessDenied"
	case ReasonImageNotFound:
		return "ImageDeleted"
	case ReasonImageInvalid, ReasonImageUnsupported, ReasonBuildUnsupported, ReasonBuildFailed, ReasonBuildTimeout:
		return "InvalidImage"
	default:
		return "InternalError"
	}
}
