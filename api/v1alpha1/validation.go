package v1alpha1

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// latest is the qualifier of the unpublished, mutable version.
const latest = "$LATEST"

// Limits that several kinds share.
const (
	maxDescription  = 256
	maxFunctionName = 64
	maxURL          = 2048
)

var (
	lambdaNameForm  = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	numberForm      = regexp.MustCompile(`^[1-9][0-9]*$`)
	digitsForm      = regexp.MustCompile(`^[0-9]+$`)
	sha256Form      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	headerForm      = regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+.^_`|~-]+$")
	queueARNForm    = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,80}$`)
	topicARNForm    = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,256}$`)
	busARNForm      = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[a-zA-Z0-9._/-]{1,256}$`)
	functionARNForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9-_]{1,64}(:(\$LATEST|[a-zA-Z0-9-_]{1,128}))?$`)
)

// validateObjectName adds to the faults of an object's Lambda names, or if there are none checks that its own name follows
// from them: under another one it would be out of reach for callers who know only the Lambda names.
func validateObjectName(obj Object, want string, faults field.ErrorList) field.ErrorList {
	if len(faults) > 0 || obj.GetName() == want {
		return faults
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), obj.GetName(), fmt.Sprintf("must be %q, which follows from the spec", want))}
}

// validateLambdaName checks a name against the Lambda API's form and a greatest length.
func validateLambdaName(name string, limit int, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	var faults field.ErrorList
	if !lambdaNameForm.MatchString(name) {
		faults = append(faults, field.Invalid(at, name, "must consist of letters, digits, hyphens and underscores"))
	}
	return append(faults, validateLength(name, limit, at)...)
}

func validateVersionNumber(n int64, at *field.Path) field.ErrorList {
	if n >= 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(at, n, "must be at least 1")}
}

// validateAliasName checks the name of an alias: a Lambda name that is not a number.
func validateAliasName(name string, at *field.Path) field.ErrorList {
	faults := validateLambdaName(name, 128, at)
	if digitsForm.MatchString(name) {
		faults = append(faults, field.Invalid(at, name, "must not be a number, which would name a version"))
	}
	return faults
}

// validateLength counts characters, as the Lambda API and Kubernetes do.
func validateLength(s string, limit int, at *field.Path) field.ErrorList {
	if utf8.RuneCountInString(s) <= limit {
		return nil
	}
	return field.ErrorList{field.TooLong(at, s, limit)}
}

// validateRange checks that n is within [least, most].
func validateRange(n, least, most int64, at *field.Path) field.ErrorList {
	if n >= least && n <= most {
		return nil
	}
	return field.ErrorList{field.Invalid(at, n, rangeText(least, most))}
}

// validateOptional checks a number that may be unset.
func validateOptional(n *int32, least, most int64, at *field.Path) field.ErrorList {
	if n == nil {
		return nil
	}
	return validateRange(int64(*n), least, most, at)
}

// validateEnum checks that v is one of the values allowed.
func validateEnum[T ~string](v T, allowed []T, at *field.Path) field.ErrorList {
	if slices.Contains(allowed, v) {
		return nil
	}
	return field.ErrorList{field.NotSupported(at, v, allowed)}
}

// validateBlob checks the name of stored bytes.
func validateBlob(b *Blob, at *field.Path) field.ErrorList {
	faults := validateDigest(b.SHA256, at.Child("sha256"))
	if b.Size < 1 {
		faults = append(faults, field.Invalid(at.Child("size"), b.Size, "must be at least 1"))
	}
	return faults
}

func validateDigest(digest string, at *field.Path) field.ErrorList {
	if sha256Form.MatchString(digest) {
		return nil
	}
	return field.ErrorList{field.Invalid(at, digest, "must be a SHA-256 digest of 64 lower-case hex digits")}
}

// validateURL checks an absolute URL of one of the schemes.
func validateURL(location string, schemes []string, at *field.Path) field.ErrorList {
	if location == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	faults := validateLength(location, maxURL, at)
	u, err := url.Parse(location)
	if err != nil {
		return append(faults, field.Invalid(at, location, "must be a URL"))
	}
	if !slices.Contains(schemes, u.Scheme) {
		return append(faults, field.Invalid(at, location, "must be a URL that begins with "+strings.Join(schemes, ", ")))
	}
	if u.Scheme == "file" && (u.Host != "" || !strings.HasPrefix(u.Path, "/")) {
		return append(faults, field.Invalid(at, location, "must hold an absolute path, as in file:///srv/code.zip"))
	}
	if u.Scheme != "file" && u.Host == "" {
		return append(faults, field.Invalid(at, location, "must name a host"))
	}
	return faults
}

// immutable is the fault of a member that was changed.
func immutable[T comparable](is, was T, at *field.Path) field.ErrorList {
	if is == was {
		return nil
	}
	return field.ErrorList{field.Forbidden(at, "cannot be changed")}
}

// otherKind is the fault of an update from an object of another kind.
func otherKind(old Object) field.ErrorList {
	return field.ErrorList{field.Invalid(field.NewPath("kind"), old.GetObjectKind().GroupVersionKind().Kind, "cannot be changed")}
}
