package v1alpha1

import (
	"math"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestVersionValidate(t *testing.T) {
	cases := map[string]struct {
		reason  string
		version *Version
		want    []fault
	}{
		"NotOfVersions": {
			reason: "What belongs to the function as a whole would have no effect in a version.",
			version: sampleVersion(func(v *Version) {
				v.Spec.Function.Tags, v.Spec.Function.Async = map[string]string{"a": "b"}, &Async{}
				v.Spec.Function.Concurrency.Reserved, v.Spec.Function.Concurrency.Provisioned = new(int32(2)), new(int32(1))
			}),
			want: []fault{
				{field.ErrorTypeForbidden, "spec.function.tags"},
				{field.ErrorTypeForbidden, "spec.function.async"},
				{field.ErrorTypeForbidden, "spec.function.concurrency.reserved"},
				{field.ErrorTypeForbidden, "spec.function.concurrency.provisioned"},
			},
		},
		"Number": {
			reason:  "Versions count from one.",
			version: sampleVersion(func(v *Version) { v.Spec.Version = 0 }),
			want:    []fault{{field.ErrorTypeInvalid, "spec.version"}},
		},
		"ObjectName": {
			reason:  "The name follows from function and number.",
			version: sampleVersion(func(v *Version) { v.Name = "seven" }),
			want:    []fault{{field.ErrorTypeInvalid, "metadata.name"}},
		},
		"OtherFunction": {
			reason:  "A version is a snapshot of its own function.",
			version: sampleVersion(func(v *Version) { v.Spec.Function.FunctionName = "billing" }),
			want:    []fault{{field.ErrorTypeInvalid, "spec.function.functionName"}},
		},
		"Snapshot": {
			reason:  "The snapshot is validated where it stands.",
			version: sampleVersion(func(v *Version) { v.Spec.Function.Timeout = 0; v.Spec.ProvisionedConcurrency = new(int32(-1)) }),
			want:    []fault{{field.ErrorTypeInvalid, "spec.provisionedConcurrency"}, {field.ErrorTypeInvalid, "spec.function.timeout"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.version.Validate(), tc.want) })
	}
}

func TestAliasValidate(t *testing.T) {
	weights := func(version string, w map[string]Weight) *Alias {
		return sampleAlias(func(a *Alias) { a.Spec.FunctionVersion, a.Spec.AdditionalVersionWeights = version, w })
	}
	const at = "spec.additionalVersionWeights"
	cases := map[string]struct {
		reason string
		alias  *Alias
		want   []fault
	}{
		"Latest": {reason: "$LATEST alone is fine.", alias: weights("$LATEST", nil)},
		"Version": {
			reason: "Other names are not versions.",
			alias:  weights("live", nil),
			want:   []fault{{field.ErrorTypeInvalid, "spec.functionVersion"}},
		},
		"LatestWithWeights": {
			reason: "Shares go between published versions only.",
			alias:  weights("$LATEST", map[string]Weight{"2": "0.5"}),
			want:   []fault{{field.ErrorTypeForbidden, at}},
		},
		"WeightForLatest": {
			reason: "Same from the other side.",
			alias:  weights("1", map[string]Weight{"$LATEST": "0.5"}),
			want:   []fault{{field.ErrorTypeInvalid, at + "[$LATEST]"}},
		},
		"SameVersion": {
			reason: "A version cannot share with itself.",
			alias:  weights("1", map[string]Weight{"1": "0.5"}),
			want:   []fault{{field.ErrorTypeDuplicate, at + "[1]"}},
		},
		"TwoWeights": {
			reason: "One further version is the most.",
			alias:  weights("1", map[string]Weight{"2": "0.5", "3": "0.1"}),
			want:   []fault{{field.ErrorTypeTooMany, at}},
		},
		"WeightForm": {
			reason: "Weights end at one.",
			alias:  weights("1", map[string]Weight{"2": "1.5"}),
			want:   []fault{{field.ErrorTypeInvalid, at + "[2]"}},
		},
		"Number": {
			reason: "A number would be taken for a version.",
			alias:  sampleAlias(func(a *Alias) { a.Spec.Name = "12"; a.Name = "orders.12" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.name"}},
		},
		"TooLong": {
			reason: "128 characters are the most, and 256 for the description.",
			alias:  sampleAlias(func(a *Alias) { a.Spec.Name = long(129); a.Spec.Description = long(257) }),
			want:   []fault{{field.ErrorTypeTooLong, "spec.name"}, {field.ErrorTypeTooLong, "spec.description"}},
		},
		"ObjectName": {
			reason: "The name follows from function and alias.",
			alias:  sampleAlias(func(a *Alias) { a.Name = "live" }),
			want:   []fault{{field.ErrorTypeInvalid, "metadata.name"}},
		},
		"Empty": {
			reason: "An empty alias lacks everything, and says so.",
			alias:  &Alias{},
			want: []fault{
				{field.ErrorTypeRequired, "spec.functionName"},
				{field.ErrorTypeRequired, "spec.name"},
				{field.ErrorTypeInvalid, "spec.functionVersion"},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.alias.Validate(), tc.want) })
	}
}

func TestWeight(t *testing.T) {
	for w, want := range map[Weight]float64{"0": 0, "0.1": 0.1, "0.000001": 0.000001, "1": 1, "1.0": 1} {
		if got, err := w.Fraction(); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", w, got, err, want)
		}
	}
	for _, w := range []Weight{"", "-0.1", "1.1", ".5", "1e-3", "0.1234567", "NaN"} {
		if got, err := w.Fraction(); err == nil {
			t.Errorf("%q: got %v, want an error", w, got)
		}
	}
	for fraction, want := range map[float64]Weight{0: "0", 0.1: "0.1", 1: "1", 1.0 / 3: "0.333333", 1e-9: "0", 0.9999999: "1"} {
		if got := WeightOf(fraction); got != want {
			t.Errorf("%v: got %q, want %q", fraction, got, want)
		}
	}
	for _, fraction := range []float64{-0.5, 1.5, math.Inf(1), math.NaN()} {
		if _, err := WeightOf(fraction).Fraction(); err == nil {
			t.Errorf("%v became the valid weight %q", fraction, WeightOf(fraction))
		}
	}
}

func TestLayerVersionValidate(t *testing.T) {
	layer := sampleLayerVersion(func(l *LayerVersion) {
		l.Spec.Version = 0
		l.Spec.Description, l.Spec.LicenseInfo = long(257), long(513)
		l.Spec.CompatibleRuntimes = make([]string, 16)
		l.Spec.CompatibleArchitectures = []Architecture{"x86_64", "arm64", "riscv"}
		l.Spec.Content = Blob{}
	})
	checkFaults(t, "Every limit is told.", layer.Validate(), []fault{
		{field.ErrorTypeInvalid, "spec.version"},
		{field.ErrorTypeTooLong, "spec.description"},
		{field.ErrorTypeTooLong, "spec.licenseInfo"},
		{field.ErrorTypeTooMany, "spec.compatibleRuntimes"},
		{field.ErrorTypeTooMany, "spec.compatibleArchitectures"},
		{field.ErrorTypeNotSupported, "spec.compatibleArchitectures[2]"},
		{field.ErrorTypeInvalid, "spec.content.sha256"},
		{field.ErrorTypeInvalid, "spec.content.size"},
	})
	misnamed := sampleLayerVersion(func(l *LayerVersion) { l.Name = "tools" })
	checkFaults(t, "The name follows from layer and number.", misnamed.Validate(), []fault{{field.ErrorTypeInvalid, "metadata.name"}})
}

func TestFunctionURLConfigValidate(t *testing.T) {
	cors := func(c CORS) *FunctionURLConfig { return sampleURL(func(u *FunctionURLConfig) { u.Spec.CORS = &c }) }
	cases := map[string]struct {
		reason string
		url    *FunctionURLConfig
		want   []fault
	}{
		"NoCORS": {reason: "CORS is optional.", url: sampleURL(func(u *FunctionURLConfig) { u.Spec.CORS = nil })},
		"Version": {
			reason: "A URL is for $LATEST or an alias, never for a number.",
			url:    sampleURL(func(u *FunctionURLConfig) { u.Spec.Qualifier = "7" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.qualifier"}},
		},
		"Enumerations": {
			reason: "Auth type must be chosen.",
			url:    sampleURL(func(u *FunctionURLConfig) { u.Spec.AuthType, u.Spec.InvokeMode = "", "LATER" }),
			want:   []fault{{field.ErrorTypeNotSupported, "spec.authType"}, {field.ErrorTypeNotSupported, "spec.invokeMode"}},
		},
		"Headers": {
			reason: "Header names have a form and a length.",
			url:    cors(CORS{AllowHeaders: []string{"a b", long(1025)}}),
			want:   []fault{{field.ErrorTypeInvalid, "spec.cors.allowHeaders[0]"}, {field.ErrorTypeTooLong, "spec.cors.allowHeaders[1]"}},
		},
		"Methods": {
			reason: "OPTIONS is the browser's, and names are upper-case.",
			url:    cors(CORS{AllowMethods: []string{"get", "OPTIONS", "POST"}}),
			want:   []fault{{field.ErrorTypeNotSupported, "spec.cors.allowMethods[0]"}, {field.ErrorTypeNotSupported, "spec.cors.allowMethods[1]"}},
		},
		"Origins": {
			reason: "An origin has scheme and host and nothing more.",
			url:    cors(CORS{AllowOrigins: []string{"shop.example", "https://shop.example/", "https://u@shop.example", "https://" + long(250)}}),
			want: []fault{
				{field.ErrorTypeInvalid, "spec.cors.allowOrigins[0]"},
				{field.ErrorTypeInvalid, "spec.cors.allowOrigins[1]"},
				{field.ErrorTypeInvalid, "spec.cors.allowOrigins[2]"},
				{field.ErrorTypeTooLong, "spec.cors.allowOrigins[3]"},
			},
		},
		"MaxAge": {
			reason: "A day is the most.",
			url:    cors(CORS{MaxAge: 86401}),
			want:   []fault{{field.ErrorTypeInvalid, "spec.cors.maxAge"}},
		},
		"TooMany": {
			reason: "Lists are bounded.",
			url: cors(CORS{
				AllowHeaders: repeat("x", 101), ExposeHeaders: repeat("x", 101), AllowMethods: repeat("GET", 7), AllowOrigins: repeat("*", 101),
			}),
			want: []fault{
				{field.ErrorTypeTooMany, "spec.cors.allowHeaders"},
				{field.ErrorTypeTooMany, "spec.cors.exposeHeaders"},
				{field.ErrorTypeTooMany, "spec.cors.allowMethods"},
				{field.ErrorTypeTooMany, "spec.cors.allowOrigins"},
			},
		},
		"ObjectName": {
			reason: "The name follows from function and alias.",
			url:    sampleURL(func(u *FunctionURLConfig) { u.Name = "orders" }),
			want:   []fault{{field.ErrorTypeInvalid, "metadata.name"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.url.Validate(), tc.want) })
	}
}

func TestResourcePolicyValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		policy *ResourcePolicy
		want   []fault
	}{
		"Alias":    {reason: "Of an alias.", policy: samplePolicy()},
		"Function": {reason: "Of a function.", policy: samplePolicy(func(s *ResourcePolicySpec) { s.Qualifier = "" })},
		"Version":  {reason: "Of a version.", policy: samplePolicy(func(s *ResourcePolicySpec) { s.Qualifier = "7" })},
		"Layer": {
			reason: "Of a version of a layer.",
			policy: samplePolicy(func(s *ResourcePolicySpec) {
				s.FunctionName, s.Qualifier, s.LayerName, s.LayerVersion = "", "", "tools", 3
			}),
		},
		"Nothing": {
			reason: "It must be for something.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.FunctionName = "" }),
			want:   []fault{{field.ErrorTypeRequired, "spec.functionName"}},
		},
		"Latest": {
			reason: "$LATEST has the policy of the function.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.Qualifier = "$LATEST" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.qualifier"}},
		},
		"Both": {
			reason: "It is for one thing.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.LayerName, s.LayerVersion = "tools", 3 }),
			want:   []fault{{field.ErrorTypeForbidden, "spec.functionName"}, {field.ErrorTypeForbidden, "spec.qualifier"}},
		},
		"NoVersion": {
			reason: "A layer has a policy for each of its versions.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.FunctionName, s.Qualifier, s.LayerName = "", "", "tools" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.layerVersion"}},
		},
		"VersionOfNothing": {
			reason: "Only layers have it.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.LayerVersion = 3 }),
			want:   []fault{{field.ErrorTypeForbidden, "spec.layerVersion"}},
		},
		"NoPolicy": {
			reason: "The policy is the point.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.Policy = "" }),
			want:   []fault{{field.ErrorTypeRequired, "spec.policy"}},
		},
		"Unreadable": {
			reason: "What cannot be evaluated is refused.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.Policy = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}` }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.policy"}},
		},
		"Long": {
			reason: "There is a limit, white space included.",
			policy: samplePolicy(func(s *ResourcePolicySpec) { s.Policy += long(65536) }),
			want:   []fault{{field.ErrorTypeTooLong, "spec.policy"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.policy.Validate(), tc.want) })
	}
	misnamed := samplePolicy()
	misnamed.Name = "orders"
	checkFaults(t, "The name follows from what it is for.", misnamed.Validate(), []fault{{field.ErrorTypeInvalid, "metadata.name"}})
}

func TestResourcePolicyOwner(t *testing.T) {
	cases := map[string]struct {
		policy *ResourcePolicy
		want   Object
		name   string
	}{
		"Function": {samplePolicy(func(s *ResourcePolicySpec) { s.Qualifier = "" }), &Function{}, "orders"},
		"Version":  {samplePolicy(func(s *ResourcePolicySpec) { s.Qualifier = "7" }), &Version{}, "orders.7"},
		"Alias":    {samplePolicy(), &Alias{}, "orders.live"},
		"Layer":    {samplePolicy(func(s *ResourcePolicySpec) { s.LayerName, s.LayerVersion = "tools", 3 }), &LayerVersion{}, "tools.3"},
	}
	for name, tc := range cases {
		got := tc.policy.Owner()
		if reflect.TypeOf(got) != reflect.TypeOf(tc.want) || got.GetName() != tc.name {
			t.Errorf("%s: got %T %q, want %T %q", name, got, got.GetName(), tc.want, tc.name)
		}
	}
}

func repeat(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func TestValidateUpdate(t *testing.T) {
	cases := map[string]struct {
		reason   string
		old, now Object
		want     []fault
	}{
		"VersionSnapshot": {
			reason: "A published version never changes.",
			old:    sampleVersion(),
			now:    sampleVersion(func(v *Version) { v.Spec.Function.Timeout = 9 }),
			want:   []fault{{field.ErrorTypeForbidden, "spec.function"}},
		},
		"VersionProvisioned": {
			reason: "How much of it is kept ready is not part of what it is.",
			old:    sampleVersion(),
			now:    sampleVersion(func(v *Version) { v.Spec.ProvisionedConcurrency = new(int32(3)) }),
		},
		"VersionIdentity": {
			reason: "Nor does it become another version of another function.",
			old:    sampleVersion(),
			now: sampleVersion(func(v *Version) {
				v.Spec.FunctionName, v.Spec.Function.FunctionName, v.Spec.Version, v.Name = "billing", "billing", 8, "billing.8"
			}),
			want: []fault{
				{field.ErrorTypeForbidden, "spec.functionName"}, {field.ErrorTypeForbidden, "spec.version"}, {field.ErrorTypeForbidden, "spec.function"},
			},
		},
		"Layer": {
			reason: "Layer versions are immutable as a whole.",
			old:    sampleLayerVersion(),
			now:    sampleLayerVersion(func(l *LayerVersion) { l.Spec.Description = "changed" }),
			want:   []fault{{field.ErrorTypeForbidden, "spec"}},
		},
		"AliasTarget": {
			reason: "Moving is what aliases are for.",
			old:    sampleAlias(),
			now:    sampleAlias(func(a *Alias) { a.Spec.FunctionVersion = "9" }),
		},
		"AliasIdentity": {
			reason: "An alias keeps its function and its name.",
			old:    sampleAlias(),
			now:    sampleAlias(func(a *Alias) { a.Spec.FunctionName, a.Spec.Name, a.Name = "billing", "test", "billing.test" }),
			want:   []fault{{field.ErrorTypeForbidden, "spec.functionName"}, {field.ErrorTypeForbidden, "spec.name"}},
		},
		"URLAuth": {
			reason: "Who may call can change.",
			old:    sampleURL(),
			now:    sampleURL(func(u *FunctionURLConfig) { u.Spec.AuthType = AuthTypeIAM }),
		},
		"Policy": {
			reason: "What it says can change.",
			old:    samplePolicy(),
			now:    samplePolicy(func(s *ResourcePolicySpec) { s.Policy += " " }),
		},
		"PolicyOwner": {
			reason: "A policy keeps what it is for.",
			old:    samplePolicy(),
			now: samplePolicy(func(s *ResourcePolicySpec) {
				s.FunctionName, s.Qualifier, s.LayerName, s.LayerVersion = "", "", "tools", 1
			}),
			want: []fault{
				{field.ErrorTypeForbidden, "spec.functionName"}, {field.ErrorTypeForbidden, "spec.qualifier"},
				{field.ErrorTypeForbidden, "spec.layerName"}, {field.ErrorTypeForbidden, "spec.layerVersion"},
			},
		},
		"URLIdentity": {
			reason: "A URL keeps what it is for.",
			old:    sampleURL(),
			now:    sampleURL(func(u *FunctionURLConfig) { u.Spec.FunctionName, u.Spec.Qualifier, u.Name = "billing", "", "billing" }),
			want:   []fault{{field.ErrorTypeForbidden, "spec.functionName"}, {field.ErrorTypeForbidden, "spec.qualifier"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.now.ValidateUpdate(tc.old), tc.want) })
	}
}
