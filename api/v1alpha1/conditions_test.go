package v1alpha1

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// seen is what the AWS gateway shows of a status.
type seen struct {
	State, StateReason, StateCode    string
	Update, UpdateReason, UpdateCode string
}

func see(s *FunctionStatus, generation int64) seen {
	var v seen
	v.State, v.StateReason, v.StateCode = s.State()
	v.Update, v.UpdateReason, v.UpdateCode = s.LastUpdateStatus(generation)
	return v
}

func TestFunctionStates(t *testing.T) {
	const creating = "The function is being created."
	noLayer := fmt.Errorf("prepare: %w", Failf(ReasonLayerNotFound, "layer version %q does not exist", "x"))
	cases := map[string]struct {
		reason     string
		steps      func(*FunctionStatus)
		generation int64
		want       seen
	}{
		"New": {
			reason: "Nobody has looked yet.", generation: 1,
			steps: func(*FunctionStatus) {},
			want:  seen{State: "Pending", StateReason: creating, StateCode: "Creating"},
		},
		"Creating": {
			reason: "Being brought up for the first time.", generation: 1,
			steps: func(s *FunctionStatus) { s.MarkProgressing(1) },
			want:  seen{State: "Pending", StateReason: creating, StateCode: "Creating"},
		},
		"Ready": {
			reason: "Serving.", generation: 1,
			steps: func(s *FunctionStatus) { s.MarkProgressing(1); s.MarkReady(1) },
			want:  seen{State: "Active", Update: "Successful"},
		},
		"CreationFailed": {
			reason: "Never served.", generation: 1,
			steps: func(s *FunctionStatus) { s.MarkFailed(1, noLayer) },
			want: seen{
				"Failed", `layer version "x" does not exist`, "InvalidConfiguration",
				"Failed", `layer version "x" does not exist`, "InvalidConfiguration",
			},
		},
		"CreationRetried": {
			reason: "A new spec after a failed creation is one more creation.", generation: 2,
			steps: func(s *FunctionStatus) { s.MarkFailed(1, noLayer); s.MarkProgressing(2) },
			want:  seen{State: "Pending", StateReason: creating, StateCode: "Creating"},
		},
		"UpdateNotSeen": {
			reason: "The spec has changed and nobody has looked yet.", generation: 2,
			steps: func(s *FunctionStatus) { s.MarkReady(1) },
			want:  seen{State: "Active", Update: "InProgress", UpdateReason: creating, UpdateCode: "Creating"},
		},
		"Updating": {
			reason: "The old code serves while the new one comes up.", generation: 2,
			steps: func(s *FunctionStatus) { s.MarkReady(1); s.MarkProgressing(2) },
			want:  seen{State: "Active", Update: "InProgress", UpdateReason: creating, UpdateCode: "Creating"},
		},
		"UpdateFailed": {
			reason: "The old code goes on serving.", generation: 2,
			steps: func(s *FunctionStatus) { s.MarkReady(1); s.MarkFailed(2, errors.New("disk full")) },
			want:  seen{State: "Active", Update: "Failed", UpdateReason: "disk full", UpdateCode: "InternalError"},
		},
		"UpdateRepaired": {
			reason: "The next update clears the failure.", generation: 3,
			steps: func(s *FunctionStatus) { s.MarkReady(1); s.MarkFailed(2, noLayer); s.MarkReady(3) },
			want:  seen{State: "Active", Update: "Successful"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var s FunctionStatus
			tc.steps(&s)
			if diff := cmp.Diff(tc.want, see(&s, tc.generation)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMarkReasons(t *testing.T) {
	var s FunctionStatus
	check := func(status metav1.ConditionStatus, reason Reason, generation int64) {
		t.Helper()
		c := meta.FindStatusCondition(s.Conditions, ConditionReady)
		if c == nil || c.Status != status || c.Reason != string(reason) || c.ObservedGeneration != generation || s.ObservedGeneration != generation {
			t.Errorf("got %+v at generation %d, want %s %s %d", c, s.ObservedGeneration, status, reason, generation)
		}
	}
	s.MarkProgressing(1)
	check(metav1.ConditionUnknown, ReasonCreating, 1)
	s.MarkReady(1)
	check(metav1.ConditionTrue, ReasonReady, 1)
	s.MarkProgressing(2)
	check(metav1.ConditionUnknown, ReasonUpdating, 2)
	s.MarkFailed(2, Failf(ReasonInitFailed, "exit status 1"))
	check(metav1.ConditionFalse, ReasonInitFailed, 2)
	if active := meta.FindStatusCondition(s.Conditions, ConditionActive); active == nil || active.ObservedGeneration != 1 {
		t.Errorf("got %+v, want Active latched at generation 1", active)
	}
}

// TestMarkReadyDeviations holds that what a spec asks for and does not get is said in both conditions, and no longer
// once it is got; the Lambda API has no word for it.
func TestMarkReadyDeviations(t *testing.T) {
	var s FunctionStatus
	check := func(reason string, exact metav1.ConditionStatus, message string) {
		t.Helper()
		e, r := meta.FindStatusCondition(s.Conditions, ConditionExact), meta.FindStatusCondition(s.Conditions, ConditionReady)
		if e == nil || e.Status != exact || e.Message != message || r.Status != metav1.ConditionTrue || r.Message != message {
			t.Errorf("%s: Exact is %+v, Ready is %+v; want %s and %q", reason, e, r, exact, message)
		}
		if state, why, code := s.State(); state != StateActive || why != "" || code != "" {
			t.Errorf("%s: state %s %q %q, want Active alone", reason, state, why, code)
		}
	}
	s.MarkReady(1)
	check("nothing deviates", metav1.ConditionTrue, "")
	s.MarkReady(2, "One.", "Two.")
	check("two things deviate", metav1.ConditionFalse, "One. Two.")
	s.MarkReady(3)
	check("nothing deviates any more", metav1.ConditionTrue, "")
}

// TestEveryFailureHasAnAWSCode holds that the codes which the Lambda API shows for reasons are members of its enumerations.
func TestEveryFailureHasAnAWSCode(t *testing.T) {
	source, err := os.ReadFile("conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`Status False\.\n\tReason\w+ +Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(reasons) < 25 {
		t.Fatalf("found only %d reasons", len(reasons))
	}
	used := make(map[string]bool)
	for _, m := range reasons {
		var s FunctionStatus
		s.MarkFailed(1, Failf(Reason(m[1]), "why"))
		_, _, code := s.State()
		if !slices.Contains(types.StateReasonCode("").Values(), types.StateReasonCode(code)) ||
			!slices.Contains(types.LastUpdateStatusReasonCode("").Values(), types.LastUpdateStatusReasonCode(code)) {
			t.Errorf("%s: %q is no reason code of the Lambda API", m[1], code)
		}
		used[code] = true
	}
	for _, code := range []string{
		"InvalidZipFileException", "InvalidRuntime", "InvalidConfiguration", "InternalError", "FunctionError.RuntimeInitError",
		"FunctionError.InitTimeout", "FunctionError.ExtensionInitError", "FunctionError.InvalidEntryPoint", "ImageAccessDenied", "ImageDeleted", "InvalidImage",
	} {
		if !used[code] {
			t.Errorf("no reason stands for %s", code)
		}
	}
}

func TestAliasAndURLConditions(t *testing.T) {
	var alias AliasStatus
	alias.MarkFailed(1, Failf(ReasonVersionNotFound, "version 9 does not exist"))
	if c := meta.FindStatusCondition(alias.Conditions, ConditionReady); c == nil || c.Reason != "VersionNotFound" || alias.ObservedGeneration != 1 {
		t.Errorf("alias: got %+v", alias)
	}
	alias.MarkReady(2, "http://x/")
	if !meta.IsStatusConditionTrue(alias.Conditions, ConditionReady) || alias.URL != "http://x/" || alias.ObservedGeneration != 2 {
		t.Errorf("alias: got %+v", alias)
	}
	var url FunctionURLConfigStatus
	url.MarkFailed(1, Failf(ReasonAliasNotFound, "alias live does not exist"))
	if c := meta.FindStatusCondition(url.Conditions, ConditionReady); c == nil || c.Reason != "AliasNotFound" || url.ObservedGeneration != 1 {
		t.Errorf("url: got %+v", url)
	}
	url.MarkReady(2, "http://y/")
	if !meta.IsStatusConditionTrue(url.Conditions, ConditionReady) || url.URL != "http://y/" || url.ObservedGeneration != 2 {
		t.Errorf("url: got %+v", url)
	}
}

func TestPolicyConditions(t *testing.T) {
	var s ResourcePolicyStatus
	s.MarkFailed(1, Failf(ReasonAliasNotFound, "alias live does not exist"))
	if c := meta.FindStatusCondition(s.Conditions, ConditionReady); c == nil || c.Reason != "AliasNotFound" || s.ObservedGeneration != 1 {
		t.Errorf("got %+v", s)
	}
	s.MarkReady(2)
	if !meta.IsStatusConditionTrue(s.Conditions, ConditionReady) || s.ObservedGeneration != 2 {
		t.Errorf("got %+v", s)
	}
}

// TestAliasAndURLProgress holds that what has an address is updated, and what has none yet is created, however often it is
// said; and that deviations are told.
func TestAliasAndURLProgress(t *testing.T) {
	var alias AliasStatus
	var url FunctionURLConfigStatus
	want := func(step, reason, message string) {
		t.Helper()
		for _, all := range [][]metav1.Condition{alias.Conditions, url.Conditions} {
			c := meta.FindStatusCondition(all, ConditionReady)
			if c == nil || c.Reason != reason || !strings.HasSuffix(c.Message, message) {
				t.Errorf("%s: got %+v, want %s with %q", step, c, reason, message)
			}
		}
	}
	for range 2 {
		alias.MarkProgressing(1, "Waits.")
		url.MarkProgressing(1, "Waits.")
		want("before the first success", "Creating", "is being created. Waits.")
	}
	alias.MarkReady(1, "http://x/", "Not quite.", "Nor this.")
	url.MarkReady(1, "http://x/", "Not quite.", "Nor this.")
	want("ready", "Ready", "Not quite. Nor this.")
	alias.MarkProgressing(2)
	url.MarkProgressing(2)
	want("after it", "Updating", "is being updated.")
	if alias.ObservedGeneration != 2 || url.ObservedGeneration != 2 {
		t.Errorf("observed %d and %d", alias.ObservedGeneration, url.ObservedGeneration)
	}
}
