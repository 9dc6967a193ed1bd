package gateway_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// layer publishes a version of a layer with the SDK.
func (f *fixture) layer(name string) *sdk.PublishLayerVersionOutput {
	f.t.Helper()
	out, err := f.client.PublishLayerVersion(f.t.Context(), &sdk.PublishLayerVersionInput{
		LayerName: aws.String(name), Content: &types.LayerVersionContentInput{ZipFile: zipOf("lib.js", name)},
	})
	if err != nil {
		f.t.Fatalf("PublishLayerVersion(%q): %v", name, err)
	}
	return out
}

func TestLayers(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	one, two := f.layer("lib"), f.layer("lib")
	if one.Version != 1 || two.Version != 2 || aws.ToString(two.LayerVersionArn) != prefix+"layer:lib:2" || aws.ToString(two.LayerArn) != prefix+"layer:lib" {
		t.Fatalf("PublishLayerVersion: %+v, %+v", one, two)
	}
	if got := fetch(t, aws.ToString(two.Content.Location)); !bytes.Equal(got, zipOf("lib.js", "lib")) {
		t.Error("the download is not what was published")
	}
	made := f.create("fn", func(in *sdk.CreateFunctionInput) { in.Layers = []string{aws.ToString(one.LayerVersionArn)} })
	if len(made.Layers) != 1 || made.Layers[0].CodeSize != one.Content.CodeSize {
		t.Errorf("layers of the function: %+v", made.Layers)
	}
	byARN, err := f.client.GetLayerVersionByArn(ctx, &sdk.GetLayerVersionByArnInput{Arn: two.LayerVersionArn})
	if err != nil || byARN.Version != 2 || aws.ToString(byARN.CreatedDate) == "" {
		t.Errorf("GetLayerVersionByArn = %+v, %v", byARN, err)
	}
	for range 2 { // deleting what is gone is no error
		if _, err := f.client.DeleteLayerVersion(ctx, &sdk.DeleteLayerVersionInput{LayerName: aws.String("lib"), VersionNumber: aws.Int64(1)}); err != nil {
			t.Fatal(err)
		}
	}
	var absent *types.ResourceNotFoundException
	if _, err := f.client.GetLayerVersion(ctx, &sdk.GetLayerVersionInput{LayerName: aws.String("lib"), VersionNumber: aws.Int64(1)}); !errors.As(err, &absent) {
		t.Errorf("a deleted layer version: %v", err)
	}
	used, err := f.client.GetFunctionConfiguration(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("fn")})
	if err != nil || used.Layers[0].CodeSize != one.Content.CodeSize {
		t.Errorf("a function goes on with a deleted layer: %+v, %v", used, err)
	}
	if r := f.request(http.MethodPost, functions, body(`Layers=["`+aws.ToString(one.LayerVersionArn)+`"]`)); r.status != http.StatusBadRequest {
		t.Errorf("a new function got a deleted layer: %d %s", r.status, r.body)
	}
	if _, err := f.client.DeleteLayerVersion(ctx, &sdk.DeleteLayerVersionInput{LayerName: aws.String("lib"), VersionNumber: aws.Int64(2)}); err != nil {
		t.Fatal(err)
	}
	if three := f.layer("lib"); three.Version != 3 {
		t.Errorf("the next version is %d, want 3: numbers are never given twice", three.Version)
	}
	if got, want := f.layerVersions("lib"), []int64{3}; !slices.Equal(got, want) {
		t.Errorf("ListLayerVersions = %v, want %v", got, want)
	}
}

func (f *fixture) layerVersions(name string) []int64 {
	f.t.Helper()
	var found []int64
	pages := sdk.NewListLayerVersionsPaginator(f.client, &sdk.ListLayerVersionsInput{LayerName: aws.String(name), MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, l := range page.LayerVersions {
			found = append(found, l.Version)
		}
	}
	return found
}

func TestListLayers(t *testing.T) {
	f := newFixture(t)
	f.layer("b")
	f.layer("a")
	f.layer("a")
	_, err := f.client.PublishLayerVersion(t.Context(), &sdk.PublishLayerVersionInput{
		LayerName: aws.String("c"), Content: &types.LayerVersionContentInput{ZipFile: zipOf("x", "y")}, LicenseInfo: aws.String("MIT"),
		CompatibleRuntimes: []types.Runtime{types.RuntimePython313}, CompatibleArchitectures: []types.Architecture{types.ArchitectureArm64},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.layers(sdk.ListLayersInput{MaxItems: aws.Int32(1)}), []string{prefix + "layer:a:2", prefix + "layer:b:1", prefix + "layer:c:1"}; !slices.Equal(got, want) {
		t.Errorf("ListLayers = %v, want %v", got, want)
	}
	for _, in := range []sdk.ListLayersInput{{CompatibleRuntime: types.RuntimePython313}, {CompatibleArchitecture: types.ArchitectureArm64}} {
		if got, want := f.layers(in), []string{prefix + "layer:c:1"}; !slices.Equal(got, want) {
			t.Errorf("ListLayers(%+v) = %v, want %v", in, got, want)
		}
	}
}

func (f *fixture) layers(in sdk.ListLayersInput) []string {
	f.t.Helper()
	var found []string
	pages := sdk.NewListLayersPaginator(f.client, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, l := range page.Layers {
			found = append(found, aws.ToString(l.LatestMatchingVersion.LayerVersionArn))
		}
	}
	return found
}

// TestLayerWords holds that what is said about a layer is given back.
func TestLayerWords(t *testing.T) {
	f := newFixture(t)
	if _, err := f.client.PublishLayerVersion(t.Context(), &sdk.PublishLayerVersionInput{
		LayerName: aws.String("lib"), Content: &types.LayerVersionContentInput{ZipFile: zipOf("x", "y")},
		Description: aws.String("What it is."), LicenseInfo: aws.String("Apache-2.0"),
	}); err != nil {
		t.Fatal(err)
	}
	got, err := f.client.GetLayerVersion(t.Context(), &sdk.GetLayerVersionInput{LayerName: aws.String("lib"), VersionNumber: aws.Int64(1)})
	if err != nil || aws.ToString(got.Description) != "What it is." || aws.ToString(got.LicenseInfo) != "Apache-2.0" {
		t.Errorf("GetLayerVersion = %+v, %v", got, err)
	}
}
