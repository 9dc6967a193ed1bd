package enginetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// configCases are about what holds for versions, aliases and tenants rather than for a function as a whole.
func configCases() []testCase {
	return []testCase{
		{"OfQualifiers", eventsOfQualifiers},
		{"ProvisionedQualifiers", provisionedQualifiers},
		{"Tenants", tenants},
		{"Loop", loop},
	}
}

// eventsOfQualifiers holds that events go where the version or alias that they name says.
func eventsOfQualifiers(t *testing.T, f *fixture) {
	box := f.newMailbox(t)
	f.deploy(t, "f")
	f.publish(t)
	none := int32(0)
	to := &v1alpha1.Destination{Destination: box.url}
	var version v1alpha1.Version
	must(t, f.Get(t.Context(), v1alpha1.VersionObjectName("f", 1), &version))
	version.Spec.Async = &v1alpha1.Async{MaximumRetryAttempts: &none, OnFailure: to}
	must(t, f.Update(t.Context(), &version))
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{
		FunctionName: "f", Name: "live", FunctionVersion: "1", Async: &v1alpha1.Async{MaximumRetryAttempts: &none, OnSuccess: to, OnFailure: to},
	}}
	must(t, f.Create(t.Context(), alias))
	want := map[string]string{"f:1": "RetriesExhausted", "f:live": "RetriesExhausted"}
	for name := range want {
		must(t, f.Enqueue(t.Context(), invocation(t, name, do{Do: "error", Text: "no"})))
	}
	f.eventually(t, "both records", func() bool { return len(box.read()) >= len(want) })
	for _, letter := range box.read() {
		var got record
		must(t, json.Unmarshal(letter.Body, &got))
		c := got.RequestContext
		name := c.FunctionARN[strings.LastIndex(c.FunctionARN, ":f:")+1:]
		if want[name] != c.Condition || c.ApproximateInvokeCount != 1 {
			t.Errorf("the record of %s says %+v", name, c)
		}
	}
}

// provisionedQualifiers holds that a version and the aliases of it get the environments that each asks for, and that its
// status tells.
func provisionedQualifiers(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	f.publish(t)
	one := int32(1)
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: "f", Name: "live", FunctionVersion: "1", ProvisionedConcurrency: &one}}
	must(t, f.Create(t.Context(), alias))
	provisioned := func(want int32) {
		t.Helper()
		var got v1alpha1.Version
		f.eventually(t, "provisioned environments", func() bool {
			must(t, f.Get(t.Context(), v1alpha1.VersionObjectName("f", 1), &got))
			p := got.Status.Provisioned
			return p != nil && p.Requested == want && p.Allocated == want && p.Available == want
		})
	}
	provisioned(1)
	if got := f.answer(t, "f:live", do{Do: "env", Text: "AWS_LAMBDA_INITIALIZATION_TYPE"}); got != `"provisioned-concurrency"` {
		t.Errorf("an environment of the alias believes to be %s", got)
	}
	var version v1alpha1.Version
	must(t, f.Get(t.Context(), v1alpha1.VersionObjectName("f", 1), &version))
	version.Spec.ProvisionedConcurrency = &one
	must(t, f.Update(t.Context(), &version))
	provisioned(2)
	version.Spec.ProvisionedConcurrency, version.ResourceVersion = nil, ""
	must(t, f.Update(t.Context(), &version))
	must(t, f.Get(t.Context(), alias.Name, alias))
	alias.Spec.ProvisionedConcurrency, alias.ResourceVersion = nil, ""
	must(t, f.Update(t.Context(), alias))
	f.eventually(t, "none to be asked for", func() bool {
		must(t, f.Get(t.Context(), v1alpha1.VersionObjectName("f", 1), &version))
		return version.Status.Provisioned == nil
	})
}

// tenants holds that no environment serves two tenants, and that callers say who they are where that matters.
func tenants(t *testing.T, f *fixture) {
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		s.Tenancy = &v1alpha1.Tenancy{IsolationMode: v1alpha1.TenantIsolationPerTenant}
	})
	f.deploy(t, "shared")
	owner := map[string]string{}
	for _, tenant := range []string{"blue", "green", "blue", "red", "green"} {
		in := invocation(t, "f", do{Do: "sleep", N: 1})
		in.TenantID = tenant
		r, err := f.Invoke(t.Context(), in)
		must(t, err)
		var slept nap
		must(t, json.Unmarshal(r.Payload, &slept))
		if was := owner[slept.Environment]; slept.Environment == "" || was != "" && was != tenant {
			t.Errorf("environment %q served %q and %q", slept.Environment, was, tenant)
		}
		owner[slept.Environment] = tenant
	}
	_, err := f.Invoke(t.Context(), invocation(t, "f", do{Do: "sleep"}))
	wantCode(t, "a call of nobody", err, lambda.CodeInvalidParameterValue)
	wantCode(t, "an event of nobody", f.Enqueue(t.Context(), invocation(t, "f", do{Do: "sleep"})), lambda.CodeInvalidParameterValue)
	in := invocation(t, "shared", do{Do: "sleep"})
	in.TenantID = "blue"
	_, err = f.Invoke(t.Context(), in)
	wantCode(t, "a tenant of a function that knows none", err, lambda.CodeInvalidParameterValue)
}

// loop holds that a function which causes itself is stopped.
func loop(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	in := invocation(t, "f", do{Do: "echo"})
	in.Trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
	target := engine.Target{ARN: "arn:aws:lambda:us-east-1:000000000000:function:f"}
	for range 16 {
		var err error
		in, err = engine.Admit(in, target)
		must(t, err)
	}
	_, err := f.Invoke(t.Context(), in)
	wantCode(t, "the seventeenth visit", err, lambda.CodeRecursiveInvocation)
}
