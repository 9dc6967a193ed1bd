package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/code"
	"github.com/lambkin-dev/lambkin/controller/resources"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

func TestCounted(t *testing.T) {
	cases := map[string]struct {
		reason           string
		asked, most      int32
		desired, running int32
		want             v1alpha1.ProvisionedStatus
	}{
		"Coming": {"Pods that are wished for are allocated.", 4, 0, 2, 1, v1alpha1.ProvisionedStatus{Requested: 4, Allocated: 4, Available: 2}},
		"All":    {"What serves calls beside does not count.", 4, 0, 5, 5, v1alpha1.ProvisionedStatus{Requested: 4, Allocated: 4, Available: 4}},
		"Slow":   {"Knative may count what runs before what it wishes for.", 4, 0, 0, 1, v1alpha1.ProvisionedStatus{Requested: 4, Allocated: 2, Available: 2}},
		"Bounded": {"More pods than there may be never come.", 4, 1, 1, 1, v1alpha1.ProvisionedStatus{
			Requested: 4, Allocated: 2, Available: 2, Message: "Only 2 of 4 environments may be kept: raise scaling.maxScale or concurrency.reserved.",
		}},
	}
	for name, tc := range cases {
		spec := &v1alpha1.FunctionSpec{Concurrency: &v1alpha1.Concurrency{EnvironmentsPerPod: 2, PerEnvironment: 1}, Scaling: &v1alpha1.Scaling{MaxScale: &tc.most}}
		w := &resources.Workload{Spec: spec, Asked: spec, Provisioned: tc.asked, Platform: new(platform.Config)}
		rev := new(servingv1.Revision)
		rev.Status.DesiredReplicas, rev.Status.ActualReplicas = new(tc.desired), new(tc.running)
		if diff := cmp.Diff(&tc.want, counted(w, rev)); diff != "" {
			t.Errorf("%s: %s\n%s", name, tc.reason, diff)
		}
	}
	was := &v1alpha1.ProvisionedStatus{Requested: 5, Allocated: 5, Available: 4, Message: "gone"}
	if diff := cmp.Diff(&v1alpha1.ProvisionedStatus{Requested: 3, Allocated: 3, Available: 3}, carried(was, 3)); diff != "" {
		t.Errorf("the revision before serves on\n%s", diff)
	}
}

func TestRunsAlready(t *testing.T) {
	st := &v1alpha1.FunctionStatus{CodeSHA256: "a", Image: "i"}
	for want, results := range map[bool][]code.Result{
		true:  {{CodeSHA256: "a", Image: "other"}, {Image: "i"}},
		false: {{CodeSHA256: "b", Image: "i"}, {Image: "other"}},
	} {
		for _, r := range results {
			if got := runsAlready(st, r); got != want {
				t.Errorf("%+v: %v", r, got)
			}
		}
	}
}
