package gateway_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// body is a CreateFunction body with members changed; a nil value takes one out.
func body(changes ...string) string {
	members := map[string]string{
		"FunctionName": `"new"`, "Role": `"` + role + `"`, "Runtime": `"nodejs22.x"`, "Handler": `"index.handler"`,
		"Code": `{"ZipFile":"` + base64.StdEncoding.EncodeToString(zipOf("index.js", "")) + `"}`,
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		members[name] = value
		if value == "" {
			delete(members, name)
		}
	}
	var parts []string
	for name, value := range members {
		parts = append(parts, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// runtimes is the list that the real service shows.
const runtimes = "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, " +
	"java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"

const (
	functions = "/2015-03-31/functions"
	layers    = "/2018-10-31/layers"
	tags      = "/2017-03-31/tags/"
)

// TestErrors compares replies with those recorded on the real service: status, type and sentence.
func TestErrors(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.layer("lib")
	f.layer("lib")
	layer1, layer2 := prefix+"layer:lib:1", prefix+"layer:lib:2"
	cases := map[string]struct {
		method, path, body string
		status             int
		kind, message      string
	}{
		// Functions that are not there.
		"get unknown":             {"GET", functions + "/none", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},
		"get unknown $LATEST":     {"GET", functions + "/none?Qualifier=%24LATEST", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none:$LATEST"},
		"get unknown version":     {"GET", functions + "/fn?Qualifier=1221", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fn:1221"},
		"get unknown alias":       {"GET", functions + "/fn?Qualifier=nope", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fn:nope"},
		"configuration unknown":   {"GET", functions + "/none/configuration", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},
		"delete unknown":          {"DELETE", functions + "/none", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},
		"versions of unknown":     {"GET", functions + "/none/versions", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},
		"update unknown":          {"PUT", functions + "/none/configuration", `{"Timeout":4}`, 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},
		"code signing of unknown": {"GET", "/2020-06-30/functions/none/code-signing-config", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},

		// Names.
		"other region":    {"GET", functions + "/" + url.PathEscape("arn:aws:lambda:ap-southeast-1:"+account+":function:fn"), "", 404, "ResourceNotFoundException", "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"},
		"other account":   {"GET", functions + "/210987654321:fn", "", 403, "AccessDeniedException", "Account 210987654321 is not reachable here: this is account 123456789012."},
		"mismatch":        {"GET", functions + "/fn:1?Qualifier=2", "", 400, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier."},
		"delete $LATEST":  {"DELETE", functions + "/fn?Qualifier=%24LATEST", "", 400, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."},
		"long name":       {"POST", functions, body(`FunctionName="` + strings.Repeat("a", 65) + `"`), 400, "InvalidParameterValueException", "1 validation error detected: Value '" + strings.Repeat("a", 65) + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		"long ARN":        {"POST", functions, body(`FunctionName="` + prefix + "function:" + strings.Repeat("a", 120) + `"`), 400, "ValidationException", "1 validation error detected: Value '" + prefix + "function:" + strings.Repeat("a", 120) + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140"},
		"new version":     {"POST", functions, body(`FunctionName="x:1"`), 400, "InvalidParameterValueException", `A new function has no versions or aliases yet; leave ":1" off its name.`},
		"delete alias":    {"DELETE", functions + "/fn?Qualifier=a", "", 400, "InvalidParameterValueException", "Deletion of aliases is not currently supported."},
		"list of what":    {"GET", functions + "?FunctionVersion=invalid", "", 400, "ValidationException", "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]"},
		"too many items":  {"GET", functions + "?MaxItems=10001", "", 400, "ValidationException", "1 validation error detected: Value '10001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10000"},
		"too few items":   {"GET", functions + "?MaxItems=0", "", 400, "ValidationException", "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"items in words":  {"GET", functions + "?MaxItems=ten", "", 400, "InvalidRequestContentException", `MaxItems must be a number, not "ten".`},
		"foreign marker":  {"GET", functions + "?Marker=%25", "", 400, "InvalidParameterValueException", "Could not parse the Marker: give the NextMarker of the page before, unchanged."},
		"qualified alias": {"POST", functions + "/fn:1/aliases", `{"Name":"a","FunctionVersion":"1"}`, 400, "InvalidParameterValueException", "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."},

		// CreateFunction.
		"exists":          {"POST", functions, body(`FunctionName="fn"`), 409, "ResourceConflictException", "Function already exist: fn"},
		"role":            {"POST", functions, body(`Role="r1"`), 400, "ValidationException", `1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`},
		"no role":         {"POST", functions, body("Role="), 400, "ValidationException", "1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null"},
		"two faults":      {"POST", functions, body("Role=", "Timeout=0"), 400, "ValidationException", "2 validation errors detected: Value null at 'role' failed to satisfy constraint: Member must not be null; Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"runtime":         {"POST", functions, body(`Runtime="non-existent-runtime"`), 400, "InvalidParameterValueException", "Value non-existent-runtime at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: " + runtimes + " or be a valid ARN"},
		"no handler":      {"POST", functions, body("Handler="), 400, "InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created with deployment packages."},
		"architecture":    {"POST", functions, body(`Architectures=["X86_64"]`), 400, "ValidationException", "1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		"architectures":   {"POST", functions, body(`Architectures=["x86_64","arm64"]`), 400, "ValidationException", "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"},
		"not a zip":       {"POST", functions, body(`Code={"ZipFile":"aGk="}`), 400, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		"no code":         {"POST", functions, body(`Code={}`), 400, "InvalidParameterValueException", "Please provide a source for function code."},
		"S3":              {"POST", functions, body(`Code={"S3Bucket":"bbb","S3Key":"k"}`), 400, "InvalidParameterValueException", "S3Bucket is not supported here: the operator has named no store of objects (AWS_ENDPOINT_URL_S3). Give the archive itself as ZipFile."},
		"memory":          {"POST", functions, body("MemorySize=64"), 400, "ValidationException", "1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		"timeout":         {"POST", functions, body("Timeout=901"), 400, "ValidationException", "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		"snap start":      {"POST", functions, body(`SnapStart={"ApplyOn":"invalidOption"}`), 400, "ValidationException", "1 validation error detected: Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]"},
		"snap start on":   {"POST", functions, body(`SnapStart={"ApplyOn":"PublishedVersions"}`), 400, "InvalidParameterValueException", "SnapStart is not supported here: environments are not restored from snapshots. Leave it out or set ApplyOn to None."},
		"VPC":             {"POST", functions, body(`VpcConfig={"SubnetIds":["subnet-1"]}`), 400, "InvalidParameterValueException", "VpcConfig is not supported here: functions use the network of the machine or pod they run in; leave it out."},
		"unknown member":  {"POST", functions, body("Colour=1"), 400, "InvalidParameterValueException", "The member Colour is not known here, so it would have no effect. Leave it out, or check its spelling."},
		"environment":     {"POST", functions, body(`Environment={"Variables":{"LARGE_VAR":"` + strings.Repeat("x", 4096) + `"}}`), 400, "InvalidParameterValueException", `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {"LARGE_VAR":"` + strings.Repeat("x", 4096) + `"}`},
		"reserved":        {"POST", functions, body(`Environment={"Variables":{"AWS_REGION":"x","_HANDLER":"y"}}`), 400, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION, _HANDLER"},
		"variable":        {"POST", functions, body(`Environment={"Variables":{"1a":"secret"}}`), 400, "ValidationException", "1 validation error detected: Value '[1a]' at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]"},
		"not base64":      {"POST", functions, body(`Code={"ZipFile":"@"}`), 400, "InvalidRequestContentException", "Could not parse request body into json: ZipFile is not base64."},
		"image for zip":   {"POST", functions, body(`ImageConfig={"Command":["x"]}`), 400, "InvalidParameterValueException", "Please don't provide ImageConfig for a function with packageType Zip: there is no image that it could change."},
		"tag limit":       {"POST", functions, body("Tags=" + manyTags(51)), 400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit."},
		"archive respelt": {"POST", functions, body(`Code={"zipfile":"aGk="}`), 400, "InvalidRequestContentException", "Could not parse request body into json: ZipFile must be a text in base64, and be spelled so."},
		"not JSON":        {"POST", functions, "}", 400, "InvalidRequestContentException", "Could not parse request body into json: not a JSON object."},
		"broken JSON":     {"POST", functions, `{"FunctionName":}`, 400, "InvalidRequestContentException", "Could not parse request body into json: not a JSON text at byte 17."},
		"two bodies":      {"PUT", functions + "/fn/configuration", `{} {}`, 400, "InvalidRequestContentException", "Could not parse request body into json: something follows the JSON object."},
		"wrong type":      {"PUT", functions + "/fn/configuration", `{"Timeout":"4"}`, 400, "InvalidRequestContentException", "Could not parse request body into json: the member Timeout cannot be a string."},

		// Updates.
		"no image":       {"PUT", functions + "/fn/code", `{"ImageUri":"example.com/x:1"}`, 400, "InvalidParameterValueException", "Please don't provide ImageUri when updating a function with packageType Zip."},
		"code revision":  {"PUT", functions + "/fn/code", `{"ZipFile":"aGk=","RevisionId":"wrong"}`, 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"},
		"revision":       {"PUT", functions + "/fn/configuration", `{"RevisionId":"wrong"}`, 412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"},
		"publish digest": {"POST", functions + "/fn/versions", `{"CodeSha256":"somenonexistentsha256"}`, 400, "InvalidParameterValueException", "CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST (" + f.digest("fn") + "). Please try again with the CodeSHA256 in $LATEST."},

		// Names: operations that make and change things take a narrower form than those that run, read and delete.
		"narrow name": {"PUT", functions + "/a.b/configuration", `{}`, 400, "ValidationException", `1 validation error detected: Value 'a.b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`},
		"wide name":   {"GET", functions + "/invalid:function:name", "", 400, "ValidationException", `1 validation error detected: Value 'invalid:function:name' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`},
		"dotted name": {"GET", functions + "/a.b", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:a.b"},
		"qualifier":   {"GET", functions + "/fn?Qualifier=invalid-qualifier-with-%3F-char", "", 400, "ValidationException", `1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`},
		"long alias":  {"GET", functions + "/" + strings.Repeat("a", 140) + ":b/aliases", "", 400, "ValidationException", "1 validation error detected: Value '" + strings.Repeat("a", 140) + ":b' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140"},

		// Layers.
		"layer form":      {"POST", functions, body(`Layers=["` + prefix + `layer:lib"]`), 400, "ValidationException", "1 validation error detected: Value '[" + prefix + `layer:lib]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+), Member must not be null]`},
		"layer unknown":   {"POST", functions, body(`Layers=["` + prefix + `layer:doesnotexist:1"]`), 400, "InvalidParameterValueException", "Layer version " + prefix + "layer:doesnotexist:1 does not exist."},
		"layer twice":     {"POST", functions, body(fmt.Sprintf("Layers=[%q,%q]", layer1, layer2)), 400, "InvalidParameterValueException", "Two different versions of the same layer are not allowed to be referenced in the same function. " + layer1 + " and " + layer2 + " are versions of the same layer."},
		"layer region":    {"POST", functions, body(`Layers=["arn:aws:lambda:eu-west-1:` + account + `:layer:lib:1"]`), 400, "InvalidParameterValueException", "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."},
		"six layers":      {"POST", functions, body(`Layers=["` + strings.Join([]string{layer1, layer1, layer1, layer1, layer1, layer1}, `","`) + `"]`), 400, "InvalidParameterValueException", "Cannot reference more than 5 layers."},
		"layer name":      {"GET", layers + "/a.b/versions/1", "", 400, "ValidationException", `1 validation error detected: Value 'a.b' at 'layerName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+`},
		"layer of others": {"GET", layers + "/" + url.PathEscape("arn:aws:lambda:us-east-1:210987654321:layer:lib") + "/versions/1", "", 403, "AccessDeniedException", "Account 210987654321 is not reachable here: this is account 123456789012."},
		"layer no code":   {"POST", layers + "/lib/versions", `{}`, 400, "InvalidParameterValueException", "Please provide the layer's archive either as Content.ZipFile, or as Content.S3Bucket and Content.S3Key."},
		"layer version 0": {"GET", layers + "/lib/versions/0", "", 400, "InvalidParameterValueException", "Layer Version Cannot be less than 1"},
		"no such layer":   {"GET", layers + "/lib/versions/9", "", 404, "ResourceNotFoundException", "The resource you requested does not exist."},
		"layer ARN":       {"GET", layers + "?find=LayerVersion&Arn=" + url.QueryEscape(prefix+"layer:lib"), "", 400, "ValidationException", "1 validation error detected: Value '" + prefix + `layer:lib' at 'arn' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)`},
		"layers for what": {"GET", layers + "?CompatibleArchitecture=archdoesnotexist", "", 400, "ValidationException", "1 validation error detected: Value 'archdoesnotexist' at 'compatibleArchitecture' failed to satisfy constraint: Member must satisfy enum value set: [x86_64, arm64]"},
		"layer members": {"POST", layers + "/lib/versions", `{"CompatibleRuntimes":["invalidruntime"],"CompatibleArchitectures":["invalidarch"]}`, 400, "ValidationException",
			"2 validation errors detected: Value '[invalidruntime]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: " + runtimes +
				"; Value '[invalidarch]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},

		// Aliases.
		"alias number":      {"POST", functions + "/fn/aliases", `{"Name":"2024","FunctionVersion":"1"}`, 400, "ValidationException", "1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		"alias version":     {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"10"}`, 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:fn:10"},
		"alias function":    {"POST", functions + "/none/aliases", `{"Name":"a","FunctionVersion":"1"}`, 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none:1"},
		"alias two weights": {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5,"2":0.5}}}`, 400, "InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1"},
		"alias itself":      {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}`, 400, "InvalidParameterValueException", "Invalid function version 1. Function version 1 is already included in routing configuration."},
		"alias latest":      {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"$LATEST","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}`, 400, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version"},
		"alias to latest":   {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"$LATEST":0.5}}}`, 400, "ValidationException", "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"},
		"alias weight":      {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":2}}}`, 400, "ValidationException", "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"},
		"get no alias":      {"GET", functions + "/fn/aliases/non-existent", "", 404, "ResourceNotFoundException", "Cannot find alias arn: " + prefix + "function:fn:non-existent"},
		"update no alias":   {"PUT", functions + "/fn/aliases/non-existent", `{"FunctionVersion":"1"}`, 404, "ResourceNotFoundException", "Alias not found: " + prefix + "function:fn:non-existent"},

		// Tags.
		"tags of what":     {"GET", tags + url.PathEscape(prefix+"foobar:x"), "", 400, "ValidationException", "1 validation error detected: Value '" + prefix + `foobar:x' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`},
		"tags of version":  {"GET", tags + url.PathEscape(prefix+"function:fn:1"), "", 400, "InvalidParameterValueException", "Tags on function aliases and versions are not supported. Please specify a function ARN."},
		"tags of unknown":  {"GET", tags + url.PathEscape(prefix+"function:none"), "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:none"},
		"tags of mapping":  {"GET", tags + url.PathEscape(prefix+"event-source-mapping:01234567-89ab-cdef-0123-456789abcdef"), "", 404, "ResourceNotFoundException", "Event source mapping not found: " + prefix + "event-source-mapping:01234567-89ab-cdef-0123-456789abcdef"},
		"tags of capacity": {"GET", tags + url.PathEscape(prefix+"capacity-provider:x"), "", 404, "ResourceNotFoundException", "Capacity provider not found: " + prefix + "capacity-provider:x"},
		"no tag keys":      {"DELETE", tags + url.PathEscape(prefix+"function:fn"), "", 400, "ValidationException", "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"},
		"no tags":          {"POST", tags + url.PathEscape(prefix+"function:fn"), `{"Tags":{}}`, 400, "InvalidParameterValueException", "An error occurred and the request cannot be processed."},
		"too many tags":    {"POST", tags + url.PathEscape(prefix+"function:fn"), `{"Tags":` + manyTags(51) + `}`, 400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit."},

		// Function URLs.
		"URL of unknown":  {"POST", "/2021-10-31/functions/none/url", `{"AuthType":"NONE"}`, 404, "ResourceNotFoundException", "Function does not exist"},
		"URLs of unknown": {"GET", "/2021-10-31/functions/none/urls", "", 404, "ResourceNotFoundException", "Function does not exist"},
		"no URL":          {"GET", "/2021-10-31/functions/fn/url", "", 404, "ResourceNotFoundException", "The resource you requested does not exist."},
		"URL of version":  {"GET", "/2021-10-31/functions/fn/url?Qualifier=1", "", 400, "ValidationException", `1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`},
		"URL of latest":   {"GET", "/2021-10-31/functions/fn/url?Qualifier=%24LATEST", "", 400, "ValidationException", `1 validation error detected: Value '$LATEST' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`},
		"URL mode":        {"POST", "/2021-10-31/functions/fn/url", `{"AuthType":"NONE","InvokeMode":"UNKNOWN"}`, 400, "ValidationException", "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]"},

		// Event invoke configs.
		"no config":            {"GET", "/2019-09-25/functions/fn/event-invoke-config", "", 404, "ResourceNotFoundException", "The function " + prefix + "function:fn:$LATEST doesn't have an EventInvokeConfig"},
		"config of unknown":    {"GET", "/2019-09-25/functions/none/event-invoke-config", "", 404, "ResourceNotFoundException", "The function " + prefix + "function:none:$LATEST doesn't have an EventInvokeConfig"},
		"config of version":    {"GET", "/2019-09-25/functions/fn/event-invoke-config?Qualifier=1", "", 404, "ResourceNotFoundException", "The function " + prefix + "function:fn:1 doesn't have an EventInvokeConfig"},
		"update no config":     {"POST", "/2019-09-25/functions/fn/event-invoke-config", `{"MaximumRetryAttempts":1}`, 404, "ResourceNotFoundException", "The function " + prefix + "function:fn:$LATEST doesn't have an EventInvokeConfig"},
		"configs of unknown":   {"GET", "/2019-09-25/functions/none/event-invoke-config/list", "", 404, "ResourceNotFoundException", "The function doesn't exist."},
		"config of nothing":    {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{}`, 400, "InvalidParameterValueException", "You must specify at least one of error handling or destination setting."},
		"destination itself":   {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnFailure":{"Destination":"` + prefix + `function:fn"}}}`, 400, "InvalidParameterValueException", "You can't specify the function as a destination for itself."},
		"destination unknown":  {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnSuccess":{"Destination":"` + prefix + `function:doesnotexist"}}}`, 400, "InvalidParameterValueException", "The destination ARN " + prefix + "function:doesnotexist is invalid."},
		"destination form":     {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:_-/!lambda:us-east-1:123456789012:function:fn"}}}`, 400, "ValidationException", `1 validation error detected: Value 'arn:aws:_-/!lambda:us-east-1:123456789012:function:fn' at 'destinationConfig.onFailure.destination' failed to satisfy constraint: Member must satisfy regular expression pattern: $|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`},
		"destination SQS":      {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:123456789012:q"}}}`, 400, "InvalidParameterValueException", "The destination arn:aws:sqs:us-east-1:123456789012:q is not supported here: records go to functions and URLs only."},
		"destination role":     {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:iam:us-east-1:123456789012:function:fn"}}}`, 400, "InvalidParameterValueException", "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:iam:us-east-1:123456789012:function:fn), onFailure=null) is invalid."},
		"destination FIFO":     {"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:123456789012:q.fifo"}}}`, 400, "InvalidParameterValueException", "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=arn:aws:sqs:us-east-1:123456789012:q.fifo)) is invalid."},
		"too many concurrency": {"PUT", "/2017-10-31/functions/fn/concurrency", `{"ReservedConcurrentExecutions":901}`, 400, "InvalidParameterValueException", "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."},
		"concurrency unknown":  {"GET", "/2019-09-30/functions/doesnotexist/concurrency", "", 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:doesnotexist:$LATEST"},
		"concurrency of none":  {"PUT", "/2017-10-31/functions/doesnotexist/concurrency", `{"ReservedConcurrentExecutions":1}`, 404, "ResourceNotFoundException", "Function not found: " + prefix + "function:doesnotexist:$LATEST"},
		"concurrency alias":    {"PUT", "/2017-10-31/functions/fn:1/concurrency", `{"ReservedConcurrentExecutions":1}`, 400, "InvalidParameterValueException", "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."},

		// What is not done here.
		"no policy":      {"GET", functions + "/fn/policy", "", 404, "ResourceNotFoundException", "The resource you requested does not exist."},
		"unknown path":   {"GET", "/2015-03-31/nonsense", "", 404, "UnknownOperationException", "No operation of the Lambda API has this method and path. Check the endpoint: it must end before the date of the path, such as /2015-03-31/functions."},
		"unknown method": {"PATCH", functions + "/fn", "", 404, "UnknownOperationException", "No operation of the Lambda API has this method and path. Check the endpoint: it must end before the date of the path, such as /2015-03-31/functions."},
		"options":        {"OPTIONS", functions, "", 404, "UnknownOperationException", "No operation of the Lambda API has this method and path. Check the endpoint: it must end before the date of the path, such as /2015-03-31/functions."},

		// Invoke.
		"invoke region":  {"POST", functions + "/" + url.PathEscape("arn:aws:lambda:eu-west-1:"+account+":function:fn") + "/invocations", "{}", 404, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"},
		"invoke no JSON": {"POST", functions + "/fn/invocations", "nope", 400, "InvalidRequestContentException", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := f.request(c.method, c.path, c.body)
			if r.status != c.status || r.header.Get("X-Amzn-Errortype") != c.kind {
				t.Fatalf("%d %s %s\nwant %d %s", r.status, r.header.Get("X-Amzn-Errortype"), r.body, c.status, c.kind)
			}
			if got := r.message(t); got != c.message && c.message != "" {
				t.Errorf("message:\n%s\nwant:\n%s", got, c.message)
			}
			if r.header.Get("X-Amzn-Requestid") == "" {
				t.Error("no request id")
			}
		})
	}
}

func manyTags(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(`"k%d":"v"`, i))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (f *fixture) publish(name string) *sdk.PublishVersionOutput {
	f.t.Helper()
	v, err := f.client.PublishVersion(f.t.Context(), &sdk.PublishVersionInput{FunctionName: aws.String(name)})
	if err != nil {
		f.t.Fatalf("PublishVersion(%q): %v", name, err)
	}
	return v
}

func (f *fixture) digest(name string) string {
	f.t.Helper()
	c, err := f.client.GetFunctionConfiguration(f.t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String(name)})
	if err != nil {
		f.t.Fatal(err)
	}
	return aws.ToString(c.CodeSha256)
}

// TestUpdatesWait holds the conflict that tools wait on while an update is in progress.
func TestUpdatesWait(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.hold.Store(true)
	if r := f.request(http.MethodPut, functions+"/fn/configuration", `{"Timeout":9}`); r.status != http.StatusOK || r.members(t)["LastUpdateStatus"] != "InProgress" {
		t.Fatalf("the first update: %d %s", r.status, r.body)
	}
	const want = "The operation cannot be performed at this time. An update is in progress for resource: " + prefix + "function:fn"
	for _, path := range []string{"/fn/configuration", "/fn/code"} {
		r := f.request(http.MethodPut, functions+path, `{}`)
		recordings(t)[74].compare(t, r)
	}
	if r := f.request(http.MethodPost, functions+"/fn/versions", `{}`); r.status != http.StatusConflict || r.message(t) != want {
		t.Errorf("PublishVersion: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodPost, tags+url.PathEscape(prefix+"function:fn"), `{"Tags":{"a":"b"}}`); r.status != http.StatusNoContent {
		t.Errorf("tags can be changed at any time: %d %s", r.status, r.body)
	}
}

// TestRefusedMembersMayBeEmpty holds that tools which send members without a meaning are not turned away.
func TestRefusedMembersMayBeEmpty(t *testing.T) {
	f := newFixture(t)
	for i, member := range []string{
		`VpcConfig={"SubnetIds":[],"SecurityGroupIds":[],"Ipv6AllowedForDualStack":false}`, "VpcConfig=null", "FileSystemConfigs=[]", `KMSKeyArn=""`,
		`SnapStart={"ApplyOn":"None"}`, `CodeSigningConfigArn=null`, `ImageConfig={}`, `DeadLetterConfig={}`, `Environment={}`, `Layers=[]`, `TracingConfig={}`,
	} {
		if r := f.request(http.MethodPost, functions, body(fmt.Sprintf(`FunctionName="fn%d"`, i), member)); r.status != http.StatusCreated {
			t.Errorf("%s: %d %s", member, r.status, r.body)
		}
	}
}

// TestBodyThatEndsEarly holds that a caller who hangs up within an upload leaves nothing behind.
func TestBodyThatEndsEarly(t *testing.T) {
	f := newFixture(t)
	text := body()
	for _, path := range []string{functions, functions + "/fn/versions"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(text[:len(text)/2]))
		r.ContentLength = int64(len(text))
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || w.Header().Get("X-Amzn-Errortype") != "InvalidRequestContentException" {
			t.Errorf("POST %s: %d %s", path, w.Code, w.Body)
		}
	}
	if r := f.request(http.MethodGet, functions, ""); !strings.HasPrefix(r.body, `{"Functions":[]`) {
		t.Errorf("something was made: %s", r.body)
	}
}

// TestLimits holds the sizes of requests.
func TestLimits(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	large := strings.Repeat(" ", 1<<20+1)
	if r := f.request(http.MethodPut, functions+"/fn/configuration", large); r.status != http.StatusRequestEntityTooLarge ||
		r.message(t) != "Request must be smaller than 1048576 bytes for the UpdateFunctionConfiguration operation" {
		t.Errorf("large configuration: %d %s", r.status, r.body)
	}
	over := strings.Repeat("A", 52428804/3*4)
	all := recordings(t)
	all[68].compare(t, f.request(http.MethodPost, functions, body(`Code={"ZipFile":"`+over+`"}`)))
	all[67].compare(t, f.request(http.MethodPost, functions, body(`Code={"ZipFile":"`+strings.Repeat("A", 70167211)+`"}`)))
}
