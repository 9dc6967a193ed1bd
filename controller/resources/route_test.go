package resources

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func TestShares(t *testing.T) {
	cases := map[string]struct {
		reason  string
		version string
		weights map[string]v1alpha1.Weight
		want    []Share
		told    []string
	}{
		"One":      {"All calls go to the one version.", "7", nil, []Share{{"7", "s7", 100}}, nil},
		"Latest":   {"$LATEST is a version like others.", "$LATEST", nil, []Share{{"$LATEST", "s$LATEST", 100}}, nil},
		"Whole":    {"A whole percent is kept.", "7", weight("0.1"), []Share{{"7", "s7", 90}, {"8", "s8", 10}}, nil},
		"Decimals": {"0.29 is no exact binary number and still 29 percent.", "7", weight("0.29"), []Share{{"7", "s7", 71}, {"8", "s8", 29}}, nil},
		"None":     {"A weight of 0 prepares a version that gets nothing.", "7", weight("0"), []Share{{"7", "s7", 100}, {"8", "s8", 0}}, nil},
		"All":      {"A weight of 1 leaves nothing.", "7", weight("1.0"), []Share{{"7", "s7", 0}, {"8", "s8", 100}}, nil},
		"Rounded": {"The nearest percent, told.", "7", weight("0.254"), []Share{{"7", "s7", 75}, {"8", "s8", 25}},
			[]string{"Version 8 gets 25% of the calls instead of 25.4%, because Knative splits by whole percents."}},
		"Least": {"Who is to have calls has some.", "7", weight("0.0001"), []Share{{"7", "s7", 99}, {"8", "s8", 1}},
			[]string{"Version 8 gets 1% of the calls instead of 0.01%, because Knative splits by whole percents."}},
		"Most": {"And so has the other.", "7", weight("0.999999"), []Share{{"7", "s7", 1}, {"8", "s8", 99}},
			[]string{"Version 8 gets 99% of the calls instead of 99.9999%, because Knative splits by whole percents."}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := &v1alpha1.AliasSpec{FunctionVersion: tc.version, AdditionalVersionWeights: tc.weights}
			got, told, err := Shares(spec, func(v string) string { return "s" + v })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s - want, + got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.told, told); diff != "" {
				t.Errorf("%s - want, + got:\n%s", tc.reason, diff)
			}
		})
	}
}

func weight(w v1alpha1.Weight) map[string]v1alpha1.Weight { return map[string]v1alpha1.Weight{"8": w} }

func TestSharesOfNoNumber(t *testing.T) {
	_, _, err := Shares(&v1alpha1.AliasSpec{FunctionVersion: "7", AdditionalVersionWeights: weight("half")}, func(v string) string { return v })
	if f := new(v1alpha1.Failure); !errors.As(err, &f) || f.Reason != v1alpha1.ReasonSpecInvalid {
		t.Errorf("got %v, want SpecInvalid", err)
	}
}

// FuzzShares holds that whatever is valid adds up to what Knative takes.
func FuzzShares(f *testing.F) {
	for _, seed := range []string{"0", "1", "0.5", "0.005", "0.995", "0.000001", "1.000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := Shares(&v1alpha1.AliasSpec{FunctionVersion: "7", AdditionalVersionWeights: weight(v1alpha1.Weight(text))}, func(v string) string { return v })
		if err != nil {
			return
		}
		sum := int64(0)
		for _, s := range got {
			if s.Percent < 0 {
				t.Errorf("%q gives %d%%", text, s.Percent)
			}
			sum += s.Percent
		}
		if sum != 100 {
			t.Errorf("%q: %v is %d%% in all", text, got, sum)
		}
	})
}

func TestRoute(t *testing.T) {
	a := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "Orders", Name: "LIVE", FunctionVersion: "7"}}
	a.Default()
	a.Namespace, a.UID = "shop", "33333333-3333-3333-3333-333333333333"
	shares := []Share{{"7", "orders-v7", 90}, {"8", "orders-v8", 10}}
	r := MakeRoute(a, shares, true)
	if err := r.Validate(apis.WithinCreate(t.Context())); err != nil {
		t.Errorf("Knative refuses it: %v", err)
	}
	golden(t, "testdata/route.yaml", r)
	if _, local := MakeRoute(a, shares, false).Labels["networking.knative.dev/visibility"]; local {
		t.Error("a Route that is to be seen from outside is not")
	}
}

func TestNetworkPolicy(t *testing.T) {
	golden(t, "testdata/networkpolicy.yaml", MakeNetworkPolicy("shop"))
}

// golden compares an object with a file, or writes that.
func golden(t *testing.T, file string, obj any) {
	t.Helper()
	got, err := yaml.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}

func TestFeaturesFrom(t *testing.T) {
	cases := map[string]struct {
		reason string
		data   map[string]string
		want   Features
	}{
		"Defaults": {"Knative's own.", nil, Features{EmptyDir: true}},
		"On": {"Enabled and allowed both let pods have it.", map[string]string{
			"kubernetes.podspec-nodeselector": "enabled", "kubernetes.podspec-runtimeclassname": "Allowed",
		}, Features{NodeSelector: true, RuntimeClass: true, EmptyDir: true}},
		"Off":     {"An operator may turn off what is on.", map[string]string{"kubernetes.podspec-volumes-emptydir": "disabled"}, Features{}},
		"Allowed": {"Knative's validation wants this one enabled.", map[string]string{"kubernetes.podspec-volumes-emptydir": "allowed"}, Features{}},
		"Strange": {"What Knative does not understand changes nothing.", map[string]string{"kubernetes.podspec-nodeselector": "yes", "x": "y"}, Features{EmptyDir: true}},
	}
	for name, tc := range cases {
		got, err := FeaturesFrom(tc.data)
		if err != nil || got != tc.want {
			t.Errorf("%s: got %+v, %v; want %+v: %s", name, got, err, tc.want, tc.reason)
		}
	}
}

// FuzzLiteral holds that a value reaches the function as it was written, through the expansion that Kubernetes describes:
// $$ is $, and $(NAME) the variable's value.
func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{"", "plain", "$(PATH)", "$$(PATH)", "$", "$$$", "a$b$(c", "$(A)$$(B)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := literal(text)
		var read strings.Builder
		for i := 0; i < len(written); i++ {
			if written[i] != '$' {
				read.WriteByte(written[i])
				continue
			}
			if i+1 == len(written) || written[i+1] != '$' {
				t.Fatalf("%q became %q, which may be expanded at %d", text, written, i)
			}
			read.WriteByte('$')
			i++
		}
		if read.String() != text {
			t.Errorf("%q became %q, which is read as %q", text, written, read.String())
		}
	})
}
