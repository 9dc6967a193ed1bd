package lambda

import (
	"regexp"
	"strings"
)

// Name is a function's name: 1 to 64 letters, digits, hyphens and underscores.
type Name string

// Reference is how a caller names a function: name plus optional qualifier, with the region and account of an ARN if
// one was given. The forms are those of the FunctionName member of the Lambda API: NAME, NAME:QUALIFIER,
// ACCOUNT:NAME, ACCOUNT:function:NAME, function:NAME and full ARNs.
type Reference struct {
	Partition string // "aws" unless an ARN said otherwise
	Region    string // empty unless an ARN named it
	Account   string // empty unless an ARN or partial ARN named it
	Name      Name
	Qualifier string // alias, version number or "$LATEST"; empty if the caller gave none
}

// Identity is the region and account in whose name functions run where there is no AWS behind them.
type Identity struct {
	Region  string
	Account string
}

var (
	nameForm      = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	qualifierForm = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]{1,128})$`)
	referenceForm = regexp.MustCompile(`^(?:arn:(aws[a-zA-Z-]*)?:lambda:(?:([a-z]{2,}(?:-[a-z]+)+-\d{1,2}):)?)?` +
		`(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)
)

// referencePattern is the constraint AWS quotes in its validation error.
const referencePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
	`([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

// ParseReference reads a FunctionName as the Lambda API takes it. It fails with ValidationException.
func ParseReference(s string) (Reference, error) {
	if len(s) > 170 {
		return Reference{}, invalidReference(s, "Member must have length less than or equal to 170")
	}
	m := referenceForm.FindStringSubmatch(s)
	if m == nil {
		return Reference{}, invalidReference(s, "Member must satisfy regular expression pattern: "+referencePattern)
	}
	r := Reference{Partition: "aws", Region: m[2], Account: m[3], Name: Name(m[4]), Qualifier: m[5]}
	if m[1] != "" {
		r.Partition = m[1]
	}
	if !nameForm.MatchString(string(r.Name)) {
		return Reference{}, invalidReference(s, "Member must have length less than or equal to 64")
	}
	if r.Qualifier != "" && !qualifierForm.MatchString(r.Qualifier) {
		return Reference{}, invalidReference(s, "Member must have length less than or equal to 128")
	}
	return r, nil
}

func invalidReference(s, constraint string) *Error {
	return Errorf(CodeValidation, "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: %s", s, constraint)
}

// ARN is the reference as an ARN under the given identity, with the qualifier as the caller gave it.
func (r Reference) ARN(id Identity) string {
	partition, region, account := r.Partition, r.Region, r.Account
	if partition == "" {
		partition = "aws"
	}
	if region == "" {
		region = id.Region
	}
	if account == "" {
		account = id.Account
	}
	// Put together by hand: it is done for every invocation.
	arn := "arn:" + partition + ":lambda:" + region + ":" + account + ":function:" + string(r.Name)
	if r.Qualifier != "" {
		arn += ":" + r.Qualifier
	}
	return arn
}

// WithQualifier merges the qualifier of a query parameter with that of the name; both must agree if both are given.
func (r Reference) WithQualifier(q string) (Reference, error) {
	if q == "" {
		return r, nil
	}
	if r.Qualifier != "" && r.Qualifier != q {
		return r, Errorf(CodeInvalidParameterValue, "The derived qualifier from the function name does not match the specified qualifier.")
	}
	if !qualifierForm.MatchString(q) {
		return r, Errorf(CodeValidation, "1 validation error detected: Value '%s' at 'qualifier' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)", q)
	}
	r.Qualifier = q
	return r, nil
}

// String gives the short form: name or name:qualifier.
func (r Reference) String() string {
	if r.Qualifier == "" {
		return string(r.Name)
	}
	return strings.Join([]string{string(r.Name), r.Qualifier}, ":")
}

// Valid reports whether n may name a function.
func (n Name) Valid() bool { return nameForm.MatchString(string(n)) }
