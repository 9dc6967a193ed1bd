package gateway

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
