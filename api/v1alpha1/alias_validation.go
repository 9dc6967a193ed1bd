package v1alpha1

import (
	"fmt"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxWeights is how many versions an alias may point to besides its own.
const maxWeights = 1

var weightForm = regexp.MustCompile(`^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$`)

// Fraction is the weight as a number from 0 to 1.
func (w Weight) Fraction() (float64, error) {
	if !weightForm.MatchString(string(w)) {
		return 0, fmt.Errorf("weight %q is not a decimal number from 0 to 1 with at most six places", string(w))
	}
	n, err := strconv.ParseFloat(string(w), 64)
	if err != nil {
		return 0, fmt.Errorf("weight %q: %w", string(w), err)
	}
	return n, nil
}

// WeightOf is a number from 0 to 1 as a Weight, rounded to six places. A number out of range gives a Weight that does
// not validate.
func WeightOf(fraction float64) Weight {
	if fraction < 0 || fraction > 1 {
		return Weight(strconv.FormatFloat(fraction, 'f', -1, 64))
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(fraction, 'f', 6, 64), 64)
	if err != nil {
		return Weight(strconv.FormatFloat(fraction, 'f', -1, 64))
	}
	return Weight(strconv.FormatFloat(rounded, 'f', -1, 64))
}

// Validate gives every fault of an alias.
func (a *Alias) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := validateLambdaName(a.Spec.FunctionName, maxFunctionName, spec.Child("functionName"))
	faults = append(faults, validateAliasName(a.Spec.Name, spec.Child("name"))...)
	faults = validateObjectName(a, AliasObjectName(a.Spec.FunctionName, a.Spec.Name), faults)
	if a.Spec.FunctionVersion != latest && !numberForm.MatchString(a.Spec.FunctionVersion) {
		faults = append(faults, field.Invalid(spec.Child("functionVersion"), a.Spec.FunctionVersion, "must be a version number or $LATEST"))
	}
	faults = append(faults, validateLength(a.Spec.Description, maxDescription, spec.Child("description"))...)
	faults = append(faults, validateOptional(a.Spec.ProvisionedConcurrency, 0, maxInvocations, spec.Child("provisionedConcurrency"))...)
	faults = append(faults, a.Spec.Async.validate(spec.Child("async"))...)
	if p := a.Spec.ProvisionedConcurrency; p != nil && *p > 0 && a.Spec.FunctionVersion == latest {
		faults = append(faults, field.Forbidden(spec.Child("provisionedConcurrency"), "may not be set for an alias that points to $LATEST; set concurrency.provisioned of the function"))
	}
	return append(faults, a.Spec.validateWeights(spec.Child("additionalVersionWeights"))...)
}

// validateWeights checks the further version. Its weight and the rest, which goes to functionVersion, always sum up
// to one.
func (s *AliasSpec) validateWeights(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(s.AdditionalVersionWeights) > maxWeights {
		faults = append(faults, field.TooMany(at, len(s.AdditionalVersionWeights), maxWeights))
	}
	if len(s.AdditionalVersionWeights) > 0 && s.FunctionVersion == latest {
		faults = append(faults, field.Forbidden(at, "may not be set for an alias that points to $LATEST"))
	}
	for _, version := range sortedKeys(s.AdditionalVersionWeights) {
		if !numberForm.MatchString(version) {
			faults = append(faults, field.Invalid(at.Key(version), version, "must be a version number"))
		}
		if version == s.FunctionVersion {
			faults = append(faults, field.Duplicate(at.Key(version), version))
		}
		if _, err := s.AdditionalVersionWeights[version].Fraction(); err != nil {
			faults = append(faults, field.Invalid(at.Key(version), s.AdditionalVersionWeights[version], "must be a decimal number from 0 to 1 with at most six places"))
		}
	}
	return faults
}

// ValidateUpdate gives every fault, and a change of the function or of the alias's name.
func (a *Alias) ValidateUpdate(old Object) field.ErrorList {
	was, ok := old.(*Alias)
	if !ok {
		return otherKind(old)
	}
	spec := field.NewPath("spec")
	faults := immutable(a.Spec.FunctionName, was.Spec.FunctionName, spec.Child("functionName"))
	faults = append(faults, immutable(a.Spec.Name, was.Spec.Name, spec.Child("name"))...)
	return append(faults, a.Validate()...)
}
