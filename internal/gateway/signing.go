package gateway

import (
	"context"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// functionSigning is PutFunctionCodeSigningConfigResponse and GetFunctionCodeSigningConfigResponse, where a function
// without one has no ARN.
type functionSigning struct {
	CodeSigningConfigArn string `json:",omitempty"`
	FunctionName         string
}

// putSigningInput is PutFunctionCodeSigningConfigRequest.
type putSigningInput struct {
	CodeSigningConfigArn *string
}

// putFunctionCodeSigning does PutFunctionCodeSigningConfig. It holds for code to come; what runs goes on.
func (g *gateway) putFunctionCodeSigning(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	var in putSigningInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.CodeSigningConfigArn == nil {
		var f faults
		f.missing("codeSigningConfigArn")
		return nil, f.err()
	}
	ctx := c.r.Context()
	config, err := g.usableCodeSigning(ctx, *in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	err = g.adjust(ctx, ref, func(fn *v1alpha1.Function) error {
		if fn.Spec.PackageType == v1alpha1.PackageTypeImage {
			return invalid("Code signing is not supported for functions of package type Image.")
		}
		fn.Spec.CodeSigningConfig = config.Name
		return nil
	})
	return functionSigning{CodeSigningConfigArn: g.codeSigningARN(config.Name), FunctionName: string(ref.Name)}, err
}

// usableCodeSigning gets a config that a function is to use.
func (g *gateway) usableCodeSigning(ctx context.Context, arn string) (*v1alpha1.CodeSigningConfig, error) {
	id, err := g.codeSigningID(arn)
	config := new(v1alpha1.CodeSigningConfig)
	if err == nil {
		err = g.engine.Get(ctx, id, config)
	}
	if isNotFound(err) {
		return nil, lambda.Errorf(lambda.CodeCodeSigningConfigNotFound, "The code signing configuration cannot be found. "+
			"Check that the provided configuration is not deleted: %s.", arn)
	}
	return config, err
}

// getFunctionCodeSigning does GetFunctionCodeSigningConfig, which Terraform asks for every function.
func (g *gateway) getFunctionCodeSigning(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	out := functionSigning{FunctionName: string(ref.Name)}
	if id := fn.Spec.CodeSigningConfig; id != "" {
		out.CodeSigningConfigArn = g.codeSigningARN(id)
	}
	return out, nil
}

// deleteFunctionCodeSigning does DeleteFunctionCodeSigningConfig.
func (g *gateway) deleteFunctionCodeSigning(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	err = g.adjust(c.r.Context(), ref, func(fn *v1alpha1.Function) error {
		fn.Spec.CodeSigningConfig = ""
		return nil
	})
	return nil, err
}

// attachCodeSigning gives a new function the config that its creator names.
func (g *gateway) attachCodeSigning(ctx context.Context, fn *v1alpha1.Function, arn string) error {
	if arn == "" {
		return nil
	}
	if fn.Spec.PackageType == v1alpha1.PackageTypeImage {
		return invalid("Code signing is not supported for functions of package type Image.")
	}
	config, err := g.usableCodeSigning(ctx, arn)
	if err != nil {
		return err
	}
	fn.Spec.CodeSigningConfig = config.Name
	return nil
}

// verifyCode fails if a function takes signed code only. Archives of functions and layers count as unsigned, because
// signatures of AWS Signer can be verified by AWS alone.
func (g *gateway) verifyCode(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	config := new(v1alpha1.CodeSigningConfig)
	err := g.engine.Get(ctx, id, config)
	if isNotFound(err) {
		return lambda.Errorf(lambda.CodeCodeSigningConfigNotFound, "The code signing configuration cannot be found. "+
			"Check that the provided configuration is not deleted: %s.", g.codeSigningARN(id))
	}
	if err != nil {
		return err
	}
	if refusal := config.Refusal(); refusal != nil {
		return lambda.Errorf(lambda.CodeCodeVerificationFailed, "%s", refusal.Message)
	}
	g.Logger.WarnContext(ctx, "unsigned code is deployed, as the policy Warn allows", "codeSigningConfig", id)
	return nil
}
