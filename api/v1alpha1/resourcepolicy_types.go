package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ResourcePolicySpec says who may use a function, one of its versions or aliases, or a version of a layer.
// +kubebuilder:validation:XValidation:rule="has(self.functionName) != has(self.layerName)",message="must have either functionName or layerName"
// +kubebuilder:validation:XValidation:rule="has(self.qualifier) == has(oldSelf.qualifier) && (!has(self.qualifier) || self.qualifier == oldSelf.qualifier)",message="qualifier cannot be changed"
type ResourcePolicySpec struct {
	// FunctionName is the Lambda name of the function that the policy is for.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	FunctionName string `json:"functionName,omitempty"`
	// Qualifier is the version or alias of the function that the policy is for. Without one it is for calls that name the
	// function alone or $LATEST.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Qualifier string `json:"qualifier,omitempty"`
	// LayerName is the name of the layer that the policy is for.
	// +optional
	// +kubebuilder:validation:MaxLength=140
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	LayerName string `json:"layerName,omitempty"`
	// LayerVersion is the number of the layer's version.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	LayerVersion int64 `json:"layerVersion,omitempty"`
	// Policy is the policy in AWS's policy language, a JSON text of at most 20480 bytes without white space. One that
	// cannot be read lets nobody in.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=65536
	Policy string `json:"policy"`
}

// ResourcePolicyStatus is what became of a ResourcePolicy.
type ResourcePolicyStatus struct {
	// ObservedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions say what holds.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ResourcePolicy says who may do what with a function, a version, an alias or a layer version. It goes with what it is for.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fnpolicy,categories=lambkin
// +kubebuilder:printcolumn:name="Function",type=string,JSONPath=`.spec.functionName`
// +kubebuilder:printcolumn:name="Qualifier",type=string,JSONPath=`.spec.qualifier`
// +kubebuilder:printcolumn:name="Layer",type=string,JSONPath=`.spec.layerName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ResourcePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ResourcePolicySpec   `json:"spec"`
	Status ResourcePolicyStatus `json:"status,omitempty"`
}

// ResourcePolicyList is a list of ResourcePolicies.
// +kubebuilder:object:root=true
type ResourcePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResourcePolicy `json:"items"`
}
