package gateway

import (
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// getPolicy does GetPolicy. No function has a policy, because AddPermission is refused; tools take AWS's error for that.
func (g *gateway) getPolicy(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	if _, err := g.resolve(c.r.Context(), ref); err != nil {
		return nil, err
	}
	return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The resource you requested does not exist.")
}

// codeSigning is GetFunctionCodeSigningConfigResponse of a function without one.
type codeSigning struct {
	FunctionName string
}

// getFunctionCodeSigningConfig does GetFunctionCodeSigningConfig, which Terraform asks for every function.
func (g *gateway) getFunctionCodeSigningConfig(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	if _, err := g.function(c.r.Context(), ref); err != nil {
		return nil, err
	}
	return codeSigning{FunctionName: string(ref.Name)}, nil
}
