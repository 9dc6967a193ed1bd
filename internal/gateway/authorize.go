package gateway

import (
	"fmt"
	"strconv"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// demand is what a policy has to allow for an operation.
type demand struct {
	action   string
	resource func(g *gateway, c *call) (demanded, error)
	late     bool // the resource is named in the body, so the operation asks itself
}

// demands says what each operation asks of a policy: actions and resources as in
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html.
func demands() map[string]demand {
	all := make(map[string]demand, len(operations()))
	for _, op := range operations() {
		all[op.name] = demand{action: "lambda:" + actionOf(op.name), resource: resourceOf(op), late: op.name == "CreateFunction"}
	}
	return all
}

// actionOf is the action of an operation, which is called as the operation but for a few.
func actionOf(operation string) string {
	switch operation {
	case "Invoke", "InvokeWithResponseStream":
		return "InvokeFunction"
	case "GetLayerVersionByArn":
		return "GetLayerVersion"
	default:
		return operation
	}
}

// resourceOf says how the resource of an operation is found. It follows from the operation's path; nil if it does not,
// and then nobody may do it.
func resourceOf(op operation) func(*gateway, *call) (demanded, error) {
	switch op.name {
	case "Invoke", "InvokeWithResponseStream", "InvokeAsync", "GetFunction", "GetFunctionConfiguration", "DeleteFunction",
		"AddPermission", "RemovePermission", "GetPolicy",
		"CreateFunctionUrlConfig", "GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig",
		"PutFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig",
		"PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig",
		"GetRuntimeManagementConfig", "PutRuntimeManagementConfig", "GetFunctionScalingConfig", "PutFunctionScalingConfig":
		return (*gateway).qualifiedFunction
	case "GetAccountSettings", "ListFunctions", "ListLayers", "CreateFunction", "ListCodeSigningConfigs", "CreateCodeSigningConfig",
		"CreateEventSourceMapping", "ListEventSourceMappings", "CreateCapacityProvider", "ListCapacityProviders",
		"SendDurableExecutionCallbackFailure", "SendDurableExecutionCallbackHeartbeat", "SendDurableExecutionCallbackSuccess":
		return anyResource
	case "GetLayerVersionByArn":
		return func(_ *gateway, c *call) (demanded, error) { return demanded{arn: c.query("Arn")}, nil }
	}
	for _, part := range []struct {
		label string
		find  func(*gateway, *call) (demanded, error)
	}{
		{"FunctionName", (*gateway).plainFunction},
		{"VersionNumber", (*gateway).demandedLayerVersion},
		{"LayerName", (*gateway).demandedLayer},
		{"UUID", (*gateway).demandedMapping},
		{"CapacityProviderName", (*gateway).demandedProvider},
		{"CodeSigningConfigArn", labelled("CodeSigningConfigArn")},
		{"ResourceArn", labelled("ResourceArn")},
		{"Resource", labelled("Resource")},
		{"DurableExecutionArn", labelled("DurableExecutionArn")},
	} {
		if op.hasLabel(part.label) {
			return part.find
		}
	}
	return nil
}

func anyResource(*gateway, *call) (demanded, error) { return demanded{arn: "*"}, nil }

// labelled is a resource whose ARN stands in the path.
func labelled(label string) func(*gateway, *call) (demanded, error) {
	return func(_ *gateway, c *call) (demanded, error) { return demanded{arn: c.label(label)}, nil }
}

// qualifiedFunction is the function, version or alias that the caller names.
func (g *gateway) qualifiedFunction(c *call) (demanded, error) {
	ref, err := g.reference(c)
	return demanded{arn: g.arn(ref.Name, ref.Qualifier), function: ref}, err
}

// plainFunction is the function, whatever the qualifier.
func (g *gateway) plainFunction(c *call) (demanded, error) {
	ref, err := g.reference(c)
	return demanded{arn: g.arn(ref.Name, ""), function: lambda.Reference{Name: ref.Name}}, err
}

func (g *gateway) demandedLayer(c *call) (demanded, error) {
	name, err := g.layerName(c)
	return demanded{arn: g.layerARN(name, 0)}, err
}

func (g *gateway) demandedLayerVersion(c *call) (demanded, error) {
	name, version, err := g.layerVersionOf(c)
	return demanded{arn: g.layerARN(name, 0) + ":" + strconv.FormatInt(version, 10)}, err
}

func (g *gateway) demandedMapping(c *call) (demanded, error) {
	return demanded{arn: g.ownARN("event-source-mapping", c.label("UUID"))}, nil
}

func (g *gateway) demandedProvider(c *call) (demanded, error) {
	return demanded{arn: g.ownARN("capacity-provider", c.label("CapacityProviderName"))}, nil
}

// ownARN is the ARN of a resource of ours by its kind and name.
func (g *gateway) ownARN(kind, name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:%s:%s", g.Identity.Region, g.Identity.Account, kind, name)
}
