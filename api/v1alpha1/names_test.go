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
