package v1alpha1

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition types. All have positive polarity: True is good.
const (
	// ConditionReady says whether the spec of the observed generation serves. Unknown: being worked on; False: given
	// up until the spec or what it refers to changes; absent: nobody has looked yet.
	ConditionReady = "Ready"
	// ConditionActive latches: it becomes True when a Function or Version is Ready for the first time and stays True,
	// because the last good code goes on serving while an update is under way or has failed. Absent before.
	ConditionActive = "Active"
	// ConditionExact says whether what serves is just what the spec asks for. False: the engine or the machine gives
	// something else, such as another version of the language; the message says what, and Ready repeats it. It is no
	// reason not to serve. Absent: nothing serves yet.
	ConditionExact = "Exact"
)

// Reason is the fixed, machine-readable cause of a condition's status.
type Reason string

// Reasons of [ConditionReady] (and, for ReasonReady, of [ConditionActive]), and those of [ConditionExact].
const (
	// ReasonReady: the spec serves. Status True.
	ReasonReady Reason = "Ready"
	// ReasonCreating: the first generation is being brought up. Status Unknown.
	ReasonCreating Reason = "Creating"
	// ReasonUpdating: a later generation is being brought up; the one before goes on serving. Status Unknown.
	ReasonUpdating Reason = "Updating"

	// ReasonCodeUnavailable: the archive could not be fetched or is no longer held. Status False.
	ReasonCodeUnavailable Reason = "CodeUnavailable"
	// ReasonCodeInvalid: the archive is not a zip, is unsafe, too large, or not the one its digest names. Status False.
	ReasonCodeInvalid Reason = "CodeInvalid"
	// ReasonCodeUntrusted: the function's CodeSigningConfig takes only signed code, and this is not. Status False.
	ReasonCodeUntrusted Reason = "CodeUntrusted"
	// ReasonCodeSigningConfigNotFound: the function's CodeSigningConfig does not exist. Status False.
	ReasonCodeSigningConfigNotFound Reason = "CodeSigningConfigNotFound"
	// ReasonRuntimeUnavailable: the engine has no such runtime, or its interpreter is not installed. Status False.
	ReasonRuntimeUnavailable Reason = "RuntimeUnavailable"
	// ReasonLayerNotFound: a layer version of the spec does not exist. Status False.
	ReasonLayerNotFound Reason = "LayerNotFound"
	// ReasonSecretNotFound: a Secret, or its key, that a variable comes from does not exist. Status False.
	ReasonSecretNotFound Reason = "SecretNotFound"
	// ReasonConfigMapNotFound: a ConfigMap, or its key, that a variable comes from does not exist. Status False.
	ReasonConfigMapNotFound Reason = "ConfigMapNotFound"
	// ReasonInitFailed: the runtime process ended or reported an error before it asked for its first event. Status False.
	ReasonInitFailed Reason = "InitFailed"
	// ReasonInitTimeout: the runtime process did not ask for its first event in time. Status False.
	ReasonInitTimeout Reason = "InitTimeout"
	// ReasonExtensionFailed: an extension ended or reported an error during init. Status False.
	ReasonExtensionFailed Reason = "ExtensionFailed"
	// ReasonEntrypointInvalid: there is no executable bootstrap or entry point. Status False.
	ReasonEntrypointInvalid Reason = "EntrypointInvalid"
	// ReasonImageUnavailable: the image may not be pulled, or its registry does not answer. Status False.
	ReasonImageUnavailable Reason = "ImageUnavailable"
	// ReasonImageNotFound: the image does not exist, or no longer. Status False.
	ReasonImageNotFound Reason = "ImageNotFound"
	// ReasonImageInvalid: what is named is no image, or none for the function's architecture. Status False.
	ReasonImageInvalid Reason = "ImageInvalid"
	// ReasonImageUnsupported: this engine does not run images. Status False.
	ReasonImageUnsupported Reason = "ImageUnsupported"
	// ReasonConfigurationUnsupported: the engine cannot give what the spec asks for, such as an architecture. Status False.
	ReasonConfigurationUnsupported Reason = "ConfigurationUnsupported"
	// ReasonSpecInvalid: the object was accepted by the API server and still cannot be served as it is. Status False.
	ReasonSpecInvalid Reason = "SpecInvalid"
	// ReasonBuildUnsupported: this engine builds nothing. Status False.
	ReasonBuildUnsupported Reason = "BuildUnsupported"
	// ReasonBuildFailed: a step of the build failed; the message ends with what it printed last. Status False.
	ReasonBuildFailed Reason = "BuildFailed"
	// ReasonBuildTimeout: the build took longer than it may. Status False.
	ReasonBuildTimeout Reason = "BuildTimeout"
	// ReasonTektonMissing: code has to be built and the cluster has no Tekton Pipelines. Status False.
	ReasonTektonMissing Reason = "TektonMissing"
	// ReasonKnativeMissing: the cluster has no Knative Serving. Status False.
	ReasonKnativeMissing Reason = "KnativeMissing"
	// ReasonRegistryForbidden: the registry for functions' images does not accept our credentials. Status False.
	ReasonRegistryForbidden Reason = "RegistryForbidden"
	// ReasonRegistryUnavailable: the registry for functions' images, or the server of a build's source, does not answer; it
	// is tried again. Status False.
	ReasonRegistryUnavailable Reason = "RegistryUnavailable"
	// ReasonNameTaken: a child object of the name that is needed exists and is somebody else's. Status False.
	ReasonNameTaken Reason = "NameTaken"
	// ReasonRefused: the cluster refused a child object, such as by a policy or a quota. Status False.
	ReasonRefused Reason = "Refused"
	// ReasonRevisionFailed: the Knative Revision did not become ready for a reason that none of the others names. Status False.
	ReasonRevisionFailed Reason = "RevisionFailed"
	// ReasonRouteFailed: the Knative Route did not become ready. Status False.
	ReasonRouteFailed Reason = "RouteFailed"
	// ReasonInternalError: something failed that the spec is not the cause of; it is tried again. Status False.
	ReasonInternalError Reason = "InternalError"

	// ReasonAsSpecified: everything in the spec has its effect. Exact is True.
	ReasonAsSpecified Reason = "AsSpecified"
	// ReasonApproximated: something in the spec has another effect here, or none. Exact is False.
	ReasonApproximated Reason = "Approximated"

	// ReasonFunctionNotFound: the function of an Alias, FunctionURLConfig or ResourcePolicy does not exist. Status False.
	ReasonFunctionNotFound Reason = "FunctionNotFound"
	// ReasonVersionNotFound: a version that an Alias points to, or that a ResourcePolicy is for, does not exist. Status False.
	ReasonVersionNotFound Reason = "VersionNotFound"
	// ReasonAliasNotFound: the alias that a FunctionURLConfig or ResourcePolicy names does not exist. Status False.
	ReasonAliasNotFound Reason = "AliasNotFound"
)

// Failure is an error that knows the reason it becomes in a condition. Steps of an engine return one; MarkFailed finds
// it in the error's chain.
// +kubebuilder:object:generate=false
type Failure struct {
	// Reason is why; one of the reasons with status False.
	Reason Reason
	// Message says which input failed and what to do about it, in one line without secrets.
	Message string
}

// Failf makes a Failure with a formatted sentence.
func Failf(reason Reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Error gives the sentence.
func (f *Failure) Error() string { return f.Message }

// failureOf finds the Failure in err's chain; any other error is an internal one.
func failureOf(err error) *Failure {
	f := new(Failure)
	if errors.As(err, &f) {
		return f
	}
	return Failf(ReasonInternalError, "%v", err)
}

// Settled is what [ConditionReady] says of a generation that serves or was given up; nil while that is open.
func Settled(conditions []metav1.Condition, generation int64) *metav1.Condition {
	c := meta.FindStatusCondition(conditions, ConditionReady)
	if c == nil || c.Status == metav1.ConditionUnknown || c.ObservedGeneration != generation {
		return nil
	}
	return c
}

// setCondition sets one condition about a generation, keeping the transition time if the status stays.
func setCondition(all *[]metav1.Condition, name string, status metav1.ConditionStatus, why Failure, generation int64) {
	meta.SetStatusCondition(all, metav1.Condition{
		Type: name, Status: status, Reason: string(why.Reason), Message: why.Message, ObservedGeneration: generation,
	})
}
