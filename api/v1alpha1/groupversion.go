package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Group is the API group; with the version it makes apiVersion "lambkin.dev/v1alpha1".
const Group = "lambkin.dev"

// GroupVersion is the group and version of all kinds in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: "v1alpha1"}
}

// Object is any one object of this API. Engines call Default, then Validate or ValidateUpdate, before they keep one.
// +kubebuilder:object:generate=false
type Object interface {
	metav1.Object
	runtime.Object
	// Default fills in what was left out, as AWS does, and the labels and name that follow from the spec. Doing it
	// twice changes nothing.
	Default()
	// Validate gives every fault of a defaulted object, with its path; nil if there is none.
	Validate() field.ErrorList
	// ValidateUpdate gives what Validate gives and every change from old, an object of the same kind, that is not
	// allowed.
	ValidateUpdate(old Object) field.ErrorList
}

// AddToScheme makes the kinds of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(),
		&Function{}, &FunctionList{},
		&Version{}, &VersionList{},
		&Alias{}, &AliasList{},
		&LayerVersion{}, &LayerVersionList{},
		&FunctionURLConfig{}, &FunctionURLConfigList{},
		&ResourcePolicy{}, &ResourcePolicyList{},
		&CodeSigningConfig{}, &CodeSigningConfigList{},
		&AsyncInvocation{}, &AsyncInvocationList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
