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
	qualifierForm = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_$]{1,128})$`)
	referenceForm = regexp.MustCompile(`^(?:arn:(aws[a-zA-Z-]*)?:lambda:(?:([a-z]{2,}(?:-[a-z]+)+-\d{1,2}):)?)?` +
		`(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)
)

// The constraints that AWS quotes in its validation errors, as recorded from the service. It has two for FunctionName:
// one for operations that run, read and delete functions, which may be given names with dots, and a narrower one for
// operations that make and change them.
const (
	patternPrefix    = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?`
	patternWide      = patternPrefix + `([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	patternNarrow    = patternPrefix + `([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	patternQualifier = `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`

	maxWide, maxNarrow, maxName, maxQualifier = 256, 140, 64, 128
)

// ParseReference reads a FunctionName as Invoke and the operations that read and delete functions take it. It fails with
// ValidationException. A name with dots passes, as on AWS; no function has one, and [Name.Valid] tells.
func ParseReference(s string) (Reference, error) {
	r, ok := parse(s)
	if err := r.check(s, ok, maxWide, patternWide); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// ParseFunctionName reads a FunctionName as the operations that make and change functions, aliases and URLs take it. It
// fails with ValidationException.
func ParseFunctionName(s string) (Reference, error) {
	r, ok := parse(s)
	if strings.Contains(string(r.Name), ".") || strings.HasSuffix(r.Qualifier, ".PUBLISHED") {
		ok = false
	}
	if err := r.check(s, ok, maxNarrow, patternNarrow); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// parse takes a FunctionName apart; it reports false for what is none.
func parse(s string) (Reference, bool) {
	if len(s) > maxWide {
		return Reference{}, false
	}
	m := referenceForm.FindStringSubmatch(s)
	if m == nil {
		return Reference{}, false
	}
	r := Reference{Partition: "aws", Region: m[2], Account: m[3], Name: Name(m[4]), Qualifier: m[5]}
	if m[1] != "" {
		r.Partition = m[1]
	}
	return r, true
}

// check says what is wrong with the text that r was read from, in AWS's order: lengths first.
func (r Reference) check(s string, ok bool, limit int, pattern string) error {
	switch {
	case len(s) > limit:
		return invalidName(s, limit)
	case !ok:
		return Errorf(CodeValidation, "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: %s", s, pattern)
	case len(r.Name) > maxName:
		return invalidName(s, maxName)
	case len(r.Qualifier) > maxQualifier:
		return invalidName(s, maxQualifier)
	default:
		return nil
	}
}

func invalidName(s string, limit int) *Error {
	return Errorf(CodeValidation, "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
		"Member must have length less than or equal to %d", s, limit)
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
	if len(q) > maxQualifier {
		return r, Errorf(CodeValidation, "1 validation error detected: Value '%s' at 'qualifier' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", q, maxQualifier)
	}
	if !qualifierForm.MatchString(q) {
		return r, Errorf(CodeValidation, "1 validation error detected: Value '%s' at 'qualifier' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: %s", q, patternQualifier)
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
