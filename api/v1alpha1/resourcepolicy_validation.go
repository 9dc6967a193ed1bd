package v1alpha1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/internal/policy"
)

// maxPolicyText is how long the text of a policy may be with its white space.
const maxPolicyText = 65536

// Validate gives every fault of a policy.
func (p *ResourcePolicy) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := p.Spec.validateOwner(spec)
	faults = validateObjectName(p, p.objectName(), faults)
	return append(faults, p.Spec.validatePolicy(spec.Child("policy"))...)
}

// validateOwner checks that the policy is for one thing.
func (s *ResourcePolicySpec) validateOwner(spec *field.Path) field.ErrorList {
	if s.LayerName == "" {
		faults := validateLambdaName(s.FunctionName, maxFunctionName, spec.Child("functionName"))
		if s.LayerVersion != 0 {
			faults = append(faults, field.Forbidden(spec.Child("layerVersion"), "may only be set with layerName"))
		}
		if s.Qualifier != "" && !numberForm.MatchString(s.Qualifier) {
			faults = append(faults, validateAliasName(s.Qualifier, spec.Child("qualifier"))...)
		}
		return faults
	}
	faults := validateLambdaName(s.LayerName, maxLayerName, spec.Child("layerName"))
	faults = append(faults, validateVersionNumber(s.LayerVersion, spec.Child("layerVersion"))...)
	if s.FunctionName != "" {
		faults = append(faults, field.Forbidden(spec.Child("functionName"), "may not be set with layerName"))
	}
	if s.Qualifier != "" {
		faults = append(faults, field.Forbidden(spec.Child("qualifier"), "may not be set with layerName"))
	}
	return faults
}

func (s *ResourcePolicySpec) validatePolicy(at *field.Path) field.ErrorList {
	if s.Policy == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	if faults := validateLength(s.Policy, maxPolicyText, at); len(faults) > 0 {
		return faults
	}
	if _, err := policy.ParseResource([]byte(s.Policy)); err != nil {
		return field.ErrorList{field.Invalid(at, field.OmitValueType{}, err.Error())}
	}
	return nil
}

// ValidateUpdate gives every fault, and a change of what the policy is for.
func (p *ResourcePolicy) ValidateUpdate(old Object) field.ErrorList {
	was, ok := old.(*ResourcePolicy)
	if !ok {
		return otherKind(old)
	}
	spec := field.NewPath("spec")
	faults := immutable(p.Spec.FunctionName, was.Spec.FunctionName, spec.Child("functionName"))
	faults = append(faults, immutable(p.Spec.Qualifier, was.Spec.Qualifier, spec.Child("qualifier"))...)
	faults = append(faults, immutable(p.Spec.LayerName, was.Spec.LayerName, spec.Child("layerName"))...)
	faults = append(faults, immutable(p.Spec.LayerVersion, was.Spec.LayerVersion, spec.Child("layerVersion"))...)
	return append(faults, p.Validate()...)
}
