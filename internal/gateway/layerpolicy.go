package gateway

import (
	"regexp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// addLayerPermissionInput is AddLayerVersionPermissionRequest.
type addLayerPermissionInput struct {
	StatementId    *string
	Action         *string
	Principal      *string
	OrganizationId *string
}

// addLayerPermissionOutput is AddLayerVersionPermissionResponse. The statement is a JSON text.
type addLayerPermissionOutput struct {
	Statement  string
	RevisionId string
}

// layerAction is all that can be allowed for a layer version.
const layerAction = "lambda:GetLayerVersion"

const shownLayerPrincipal = `\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root`

var layerPrincipalForm = regexp.MustCompile(`^(\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root)$`)

func (in *addLayerPermissionInput) check() error {
	var f faults
	f.required(in.StatementId, "statementId")
	f.longest(in.StatementId, "statementId", 100)
	f.pattern(in.StatementId, "statementId", statementIDForm, shownStatementID)
	f.required(in.Action, "action")
	if in.Action != nil && *in.Action != layerAction {
		f.add(*in.Action, "action", "Member must satisfy regular expression pattern: "+layerAction)
	}
	f.required(in.Principal, "principal")
	f.pattern(in.Principal, "principal", layerPrincipalForm, shownLayerPrincipal)
	f.longest(in.OrganizationId, "organizationId", 34)
	f.pattern(in.OrganizationId, "organizationId", organizationIDForm, shownOrganizationID)
	if err := f.err(); err != nil {
		return err
	}
	if in.OrganizationId != nil && *in.Principal != "*" {
		return invalid("OrganizationId is only supported for the principal *.")
	}
	return nil
}

func (in *addLayerPermissionInput) statement(arn string) (policy.Statement, error) {
	principals, err := principalsOf(*in.Principal)
	s := policy.Statement{Sid: *in.StatementId, Effect: policy.Allow, Principal: principals, Action: []string{layerAction}, Resource: []string{arn}}
	if in.OrganizationId != nil {
		s.Condition = []policy.Condition{{Operator: "StringEquals", Key: "aws:PrincipalOrgID", Values: []string{*in.OrganizationId}}}
	}
	return s, err
}

// layerSubject finds the layer version of a request's path.
func (g *gateway) layerSubject(c *call) (subject, error) {
	name, version, err := g.layerVersionOf(c)
	if err != nil {
		return subject{}, err
	}
	s := subject{spec: v1alpha1.ResourcePolicySpec{LayerName: name, LayerVersion: version}, arn: g.layerARN(name, version)}
	layer, err := g.layerVersion(c.r.Context(), name, version)
	if err == nil && layer == nil {
		err = lambda.Errorf(lambda.CodeResourceNotFound, "Layer version %s does not exist.", s.arn)
	}
	return s, err
}

// addLayerVersionPermission does AddLayerVersionPermission. Functions of this account may use the layer without it.
func (g *gateway) addLayerVersionPermission(c *call) (any, error) {
	var in addLayerPermissionInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	s, err := g.layerSubject(c)
	if err != nil {
		return nil, err
	}
	statement, err := in.statement(s.arn)
	if err != nil {
		return nil, err
	}
	stored, err := g.changePolicy(c.r.Context(), s, func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error {
		if err := addStatement(doc, statement); err != nil {
			return err
		}
		return checkPolicyRevision(c.query("RevisionId"), stored, "", "GetLayerPolicy")
	})
	if err != nil {
		return nil, err
	}
	return addLayerPermissionOutput{Statement: statement.String(), RevisionId: policyRevision(stored)}, nil
}

// removeLayerVersionPermission does RemoveLayerVersionPermission.
func (g *gateway) removeLayerVersionPermission(c *call) (any, error) {
	sid := c.label("StatementId")
	if err := checkStatementID(sid, statementIDForm, shownStatementID); err != nil {
		return nil, err
	}
	s, err := g.layerSubject(c)
	if err != nil {
		return nil, err
	}
	_, err = g.changePolicy(c.r.Context(), s, func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error {
		if stored == nil {
			return noPolicy()
		}
		if err := checkPolicyRevision(c.query("RevisionId"), stored, "", "GetLayerPolicy"); err != nil {
			return err
		}
		return removeStatement(doc, sid)
	})
	return nil, err
}

// getLayerVersionPolicy does GetLayerVersionPolicy.
func (g *gateway) getLayerVersionPolicy(c *call) (any, error) {
	s, err := g.layerSubject(c)
	if err != nil {
		return nil, err
	}
	return g.showPolicy(c, s)
}

// showPolicy gives the policy of a subject that is there.
func (g *gateway) showPolicy(c *call, s subject) (any, error) {
	stored, doc, err := g.storedPolicy(c.r.Context(), s.spec)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return nil, noPolicy()
	}
	return policyOutput{Policy: doc.String(), RevisionId: policyRevision(stored)}, nil
}
