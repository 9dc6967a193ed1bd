package v1alpha1

import (
	"net/url"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of the Lambda API for the CORS members of function URLs.
const (
	maxCORSHeaders = 100
	maxCORSHeader  = 1024
	maxCORSMethods = 6
	maxCORSOrigins = 100
	maxCORSOrigin  = 253
	maxCORSAge     = 86400
)

// Validate gives every fault of a function URL.
func (u *FunctionURLConfig) Validate() field.ErrorList {
	spec := field.NewPath("spec")
	faults := validateLambdaName(u.Spec.FunctionName, maxFunctionName, spec.Child("functionName"))
	if u.Spec.Qualifier != "" {
		faults = append(faults, validateAliasName(u.Spec.Qualifier, spec.Child("qualifier"))...)
	}
	faults = validateObjectName(u, FunctionURLObjectName(u.Spec.FunctionName, u.Spec.Qualifier), faults)
	faults = append(faults, validateEnum(u.Spec.AuthType, []AuthType{AuthTypeNone, AuthTypeIAM}, spec.Child("authType"))...)
	faults = append(faults, validateEnum(u.Spec.InvokeMode, invokeModes(), spec.Child("invokeMode"))...)
	return append(faults, u.Spec.CORS.validate(spec.Child("cors"))...)
}

func (c *CORS) validate(at *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	faults := validateHeaders(c.AllowHeaders, at.Child("allowHeaders"))
	faults = append(faults, validateHeaders(c.ExposeHeaders, at.Child("exposeHeaders"))...)
	faults = append(faults, validateMethods(c.AllowMethods, at.Child("allowMethods"))...)
	faults = append(faults, validateOrigins(c.AllowOrigins, at.Child("allowOrigins"))...)
	return append(faults, validateRange(int64(c.MaxAge), 0, maxCORSAge, at.Child("maxAge"))...)
}

func validateHeaders(names []string, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(names) > maxCORSHeaders {
		faults = append(faults, field.TooMany(at, len(names), maxCORSHeaders))
	}
	for i, name := range names {
		if !headerForm.MatchString(name) {
			faults = append(faults, field.Invalid(at.Index(i), name, "must be the name of a header, or *"))
		}
		faults = append(faults, validateLength(name, maxCORSHeader, at.Index(i))...)
	}
	return faults
}

func validateMethods(methods []string, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(methods) > maxCORSMethods {
		faults = append(faults, field.TooMany(at, len(methods), maxCORSMethods))
	}
	for i, m := range methods {
		faults = append(faults, validateEnum(m, []string{"*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}, at.Index(i))...)
	}
	return faults
}

func validateOrigins(origins []string, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(origins) > maxCORSOrigins {
		faults = append(faults, field.TooMany(at, len(origins), maxCORSOrigins))
	}
	for i, o := range origins {
		if !isOrigin(o) {
			faults = append(faults, field.Invalid(at.Index(i), o, "must be * or scheme://host[:port]"))
		}
		faults = append(faults, validateLength(o, maxCORSOrigin, at.Index(i))...)
	}
	return faults
}

// isOrigin reports whether o is what a browser sends as Origin, or the wildcard.
func isOrigin(o string) bool {
	if o == "*" {
		return true
	}
	u, err := url.Parse(o)
	return err == nil && u.Scheme != "" && u.Host != "" && o == u.Scheme+"://"+u.Host
}

// ValidateUpdate gives every fault, and a change of the function or qualifier.
func (u *FunctionURLConfig) ValidateUpdate(old Object) field.ErrorList {
	was, ok := old.(*FunctionURLConfig)
	if !ok {
		return otherKind(old)
	}
	spec := field.NewPath("spec")
	faults := immutable(u.Spec.FunctionName, was.Spec.FunctionName, spec.Child("functionName"))
	faults = append(faults, immutable(u.Spec.Qualifier, was.Spec.Qualifier, spec.Child("qualifier"))...)
	return append(faults, u.Validate()...)
}
