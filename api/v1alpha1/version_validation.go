package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate gives every fault of a version and of the snapshot in it.
func (v *Version) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := validateLambdaName(v.Spec.FunctionName, maxFunctionName, spec.Child("functionName"))
	faults = append(faults, validateVersionNumber(v.Spec.Version, spec.Child("version"))...)
	faults = validateObjectName(v, VersionObjectName(v.Spec.FunctionName, v.Spec.Version), faults)
	if v.Spec.Function.FunctionName != v.Spec.FunctionName {
		faults = append(faults, field.Invalid(spec.Child("function", "functionName"), v.Spec.Function.FunctionName, "must be that of the version"))
	}
	faults = append(faults, validateOptional(v.Spec.ProvisionedConcurrency, 0, maxInvocations, spec.Child("provisionedConcurrency"))...)
	faults = append(faults, v.Spec.Async.validate(spec.Child("async"))...)
	faults = append(faults, v.Spec.Function.validateSnapshot(spec.Child("function"))...)
	return append(faults, v.Spec.Function.validate(spec.Child("function"))...)
}

// validateSnapshot refuses what belongs to the function as a whole or to $LATEST alone, and would have no effect in a
// version.
func (s *FunctionSpec) validateSnapshot(at *field.Path) field.ErrorList {
	c := s.Concurrency
	given := []struct {
		path *field.Path
		set  bool
	}{
		{at.Child("tags"), len(s.Tags) > 0},
		{at.Child("async"), s.Async != nil},
		{at.Child("recursiveLoop"), s.RecursiveLoop != ""},
		{at.Child("codeSigningConfig"), s.CodeSigningConfig != ""},
		{at.Child("concurrency", "reserved"), c != nil && c.Reserved != nil},
		{at.Child("concurrency", "provisioned"), c != nil && c.Provisioned != nil},
	}
	var faults field.ErrorList
	for _, member := range given {
		if member.set {
			faults = append(faults, field.Forbidden(member.path, "may not be set in a version; set it in the function, or provisionedConcurrency or async of the version"))
		}
	}
	return faults
}

// ValidateUpdate gives every fault, and any change of the spec but of provisionedConcurrency and async.
func (v *Version) ValidateUpdate(old Object) field.ErrorList {
	was, ok := old.(*Version)
	if !ok {
		return otherKind(old)
	}
	spec := field.NewPath("spec")
	faults := immutable(v.Spec.FunctionName, was.Spec.FunctionName, spec.Child("functionName"))
	faults = append(faults, immutable(v.Spec.Version, was.Spec.Version, spec.Child("version"))...)
	faults = append(faults, immutable(v.Spec.Image, was.Spec.Image, spec.Child("image"))...)
	if !equality.Semantic.DeepEqual(v.Spec.Function, was.Spec.Function) {
		faults = append(faults, field.Forbidden(spec.Child("function"), "cannot be changed; publish a new version"))
	}
	return append(faults, v.Validate()...)
}
