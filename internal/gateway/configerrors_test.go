package gateway_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/gateway"
)

// configured is a gateway with functions that have configs of all kinds.
func configured(t *testing.T) *fixture {
	f := newFixture(t, func(c *gateway.Config) { c.Concurrency = 1000 })
	f.create("fn")
	f.publish("fn")
	f.request(http.MethodPut, functions+"/fn/configuration", `{"Timeout":9}`)
	f.publish("fn")
	f.alias("fn", "live", "1")
	f.alias("fn", "dev", "2")
	f.alias("fn", "latest", "$LATEST")
	f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"both","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5}}}`)
	f.request(http.MethodPut, provisionedPath+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":2}`)
	f.request(http.MethodPut, provisionedPath+"?Qualifier=2", `{"ProvisionedConcurrentExecutions":1}`)
	f.create("reserved")
	f.publish("reserved")
	f.request(http.MethodPut, "/2017-10-31/functions/reserved/concurrency", `{"ReservedConcurrentExecutions":1}`)
	return f
}

// TestConfigErrors compares replies of the operations on configs with those recorded on the real service.
func TestConfigErrors(t *testing.T) {
	f := configured(t)
	all := recordings(t)
	const (
		mappings  = "/2015-03-31/event-source-mappings"
		signed    = "/2020-06-30/functions/fn/code-signing-config"
		sqs       = "arn:aws:sqs:us-east-1:" + account + ":q"
		table     = "arn:aws:dynamodb:us-east-1:" + account + ":table/t/stream/s"
		noSigning = prefix + "code-signing-config:csc-0123456789abcdef0"
		parameter = "InvalidParameterValueException"
		invalid   = "ValidationException"
		conflict  = "ResourceConflictException"
		absent    = "ResourceNotFoundException"
		one       = `{"ProvisionedConcurrentExecutions":1}`
	)
	unqualified := func(fn string) string { return "/2019-09-30/functions/" + fn + "/provisioned-concurrency" }
	cases := map[string]struct {
		method, path, body string
		status             int
		kind, message      string
	}{
		// Provisioned concurrency.
		"none":                 {"GET", provisionedPath + "?Qualifier=1", "", 404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"},
		"get of $LATEST":       {"GET", provisionedPath + "?Qualifier=%24LATEST", "", 400, parameter, "The function resource provided must be an alias or a published version."},
		"delete of $LATEST":    {"DELETE", provisionedPath + "?Qualifier=%24LATEST", "", 400, parameter, "The function resource provided must be an alias or a published version."},
		"put of $LATEST":       {"PUT", provisionedPath + "?Qualifier=%24LATEST", one, 400, parameter, "Provisioned Concurrency Configs cannot be applied to unpublished function versions."},
		"alias of $LATEST":     {"PUT", provisionedPath + "?Qualifier=latest", one, 400, parameter, "Provisioned Concurrency Configs cannot be applied to unpublished function versions."},
		"no qualifier":         {"PUT", provisionedPath, one, 400, invalid, "1 validation error detected: Value null at 'qualifier' failed to satisfy constraint: Member must not be null"},
		"no number":            {"PUT", provisionedPath + "?Qualifier=1", "{}", 400, invalid, "1 validation error detected: Value null at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must not be null"},
		"zero":                 {"PUT", provisionedPath + "?Qualifier=1", `{"ProvisionedConcurrentExecutions":0}`, 400, invalid, "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"no version":           {"PUT", provisionedPath + "?Qualifier=10", one, 404, absent, "Function not found: " + prefix + "function:fn:10"},
		"no alias":             {"GET", provisionedPath + "?Qualifier=doesnotexist", "", 404, absent, "Cannot find alias arn: " + prefix + "function:fn:doesnotexist"},
		"no function":          {"GET", unqualified("doesnotexist") + "?Qualifier=1", "", 404, absent, "Function not found: " + prefix + "function:doesnotexist:1"},
		"no function or alias": {"GET", unqualified("doesnotexist") + "?Qualifier=noalias", "", 404, absent, "Cannot find alias arn: " + prefix + "function:doesnotexist:noalias"},
		"list of none":         {"GET", unqualified("doesnotexist") + "?List=ALL", "", 404, absent, "Function not found: " + prefix + "function:doesnotexist"},
		"list too long":        {"GET", provisionedPath + "?List=ALL&MaxItems=51", "", 400, invalid, "1 validation error detected: Value '51' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 50"},
		"weights":              {"PUT", provisionedPath + "?Qualifier=both", one, 400, parameter, "Alias with weights can not be used with Provisioned Concurrency"},
		"version has its own":  {"PUT", provisionedPath + "?Qualifier=dev", one, 409, conflict, "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"},
		"alias has its own":    {"PUT", provisionedPath + "?Qualifier=1", one, 409, conflict, "Version is pointed by a Provisioned Concurrency alias"},
		"above reserved":       {"PUT", unqualified("reserved") + "?Qualifier=1", `{"ProvisionedConcurrentExecutions":2}`, 400, parameter, "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"},
		"above unreserved":     {"PUT", provisionedPath + "?Qualifier=live", `{"ProvisionedConcurrentExecutions":1000}`, 400, parameter, "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [999]."},
		"below the minimum":    {"PUT", provisionedPath + "?Qualifier=live", `{"ProvisionedConcurrentExecutions":950}`, 400, parameter, "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."},
		"reserved too low":     {"PUT", "/2017-10-31/functions/fn/concurrency", `{"ReservedConcurrentExecutions":1}`, 400, parameter, " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [3]."},

		// Code signing.
		"csc not found":         {"GET", signingPath + "/" + url.PathEscape(noSigning), "", 404, absent, "The Lambda code signing configuration " + noSigning + " can not be found."},
		"csc delete":            {"DELETE", signingPath + "/" + url.PathEscape(noSigning), "", 404, absent, "The Lambda code signing configuration " + noSigning + " can not be found."},
		"csc update":            {"PUT", signingPath + "/" + url.PathEscape(noSigning), `{"Description":"d"}`, 404, absent, "The Lambda code signing configuration " + noSigning + " can not be found."},
		"csc functions":         {"GET", signingPath + "/" + url.PathEscape(noSigning) + "/functions", "", 404, absent, "The Lambda code signing configuration " + noSigning + " can not be found."},
		"csc of function":       {"PUT", signed, `{"CodeSigningConfigArn":"` + noSigning + `"}`, 404, "CodeSigningConfigNotFoundException", "The code signing configuration cannot be found. Check that the provided configuration is not deleted: " + noSigning + "."},
		"csc of new function":   {"POST", functions, body(`CodeSigningConfigArn="` + noSigning + `"`), 404, "CodeSigningConfigNotFoundException", "The code signing configuration cannot be found. Check that the provided configuration is not deleted: " + noSigning + "."},
		"csc function is none":  {"GET", "/2020-06-30/functions/csc-test-doesnotexist/code-signing-config", "", 404, absent, "Function not found: " + prefix + "function:csc-test-doesnotexist"},
		"csc without ARN":       {"PUT", signed, `{}`, 400, invalid, "1 validation error detected: Value null at 'codeSigningConfigArn' failed to satisfy constraint: Member must not be null"},
		"csc without publisher": {"POST", signingPath, `{}`, 400, invalid, "1 validation error detected: Value null at 'allowedPublishers' failed to satisfy constraint: Member must not be null"},
		"csc policy":            {"POST", signingPath, `{"AllowedPublishers":{"SigningProfileVersionArns":["` + publisher + `"]},"CodeSigningPolicies":{"UntrustedArtifactOnDeployment":"Ask"}}`, 400, invalid, "1 validation error detected: Value 'Ask' at 'codeSigningPolicies.untrustedArtifactOnDeployment' failed to satisfy constraint: Member must satisfy enum value set: [Warn, Enforce]"},
		"csc tags":              {"GET", tags + url.PathEscape(noSigning), "", 404, absent, "The Lambda code signing configuration " + noSigning + " can not be found."},

		// Events of qualifiers.
		"events of no alias":   {"PUT", "/2019-09-25/functions/fn/event-invoke-config?Qualifier=nope", `{"MaximumRetryAttempts":1}`, 404, absent, "The function doesn't exist."},
		"events of nobody":     {"PUT", "/2019-09-25/functions/none/event-invoke-config", `{"MaximumRetryAttempts":1}`, 404, absent, "The function doesn't exist."},
		"events that are none": {"GET", "/2019-09-25/functions/fn/event-invoke-config?Qualifier=live", "", 404, absent, "The function " + prefix + "function:fn:live doesn't have an EventInvokeConfig"},

		// Recursion, runtimes, scaling.
		"recursion":            {"PUT", recursionPath, `{"RecursiveLoop":"InvalidValue"}`, 400, invalid, "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]"},
		"recursion of nothing": {"PUT", recursionPath, `{}`, 400, invalid, "1 validation error detected: Value null at 'recursiveLoop' failed to satisfy constraint: Member must not be null"},
		"recursion of nobody":  {"GET", "/2024-08-31/functions/none/recursion-config", "", 404, absent, "Function not found: " + prefix + "function:none"},
		"runtime mode":         {"PUT", managePath, `{"UpdateRuntimeOn":"Never"}`, 400, invalid, "1 validation error detected: Value 'Never' at 'updateRuntimeOn' failed to satisfy constraint: Member must satisfy enum value set: [Auto, FunctionUpdate, Manual]"},
		"runtime of nobody":    {"GET", "/2021-07-20/functions/none/runtime-management-config", "", 404, absent, "Function not found: " + prefix + "function:none"},
		"scaling qualifier":    {"GET", "/2025-11-30/functions/fn/function-scaling-config?Qualifier=live", "", 400, invalid, `1 validation error detected: Value 'live' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: (\$LATEST\.PUBLISHED|[0-9]+)`},
		"scaling of nothing":   {"GET", "/2025-11-30/functions/fn/function-scaling-config?Qualifier=9", "", 404, absent, "Function not found: " + prefix + "function:fn:9"},
		"scaling":              {"PUT", "/2025-11-30/functions/fn/function-scaling-config?Qualifier=1", `{"FunctionScalingConfig":{"MinExecutionEnvironments":1}}`, 400, parameter, "FunctionScalingConfig is for functions on capacity providers, and there are none here. To keep environments ready use PutProvisionedConcurrencyConfig, to bound them PutFunctionConcurrency."},
		"tenancy":              {"POST", functions, body(`TenancyConfig={"TenantIsolationMode":"SHARED"}`), 400, invalid, "1 validation error detected: Value 'SHARED' at 'tenancyConfig.tenantIsolationMode' failed to satisfy constraint: Member must satisfy enum value set: [PER_TENANT]"},

		// Event sources.
		"source of nothing":   {"POST", mappings, `{"FunctionName":"fn"}`, 400, parameter, "Unrecognized event source."},
		"source unknown":      {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"arn:aws:s3:::bucket"}`, 400, parameter, "Unrecognized event source."},
		"source function":     {"POST", mappings, `{"FunctionName":"none","EventSourceArn":"` + sqs + `"}`, 400, parameter, "Function does not exist"},
		"source destination":  {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"` + sqs + `","DestinationConfig":{"OnSuccess":{"Destination":"x"}}}`, 400, parameter, "Unsupported DestinationConfig parameter for given event source mapping type."},
		"source access":       {"POST", mappings, `{"FunctionName":"fn","SelfManagedEventSource":{"Endpoints":{"KAFKA_BOOTSTRAP_SERVERS":["kafka:1000"]}}}`, 400, parameter, "Required 'sourceAccessConfigurations' parameter is missing."},
		"source no position":  {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"` + table + `"}`, 400, parameter, "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."},
		"source position":     {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"` + table + `","StartingPosition":"AT_TIMESTAMP"}`, 400, parameter, "Unsupported starting position for arn type: " + table},
		"source bad position": {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"` + table + `","StartingPosition":"invalid"}`, 400, invalid, "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"},
		"source window":       {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"` + sqs + `","BatchSize":11}`, 400, parameter, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"},
		"source filter":       {"POST", mappings, `{"FunctionName":"fn","EventSourceArn":"` + sqs + `","FilterCriteria":{"Filters":[{"Pattern":"["}]}}`, 400, parameter, "Invalid filter pattern definition."},
		"sources too many":    {"GET", mappings + "?MaxItems=0", "", 400, invalid, "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"self-managed":        {"POST", mappings, `{"FunctionName":"fn","SelfManagedEventSource":{"Endpoints":{}},"SourceAccessConfigurations":[]}`, 501, "NotImplementedException", "Event source mappings are not served here: nothing polls a self-managed event source. Connect it with a trigger of the cluster, such as a Knative source, or call Invoke from where the events are."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := f.request(tc.method, tc.path, tc.body)
			if r.status != tc.status || r.header.Get("X-Amzn-Errortype") != tc.kind || r.message(t) != tc.message {
				t.Errorf("%d %s %s\nwant %d %s\n%s", r.status, r.header.Get("X-Amzn-Errortype"), r.body, tc.status, tc.kind, tc.message)
			}
			all.compareMembers(t, r)
		})
	}
}
