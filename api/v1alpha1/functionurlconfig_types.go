package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AuthType says who may call a function URL.
// +kubebuilder:validation:Enum=NONE;AWS_IAM
type AuthType string

// The auth types of the Lambda API.
const (
	AuthTypeNone AuthType = "NONE"
	AuthTypeIAM  AuthType = "AWS_IAM"
)

// FunctionURLConfigSpec gives a function or an alias a URL of its own.
// +kubebuilder:validation:XValidation:rule="has(self.qualifier) == has(oldSelf.qualifier) && (!has(self.qualifier) || self.qualifier == oldSelf.qualifier)",message="qualifier cannot be changed"
type FunctionURLConfigSpec struct {
	// FunctionName is the Lambda name of the function.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed"
	FunctionName string `json:"functionName"`
	// Qualifier is the alias that the URL is for; $LATEST if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Qualifier string `json:"qualifier,omitempty"`
	// AuthType is NONE (anybody) or AWS_IAM (signed requests only).
	AuthType AuthType `json:"authType"`
	// InvokeMode is BUFFERED (default) or RESPONSE_STREAM.
	// +optional
	InvokeMode InvokeMode `json:"invokeMode,omitempty"`
	// CORS answers browsers' cross-origin requests.
	// +optional
	CORS *CORS `json:"cors,omitempty"`
}

// CORS is the cross-origin policy of a function URL.
type CORS struct {
	// AllowCredentials lets browsers send cookies.
	// +optional
	AllowCredentials bool `json:"allowCredentials,omitempty"`
	// AllowHeaders are the request headers allowed.
	// +optional
	AllowHeaders []string `json:"allowHeaders,omitempty"`
	// AllowMethods are the methods allowed, or "*".
	// +optional
	AllowMethods []string `json:"allowMethods,omitempty"`
	// AllowOrigins are the origins allowed, or "*".
	// +optional
	AllowOrigins []string `json:"allowOrigins,omitempty"`
	// ExposeHeaders are the response headers that scripts may read.
	// +optional
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`
	// MaxAge is how long a preflight answer may be kept, in seconds: 0 to 86400.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	MaxAge int32 `json:"maxAge,omitempty"`
}

// FunctionURLConfigStatus is what became of a FunctionURLConfig.
type FunctionURLConfigStatus struct {
	// ObservedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions say what holds.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// URL is the address to call.
	// +optional
	URL string `json:"url,omitempty"`
}

// FunctionURLConfig is a URL for a function or an alias.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fnurl,categories=lambkin
// +kubebuilder:printcolumn:name="Function",type=string,JSONPath=`.spec.functionName`
// +kubebuilder:printcolumn:name="Qualifier",type=string,JSONPath=`.spec.qualifier`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
type FunctionURLConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   FunctionURLConfigSpec   `json:"spec"`
	Status FunctionURLConfigStatus `json:"status,omitempty"`
}

// FunctionURLConfigList is a list of FunctionURLConfigs.
// +kubebuilder:object:root=true
type FunctionURLConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FunctionURLConfig `json:"items"`
}
