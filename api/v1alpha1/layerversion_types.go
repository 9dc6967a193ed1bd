package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LayerVersionSpec is one immutable version of a layer.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
type LayerVersionSpec struct {
	// LayerName is the layer's name.
	// +kubebuilder:validation:MaxLength=140
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9-_]+$`
	LayerName string `json:"layerName"`
	// Version is the version's number, from 1. Numbers are never used twice.
	// +kubebuilder:validation:Minimum=1
	Version int64 `json:"version"`
	// Description is a sentence for people.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`
	// LicenseInfo names the layer's licence.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	LicenseInfo string `json:"licenseInfo,omitempty"`
	// CompatibleRuntimes are the runtimes it is meant for; information only, as on AWS.
	// +optional
	// +kubebuilder:validation:MaxItems=15
	CompatibleRuntimes []string `json:"compatibleRuntimes,omitempty"`
	// CompatibleArchitectures are the instruction sets it is meant for; information only, as on AWS.
	// +optional
	// +kubebuilder:validation:MaxItems=2
	CompatibleArchitectures []Architecture `json:"compatibleArchitectures,omitempty"`
	// Content is the layer's archive, extracted to /opt.
	Content Blob `json:"content"`
}

// LayerVersion is one version of a layer.
// +kubebuilder:object:root=true
// +kubebuilder:resource:categories=lambkin
// +kubebuilder:printcolumn:name="Layer",type=string,JSONPath=`.spec.layerName`
// +kubebuilder:printcolumn:name="Version",type=integer,JSONPath=`.spec.version`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LayerVersion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec LayerVersionSpec `json:"spec"`
}

// LayerVersionList is a list of LayerVersions.
// +kubebuilder:object:root=true
type LayerVersionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LayerVersion `json:"items"`
}
