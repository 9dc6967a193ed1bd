package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Weight is a share of calls from 0 to 1 as decimal text, such as "0.1": a number in the Lambda API, text here because
// Kubernetes objects hold no floating-point numbers.
// +kubebuilder:validation:Pattern=`^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$`
type Weight string

// AliasSpec is a named pointer to one version, or to two by weight.
type AliasSpec struct {
	// FunctionName is the Lambda name of the function.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	FunctionName string `json:"functionName"`
	// Name is the alias's name: letters, digits, hyphens and underscores, not only digits.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	Name string `json:"name"`
	// FunctionVersion is the version it points to: a number or $LATEST.
	FunctionVersion string `json:"functionVersion"`
	// Description is a sentence for people.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`
	// AdditionalVersionWeights sends a share of calls to one further version.
	// +optional
	// +kubebuilder:validation:MaxProperties=1
	AdditionalVersionWeights map[string]Weight `json:"additionalVersionWeights,omitempty"`
	// ProvisionedConcurrency is how many environments are kept initialized for calls that name this alias.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ProvisionedConcurrency *int32 `json:"provisionedConcurrency,omitempty"`
	// Async says what happens to asynchronous invocations that name this alias. Unset: what the function says.
	// +optional
	Async *Async `json:"async,omitempty"`
}

// AliasStatus is what became of an Alias.
type AliasStatus struct {
	// ObservedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions say what holds.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// URL is where plain HTTP requests reach the alias.
	// +optional
	URL string `json:"url,omitempty"`
}

// Alias is a named pointer to versions of a Function.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=lambkin
// +kubebuilder:printcolumn:name="Function",type=string,JSONPath=`.spec.functionName`
// +kubebuilder:printcolumn:name="Alias",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.functionVersion`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Alias struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AliasSpec   `json:"spec"`
	Status AliasStatus `json:"status,omitempty"`
}

// AliasList is a list of Aliases.
// +kubebuilder:object:root=true
type AliasList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Alias `json:"items"`
}
