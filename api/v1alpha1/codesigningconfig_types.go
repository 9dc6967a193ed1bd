package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CodeSigningPolicy says what becomes of code without a valid signature.
// +kubebuilder:validation:Enum=Warn;Enforce
type CodeSigningPolicy string

// The policies of the Lambda API.
const (
	// CodeSigningWarn: it is deployed, and the log tells of it.
	CodeSigningWarn CodeSigningPolicy = "Warn"
	// CodeSigningEnforce: it is not deployed.
	CodeSigningEnforce CodeSigningPolicy = "Enforce"
)

// CodeSigningConfigSpec says whose code functions may run. Signatures of AWS Signer cannot be verified away from AWS, so
// that every archive counts as unsigned here.
type CodeSigningConfigSpec struct {
	// Description is a sentence for people.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`
	// AllowedPublishers are whose signatures count.
	AllowedPublishers AllowedPublishers `json:"allowedPublishers"`
	// UntrustedArtifactOnDeployment is Warn (default) or Enforce: what becomes of code that is not signed by one of them.
	// +optional
	UntrustedArtifactOnDeployment CodeSigningPolicy `json:"untrustedArtifactOnDeployment,omitempty"`
	// Tags are the config's tags in the Lambda API.
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	Tags map[string]string `json:"tags,omitempty"`
}

// AllowedPublishers are whose signatures count.
type AllowedPublishers struct {
	// SigningProfileVersionARNs are ARNs of versions of AWS Signer's signing profiles, 1 to 20.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	SigningProfileVersionARNs []string `json:"signingProfileVersionArns"`
}

// CodeSigningConfig says whose code functions may run. Its name is its id in the Lambda API: csc- and 17 letters or digits.
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=csc,categories=lambkin
// +kubebuilder:printcolumn:name="Policy",type=string,JSONPath=`.spec.untrustedArtifactOnDeployment`
// +kubebuilder:printcolumn:name="Description",type=string,JSONPath=`.spec.description`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CodeSigningConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec CodeSigningConfigSpec `json:"spec"`
}

// CodeSigningConfigList is a list of CodeSigningConfigs.
// +kubebuilder:object:root=true
type CodeSigningConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CodeSigningConfig `json:"items"`
}
