package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group; with the version it makes apiVersion "lambkin.dev/v1alpha1".
const Group = "lambkin.dev"

// GroupVersion is the group and version of all kinds in this package.
func GroupVersion() schema.GroupVersion { return schema.GroupVersion{Group: Group, Version: "v1alpha1"} }

// Object is any one object of this API.
// +kubebuilder:object:generate=false
type Object interface {
	metav1.Object
	runtime.Object
}

// AddToScheme makes the kinds of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(),
		&Function{}, &FunctionList{},
		&Version{}, &VersionList{},
		&Alias{}, &AliasList{},
		&LayerVersion{}, &LayerVersionList{},
		&FunctionURLConfig{}, &FunctionURLConfigList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
