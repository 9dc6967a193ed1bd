package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VersionSpec is an immutable snapshot of a function.
type VersionSpec struct {
	// FunctionName is the Lambda name of the function.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	FunctionName string `json:"functionName"`
	// Version is the version's number, from 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	Version int64 `json:"version"`
	// Function is the function's configuration and code as they were. Its description is the version's own.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	Function FunctionSpec `json:"function"`
	// Image is the container image, by digest, that served when the version was published, if the engine makes images.
	// The version runs it even if the source that it was built from has moved on.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	Image string `json:"image,omitempty"`
	// ProvisionedConcurrency is how many environments are kept initialized for calls that name this version.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ProvisionedConcurrency *int32 `json:"provisionedConcurrency,omitempty"`
	// Async says what happens to asynchronous invocations that name this version. Unset: what the function says.
	// +optional
	Async *Async `json:"async,omitempty"`
}

// Version is a published version of a Function: its configuration and code, which never change again.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fnv,categories=lambkin
// +kubebuilder:printcolumn:name="Function",type=string,JSONPath=`.spec.functionName`
// +kubebuilder:printcolumn:name="Version",type=integer,JSONPath=`.spec.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Version struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   VersionSpec    `json:"spec"`
	Status FunctionStatus `json:"status,omitempty"`
}

// VersionList is a list of Versions.
// +kubebuilder:object:root=true
type VersionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Version `json:"items"`
}
