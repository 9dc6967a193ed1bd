package engine_test

import (
	"errors"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestAdmitEndsLoops(t *testing.T) {
	const begun = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
	id := lambda.Identity{Region: "us-east-1", Account: "000000000000"}
	target := func(name string, loop v1alpha1.RecursiveLoop) engine.Target {
		spec := &v1alpha1.FunctionSpec{RecursiveLoop: loop}
		return engine.Target{ARN: engine.FunctionARN(lambda.Reference{Name: lambda.Name(name), Qualifier: "live"}, id), Function: spec, Version: spec}
	}
	run := func(loop v1alpha1.RecursiveLoop) (runs int, err error) {
		in := &lambda.Invocation{Trace: begun}
		for runs < 20 {
			if in, err = engine.Admit(in, target("f", loop)); err != nil {
				return runs, err
			}
			runs++
			if in, err = engine.Admit(in, target("between", v1alpha1.RecursiveLoopAllow)); err != nil {
				return runs, err
			}
		}
		return runs, nil
	}
	for _, loop := range []v1alpha1.RecursiveLoop{"", v1alpha1.RecursiveLoopTerminate} {
		runs, err := run(loop)
		if runs != 16 || !errors.Is(err, &lambda.Error{Code: lambda.CodeRecursiveInvocation}) {
			t.Errorf("%q: %d runs, %v", loop, runs, err)
		}
	}
	if runs, err := run(v1alpha1.RecursiveLoopAllow); err != nil || runs != 20 {
		t.Errorf("a loop that is allowed: %d runs, %v", runs, err)
	}
	if in, err := engine.Admit(new(lambda.Invocation), target("f", "")); err != nil || in.Trace != "" || in.ID == "" {
		t.Errorf("an invocation without a trace: %+v, %v", in, err)
	}
}

func TestCheckTenant(t *testing.T) {
	isolated := &v1alpha1.FunctionSpec{Tenancy: &v1alpha1.Tenancy{IsolationMode: v1alpha1.TenantIsolationPerTenant}}
	cases := map[string]struct {
		spec    *v1alpha1.FunctionSpec
		tenant  string
		message string
	}{
		"Isolated": {isolated, "blue", ""},
		"Missing":  {isolated, "", "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."},
		"Shared":   {new(v1alpha1.FunctionSpec), "", ""},
		"Needless": {new(v1alpha1.FunctionSpec), "blue", "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."},
	}
	for name, tc := range cases {
		message := ""
		if err := engine.CheckTenant(&lambda.Invocation{TenantID: tc.tenant}, tc.spec); err != nil {
			message = lambda.AsError(err).Message
		}
		if message != tc.message {
			t.Errorf("%s: %q, want %q", name, message, tc.message)
		}
	}
}
