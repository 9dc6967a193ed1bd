package policy

// Versions of the language. Variables are expanded in the newer one only.
const (
	Version2012 = "2012-10-17"
	Version2008 = "2008-10-17"
)

// Document is a policy. Those that the parsers give are checked; one that is put together by hand can be checked by
// parsing its String.
type Document struct {
	Version    string // Version2012, Version2008 or empty, which means the older one
	ID         string
	Statements []Statement
}

// Statement is one rule of a document. Of each pair of elements one at most is set.
type Statement struct {
	Sid          string
	Effect       Effect      // Allow or Deny
	Principal    *Principals // set in policies of resources
	NotPrincipal *Principals
	Action       []string // "*" or service:name, with the wildcards * and ?
	NotAction    []string
	Resource     []string // "*" or an ARN, with wildcards and variables
	NotResource  []string
	Condition    []Condition // all of them must hold
}

// Principals is whom a statement is about.
type Principals struct {
	Anybody bool     // written as "*"; then the lists are empty
	AWS     []string // account numbers, ARNs, or "*", which means anybody too
	Service []string // names such as s3.amazonaws.com
}

// Condition is one key of one operator: the values are alternatives.
type Condition struct {
	Operator string // as written, such as ForAnyValue:StringLikeIfExists
	Key      string // such as aws:SourceArn; upper and lower case are the same
	Values   []string
}

// Effect is what a document, or one statement, says about a request.
type Effect int

// The effects. None means that nothing was said, which lets nobody in.
const (
	None Effect = iota
	Allow
	Deny
)

// String is the effect as policies write it.
func (e Effect) String() string {
	switch e {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	default:
		return "None"
	}
}

// Request is one question: may this principal do this to that.
type Request struct {
	Principal Principal
	Action    string              // such as lambda:InvokeFunction
	Resource  string              // the full ARN; "*" where the operation has no resource
	Context   map[string][]string // values of condition keys; upper and lower case of keys are the same
}

// Principal is who asks. The zero value is somebody unknown.
type Principal struct {
	Account string // the number of the account; empty for services
	ARN     string // of the user, role, session or the account's root
	Service string // set for services, such as s3.amazonaws.com
}

// Allowed puts together what the policy of the identity and that of the resource say, where both are of the same
// account: no Deny, and at least one Allow.
func Allowed(identity, resource Effect) bool {
	return identity != Deny && resource != Deny && (identity == Allow || resource == Allow)
}
