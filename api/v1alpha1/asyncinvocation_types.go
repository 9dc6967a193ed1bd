package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AsyncInvocationSpec is an event that was accepted for a function, or a record on its way to a destination. It never
// changes.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
type AsyncInvocationSpec struct {
	// RequestID is the id under which the function runs, however often it is tried.
	RequestID string `json:"requestId"`
	// Function is what the caller named: a name or ARN, with or without a qualifier.
	// +kubebuilder:validation:MaxLength=512
	Function string `json:"function"`
	// Payload is the event, byte for byte.
	// +optional
	Payload []byte `json:"payload,omitempty"`
	// ClientContext is JSON text.
	// +optional
	ClientContext string `json:"clientContext,omitempty"`
	// CognitoIdentity is JSON text.
	// +optional
	CognitoIdentity string `json:"cognitoIdentity,omitempty"`
	// TenantID is the tenant of a tenant-isolated function.
	// +optional
	TenantID string `json:"tenantId,omitempty"`
	// Trace is the X-Ray trace header.
	// +optional
	Trace string `json:"trace,omitempty"`
	// TraceStarted says that the trace was begun at the door rather than by the caller.
	// +optional
	TraceStarted bool `json:"traceStarted,omitempty"`
	// CloudEvent is the JSON of the CloudEvents attributes that the event came with.
	// +optional
	CloudEvent string `json:"cloudEvent,omitempty"`
	// URL is where a record goes: a URL, or the ARN of a queue, topic or event bus; empty for an event.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`
	// Headers go with a record: as headers to a URL, as attributes to a queue or topic.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
	// Accepted is when the caller was told that the event is kept.
	Accepted metav1.MicroTime `json:"accepted"`
}

// AsyncInvocationStatus is how far the event has come.
type AsyncInvocationStatus struct {
	// Attempts is how often it was tried to an end.
	// +optional
	Attempts int32 `json:"attempts,omitempty"`
	// Refusals is how often in a row it could not be tried at all, such as by throttling.
	// +optional
	Refusals int32 `json:"refusals,omitempty"`
	// NextAttempt is not before this.
	// +optional
	NextAttempt *metav1.MicroTime `json:"nextAttempt,omitempty"`
	// LastError is why the last attempt failed, in one line.
	// +optional
	LastError string `json:"lastError,omitempty"`
}

// AsyncInvocation is an asynchronous invocation that a cluster has accepted and not finished: it exists from the moment
// its caller gets 202 until the function, or a destination after the last attempt, has taken it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=lambkin
// +kubebuilder:printcolumn:name="Function",type=string,JSONPath=`.spec.function`
// +kubebuilder:printcolumn:name="Attempts",type=integer,JSONPath=`.status.attempts`
// +kubebuilder:printcolumn:name="Next",type=date,JSONPath=`.status.nextAttempt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AsyncInvocation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AsyncInvocationSpec   `json:"spec"`
	Status AsyncInvocationStatus `json:"status,omitempty"`
}

// AsyncInvocationList is a list of AsyncInvocations.
// +kubebuilder:object:root=true
type AsyncInvocationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AsyncInvocation `json:"items"`
}
