package local

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// TestCodeSigning holds that new code is kept out where only signed code may come in, and that what runs goes on.
func TestCodeSigning(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	const name = "csc-0123456789abcdef0"
	config := new(v1alpha1.CodeSigningConfig)
	config.Name = name
	config.Spec.AllowedPublishers.SigningProfileVersionARNs = []string{"arn:aws:signer:us-east-1:123456789012:/signing-profiles/team/abcdefghij"}
	config.Spec.UntrustedArtifactOnDeployment = v1alpha1.CodeSigningEnforce
	must(t, e.Create(t.Context(), config))
	reason := func(fn string) string {
		t.Helper()
		var got v1alpha1.Function
		eventually(t, func() bool {
			must(t, e.Get(t.Context(), fn, &got))
			ready := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady)
			return ready != nil && ready.ObservedGeneration == got.Generation && ready.Reason != string(v1alpha1.ReasonUpdating)
		})
		return meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady).Reason
	}
	deployed(t, e, "old")
	var old v1alpha1.Function
	must(t, e.Get(t.Context(), "old", &old))
	old.Spec.CodeSigningConfig = name
	must(t, e.Update(t.Context(), &old))
	if got := reason("old"); got != string(v1alpha1.ReasonReady) {
		t.Errorf("code that ran before is %s", got)
	}
	fresh := old.DeepCopy()
	fresh.ObjectMeta, fresh.Status = *new(v1alpha1.Function).ObjectMeta.DeepCopy(), v1alpha1.FunctionStatus{}
	fresh.Name, fresh.Spec.FunctionName = "fresh", "fresh"
	must(t, e.Create(t.Context(), fresh))
	if got := reason("fresh"); got != string(v1alpha1.ReasonCodeUntrusted) {
		t.Errorf("new code is %s", got)
	}
	config.Spec.UntrustedArtifactOnDeployment, config.ResourceVersion = v1alpha1.CodeSigningWarn, ""
	must(t, e.Update(t.Context(), config))
	eventually(t, func() bool { return reason("fresh") == string(v1alpha1.ReasonReady) })
	must(t, e.Delete(t.Context(), config))
	lost := fresh.DeepCopy()
	lost.ObjectMeta, lost.Status = *new(v1alpha1.Function).ObjectMeta.DeepCopy(), v1alpha1.FunctionStatus{}
	lost.Name, lost.Spec.FunctionName = "lost", "lost"
	must(t, e.Create(t.Context(), lost))
	if got := reason("lost"); got != string(v1alpha1.ReasonCodeSigningConfigNotFound) {
		t.Errorf("new code whose config has gone is %s", got)
	}
}
