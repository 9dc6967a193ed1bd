package v1alpha1

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestObjectName(t *testing.T) {
	cases := map[string]struct{ reason, want string }{
		"":                      {"Nothing stays nothing.", ""},
		"orders":                {"A valid name stays.", "orders"},
		"0rders-2":              {"Digits may come first.", "0rders-2"},
		strings.Repeat("a", 63): {"A label at its limit stays.", strings.Repeat("a", 63)},
		"Orders":                {"Case is lost, so a hash keeps the difference.", "orders-b7e8acdd"},
		"orders_eu":             {"Underscores become hyphens.", "orders-eu-4ebf9ca6"},
		"_":                     {"Nothing readable is left.", "d2e2adf7"},
		"-a-":                   {"Hyphens at the ends are cut.", "a-a75a468f"},
		strings.Repeat("a", 64): {"One too long is cut to a label.", strings.Repeat("a", 54) + "-ffe054fe"},
	}
	for in, tc := range cases {
		if got := ObjectName(in); got != tc.want {
			t.Errorf("%q: got %q, want %q: %s", in, got, tc.want, tc.reason)
		}
	}
}

func TestChildNames(t *testing.T) {
	cases := map[string]struct{ got, want string }{
		"version":             {VersionObjectName("orders", 7), "orders.7"},
		"alias":               {AliasObjectName("orders", "live"), "orders.live"},
		"alias rewritten":     {AliasObjectName("Orders", "LIVE"), ObjectName("Orders") + "." + ObjectName("LIVE")},
		"layer":               {LayerVersionObjectName("tools", 3), "tools.3"},
		"url":                 {FunctionURLObjectName("orders", ""), "orders"},
		"url of $LATEST":      {FunctionURLObjectName("orders", "$LATEST"), "orders"},
		"url of alias":        {FunctionURLObjectName("orders", "live"), "orders.live"},
		"function of default": {(&Function{Spec: FunctionSpec{FunctionName: "Orders"}}).LambdaName(), "Orders"},
	}
	for name, tc := range cases {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", name, tc.got, tc.want)
		}
	}
	if AliasObjectName("a", "b-c") == AliasObjectName("a-b", "c") {
		t.Error("two aliases of two functions have one object name")
	}
}

func TestServiceNames(t *testing.T) {
	long := strings.Repeat("a", 64)
	cases := map[string]struct{ reason, got, want string }{
		"Function":         {"The object's name, so that the address is what people expect.", FunctionServiceName("orders"), "orders"},
		"FunctionUpper":    {"The object's name has its hash already.", FunctionServiceName("Orders"), "orders-b7e8acdd"},
		"FunctionDigit":    {"Knative wants a letter first.", FunctionServiceName("0rders"), "f-0rders-8ce67fc7"},
		"Version":          {"Name, number, hash.", VersionServiceName("orders", 7), "orders-v7-5e541c63"},
		"VersionDigit":     {"Also here a letter comes first.", VersionServiceName("0rders", 7), "f-0rders-v7-df92134f"},
		"VersionLong":      {"A long name is cut, its number is not.", VersionServiceName(long, 1<<62), strings.Repeat("a", 25) + "-v4611686018427387904-958e9baa"},
		"Alias":            {"Name, alias, hash.", AliasRouteName("orders", "live"), "orders-live-db9688b2"},
		"AliasRewritten":   {"The hash is of the names as they were given.", AliasRouteName("Orders", "LIVE"), ""},
		"AliasLong":        {"Both parts are cut.", AliasRouteName(long, strings.Repeat("b", 128)), ""},
		"AliasAtHyphen":    {"No hyphens in a row where a part was cut.", AliasRouteName(strings.Repeat("a", 24)+"-b", "live"), ""},
		"FunctionAtLength": {"A digit first and no room left.", FunctionServiceName("0" + strings.Repeat("a", 62)), ""},
	}
	for name, tc := range cases {
		if faults := validation.IsDNS1035Label(tc.got); len(faults) > 0 {
			t.Errorf("%s: %s: %q: %v", name, tc.reason, tc.got, faults)
		}
		if tc.want != "" && tc.got != tc.want {
			t.Errorf("%s: got %q, want %q: %s", name, tc.got, tc.want, tc.reason)
		}
	}
	for a, b := range map[string]string{
		AliasRouteName("a", "b-c"):      AliasRouteName("a-b", "c"),
		AliasRouteName("orders", "v7"):  VersionServiceName("orders", 7),
		AliasRouteName("orders", "A"):   AliasRouteName("orders", "a"),
		VersionServiceName("orders", 1): VersionServiceName("Orders", 1),
		VersionServiceName(long, 1):     VersionServiceName(long[:63], 1),
	} {
		if a == b {
			t.Errorf("two services have the name %q", a)
		}
	}
}

func FuzzServiceNames(f *testing.F) {
	f.Add("orders", "live", int64(7))
	f.Add("0", "-", int64(0))
	f.Add(strings.Repeat("Z", 140), strings.Repeat("-", 128), int64(-1))
	f.Fuzz(func(t *testing.T, function, alias string, version int64) {
		if function == "" || alias == "" || version < 0 {
			return // no object has such a name
		}
		for _, got := range []string{FunctionServiceName(function), VersionServiceName(function, version), AliasRouteName(function, alias)} {
			if faults := validation.IsDNS1035Label(got); len(faults) > 0 {
				t.Errorf("%q, %q, %d became %q: %v", function, alias, version, got, faults)
			}
		}
	})
}

func FuzzObjectName(f *testing.F) {
	for _, seed := range []string{"orders", "Orders", "__", "-", strings.Repeat("-", 70) + "a", strings.Repeat("Z", 140), "a.b", "ä"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := ObjectName(name)
		if name == "" {
			return
		}
		if faults := validation.IsDNS1123Label(got); len(faults) > 0 {
			t.Errorf("%q became %q: %v", name, got, faults)
		}
		if ObjectName(got) != got {
			t.Errorf("%q became %q, which becomes %q", name, got, ObjectName(got))
		}
	})
}
