package access

import (
	"context"
	"maps"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// Caller is who sends a request.
type Caller struct {
	// Principal is who it is in policies.
	Principal policy.Principal
	// KeyID is the access key that signed the request; empty if something else than a key proved who it is.
	KeyID string
	// Proof is the signature of the request, if it is good for this one request only.
	Proof string
	// Namespace is the one that the caller is for; AnyNamespace for all.
	Namespace string
	// Identity is the caller's own policy.
	Identity *policy.Document
	// Review is asked instead of Identity where something else knows what callers may do.
	Review func(ctx context.Context, q Question) (policy.Effect, error)
	// AsksForTags says that Identity has conditions about the tags of resources.
	AsksForTags bool
	// Context are values of condition keys that hold for the whole request, such as aws:SourceIp.
	Context map[string][]string
}

// Question is whether a caller may do something.
type Question struct {
	// Action is such as lambda:InvokeFunction, Resource an ARN, or * for actions without one.
	Action, Resource string
	// Context are further values of condition keys.
	Context map[string][]string
	// Policy is that of the resource; nil if it has none.
	Policy *policy.Document
}

// Authorize fails with AWS's AccessDeniedException unless the caller may do what is asked: no policy denies it, and at
// least one allows it.
func (c *Caller) Authorize(ctx context.Context, q Question) error {
	identity, resource, err := c.evaluate(ctx, q)
	if err != nil {
		return err
	}
	if policy.Allowed(identity, resource) {
		return nil
	}
	return lambda.Errorf(lambda.CodeAccessDenied, "User: %s is not authorized to perform: %s on resource: %s%s",
		c.Name(), q.Action, q.Resource, because(identity, resource, q.Action))
}

// Denied reports whether a policy says in so many words that the caller may not. It is for what is open to all otherwise.
func (c *Caller) Denied(ctx context.Context, q Question) (bool, error) {
	identity, resource, err := c.evaluate(ctx, q)
	return identity == policy.Deny || resource == policy.Deny, err
}

func (c *Caller) evaluate(ctx context.Context, q Question) (identity, resource policy.Effect, err error) {
	r := policy.Request{Principal: c.Principal, Action: q.Action, Resource: q.Resource, Context: c.Context}
	if len(q.Context) > 0 {
		r.Context = make(map[string][]string, len(c.Context)+len(q.Context))
		maps.Copy(r.Context, c.Context)
		maps.Copy(r.Context, q.Context)
	}
	if c.Review != nil {
		if identity, err = c.Review(ctx, q); err != nil {
			return policy.None, policy.None, err
		}
	} else {
		identity = c.Identity.Evaluate(r)
	}
	return identity, q.Policy.Evaluate(r), nil
}

// Name is how the caller is called in sentences and logs.
func (c *Caller) Name() string {
	if c.Principal.ARN == "" {
		return "anonymous"
	}
	return c.Principal.ARN
}

// because is the end of AWS's sentence: which policy is to blame.
func because(identity, resource policy.Effect, action string) string {
	switch {
	case resource == policy.Deny:
		return " with an explicit deny in a resource-based policy"
	case identity == policy.Deny:
		return " with an explicit deny in an identity-based policy"
	default:
		return " because no identity-based policy allows the " + action + " action"
	}
}

type callerKey struct{}

// WithCaller notes who sends the request of a context.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf gives who sends the request of a context; nil if that was never found out.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}
