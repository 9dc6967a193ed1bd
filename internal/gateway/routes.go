package gateway

import (
	"maps"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// handlers says how each operation is done. Those that are not in it are refused.
func (g *gateway) handlers() map[string]handler {
	const (
		onlyNone    = "AuthType=AWS_IAM without a verifier of signatures"
		onlyRuntime = "X-Amz-Durable-Execution-Name"
		noSnapshots = "SnapStart.ApplyOn=PublishedVersions, FileSystemConfigs on one machine"
		noBuckets   = "S3Bucket where the operator names no store of objects, S3ObjectStorageMode=REFERENCE"
	)
	all := map[string]handler{
		"Invoke":                   {raw: g.invokeFunction, refuses: onlyRuntime},
		"InvokeWithResponseStream": {raw: g.invokeStreamed},
		"InvokeAsync":              {raw: g.invokeAsync},

		"CreateFunction":              {call: g.createFunction, input: createFunctionInput{}, refuses: noSnapshots + ", " + noBuckets},
		"GetFunction":                 {call: g.getFunction},
		"GetFunctionConfiguration":    {call: g.getFunctionConfiguration},
		"UpdateFunctionCode":          {call: g.updateFunctionCode, input: updateFunctionCodeInput{}, refuses: noBuckets},
		"UpdateFunctionConfiguration": {call: g.updateFunctionConfiguration, input: updateFunctionConfigurationInput{}, refuses: noSnapshots},
		"ListFunctions":               {call: g.listFunctions},
		"DeleteFunction":              {call: g.deleteFunction},

		"PublishVersion":         {call: g.publishVersion, input: publishVersionInput{}},
		"ListVersionsByFunction": {call: g.listVersions},

		"CreateAlias": {call: g.createAlias, input: aliasInput{}},
		"GetAlias":    {call: g.getAlias},
		"UpdateAlias": {call: g.updateAlias, input: updateAliasInput{}},
		"DeleteAlias": {call: g.deleteAlias},
		"ListAliases": {call: g.listAliases},

		"PublishLayerVersion":  {call: g.publishLayerVersion, input: publishLayerVersionInput{}, refuses: noBuckets},
		"GetLayerVersion":      {call: g.getLayerVersion},
		"GetLayerVersionByArn": {call: g.getLayerVersionByArn},
		"DeleteLayerVersion":   {call: g.deleteLayerVersion},
		"ListLayerVersions":    {call: g.listLayerVersions},
		"ListLayers":           {call: g.listLayers},

		"TagResource":   {call: g.tagResource, input: tagResourceInput{}},
		"UntagResource": {call: g.untagResource},
		"ListTags":      {call: g.listTags},

		"GetAccountSettings": {call: g.getAccountSettings},

		"CreateFunctionUrlConfig": {call: g.createURLConfig, input: urlInput{}, refuses: onlyNone},
		"GetFunctionUrlConfig":    {call: g.getURLConfig},
		"UpdateFunctionUrlConfig": {call: g.updateURLConfig, input: urlInput{}, refuses: onlyNone},
		"DeleteFunctionUrlConfig": {call: g.deleteURLConfig},
		"ListFunctionUrlConfigs":  {call: g.listURLConfigs},

		"AddPermission":                {call: g.addPermission, input: addPermissionInput{}},
		"RemovePermission":             {call: g.removePermission},
		"GetPolicy":                    {call: g.getPolicy},
		"AddLayerVersionPermission":    {call: g.addLayerVersionPermission, input: addLayerPermissionInput{}},
		"RemoveLayerVersionPermission": {call: g.removeLayerVersionPermission},
		"GetLayerVersionPolicy":        {call: g.getLayerVersionPolicy},
		"PutResourcePolicy":            {call: g.putResourcePolicy, input: putPolicyInput{}},
		"GetResourcePolicy":            {call: g.getResourcePolicy},
		"DeleteResourcePolicy":         {call: g.deleteResourcePolicy},
	}
	maps.Copy(all, g.configHandlers())
	return all
}

// refusal is the answer of an operation that is not done here: what is missing, and the way out.
func refusal(operation string) error {
	return lambda.Errorf(lambda.CodeNotImplemented, "%s is not implemented here: %s.", operation, wayOut(operation))
}

// wayOut says what to do instead of a refused operation.
func wayOut(operation string) string {
	for _, w := range waysOut() {
		if strings.Contains(operation, w.part) {
			return w.text
		}
	}
	return "this service has no such feature"
}

// waysOut is what to do instead, by a part of the operation's name; the first that fits counts.
func waysOut() []struct{ part, text string } {
	return []struct{ part, text string }{
		{"CapacityProvider", "there are no capacity providers, functions run on this machine or in this cluster"},
		{"Durable", "durable functions are not supported"},
	}
}
