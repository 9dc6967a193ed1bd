package gateway

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"
)

// proofs has every member that a request's body may hold and that is not refused, with the test which fails if it had no
// effect: a test function of this package. Members of type refused are refused by their type, which TestErrors and
// TestRefusedMembersMayBeEmpty hold; that the objects' members have effects in turn is held by the engine's own table.
func proofs() map[string]string {
	return map[string]string{
		"aliasInput.Description":                           "TestReleasesArrive",
		"aliasInput.FunctionVersion":                       "TestReleasesArrive",
		"addLayerPermissionInput.Action":                   "TestLayerPermissions",
		"addLayerPermissionInput.OrganizationId":           "TestLayerPermissions",
		"addLayerPermissionInput.Principal":                "TestLayerPermissions",
		"addLayerPermissionInput.StatementId":              "TestLayerPermissions",
		"addPermissionInput.Action":                        "TestStatements",
		"addPermissionInput.EventSourceToken":              "TestStatements",
		"addPermissionInput.FunctionUrlAuthType":           "TestStatements",
		"addPermissionInput.InvokedViaFunctionUrl":         "TestStatements",
		"addPermissionInput.Principal":                     "TestStatements",
		"addPermissionInput.PrincipalOrgID":                "TestStatements",
		"addPermissionInput.RevisionId":                    "TestPolicyRevisions",
		"addPermissionInput.SourceAccount":                 "TestStatements",
		"addPermissionInput.SourceArn":                     "TestStatements",
		"addPermissionInput.StatementId":                   "TestStatements",
		"aliasInput.Name":                                  "TestReleasesArrive",
		"codeInput.ImageUri":                               "TestMembersArrive",
		"codeInput.ZipFile":                                "TestFunctionLife",
		"concurrency.ReservedConcurrentExecutions":         "TestReservedConcurrency",
		"cors.AllowCredentials":                            "TestURLMembersArrive",
		"cors.AllowHeaders":                                "TestURLMembersArrive",
		"cors.AllowMethods":                                "TestURLMembersArrive",
		"cors.AllowOrigins":                                "TestURLMembersArrive",
		"cors.ExposeHeaders":                               "TestURLMembersArrive",
		"cors.MaxAge":                                      "TestURLMembersArrive",
		"createFunctionInput.Architectures":                "TestMembersArrive",
		"createFunctionInput.FunctionName":                 "TestFunctionLife",
		"createFunctionInput.PackageType":                  "TestMembersArrive",
		"createFunctionInput.Publish":                      "TestPublishAtOnce",
		"createFunctionInput.Tags":                         "TestTags",
		"deadLetterConfig.TargetArn":                       "TestUpdateFunctionConfiguration",
		"destinationMember.Destination":                    "TestEventMembersArrive",
		"variables.values":                                 "TestUpdateFunctionConfiguration",
		"variables.text":                                   "TestRecordedErrors",
		"ephemeralStorage.Size":                            "TestUpdateFunctionConfiguration",
		"eventInvokeInput.MaximumEventAgeInSeconds":        "TestEventMembersArrive",
		"eventInvokeInput.MaximumRetryAttempts":            "TestEventMembersArrive",
		"fileSystemConfig.Arn":                             "TestFileSystems",
		"fileSystemConfig.LocalMountPath":                  "TestFileSystems",
		"imageConfig.Command":                              "TestMembersArrive",
		"imageConfig.EntryPoint":                           "TestMembersArrive",
		"imageConfig.WorkingDirectory":                     "TestMembersArrive",
		"layerContentInput.ZipFile":                        "TestLayers",
		"loggingConfig.ApplicationLogLevel":                "TestUpdateFunctionConfiguration",
		"loggingConfig.LogFormat":                          "TestUpdateFunctionConfiguration",
		"loggingConfig.LogGroup":                           "TestUpdateFunctionConfiguration",
		"loggingConfig.SystemLogLevel":                     "TestUpdateFunctionConfiguration",
		"publishLayerVersionInput.CompatibleArchitectures": "TestListLayers",
		"publishLayerVersionInput.CompatibleRuntimes":      "TestListLayers",
		"publishLayerVersionInput.Description":             "TestLayerWords",
		"publishLayerVersionInput.LicenseInfo":             "TestLayerWords",
		"publishVersionInput.CodeSha256":                   "TestErrors",
		"publishVersionInput.Description":                  "TestReleasesArrive",
		"publishVersionInput.RevisionId":                   "TestReleasesArrive",
		"putPolicyInput.Policy":                            "TestPutResourcePolicy",
		"putPolicyInput.RevisionId":                        "TestPolicyRevisions",
		"routingConfig.AdditionalVersionWeights":           "TestReleasesArrive",
		"s3Input.S3Bucket":                                 "TestCodeInBuckets",
		"s3Input.S3Key":                                    "TestCodeInBuckets",
		"s3Input.S3ObjectStorageMode":                      "TestCodeInBuckets",
		"s3Input.S3ObjectVersion":                          "TestCodeInBuckets",
		"settings.Description":                             "TestUpdateFunctionConfiguration",
		"settings.Handler":                                 "TestUpdateFunctionConfiguration",
		"settings.Layers":                                  "TestLayers",
		"settings.MemorySize":                              "TestUpdateFunctionConfiguration",
		"settings.Role":                                    "TestUpdateFunctionConfiguration",
		"settings.Runtime":                                 "TestUpdateFunctionConfiguration",
		"settings.Timeout":                                 "TestUpdateFunctionConfiguration",
		"struct.ApplyOn":                                   "TestErrors",
		"tagResourceInput.Tags":                            "TestTags",
		"tracingConfig.Mode":                               "TestUpdateFunctionConfiguration",
		"updateAliasInput.Description":                     "TestReleasesArrive",
		"updateAliasInput.FunctionVersion":                 "TestReleasesArrive",
		"updateAliasInput.RevisionId":                      "TestReleasesArrive",
		"updateFunctionCodeInput.Architectures":            "TestMembersArrive",
		"updateFunctionCodeInput.DryRun":                   "TestDryRunOfCode",
		"updateFunctionCodeInput.Publish":                  "TestVersions",
		"updateFunctionCodeInput.RevisionId":               "TestReleasesArrive",
		"updateFunctionConfigurationInput.RevisionId":      "TestRevisions",
		"urlInput.AuthType":                                "TestURLsForSignedRequests",
		"urlInput.InvokeMode":                              "TestURLMembersArrive",

		// Configs.
		"allowedPublishers.SigningProfileVersionArns":       "TestCodeSigningConfigs",
		"codeSigningInput.Description":                      "TestCodeSigningConfigs",
		"codeSigningPolicies.UntrustedArtifactOnDeployment": "TestCodeSigningConfigs",
		"createCodeSigningInput.Tags":                       "TestCodeSigningConfigs",
		"createFunctionInput.CodeSigningConfigArn":          "TestCodeSigningOfFunctions",
		"provisionedInput.ProvisionedConcurrentExecutions":  "TestProvisionedConcurrency",
		"putSigningInput.CodeSigningConfigArn":              "TestCodeSigningOfFunctions",
		"recursionConfig.RecursiveLoop":                     "TestRecursionConfig",
		"runtimeManagementInput.RuntimeVersionArn":          "TestRuntimeManagementConfig",
		"runtimeManagementInput.UpdateRuntimeOn":            "TestRuntimeManagementConfig",
		"tenancyConfig.TenantIsolationMode":                 "TestTenancyConfig",
	}
}

func TestEveryMemberIsProven(t *testing.T) {
	var members []string
	for _, h := range new(gateway).handlers() {
		if h.input != nil {
			members = append(members, leaves(reflect.TypeOf(h.input))...)
		}
	}
	slices.Sort(members)
	members = slices.Compact(members)
	all := proofs()
	for _, m := range members {
		if all[m] == "" {
			t.Errorf("%s has no proof: test its effect, and name the test here", m)
		}
	}
	tests := testNames(t)
	for m, name := range all {
		if !slices.Contains(members, m) {
			t.Errorf("%s is no member", m)
		}
		if !slices.Contains(tests, name) {
			t.Errorf("%s: there is no test %s", m, name)
		}
	}
}

// leaves gives the members of a struct as Struct.Member, and those of the structs in it as theirs.
func leaves(typ reflect.Type) []string {
	typ = deepest(typ)
	var found []string
	for field := range typ.Fields() {
		inner := deepest(field.Type)
		switch {
		case inner == reflect.TypeFor[refused]():
		case inner.Kind() == reflect.Struct && inner != reflect.TypeFor[taken]():
			found = append(found, leaves(inner)...)
		default:
			found = append(found, cmp.Or(typ.Name(), "struct")+"."+field.Name)
		}
	}
	return found
}

var testForm = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func testNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testForm.FindAllSubmatch(text, -1) {
			found = append(found, string(m[1]))
		}
	}
	return found
}
