package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/gateway"
)

func TestTags(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	arn := f.create("fn", func(in *sdk.CreateFunctionInput) { in.Tags = map[string]string{"a": "1", "b": "2"} }).FunctionArn
	if _, err := f.client.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: map[string]string{"b": "3", "c&d": "4"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.client.UntagResource(ctx, &sdk.UntagResourceInput{Resource: arn, TagKeys: []string{"a", "none"}}); err != nil {
		t.Fatal(err)
	}
	got, err := f.client.ListTags(ctx, &sdk.ListTagsInput{Resource: arn})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"b": "3", "c&d": "4"}
	if diff := cmp.Diff(want, got.Tags); diff != "" {
		t.Errorf("ListTags: %s", diff)
	}
	fn, err := f.client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: arn})
	if err != nil || !cmp.Equal(want, fn.Tags) {
		t.Errorf("GetFunction: tags %v, %v", fn.Tags, err)
	}
	if f.publish("fn"); len(f.listVersions("fn", 50)) != 2 {
		t.Error("version 1 is missing")
	}
	if _, err := f.client.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: map[string]string{"e": "5"}}); err != nil {
		t.Fatal(err)
	}
	if v := f.publish("fn"); aws.ToString(v.Version) != "1" {
		t.Errorf("tags alone made version %q", aws.ToString(v.Version))
	}
}

func TestReservedConcurrency(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	name := aws.String("fn")
	if r := f.request(http.MethodGet, "/2019-09-30/functions/fn/concurrency", ""); r.body != "{}" {
		t.Errorf("none reserved: %s, want {}", r.body)
	}
	for _, n := range []int32{0, 900} {
		put, err := f.client.PutFunctionConcurrency(ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(n)})
		if err != nil || aws.ToInt32(put.ReservedConcurrentExecutions) != n {
			t.Errorf("PutFunctionConcurrency(%d) = %+v, %v", n, put, err)
		}
		got, err := f.client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: name})
		if err != nil || got.Concurrency == nil || aws.ToInt32(got.Concurrency.ReservedConcurrentExecutions) != n {
			t.Errorf("GetFunction: %+v, %v", got.Concurrency, err)
		}
	}
	limits, err := f.client.GetAccountSettings(ctx, &sdk.GetAccountSettingsInput{})
	if err != nil || limits.AccountLimit.UnreservedConcurrentExecutions == nil || *limits.AccountLimit.UnreservedConcurrentExecutions != 100 {
		t.Errorf("GetAccountSettings: %+v, %v", limits.AccountLimit, err)
	}
	if _, err := f.client.DeleteFunctionConcurrency(ctx, &sdk.DeleteFunctionConcurrencyInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	got, err := f.client.GetFunctionConcurrency(ctx, &sdk.GetFunctionConcurrencyInput{FunctionName: name})
	if err != nil || got.ReservedConcurrentExecutions != nil {
		t.Errorf("after deletion: %+v, %v", got, err)
	}
}

func TestAccountSettings(t *testing.T) {
	f := newFixture(t, func(c *gateway.Config) { c.Concurrency = 70 })
	size := f.create("fn").CodeSize
	f.publish("fn")
	lib := f.layer("lib")
	got, err := f.client.GetAccountSettings(t.Context(), &sdk.GetAccountSettingsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if u := got.AccountUsage; u.FunctionCount != 1 || u.TotalCodeSize != 2*size+lib.Content.CodeSize {
		t.Errorf("usage %+v, want 1 function and %d bytes", u, 2*size+lib.Content.CodeSize)
	}
	if l := got.AccountLimit; l.ConcurrentExecutions != 70 || l.CodeSizeZipped != 52428800 || l.CodeSizeUnzipped != 262144000 || l.TotalCodeSize != 80530636800 {
		t.Errorf("limits %+v", l)
	}
}

func TestListFunctions(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"b", "C", "a"} {
		f.create(name)
	}
	f.publish("b")
	if got, want := f.list(sdk.ListFunctionsInput{MaxItems: aws.Int32(1)}), []string{"C", "a", "b"}; !sameSet(got, want) {
		t.Errorf("ListFunctions = %v, want %v", got, want)
	}
	all := f.list(sdk.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll, MaxItems: aws.Int32(2)})
	if want := []string{"C:$LATEST", "a:$LATEST", "b:$LATEST", "b:1"}; !sameSet(all, want) {
		t.Errorf("all versions: %v, want %v", all, want)
	}
	if r := f.request(http.MethodGet, functions+"/", ""); r.status != http.StatusOK {
		t.Errorf("older SDKs send a slash at the end: %d %s", r.status, r.body)
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (f *fixture) list(in sdk.ListFunctionsInput) []string {
	f.t.Helper()
	var names []string
	pages := sdk.NewListFunctionsPaginator(f.client, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, c := range page.Functions {
			names = append(names, strings.TrimPrefix(aws.ToString(c.FunctionArn), prefix+"function:"))
			if c.State != "" || c.LastUpdateStatus != "" {
				f.t.Errorf("lists carry no state, this one says %q and %q", c.State, c.LastUpdateStatus)
			}
		}
	}
	return names
}

func TestEventInvokeConfig(t *testing.T) {
	now := time.Date(2026, 1, 31, 1, 2, 3, 4e6, time.UTC)
	f := newFixture(t, func(c *gateway.Config) { c.Clock = func() time.Time { return now } })
	ctx := t.Context()
	f.create("fn")
	f.create("other")
	name := aws.String("fn")
	if _, err := f.client.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{
		FunctionName: name, MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(prefix + "function:other")}},
	}); err != nil {
		t.Fatal(err)
	}
	r := f.request(http.MethodGet, "/2019-09-25/functions/fn/event-invoke-config", "")
	want := map[string]any{
		"LastModified": 1769821323.004, "FunctionArn": prefix + "function:fn:$LATEST", "MaximumRetryAttempts": 0.0,
		"DestinationConfig": map[string]any{"OnSuccess": map[string]any{}, "OnFailure": map[string]any{"Destination": prefix + "function:other"}},
	}
	if diff := cmp.Diff(want, r.members(t)); diff != "" {
		t.Errorf("GetFunctionEventInvokeConfig: %s", diff)
	}
	updated, err := f.client.UpdateFunctionEventInvokeConfig(ctx, &sdk.UpdateFunctionEventInvokeConfigInput{FunctionName: name, MaximumEventAgeInSeconds: aws.Int32(60)})
	if err != nil || updated.MaximumRetryAttempts == nil || aws.ToInt32(updated.MaximumEventAgeInSeconds) != 60 || !aws.ToTime(updated.LastModified).Equal(now) {
		t.Errorf("an update keeps what it leaves out: %+v, %v", updated, err)
	}
	replaced, err := f.client.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumEventAgeInSeconds: aws.Int32(61)})
	if err != nil || replaced.MaximumRetryAttempts != nil || replaced.DestinationConfig.OnFailure.Destination != nil {
		t.Errorf("a put takes away what it leaves out: %+v, %v", replaced, err)
	}
	listed, err := f.client.ListFunctionEventInvokeConfigs(ctx, &sdk.ListFunctionEventInvokeConfigsInput{FunctionName: name})
	if err != nil || len(listed.FunctionEventInvokeConfigs) != 1 {
		t.Errorf("ListFunctionEventInvokeConfigs = %+v, %v", listed, err)
	}
	if _, err := f.client.DeleteFunctionEventInvokeConfig(ctx, &sdk.DeleteFunctionEventInvokeConfigInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	if r := f.request(http.MethodGet, "/2019-09-25/functions/fn/event-invoke-config", ""); r.status != http.StatusNotFound {
		t.Errorf("after deletion: %d %s", r.status, r.body)
	}
}

// TestWireShapes holds which members replies have, and how they are spelled.
func TestWireShapes(t *testing.T) {
	f := newFixture(t)
	always := []string{
		"Architectures", "CodeSha256", "CodeSize", "Description", "EphemeralStorage", "FunctionArn", "FunctionName", "Handler", "LastModified",
		"LoggingConfig", "MemorySize", "PackageType", "RevisionId", "Role", "Runtime", "RuntimeVersionConfig", "SnapStart", "Timeout", "TracingConfig", "Version",
	}
	created := f.request(http.MethodPost, functions, body(`FunctionName="fn"`))
	keys(t, "CreateFunction", created.members(t), append(always, "State", "StateReason", "StateReasonCode"))
	for name, want := range map[string]any{
		"Timeout": 3.0, "MemorySize": 128.0, "Description": "", "PackageType": "Zip", "Version": "$LATEST", "Architectures": []any{"x86_64"},
		"EphemeralStorage": map[string]any{"Size": 512.0}, "TracingConfig": map[string]any{"Mode": "PassThrough"},
		"SnapStart":     map[string]any{"ApplyOn": "None", "OptimizationStatus": "Off"},
		"LoggingConfig": map[string]any{"LogFormat": "Text", "LogGroup": "/aws/lambda/fn"},
	} {
		if diff := cmp.Diff(want, created.members(t)[name]); diff != "" {
			t.Errorf("CreateFunction: %s %s", name, diff)
		}
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000+0000", fmt.Sprint(created.members(t)["LastModified"])); err != nil {
		t.Errorf("LastModified: %v", err)
	}
	configured := f.request(http.MethodGet, functions+"/fn/configuration", "").members(t)
	keys(t, "GetFunctionConfiguration", configured, append(always, "State", "LastUpdateStatus"))
	got := f.request(http.MethodGet, functions+"/fn", "").members(t)
	keys(t, "GetFunction", got, []string{"Configuration", "Code"})
	keys(t, "GetFunction.Code", got["Code"].(map[string]any), []string{"RepositoryType", "Location"})
	updated := f.request(http.MethodPut, functions+"/fn/configuration", `{"Environment":{"Variables":{"A1":"b"}},"DeadLetterConfig":{"TargetArn":"`+prefix+`function:dlq"}}`)
	keys(t, "UpdateFunctionConfiguration", updated.members(t),
		append(always, "Environment", "DeadLetterConfig", "State", "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode"))
	if r := f.request(http.MethodGet, "/2020-06-30/functions/fn/code-signing-config", ""); r.body != `{"FunctionName":"fn"}` {
		t.Errorf("GetFunctionCodeSigningConfig: %s", r.body)
	}
	layer := f.request(http.MethodPost, layers+"/lib/versions", `{"Content":{"ZipFile":"`+encode(zipOf("a", "b"))+`"}}`)
	keys(t, "PublishLayerVersion", layer.members(t), []string{"Content", "LayerArn", "LayerVersionArn", "Description", "CreatedDate", "Version"})
	alias := f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"a","FunctionVersion":"$LATEST"}`)
	keys(t, "CreateAlias", alias.members(t), []string{"AliasArn", "Name", "FunctionVersion", "Description", "RevisionId"})
	if r := f.request(http.MethodGet, functions+"/fn/aliases", ""); !strings.HasPrefix(r.body, `{"Aliases":[{`) || strings.Contains(r.body, "NextMarker") {
		t.Errorf("ListAliases: %s", r.body)
	}
}

func keys(t *testing.T, what string, got map[string]any, want []string) {
	t.Helper()
	var names []string
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	want = slices.Clone(want)
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("members of %s (-want +got): %s", what, diff)
	}
}

// TestUpdateFunctionConfiguration changes every member and reads it back.
func TestUpdateFunctionConfiguration(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	lib := f.layer("lib")
	out, err := f.client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("fn"), Description: aws.String("d"), Handler: aws.String("a.b"), MemorySize: aws.Int32(256), Timeout: aws.Int32(900),
		Role: aws.String(role + "2"), Runtime: types.RuntimePython313, Environment: &types.Environment{Variables: map[string]string{"K1": "v"}},
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(1024)}, TracingConfig: &types.TracingConfig{Mode: types.TracingModeActive},
		Layers: []string{aws.ToString(lib.LayerVersionArn)}, SnapStart: &types.SnapStart{ApplyOn: types.SnapStartApplyOnNone},
		DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String("https://example.com/dlq")}, VpcConfig: &types.VpcConfig{SubnetIds: []string{}},
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatJson, ApplicationLogLevel: types.ApplicationLogLevelDebug, SystemLogLevel: types.SystemLogLevelWarn, LogGroup: aws.String("/g")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.LastUpdateStatus != types.LastUpdateStatusInProgress || out.State != types.StateActive {
		t.Errorf("reply: %q %q, want InProgress and Active", out.LastUpdateStatus, out.State)
	}
	waiter := sdk.NewFunctionUpdatedV2Waiter(f.client, func(o *sdk.FunctionUpdatedV2WaiterOptions) { o.MinDelay = time.Millisecond })
	if err := waiter.Wait(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("fn")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	got := f.request(http.MethodGet, functions+"/fn/configuration", "").members(t)
	for name, want := range map[string]any{
		"Description": "d", "Handler": "a.b", "MemorySize": 256.0, "Timeout": 900.0, "Role": role + "2", "Runtime": "python3.13",
		"Environment": map[string]any{"Variables": map[string]any{"K1": "v"}}, "EphemeralStorage": map[string]any{"Size": 1024.0},
		"TracingConfig": map[string]any{"Mode": "Active"}, "DeadLetterConfig": map[string]any{"TargetArn": "https://example.com/dlq"},
		"LoggingConfig": map[string]any{"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN", "LogGroup": "/g"},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	f.request(http.MethodPut, functions+"/fn/configuration", `{"Layers":[],"Environment":{"Variables":{}},"DeadLetterConfig":{"TargetArn":""}}`)
	var fn v1alpha1.Function
	if err := f.objects.Get("fn", &fn); err != nil {
		t.Fatal(err)
	}
	if len(fn.Spec.Layers) != 0 || len(fn.Spec.Environment.Variables) != 0 || fn.Spec.DeadLetter != nil || fn.Spec.Timeout != 900 {
		t.Errorf("empty members take away, those left out stay: %+v", fn.Spec)
	}
}

func TestImageFunction(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	made, err := f.client.CreateFunction(ctx, &sdk.CreateFunctionInput{
		FunctionName: aws.String("img"), Role: aws.String(role), PackageType: types.PackageTypeImage,
		Code:        &types.FunctionCode{ImageUri: aws.String("example.com/fn:1")},
		ImageConfig: &types.ImageConfig{Command: []string{"app.handler"}, EntryPoint: []string{"/e"}, WorkingDirectory: aws.String("/w")},
	})
	if err != nil || made.ImageConfigResponse == nil || made.Runtime != "" {
		t.Fatalf("CreateFunction = %+v, %v", made, err)
	}
	if _, err := f.client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("img"), ImageUri: aws.String("example.com/fn:2")}); err != nil {
		t.Fatal(err)
	}
	got, err := f.client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("img")})
	if err != nil || aws.ToString(got.Code.RepositoryType) != "ECR" || aws.ToString(got.Code.ImageUri) != "example.com/fn:2" {
		t.Errorf("GetFunction = %+v, %v", got.Code, err)
	}
	if c := got.Configuration.ImageConfigResponse; c == nil || !slices.Equal(c.ImageConfig.Command, []string{"app.handler"}) {
		t.Errorf("a new image takes the overrides away: %+v", c)
	}
	r := f.request(http.MethodPut, functions+"/img/code", `{"ZipFile":"`+encode(zipOf("a", "b"))+`"}`)
	if want := "Please provide ImageUri when updating a function with packageType Image."; r.status != http.StatusBadRequest || r.message(t) != want {
		t.Errorf("a zip for an image: %d %s", r.status, r.body)
	}
}

// TestBase holds where replies say that the gateway is.
func TestBase(t *testing.T) {
	for name, c := range map[string]struct{ base, path, host, proto, want string }{
		"configured":   {"https://lambda.example.com/", "", "other", "", "https://lambda.example.com/_download/"},
		"as called":    {"", "", "127.0.0.2:9", "", "http://127.0.0.2:9/_download/"},
		"behind TLS":   {"", "", "lambda.example.com", "https", "https://lambda.example.com/_download/"},
		"below a path": {"", "/namespaces/shop", "gateway", "", "http://gateway/namespaces/shop/_download/"},
	} {
		f := newFixture(t, func(config *gateway.Config) { config.BaseURL, config.BasePath = c.base, c.path })
		f.create("fn")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+functions+"/fn", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		r.Header.Set("X-Forwarded-Proto", c.proto)
		code, ok := f.send(r).members(t)["Code"].(map[string]any)
		if location := fmt.Sprint(code["Location"]); !ok || !strings.HasPrefix(location, c.want) {
			t.Errorf("%s: %s, want %s…", name, location, c.want)
		}
	}
}

func TestDryRunOfCode(t *testing.T) {
	f := newFixture(t)
	before := f.create("fn")
	out, err := f.client.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("fn"), ZipFile: zipOf("other", "x"), DryRun: true})
	if err != nil || aws.ToString(out.CodeSha256) != aws.ToString(before.CodeSha256) || f.digest("fn") != aws.ToString(before.CodeSha256) {
		t.Errorf("a dry run changed the code: %+v, %v", out, err)
	}
	if r := f.request(http.MethodPut, functions+"/fn/code", `{"ZipFile":"aGk=","DryRun":true}`); r.status != http.StatusBadRequest {
		t.Errorf("a dry run must check the archive: %d %s", r.status, r.body)
	}
}
