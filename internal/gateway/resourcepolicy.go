package gateway

import (
	"errors"
	"regexp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// putPolicyInput is PutResourcePolicyRequest.
type putPolicyInput struct {
	Policy     *string
	RevisionId string
}

// shownPolicyARN is the constraint of ResourceArn: the full ARN of a function, version or alias.
const shownPolicyARN = `arn:(aws[a-zA-Z-]*)?:lambda:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}):\d{12}:function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?`

var policyARNForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z]{2,}(-[a-z]+)+-\d:\d{12}:function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?$`)

// policyTarget reads which function, version or alias a request's path names.
func (g *gateway) policyTarget(c *call) (subject, error) {
	arn := c.label("ResourceArn")
	var f faults
	f.pattern(&arn, "resourceArn", policyARNForm, shownPolicyARN)
	if err := f.err(); err != nil {
		return subject{}, err
	}
	ref, err := lambda.ParseReference(arn)
	if err != nil {
		return subject{}, err
	}
	if err := g.reachable(ref); err != nil {
		return subject{}, err
	}
	return g.permissionSubject(c.r.Context(), ref)
}

// putResourcePolicy does PutResourcePolicy: the whole policy is replaced.
func (g *gateway) putResourcePolicy(c *call) (any, error) {
	var in putPolicyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	f.required(in.Policy, "policy")
	if err := f.err(); err != nil {
		return nil, err
	}
	s, err := g.policyTarget(c)
	if err != nil {
		return nil, err
	}
	given, err := readPolicy(*in.Policy, s.arn)
	if err != nil {
		return nil, err
	}
	stored, err := g.changePolicy(c.r.Context(), s, func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error {
		*doc = *given
		return checkPolicyRevision(in.RevisionId, stored, s.revision, "GetResourcePolicy")
	})
	if err != nil {
		return nil, err
	}
	return policyOutput{Policy: given.String(), RevisionId: policyRevision(stored)}, nil
}

// readPolicy reads the policy of a resource. A statement that can never speak of it would have no effect and is refused.
func readPolicy(text, arn string) (*policy.Document, error) {
	doc, err := policy.ParseResource([]byte(text))
	if errors.Is(err, policy.ErrTooLong) {
		return nil, tooLong(len(text))
	}
	if err != nil {
		return nil, invalid("The policy is not valid: %v.", err)
	}
	for i := range doc.Statements {
		if !doc.Statements[i].Covers(arn) {
			return nil, invalid("The policy is not valid: in Statement[%d]: Resource does not cover %s, which the policy is for.", i, arn)
		}
	}
	return doc, nil
}

// getResourcePolicy does GetResourcePolicy.
func (g *gateway) getResourcePolicy(c *call) (any, error) {
	s, err := g.policyTarget(c)
	if err != nil {
		return nil, err
	}
	return g.showPolicy(c, s)
}

// deleteResourcePolicy does DeleteResourcePolicy.
func (g *gateway) deleteResourcePolicy(c *call) (any, error) {
	s, err := g.policyTarget(c)
	if err != nil {
		return nil, err
	}
	_, err = g.changePolicy(c.r.Context(), s, func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error {
		if stored == nil {
			return noPolicy()
		}
		doc.Statements = nil
		return checkPolicyRevision(c.query("RevisionId"), stored, "", "GetResourcePolicy")
	})
	return nil, err
}
