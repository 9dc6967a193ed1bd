package v1alpha1

import (
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxSigningProfiles = 20

var (
	codeSigningConfigForm = regexp.MustCompile(`^csc-[a-z0-9]{17}$`)
	signingProfileForm    = regexp.MustCompile(`^arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9-]+:([a-z]{2}(-gov)?-[a-z]+-[0-9])?:([0-9]{12})?:.*$`)
)

// Validate gives every fault of a code signing config.
func (c *CodeSigningConfig) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := validateCodeSigningConfigName(c.Name, field.NewPath("metadata", "name"))
	faults = append(faults, validateLength(c.Spec.Description, maxDescription, spec.Child("description"))...)
	faults = append(faults, c.Spec.AllowedPublishers.validate(spec.Child("allowedPublishers"))...)
	policies := []CodeSigningPolicy{CodeSigningWarn, CodeSigningEnforce}
	faults = append(faults, validateEnum(c.Spec.UntrustedArtifactOnDeployment, policies, spec.Child("untrustedArtifactOnDeployment"))...)
	return append(faults, validateTags(c.Spec.Tags, spec.Child("tags"))...)
}

// ValidateUpdate gives every fault.
func (c *CodeSigningConfig) ValidateUpdate(old Object) field.ErrorList {
	if _, ok := old.(*CodeSigningConfig); !ok {
		return otherKind(old)
	}
	return c.Validate()
}

func (p *AllowedPublishers) validate(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	arns := at.Child("signingProfileVersionArns")
	if len(p.SigningProfileVersionARNs) == 0 {
		faults = append(faults, field.Required(arns, "at least one"))
	}
	if n := len(p.SigningProfileVersionARNs); n > maxSigningProfiles {
		faults = append(faults, field.TooMany(arns, n, maxSigningProfiles))
	}
	for i, arn := range p.SigningProfileVersionARNs {
		if !signingProfileForm.MatchString(arn) {
			faults = append(faults, field.Invalid(arns.Index(i), arn, "must be the ARN of a version of a signing profile"))
		}
	}
	return faults
}

// validateCodeSigningConfigName checks the name of a code signing config, which is its id in ARNs.
func validateCodeSigningConfigName(name string, at *field.Path) field.ErrorList {
	if codeSigningConfigForm.MatchString(name) {
		return nil
	}
	return field.ErrorList{field.Invalid(at, name, "must be csc- and 17 lower-case letters or digits")}
}
