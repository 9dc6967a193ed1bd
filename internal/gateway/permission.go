package gateway

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// addPermissionInput is AddPermissionRequest.
type addPermissionInput struct {
	StatementId           *string
	Action                *string
	Principal             *string
	SourceArn             *string
	SourceAccount         *string
	EventSourceToken      *string
	PrincipalOrgID        *string
	FunctionUrlAuthType   string
	InvokedViaFunctionUrl *bool
	RevisionId            string
}

// addPermissionOutput is AddPermissionResponse. The statement is a JSON text.
type addPermissionOutput struct {
	Statement string
}

// policyOutput is GetPolicyResponse, and that of the other operations that give a policy. The policy is a JSON text.
type policyOutput struct {
	Policy     string
	RevisionId string
}

// The constraints that AWS quotes for the members of permissions.
const (
	shownStatementID    = `([a-zA-Z0-9-_]+)`
	shownStatementIDs   = `([a-zA-Z0-9-_.]+)`
	shownAction         = `(lambda:[*]|lambda:[a-zA-Z]+|[*])`
	shownPrincipal      = `[^\s]+`
	shownSourceArn      = `arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`
	shownSourceAccount  = `\d{12}`
	shownEventToken     = `[a-zA-Z0-9._\-]+`
	shownOrganizationID = `o-[a-z0-9]{10,32}`
)

var (
	statementIDForm    = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	statementIDsForm   = regexp.MustCompile(`^[a-zA-Z0-9-_.]+$`)
	actionForm         = regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`)
	principalForm      = regexp.MustCompile(`^[^\s]+$`)
	sourceArnForm      = regexp.MustCompile(`^arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9\-]+:([a-z]{2,}(-[a-z]+)+-\d)?:(\d{12})?:.*$`)
	sourceAccountForm  = regexp.MustCompile(`^\d{12}$`)
	eventTokenForm     = regexp.MustCompile(`^[a-zA-Z0-9._\-]+$`)
	organizationIDForm = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	// What stands for somebody.
	servicePrincipalForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.(amazonaws\.com(\.cn)?|amazon\.com)$`)
	arnPrincipalForm     = regexp.MustCompile(`^arn:aws[a-z0-9-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/[^*?]+)$`)
)

func (in *addPermissionInput) check() error {
	var f faults
	f.required(in.StatementId, "statementId")
	f.longest(in.StatementId, "statementId", 100)
	f.pattern(in.StatementId, "statementId", statementIDForm, shownStatementID)
	f.required(in.Action, "action")
	f.pattern(in.Action, "action", actionForm, shownAction)
	f.required(in.Principal, "principal")
	f.pattern(in.Principal, "principal", principalForm, shownPrincipal)
	f.pattern(in.SourceArn, "sourceArn", sourceArnForm, shownSourceArn)
	f.longest(in.SourceAccount, "sourceAccount", 12)
	f.pattern(in.SourceAccount, "sourceAccount", sourceAccountForm, shownSourceAccount)
	f.longest(in.EventSourceToken, "eventSourceToken", 256)
	f.pattern(in.EventSourceToken, "eventSourceToken", eventTokenForm, shownEventToken)
	f.pattern(in.PrincipalOrgID, "principalOrgID", organizationIDForm, shownOrganizationID)
	f.oneOf(in.FunctionUrlAuthType, "functionUrlAuthType", "NONE", "AWS_IAM")
	if err := f.err(); err != nil {
		return err
	}
	if in.FunctionUrlAuthType != "" && *in.Action != "lambda:InvokeFunctionUrl" {
		return invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	return nil
}

// statement makes the statement that AWS makes of a permission.
func (in *addPermissionInput) statement(arn string) (policy.Statement, error) {
	principals, err := principalsOf(*in.Principal)
	s := policy.Statement{Sid: *in.StatementId, Effect: policy.Allow, Principal: principals, Action: []string{*in.Action}, Resource: []string{arn}}
	add := func(operator, key string, value *string) {
		if value != nil {
			s.Condition = append(s.Condition, policy.Condition{Operator: operator, Key: key, Values: []string{*value}})
		}
	}
	if in.FunctionUrlAuthType != "" {
		add("StringEquals", "lambda:FunctionUrlAuthType", &in.FunctionUrlAuthType)
	}
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	if in.InvokedViaFunctionUrl != nil {
		text := strconv.FormatBool(*in.InvokedViaFunctionUrl)
		add("Bool", "lambda:InvokedViaFunctionUrl", &text)
	}
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	return s, err
}

// principalsOf is whom a Principal member means: everybody, a service, an account, or somebody in one.
func principalsOf(text string) (*policy.Principals, error) {
	switch {
	case text == "*":
		return &policy.Principals{Anybody: true}, nil
	case sourceAccountForm.MatchString(text):
		return &policy.Principals{AWS: []string{"arn:aws:iam::" + text + ":root"}}, nil
	case servicePrincipalForm.MatchString(text):
		return &policy.Principals{Service: []string{text}}, nil
	case arnPrincipalForm.MatchString(text):
		return &policy.Principals{AWS: []string{text}}, nil
	default:
		return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
	}
}

// addPermission does AddPermission.
func (g *gateway) addPermission(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	var in addPermissionInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	s, err := g.permissionSubject(ctx, ref)
	if err != nil {
		return nil, err
	}
	statement, err := in.statement(s.arn)
	if err != nil {
		return nil, err
	}
	_, err = g.changePolicy(ctx, s, func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error {
		if err := checkPolicyRevision(in.RevisionId, stored, s.revision, "GetPolicy"); err != nil {
			return err
		}
		return addStatement(doc, statement)
	})
	if err != nil {
		return nil, err
	}
	return addPermissionOutput{Statement: statement.String()}, nil
}

// permissionSubject finds the function, version or alias that is to get a policy.
func (g *gateway) permissionSubject(ctx context.Context, ref lambda.Reference) (subject, error) {
	s := subject{spec: functionPolicySpec(ref), arn: g.arn(ref.Name, ref.Qualifier)}
	if ref.Qualifier == lambda.LatestVersion {
		return s, invalid("We currently do not support adding policies for $LATEST.")
	}
	fn, err := g.function(ctx, lambda.Reference{Name: ref.Name})
	if err != nil {
		return s, err
	}
	switch {
	case ref.Qualifier == "":
		s.revision = snapshotRevision(snapshotOf(fn, ""))
	case isVersion(ref.Qualifier):
		v, missing := g.version(ctx, ref, ref.Qualifier)
		if missing != nil {
			return s, missing
		}
		s.revision = snapshotRevision(versionSnapshot(v, ""))
	case strings.Contains(ref.Qualifier, "$"):
		err = g.functionNotFound(ref.Name, ref.Qualifier) // no alias has such a name
	default:
		a, missing := g.alias(ctx, ref)
		if missing != nil {
			return s, missing
		}
		s.revision = aliasRevision(&a.ObjectMeta)
	}
	return s, err
}

// removePermission does RemovePermission.
func (g *gateway) removePermission(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	sid := c.label("StatementId")
	if err := checkStatementID(sid, statementIDsForm, shownStatementIDs); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if _, err := g.function(ctx, lambda.Reference{Name: ref.Name}); err != nil {
		if isNotFound(err) {
			err = lambda.Errorf(lambda.CodeResourceNotFound, "No policy found for: %s", g.arn(ref.Name, ""))
		}
		return nil, err
	}
	s := subject{spec: functionPolicySpec(ref), arn: g.arn(ref.Name, ref.Qualifier)}
	_, err = g.changePolicy(ctx, s, func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error {
		if stored == nil {
			return noPolicy()
		}
		if err := removeStatement(doc, sid); err != nil {
			return err
		}
		return checkPolicyRevision(c.query("RevisionId"), stored, "", "GetPolicy")
	})
	return nil, err
}

// checkStatementID checks the id of a statement as it stands in a path.
func checkStatementID(sid string, form *regexp.Regexp, shown string) error {
	var f faults
	f.longest(&sid, "statementId", 100)
	f.pattern(&sid, "statementId", form, shown)
	return f.err()
}

// getPolicy does GetPolicy.
func (g *gateway) getPolicy(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if _, err := g.resolve(ctx, ref); err != nil {
		return nil, err
	}
	stored, doc, err := g.storedPolicy(ctx, functionPolicySpec(ref))
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The resource you requested does not exist.")
	}
	return policyOutput{Policy: doc.String(), RevisionId: policyRevision(stored)}, nil
}
