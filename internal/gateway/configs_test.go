package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

const (
	signingPath   = "/2020-04-22/code-signing-configs"
	publisher     = "arn:aws:signer:us-east-1:" + account + ":/signing-profiles/team/abcdefghij"
	recursionPath = "/2024-08-31/functions/fn/recursion-config"
	managePath    = "/2021-07-20/functions/fn/runtime-management-config"
)

// signing makes a code signing config with the SDK.
func (f *fixture) signing(policy types.CodeSigningPolicy) string {
	f.t.Helper()
	out, err := f.client.CreateCodeSigningConfig(f.t.Context(), &sdk.CreateCodeSigningConfigInput{
		Description:         aws.String("d"),
		AllowedPublishers:   &types.AllowedPublishers{SigningProfileVersionArns: []string{publisher}},
		CodeSigningPolicies: &types.CodeSigningPolicies{UntrustedArtifactOnDeployment: policy},
		Tags:                map[string]string{"team": "a"},
	})
	if err != nil {
		f.t.Fatalf("CreateCodeSigningConfig: %v", err)
	}
	return aws.ToString(out.CodeSigningConfig.CodeSigningConfigArn)
}

func TestCodeSigningConfigs(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	arn := f.signing(types.CodeSigningPolicyEnforce)
	id := arn[strings.LastIndex(arn, ":")+1:]
	var stored v1alpha1.CodeSigningConfig
	if err := f.objects.Get(id, &stored); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.CodeSigningConfigSpec{
		Description: "d", AllowedPublishers: v1alpha1.AllowedPublishers{SigningProfileVersionARNs: []string{publisher}},
		UntrustedArtifactOnDeployment: v1alpha1.CodeSigningEnforce, Tags: map[string]string{"team": "a"},
	}
	if diff := cmp.Diff(want, stored.Spec); diff != "" {
		t.Errorf("the object\n%s", diff)
	}
	r := f.request(http.MethodGet, signingPath+"/"+url.PathEscape(arn), "")
	got, _ := r.members(t)["CodeSigningConfig"].(map[string]any)
	delete(got, "LastModified")
	wire := map[string]any{
		"CodeSigningConfigId": id, "CodeSigningConfigArn": arn, "Description": "d",
		"AllowedPublishers":   map[string]any{"SigningProfileVersionArns": []any{publisher}},
		"CodeSigningPolicies": map[string]any{"UntrustedArtifactOnDeployment": "Enforce"},
	}
	if diff := cmp.Diff(wire, got); diff != "" {
		t.Errorf("GetCodeSigningConfig\n%s", diff)
	}
	updated, err := f.client.UpdateCodeSigningConfig(ctx, &sdk.UpdateCodeSigningConfigInput{
		CodeSigningConfigArn: &arn, CodeSigningPolicies: &types.CodeSigningPolicies{UntrustedArtifactOnDeployment: types.CodeSigningPolicyWarn},
	})
	if err != nil || aws.ToString(updated.CodeSigningConfig.Description) != "d" ||
		updated.CodeSigningConfig.CodeSigningPolicies.UntrustedArtifactOnDeployment != types.CodeSigningPolicyWarn {
		t.Errorf("UpdateCodeSigningConfig = %+v, %v", updated, err)
	}
	f.signing("")
	listed, err := f.client.ListCodeSigningConfigs(ctx, &sdk.ListCodeSigningConfigsInput{MaxItems: aws.Int32(1)})
	if err != nil || len(listed.CodeSigningConfigs) != 1 || listed.NextMarker == nil {
		t.Errorf("ListCodeSigningConfigs = %+v, %v", listed, err)
	}
	tagged := url.PathEscape(arn)
	if r := f.request(http.MethodPost, tags+tagged, `{"Tags":{"x":"1"}}`); r.status != http.StatusNoContent {
		t.Errorf("TagResource: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodDelete, tags+tagged+"?tagKeys=team", ""); r.status != http.StatusNoContent {
		t.Errorf("UntagResource: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodGet, tags+tagged, ""); r.body != `{"Tags":{"x":"1"}}` {
		t.Errorf("ListTags: %s", r.body)
	}
	if r := f.request(http.MethodDelete, signingPath+"/"+url.PathEscape(arn), ""); r.status != http.StatusNoContent {
		t.Errorf("DeleteCodeSigningConfig: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodGet, tags+tagged, ""); r.status != http.StatusNotFound {
		t.Errorf("tags of a config that has gone: %d %s", r.status, r.body)
	}
}

func TestCodeSigningOfFunctions(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	warn, enforce := f.signing(types.CodeSigningPolicyWarn), f.signing(types.CodeSigningPolicyEnforce)
	fn := f.create("fn", func(in *sdk.CreateFunctionInput) { in.CodeSigningConfigArn = &warn })
	got, err := f.client.GetFunctionCodeSigningConfig(ctx, &sdk.GetFunctionCodeSigningConfigInput{FunctionName: fn.FunctionName})
	if err != nil || aws.ToString(got.CodeSigningConfigArn) != warn || aws.ToString(got.FunctionName) != "fn" {
		t.Errorf("GetFunctionCodeSigningConfig = %+v, %v", got, err)
	}
	var failed *types.CodeVerificationFailedException
	_, err = f.client.CreateFunction(ctx, &sdk.CreateFunctionInput{
		FunctionName: aws.String("other"), Role: aws.String(role), Runtime: "nodejs22.x", Handler: aws.String("index.handler"),
		Code: &types.FunctionCode{ZipFile: zipOf("index.js", "")}, CodeSigningConfigArn: &enforce,
	})
	if !errors.As(err, &failed) || !strings.Contains(aws.ToString(failed.Message), "cannot be verified here") {
		t.Errorf("unsigned code where signed is enforced: %v", err)
	}
	if r := f.request(http.MethodGet, functions+"/other", ""); r.status != http.StatusNotFound {
		t.Errorf("a function was made: %s", r.body)
	}
	put, err := f.client.PutFunctionCodeSigningConfig(ctx, &sdk.PutFunctionCodeSigningConfigInput{FunctionName: fn.FunctionName, CodeSigningConfigArn: &enforce})
	if err != nil || aws.ToString(put.CodeSigningConfigArn) != enforce {
		t.Errorf("PutFunctionCodeSigningConfig = %+v, %v", put, err)
	}
	_, err = f.client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: fn.FunctionName, ZipFile: zipOf("index.js", "2")})
	if !errors.As(err, &failed) {
		t.Errorf("new code of a function that takes signed code only: %v", err)
	}
	layer := aws.ToString(f.layer("lib").LayerVersionArn)
	_, err = f.client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: fn.FunctionName, Layers: []string{layer}})
	if !errors.As(err, &failed) {
		t.Errorf("a new layer of a function that takes signed code only: %v", err)
	}
	if _, err = f.client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: fn.FunctionName, Timeout: aws.Int32(9)}); err != nil {
		t.Errorf("a change of configuration alone: %v", err)
	}
	using, err := f.client.ListFunctionsByCodeSigningConfig(ctx, &sdk.ListFunctionsByCodeSigningConfigInput{CodeSigningConfigArn: &enforce})
	if err != nil || !cmp.Equal(using.FunctionArns, []string{prefix + "function:fn"}) {
		t.Errorf("ListFunctionsByCodeSigningConfig = %+v, %v", using, err)
	}
	if r := f.request(http.MethodDelete, signingPath+"/"+url.PathEscape(enforce), ""); r.status != http.StatusConflict {
		t.Errorf("a config that is in use: %d %s", r.status, r.body)
	}
	if _, err := f.client.DeleteFunctionCodeSigningConfig(ctx, &sdk.DeleteFunctionCodeSigningConfigInput{FunctionName: fn.FunctionName}); err != nil {
		t.Error(err)
	}
	if r := f.request(http.MethodGet, "/2020-06-30/functions/fn/code-signing-config", ""); r.body != `{"FunctionName":"fn"}` {
		t.Errorf("a function without one: %s", r.body)
	}
}

func TestRecursionConfig(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	if r := f.request(http.MethodGet, recursionPath, ""); r.body != `{"RecursiveLoop":"Terminate"}` {
		t.Errorf("by default: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodPut, recursionPath, `{"RecursiveLoop":"Allow"}`); r.status != http.StatusOK || r.body != `{"RecursiveLoop":"Allow"}` {
		t.Errorf("PutFunctionRecursionConfig: %d %s", r.status, r.body)
	}
	var fn v1alpha1.Function
	if f.get("fn", &fn); fn.Spec.RecursiveLoop != v1alpha1.RecursiveLoopAllow {
		t.Errorf("the object has %q", fn.Spec.RecursiveLoop)
	}
	if r := f.request(http.MethodGet, recursionPath, ""); r.body != `{"RecursiveLoop":"Allow"}` {
		t.Errorf("GetFunctionRecursionConfig: %d %s", r.status, r.body)
	}
}

func TestRuntimeManagementConfig(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	want := `{"UpdateRuntimeOn":"Auto","FunctionArn":"` + prefix + `function:fn:1"}`
	if r := f.request(http.MethodPut, managePath+"?Qualifier=1", `{"UpdateRuntimeOn":"Auto"}`); r.body != want {
		t.Errorf("PutRuntimeManagementConfig: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodGet, managePath+"?Qualifier=1", ""); r.body != want {
		t.Errorf("GetRuntimeManagementConfig: %d %s", r.status, r.body)
	}
	for _, body := range []string{
		`{"UpdateRuntimeOn":"Manual","RuntimeVersionArn":"arn:aws:lambda:us-east-1::runtime:0cdc"}`, `{"UpdateRuntimeOn":"FunctionUpdate"}`,
		`{"UpdateRuntimeOn":"Auto","RuntimeVersionArn":"arn:aws:lambda:us-east-1::runtime:0cdc"}`,
	} {
		if r := f.request(http.MethodPut, managePath, body); r.status != http.StatusBadRequest || r.header.Get("X-Amzn-Errortype") != "InvalidParameterValueException" {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

func TestTenancyConfig(t *testing.T) {
	f := newFixture(t)
	out := f.create("fn", func(in *sdk.CreateFunctionInput) {
		in.TenancyConfig = &types.TenancyConfig{TenantIsolationMode: types.TenantIsolationModePerTenant}
	})
	if out.TenancyConfig == nil || out.TenancyConfig.TenantIsolationMode != types.TenantIsolationModePerTenant {
		t.Errorf("CreateFunction = %+v", out.TenancyConfig)
	}
	var fn v1alpha1.Function
	if f.get("fn", &fn); !fn.Spec.IsolatesTenants() {
		t.Error("the object does not isolate tenants")
	}
	f.publish("fn")
	var v v1alpha1.Version
	if f.get("fn.1", &v); !v.Spec.Function.IsolatesTenants() {
		t.Error("the version does not isolate tenants")
	}
}

func TestLayerTags(t *testing.T) {
	f := newFixture(t)
	f.layer("lib")
	arn := tags + url.PathEscape(prefix+"layer:lib")
	if r := f.request(http.MethodPost, arn, `{"Tags":{"a":"1","b":"2"}}`); r.status != http.StatusNoContent {
		t.Fatalf("TagResource: %d %s", r.status, r.body)
	}
	f.layer("lib")
	if r := f.request(http.MethodDelete, arn+"?tagKeys=a", ""); r.status != http.StatusNoContent {
		t.Errorf("UntagResource: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodDelete, layers+"/lib/versions/2", ""); r.status != http.StatusNoContent {
		t.Errorf("DeleteLayerVersion: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodGet, arn, ""); r.body != `{"Tags":{"b":"2"}}` {
		t.Errorf("tags survive that versions come and go: %s", r.body)
	}
	if r := f.request(http.MethodDelete, layers+"/lib/versions/1", ""); r.status != http.StatusNoContent {
		t.Errorf("DeleteLayerVersion: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodGet, arn, ""); r.status != http.StatusNotFound {
		t.Errorf("tags of a layer without versions: %d %s", r.status, r.body)
	}
}

func TestEventInvokeConfigsOfQualifiers(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.alias("fn", "live", "1")
	path := "/2019-09-25/functions/fn/event-invoke-config"
	for i, qualifier := range []string{"$LATEST", "1", "live"} {
		at := path + "?Qualifier=" + url.QueryEscape(qualifier)
		if r := f.request(http.MethodPost, at, `{"MaximumRetryAttempts":1}`); r.status != http.StatusNotFound {
			t.Errorf("an update of what %s does not have: %d %s", qualifier, r.status, r.body)
		}
		r := f.request(http.MethodPut, at, fmt.Sprintf(`{"MaximumRetryAttempts":%d}`, i))
		if want := prefix + "function:fn:" + qualifier; r.status != http.StatusOK || r.members(t)["FunctionArn"] != want {
			t.Errorf("PutFunctionEventInvokeConfig: %d %s", r.status, r.body)
		}
		if r := f.request(http.MethodPost, at, `{"MaximumEventAgeInSeconds":60}`); r.status != http.StatusOK {
			t.Errorf("UpdateFunctionEventInvokeConfig: %d %s", r.status, r.body)
		}
		if got := f.request(http.MethodGet, at, "").members(t); got["MaximumRetryAttempts"] != float64(i) || got["MaximumEventAgeInSeconds"] != float64(60) {
			t.Errorf("GetFunctionEventInvokeConfig: %v", got)
		}
	}
	var v v1alpha1.Version
	var a v1alpha1.Alias
	f.get("fn.1", &v)
	f.get("fn.live", &a)
	if v.Spec.Async.RetryAttempts() != 1 || a.Spec.Async.RetryAttempts() != 2 {
		t.Errorf("the version tries again %d times, the alias %d times", v.Spec.Async.RetryAttempts(), a.Spec.Async.RetryAttempts())
	}
	list, err := f.client.ListFunctionEventInvokeConfigs(t.Context(), &sdk.ListFunctionEventInvokeConfigsInput{FunctionName: aws.String("fn"), MaxItems: aws.Int32(2)})
	if err != nil || len(list.FunctionEventInvokeConfigs) != 2 || list.NextMarker == nil {
		t.Fatalf("ListFunctionEventInvokeConfigs = %+v, %v", list, err)
	}
	if r := f.request(http.MethodDelete, path+"?Qualifier=live", ""); r.status != http.StatusNoContent {
		t.Errorf("DeleteFunctionEventInvokeConfig: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodDelete, path+"?Qualifier=live", ""); r.status != http.StatusNotFound {
		t.Errorf("deleted twice: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodGet, path+"?Qualifier=1", ""); r.status != http.StatusOK {
		t.Errorf("the version's went with the alias's: %d %s", r.status, r.body)
	}
}

func TestEventSourceMappings(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	list, err := f.client.ListEventSourceMappings(t.Context(), &sdk.ListEventSourceMappingsInput{FunctionName: aws.String("fn")})
	if err != nil || list.EventSourceMappings == nil || len(list.EventSourceMappings) != 0 {
		t.Errorf("ListEventSourceMappings = %+v, %v", list, err)
	}
	_, err = f.client.CreateEventSourceMapping(t.Context(), &sdk.CreateEventSourceMappingInput{
		FunctionName: aws.String("fn"), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:" + account + ":q"), BatchSize: aws.Int32(10), Enabled: aws.Bool(true),
		FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"a":["b"]}`)}}},
		ScalingConfig:  &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)}, Tags: map[string]string{"a": "b"},
	})
	if err == nil || !strings.Contains(err.Error(), "NotImplementedException: Event source mappings are not served here: nothing polls arn:aws:sqs:") {
		t.Errorf("CreateEventSourceMapping: %v", err)
	}
	for _, call := range []struct{ method, body string }{{"GET", ""}, {"DELETE", ""}, {"PUT", `{"Enabled":false,"FunctionName":"fn"}`}} {
		r := f.request(call.method, "/2015-03-31/event-source-mappings/01234567-89ab-cdef-0123-456789abcdef", call.body)
		if r.status != http.StatusNotFound || r.message(t) != "The resource you requested does not exist." {
			t.Errorf("%s: %d %s", call.method, r.status, r.body)
		}
	}
}
