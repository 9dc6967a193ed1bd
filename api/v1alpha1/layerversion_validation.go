package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of the Lambda API for layers.
const (
	maxLayerName          = 140
	maxLicenseInfo        = 512
	maxCompatibleRuntimes = 15
	maxArchitectures      = 2
)

// Validate gives every fault of a layer version.
func (l *LayerVersion) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := validateLambdaName(l.Spec.LayerName, maxLayerName, spec.Child("layerName"))
	faults = append(faults, validateVersionNumber(l.Spec.Version, spec.Child("version"))...)
	faults = validateObjectName(l, LayerVersionObjectName(l.Spec.LayerName, l.Spec.Version), faults)
	faults = append(faults, validateLength(l.Spec.Description, maxDescription, spec.Child("description"))...)
	faults = append(faults, validateLength(l.Spec.LicenseInfo, maxLicenseInfo, spec.Child("licenseInfo"))...)
	if n := len(l.Spec.CompatibleRuntimes); n > maxCompatibleRuntimes {
		faults = append(faults, field.TooMany(spec.Child("compatibleRuntimes"), n, maxCompatibleRuntimes))
	}
	if n := len(l.Spec.CompatibleArchitectures); n > maxArchitectures {
		faults = append(faults, field.TooMany(spec.Child("compatibleArchitectures"), n, maxArchitectures))
	}
	for i, a := range l.Spec.CompatibleArchitectures {
		faults = append(faults, validateEnum(a, architectures(), spec.Child("compatibleArchitectures").Index(i))...)
	}
	return append(faults, validateBlob(&l.Spec.Content, spec.Child("content"))...)
}

// ValidateUpdate gives every fault, and any change of the spec.
func (l *LayerVersion) ValidateUpdate(old Object) field.ErrorList {
	was, ok := old.(*LayerVersion)
	if !ok {
		return otherKind(old)
	}
	faults := l.Validate()
	if !equality.Semantic.DeepEqual(l.Spec, was.Spec) {
		faults = append(faults, field.Forbidden(field.NewPath("spec"), "cannot be changed; publish a new version"))
	}
	return faults
}
