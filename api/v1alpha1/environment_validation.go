package v1alpha1

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxEnvironment is how many bytes the variables may take, written as one compact JSON object, as AWS measures them.
const maxEnvironment = 4096

var variableForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// reserved says which variables the platform alone sets. Credentials are reserved only in environment.variables, where
// AWS tools would put them by mistake and everybody could read them; a function that talks to AWS gets its own from a
// Secret through environment.variablesFrom.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func reserved(name string, fromReference bool) bool {
	switch name {
	case "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN":
		return !fromReference
	case "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
		"AWS_LAMBDA_RUNTIME_API", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT":
		return true
	default:
		return strings.HasPrefix(name, "_")
	}
}

// ReservedKeys gives the names among the variables that may not be set, sorted; AWS lists them in its refusal.
func ReservedKeys(variables map[string]string) []string {
	return slices.DeleteFunc(sortedKeys(variables), func(name string) bool { return !reserved(name, false) })
}

func (e *Environment) validate(at *field.Path) field.ErrorList {
	if e == nil {
		return nil
	}
	var faults field.ErrorList
	for _, name := range sortedKeys(e.Variables) {
		faults = append(faults, validateVariable(name, false, at.Child("variables").Key(name))...)
		if strings.ContainsRune(e.Variables[name], 0) {
			// The value may be a secret: it is never part of a fault.
			faults = append(faults, field.Invalid(at.Child("variables").Key(name), "", "must not contain a NUL byte"))
		}
	}
	if environmentSize(e.Variables) > maxEnvironment {
		faults = append(faults, field.TooLong(at.Child("variables"), "", maxEnvironment))
	}
	return append(faults, e.validateReferences(at.Child("variablesFrom"))...)
}

// validateReferences checks each reference and that no variable is given twice.
func (e *Environment) validateReferences(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	seen := make(map[string]bool, len(e.VariablesFrom))
	for i, v := range e.VariablesFrom {
		if _, given := e.Variables[v.Name]; given || seen[v.Name] {
			faults = append(faults, field.Duplicate(at.Index(i).Child("name"), v.Name))
		}
		seen[v.Name] = true
		faults = append(faults, validateVariable(v.Name, true, at.Index(i).Child("name"))...)
		faults = append(faults, v.validateReference(at.Index(i))...)
	}
	return faults
}

// validateReference checks that exactly one reference is set, and that one.
func (v *VariableFrom) validateReference(at *field.Path) field.ErrorList {
	if v.SecretKeyRef == nil && v.ConfigMapKeyRef == nil {
		return field.ErrorList{field.Required(at, "one of secretKeyRef and configMapKeyRef must be set")}
	}
	faults := v.SecretKeyRef.validate(at.Child("secretKeyRef"))
	faults = append(faults, v.ConfigMapKeyRef.validate(at.Child("configMapKeyRef"))...)
	if v.SecretKeyRef != nil && v.ConfigMapKeyRef != nil {
		faults = append(faults, field.Forbidden(at, "only one of secretKeyRef and configMapKeyRef may be set"))
	}
	return faults
}

func (r *KeyRef) validate(at *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var faults field.ErrorList
	if r.Name == "" {
		faults = append(faults, field.Required(at.Child("name"), ""))
	}
	if r.Key == "" {
		faults = append(faults, field.Required(at.Child("key"), ""))
	}
	return faults
}

func validateVariable(name string, fromReference bool, at *field.Path) field.ErrorList {
	if reserved(name, fromReference) {
		return field.ErrorList{field.Forbidden(at, "is set by the platform")}
	}
	if !variableForm.MatchString(name) {
		return field.ErrorList{field.Invalid(at, name, "must be a letter followed by letters, digits and underscores, two characters at least")}
	}
	return nil
}

// environmentSize measures variables as AWS does: as compact JSON.
func environmentSize(variables map[string]string) int {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(variables); err != nil {
		return maxEnvironment + 1 // strings always encode
	}
	return text.Len() - len("\n")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
