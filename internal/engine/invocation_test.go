package engine_test

import (
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestDraw(t *testing.T) {
	half := map[string]v1alpha1.Weight{"2": "0.25"}
	cases := map[string]struct {
		reason string
		spec   v1alpha1.AliasSpec
		lot    float64
		want   string
	}{
		"One":   {"Without weights there is nothing to draw.", v1alpha1.AliasSpec{FunctionVersion: "1"}, 0, "1"},
		"Below": {"The weight goes to the further version.", v1alpha1.AliasSpec{FunctionVersion: "1", AdditionalVersionWeights: half}, 0.2499, "2"},
		"At":    {"The rest goes to the alias's own.", v1alpha1.AliasSpec{FunctionVersion: "1", AdditionalVersionWeights: half}, 0.25, "1"},
		"Zero":  {"A weight of 0 is never drawn.", v1alpha1.AliasSpec{FunctionVersion: "1", AdditionalVersionWeights: map[string]v1alpha1.Weight{"2": "0"}}, 0, "1"},
		"All":   {"A weight of 1 always.", v1alpha1.AliasSpec{FunctionVersion: "1", AdditionalVersionWeights: map[string]v1alpha1.Weight{"2": "1.0"}}, 0.999, "2"},
	}
	for name, tc := range cases {
		if got := engine.Draw(&tc.spec, func() float64 { return tc.lot }); got != tc.want {
			t.Errorf("%s: %s got %s, want %s", name, tc.reason, got, tc.want)
		}
	}
}

func TestComplete(t *testing.T) {
	const given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
	active := &v1alpha1.FunctionSpec{Tracing: &v1alpha1.Tracing{Mode: v1alpha1.TracingModeActive}}
	passing := &v1alpha1.FunctionSpec{Tracing: &v1alpha1.Tracing{Mode: v1alpha1.TracingModePassThrough}}
	cases := map[string]struct {
		reason  string
		in      lambda.Invocation
		spec    *v1alpha1.FunctionSpec
		prefix  string // of the trace
		sampled bool
	}{
		"NoSpec":        {reason: "nothing is known of the function", in: lambda.Invocation{Trace: given}, prefix: given},
		"PassThrough":   {reason: "traces are passed on as they are", in: lambda.Invocation{Trace: given, TraceStarted: true}, spec: passing, prefix: given},
		"None":          {reason: "no trace is begun for those", in: lambda.Invocation{}, spec: passing},
		"Active":        {reason: "a trace is begun where there is none", in: lambda.Invocation{}, spec: active, prefix: "Root=1-", sampled: true},
		"ActiveStarted": {reason: "one of our own is sampled", in: lambda.Invocation{Trace: given, TraceStarted: true}, spec: active, prefix: given[:strings.Index(given, ";Sampled")], sampled: true},
		"ActiveGiven":   {reason: "the caller decides on his own", in: lambda.Invocation{Trace: given}, spec: active, prefix: given},
	}
	for name, tc := range cases {
		got := engine.Complete(&tc.in, tc.spec)
		if got.ID == "" || tc.in.ID != "" {
			t.Errorf("%s: %s: id %q, and %q in what was given", name, tc.reason, got.ID, tc.in.ID)
		}
		if !strings.HasPrefix(got.Trace, tc.prefix) || (tc.prefix == "") != (got.Trace == "") || strings.HasSuffix(got.Trace, "Sampled=1") != tc.sampled {
			t.Errorf("%s: %s: trace %q", name, tc.reason, got.Trace)
		}
	}
	whole := &lambda.Invocation{ID: "id", Trace: given}
	if engine.Complete(whole, passing) != whole {
		t.Error("what lacks nothing is copied")
	}
}
