package gateway_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

const provisionedPath = "/2019-09-30/functions/fn/provisioned-concurrency"

// alias makes an alias with the SDK.
func (f *fixture) alias(fn, name, version string) {
	f.t.Helper()
	in := &sdk.CreateAliasInput{FunctionName: &fn, Name: &name, FunctionVersion: &version}
	if _, err := f.client.CreateAlias(f.t.Context(), in); err != nil {
		f.t.Fatalf("CreateAlias: %v", err)
	}
}

// provisioned writes what an engine would say of a version.
func (f *fixture) provisioned(version string, change func(*v1alpha1.FunctionStatus)) {
	f.t.Helper()
	var v v1alpha1.Version
	f.get(version, &v)
	if err := f.objects.UpdateStatus(&v, func() { change(&v.Status) }); err != nil {
		f.t.Fatal(err)
	}
}

func TestProvisionedConcurrency(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.create("fn")
	f.publish("fn")
	f.alias("fn", "live", "1")
	name, live := aws.String("fn"), aws.String("live")
	r := f.request(http.MethodPut, provisionedPath+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":2}`)
	if m := r.members(t); r.status != http.StatusAccepted || m["Status"] != "IN_PROGRESS" || m["RequestedProvisionedConcurrentExecutions"] != float64(2) || m["LastModified"] == nil {
		t.Fatalf("PutProvisionedConcurrencyConfig: %d %s", r.status, r.body)
	}
	var a v1alpha1.Alias
	if f.get("fn.live", &a); aws.ToInt32(a.Spec.ProvisionedConcurrency) != 2 {
		t.Errorf("the object has %v", a.Spec.ProvisionedConcurrency)
	}
	steps := []struct {
		reason               string
		status               func(*v1alpha1.FunctionStatus)
		want                 types.ProvisionedConcurrencyStatusEnum
		available, allocated int32
		why                  string
	}{
		{"the engine has not looked yet", func(*v1alpha1.FunctionStatus) {}, "IN_PROGRESS", 0, 0, ""},
		{"it speaks of another wish", func(s *v1alpha1.FunctionStatus) {
			s.Provisioned = &v1alpha1.ProvisionedStatus{Requested: 1, Allocated: 1, Available: 1}
		}, "IN_PROGRESS", 0, 0, ""},
		{"one of two", func(s *v1alpha1.FunctionStatus) {
			s.Provisioned = &v1alpha1.ProvisionedStatus{Requested: 2, Allocated: 2, Available: 1}
		}, "IN_PROGRESS", 1, 2, ""},
		{"no room", func(s *v1alpha1.FunctionStatus) {
			s.Provisioned = &v1alpha1.ProvisionedStatus{Requested: 2, Allocated: 1, Available: 1, Message: "Full."}
		}, "FAILED", 1, 1, "Full."},
		{"its init fails", func(s *v1alpha1.FunctionStatus) {
			s.Provisioned.Message = ""
			s.MarkFailed(1, v1alpha1.Failf(v1alpha1.ReasonInitFailed, "It crashed."))
		}, "FAILED", 1, 1, "It crashed."},
		{"both", func(s *v1alpha1.FunctionStatus) {
			s.MarkReady(1)
			s.Provisioned = &v1alpha1.ProvisionedStatus{Requested: 2, Allocated: 2, Available: 2}
		}, "READY", 2, 2, ""},
	}
	for _, s := range steps {
		f.provisioned("fn.1", s.status)
		got, err := f.client.GetProvisionedConcurrencyConfig(ctx, &sdk.GetProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: live})
		if err != nil || got.Status != s.want || aws.ToInt32(got.AvailableProvisionedConcurrentExecutions) != s.available ||
			aws.ToInt32(got.AllocatedProvisionedConcurrentExecutions) != s.allocated || aws.ToString(got.StatusReason) != s.why {
			t.Errorf("%s: %+v, %v", s.reason, got, err)
		}
	}
	f.create("other")
	f.publish("other")
	list, err := f.client.ListProvisionedConcurrencyConfigs(ctx, &sdk.ListProvisionedConcurrencyConfigsInput{FunctionName: name})
	if err != nil || len(list.ProvisionedConcurrencyConfigs) != 1 || aws.ToString(list.ProvisionedConcurrencyConfigs[0].FunctionArn) != prefix+"function:fn:live" {
		t.Errorf("ListProvisionedConcurrencyConfigs = %+v, %v", list, err)
	}
	for range 2 {
		if r := f.request(http.MethodDelete, provisionedPath+"?Qualifier=live", ""); r.status != http.StatusNoContent {
			t.Errorf("DeleteProvisionedConcurrencyConfig: %d %s", r.status, r.body)
		}
	}
	if r := f.request(http.MethodGet, provisionedPath+"?Qualifier=live", ""); r.status != http.StatusNotFound {
		t.Errorf("after the deletion: %d %s", r.status, r.body)
	}
}

// TestProvisionedMovesWithAlias holds that an alias takes its provisioned concurrency along to another version.
func TestProvisionedMovesWithAlias(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	if r := f.request(http.MethodPut, functions+"/fn/configuration", `{"Timeout":9}`); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	f.publish("fn")
	f.alias("fn", "live", "1")
	if r := f.request(http.MethodPut, provisionedPath+"?Qualifier=live", `{"ProvisionedConcurrentExecutions":1}`); r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := f.request(http.MethodPut, functions+"/fn/aliases/live", `{"FunctionVersion":"2"}`); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	f.provisioned("fn.2", func(s *v1alpha1.FunctionStatus) {
		s.Provisioned = &v1alpha1.ProvisionedStatus{Requested: 1, Allocated: 1, Available: 1}
	})
	if got := f.request(http.MethodGet, provisionedPath+"?Qualifier=live", "").members(t); got["Status"] != "READY" {
		t.Errorf("after the move: %v", got)
	}
	if r := f.request(http.MethodPut, functions+"/fn/aliases/live", `{"RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}`); r.message(t) != "Alias with weights can not be used with Provisioned Concurrency" {
		t.Errorf("weights for it: %d %s", r.status, r.body)
	}
	if r := f.request(http.MethodPut, functions+"/fn/aliases/live", `{"FunctionVersion":"$LATEST"}`); r.status != http.StatusBadRequest {
		t.Errorf("a move to $LATEST: %d %s", r.status, r.body)
	}
}
