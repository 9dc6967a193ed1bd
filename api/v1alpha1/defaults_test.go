package v1alpha1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFunctionDefault(t *testing.T) {
	got := &Function{}
	got.Name = "orders"
	got.Default()
	want := FunctionSpec{
		FunctionName: "orders", PackageType: "Zip", Architectures: []Architecture{"x86_64"},
		MemorySize: 128, Timeout: 3, EphemeralStorage: &EphemeralStorage{Size: 512},
		Tracing: &Tracing{Mode: "PassThrough"}, HTTP: &HTTP{EventFormat: "2.0", InvokeMode: "BUFFERED"},
		Concurrency: &Concurrency{EnvironmentsPerPod: 1, PerEnvironment: 1},
		Logging:     &Logging{Format: "Text", LogGroup: "/aws/lambda/orders"},
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFunctionDefaultKeeps(t *testing.T) {
	given := FunctionSpec{
		FunctionName: "Orders", PackageType: "Zip", Code: Code{Image: &Image{URI: "x"}}, Architectures: []Architecture{"arm64"},
		MemorySize: 256, Timeout: 30, EphemeralStorage: &EphemeralStorage{Size: 1024},
		Tracing: &Tracing{Mode: "Active"}, HTTP: &HTTP{EventFormat: "raw", InvokeMode: "RESPONSE_STREAM"},
		Concurrency: &Concurrency{EnvironmentsPerPod: 2, PerEnvironment: 3, Reserved: new(int32(0))},
		Logging:     &Logging{Format: "JSON", LogGroup: "mine", ApplicationLogLevel: "DEBUG", SystemLogLevel: "WARN"},
		Async:       &Async{},
	}
	got := &Function{Spec: *given.DeepCopy()}
	got.Default()
	if diff := cmp.Diff(given, got.Spec); diff != "" {
		t.Errorf("defaults changed what was given, -want +got:\n%s", diff)
	}
	if got.Name != ObjectName("Orders") {
		t.Errorf("got name %q, want %q", got.Name, ObjectName("Orders"))
	}
}

func TestFunctionDefaultDepends(t *testing.T) {
	image := sampleImageFunction()
	if image.Spec.PackageType != PackageTypeImage {
		t.Errorf("code is an image: got package type %q", image.Spec.PackageType)
	}
	json := &Function{Spec: FunctionSpec{Logging: &Logging{Format: LogFormatJSON}}}
	json.Default()
	if json.Spec.Logging.ApplicationLogLevel != "INFO" || json.Spec.Logging.SystemLogLevel != "INFO" {
		t.Errorf("JSON logs have levels: got %+v", json.Spec.Logging)
	}
}

func TestTakesDefaults(t *testing.T) {
	cases := map[string]struct {
		reason string
		code   Code
		want   bool
	}{
		"zip":        {"Code is Lambda's.", Code{Zip: &Blob{}}, true},
		"source":     {"So is what it is built from.", Code{Source: &Source{}}, true},
		"image":      {"It may listen for HTTP.", Code{Image: &Image{URI: "x"}}, false},
		"HTTP image": {"It does.", Code{Image: &Image{URI: "x", Protocol: ProtocolHTTP}}, false},
		"Lambda's":   {"Who says so is believed.", Code{Image: &Image{URI: "x", Protocol: ProtocolLambda}}, true},
		"dockerfile": {"What it makes is an image like any other.", Code{Source: &Source{Dockerfile: "Dockerfile"}}, false},
	}
	for name, tc := range cases {
		spec := FunctionSpec{Code: tc.code}
		if got := spec.TakesDefaults(); got != tc.want {
			t.Errorf("%s: %t: %s", name, got, tc.reason)
		}
	}
}

func TestEffective(t *testing.T) {
	given := FunctionSpec{Code: Code{Image: &Image{URI: "x"}}, MemorySize: 256}
	for found, want := range map[Protocol]int32{"": 3, ProtocolLambda: 3, ProtocolHTTP: 0} {
		got := given.Effective(found)
		if got.Timeout != want || got.MemorySize != 256 {
			t.Errorf("of an image that speaks %q: timeout %d, want %d; memory %d", found, got.Timeout, want, got.MemorySize)
		}
	}
	if given.Timeout != 0 || given.HTTP != nil {
		t.Errorf("the spec itself was changed: %+v", given)
	}
}

func TestAsyncEffective(t *testing.T) {
	var none *Async
	if none.RetryAttempts() != 2 || none.EventAge() != 6*time.Hour {
		t.Errorf("nothing given: got %d, %v", none.RetryAttempts(), none.EventAge())
	}
	given := &Async{MaximumRetryAttempts: new(int32(0)), MaximumEventAgeInSeconds: new(int32(60))}
	if given.RetryAttempts() != 0 || given.EventAge() != time.Minute {
		t.Errorf("both given: got %d, %v", given.RetryAttempts(), given.EventAge())
	}
}

func TestChildDefaults(t *testing.T) {
	cases := map[string]struct {
		obj              Object
		name, key, value string
	}{
		"version":              {&Version{Spec: VersionSpec{FunctionName: "Orders", Version: 7}}, ObjectName("Orders") + ".7", LabelFunction, ObjectName("Orders")},
		"alias":                {&Alias{Spec: AliasSpec{FunctionName: "orders", Name: "live"}}, "orders.live", LabelFunction, "orders"},
		"layer":                {&LayerVersion{Spec: LayerVersionSpec{LayerName: "tools", Version: 1}}, "tools.1", LabelLayer, "tools"},
		"policy of a function": {&ResourcePolicy{Spec: ResourcePolicySpec{FunctionName: "Orders"}}, ObjectName("Orders"), LabelFunction, ObjectName("Orders")},
		"policy of a version":  {&ResourcePolicy{Spec: ResourcePolicySpec{FunctionName: "orders", Qualifier: "7"}}, "orders.7", LabelFunction, "orders"},
		"policy of a layer":    {&ResourcePolicy{Spec: ResourcePolicySpec{LayerName: "tools", LayerVersion: 3}}, "layer.tools.3", LabelLayer, "tools"},
		"url":                  {&FunctionURLConfig{Spec: FunctionURLConfigSpec{FunctionName: "orders", Qualifier: "$LATEST"}}, "orders", LabelFunction, "orders"},
	}
	for name, tc := range cases {
		tc.obj.SetLabels(map[string]string{"mine": "kept"})
		tc.obj.Default()
		if tc.obj.GetName() != tc.name {
			t.Errorf("%s: got name %q, want %q", name, tc.obj.GetName(), tc.name)
		}
		if diff := cmp.Diff(map[string]string{"mine": "kept", tc.key: tc.value}, tc.obj.GetLabels()); diff != "" {
			t.Errorf("%s: labels -want +got:\n%s", name, diff)
		}
	}
	version := sampleVersion()
	if version.Spec.Function.MemorySize != 128 || version.Spec.Function.FunctionName != "orders" {
		t.Errorf("the snapshot has no defaults: %+v", version.Spec.Function)
	}
	if url := sampleURL(); url.Spec.InvokeMode != InvokeModeBuffered {
		t.Errorf("url: got invoke mode %q", url.Spec.InvokeMode)
	}
}
