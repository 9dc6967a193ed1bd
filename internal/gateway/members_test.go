package gateway_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// get reads an object.
func (f *fixture) get(name string, obj v1alpha1.Object) {
	f.t.Helper()
	if err := f.objects.Get(name, obj); err != nil {
		f.t.Fatal(err)
	}
}

// TestMembersArrive holds that what a request says of code and image is in the object.
func TestMembersArrive(t *testing.T) {
	f := newFixture(t)
	f.create("fn", func(in *sdk.CreateFunctionInput) { in.Architectures = []types.Architecture{types.ArchitectureArm64} })
	var fn v1alpha1.Function
	f.get("fn", &fn)
	if diff := cmp.Diff([]v1alpha1.Architecture{"arm64"}, fn.Spec.Architectures); diff != "" || fn.Spec.PackageType != v1alpha1.PackageTypeZip {
		t.Errorf("created with package type %s and architectures\n%s", fn.Spec.PackageType, diff)
	}
	if _, err := f.client.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{
		FunctionName: aws.String("fn"), ZipFile: zipOf("a", "b"), Architectures: []types.Architecture{types.ArchitectureX8664},
	}); err != nil {
		t.Fatal(err)
	}
	f.get("fn", &fn)
	if diff := cmp.Diff([]v1alpha1.Architecture{"x86_64"}, fn.Spec.Architectures); diff != "" {
		t.Errorf("updated to architectures\n%s", diff)
	}
	f.create("img", func(in *sdk.CreateFunctionInput) {
		in.Runtime, in.Handler, in.PackageType = "", nil, types.PackageTypeImage
		in.Code = &types.FunctionCode{ImageUri: aws.String("example.com/fn:1")}
		in.ImageConfig = &types.ImageConfig{Command: []string{"c"}, EntryPoint: []string{"e"}, WorkingDirectory: aws.String("/w")}
	})
	f.get("img", &fn)
	want := &v1alpha1.Image{URI: "example.com/fn:1", Command: []string{"c"}, EntryPoint: []string{"e"}, WorkingDirectory: "/w"}
	if diff := cmp.Diff(want, fn.Spec.Code.Image); diff != "" || fn.Spec.PackageType != v1alpha1.PackageTypeImage {
		t.Errorf("package type %s and the image\n%s", fn.Spec.PackageType, diff)
	}
}

// TestReleasesArrive holds the same of versions and aliases, whose revisions must be those that the caller knows.
func TestReleasesArrive(t *testing.T) {
	f := newFixture(t)
	ctx, name, live, stale := t.Context(), aws.String("fn"), aws.String("live"), aws.String("stale")
	f.create("fn")
	_, err := f.client.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: name, RevisionId: stale})
	wantStale(t, "PublishVersion", err)
	if _, err := f.client.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: name, Description: aws.String("first")}); err != nil {
		t.Fatal(err)
	}
	var v v1alpha1.Version
	if f.get("fn.1", &v); v.Spec.Function.Description != "first" {
		t.Errorf("the version says %q", v.Spec.Function.Description)
	}
	_, err = f.client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: name, ZipFile: zipOf("index.js", "2"), RevisionId: stale})
	wantStale(t, "UpdateFunctionCode", err)
	if _, err := f.client.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: name, ZipFile: zipOf("index.js", "2"), Publish: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.client.CreateAlias(ctx, &sdk.CreateAliasInput{
		FunctionName: name, Name: live, FunctionVersion: aws.String("1"), Description: aws.String("d1"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}},
	}); err != nil {
		t.Fatal(err)
	}
	var a v1alpha1.Alias
	f.get("fn.live", &a)
	want := v1alpha1.AliasSpec{FunctionName: "fn", Name: "live", FunctionVersion: "1", Description: "d1", AdditionalVersionWeights: map[string]v1alpha1.Weight{"2": "0.25"}}
	if diff := cmp.Diff(want, a.Spec); diff != "" {
		t.Errorf("the alias\n%s", diff)
	}
	_, err = f.client.UpdateAlias(ctx, &sdk.UpdateAliasInput{FunctionName: name, Name: live, Description: aws.String("d2"), RevisionId: stale})
	wantStale(t, "UpdateAlias", err)
	if _, err := f.client.UpdateAlias(ctx, &sdk.UpdateAliasInput{
		FunctionName: name, Name: live, FunctionVersion: aws.String("2"), Description: aws.String("d2"), RoutingConfig: &types.AliasRoutingConfiguration{},
	}); err != nil {
		t.Fatal(err)
	}
	f.get("fn.live", &a)
	want = v1alpha1.AliasSpec{FunctionName: "fn", Name: "live", FunctionVersion: "2", Description: "d2"}
	if diff := cmp.Diff(want, a.Spec); diff != "" {
		t.Errorf("the alias after its update\n%s", diff)
	}
}

func wantStale(t *testing.T, operation string, err error) {
	t.Helper()
	var stale *types.PreconditionFailedException
	if !errors.As(err, &stale) {
		t.Errorf("%s of a revision that is not the latest: %v", operation, err)
	}
}

// TestURLMembersArrive holds the same of URLs.
func TestURLMembersArrive(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	body := `{"AuthType":"NONE","InvokeMode":"RESPONSE_STREAM","Cors":{"AllowCredentials":true,"AllowHeaders":["a"],"AllowMethods":["PUT"],` +
		`"AllowOrigins":["https://o.example"],"ExposeHeaders":["e"],"MaxAge":9}}`
	if r := f.request(http.MethodPost, "/2021-10-31/functions/fn/url", body); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var u v1alpha1.FunctionURLConfig
	f.get("fn", &u)
	want := v1alpha1.FunctionURLConfigSpec{FunctionName: "fn", AuthType: "NONE", InvokeMode: "RESPONSE_STREAM", CORS: &v1alpha1.CORS{
		AllowCredentials: true, AllowHeaders: []string{"a"}, AllowMethods: []string{"PUT"}, AllowOrigins: []string{"https://o.example"},
		ExposeHeaders: []string{"e"}, MaxAge: 9,
	}}
	if diff := cmp.Diff(want, u.Spec); diff != "" {
		t.Errorf("the URL\n%s", diff)
	}
}

// TestEventMembersArrive holds the same of what happens to events.
func TestEventMembersArrive(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.create("other")
	body := `{"MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":"https://s.example/"},` +
		`"OnFailure":{"Destination":"` + prefix + `function:other"}}}`
	if r := f.request(http.MethodPut, "/2019-09-25/functions/fn/event-invoke-config", body); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var fn v1alpha1.Function
	f.get("fn", &fn)
	want := &v1alpha1.Async{
		MaximumRetryAttempts: new(int32(1)), MaximumEventAgeInSeconds: new(int32(60)),
		OnSuccess: &v1alpha1.Destination{Destination: "https://s.example/"}, OnFailure: &v1alpha1.Destination{Destination: prefix + "function:other"},
	}
	if diff := cmp.Diff(want, fn.Spec.Async); diff != "" {
		t.Errorf("the policy\n%s", diff)
	}
}
