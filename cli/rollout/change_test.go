package rollout_test

import (
	"errors"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/rollout"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestChangeIsTriedAgain: controllers write into the status whenever they like.
func TestChangeIsTriedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		conflicts int
		code      lambda.Code
		fails     bool
	}{
		"Few": {3, lambda.CodePreconditionFailed, false}, "Many": {1000, lambda.CodePreconditionFailed, true}, "Refused": {1, lambda.CodeInvalidParameterValue, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			ready, left := s.OnWrite, tc.conflicts
			s.OnWrite = func(obj v1alpha1.Object) error {
				if left--; left >= 0 {
					return lambda.Errorf(tc.code, "no")
				}
				return ready(obj)
			}
			looks := 0
			a, err := rollout.Change(t.Context(), s, "orders", "live", func(a *v1alpha1.Alias) error {
				looks++
				return rollout.Shift(&a.Spec, "2", 10)
			})
			if (err != nil) != tc.fails || (err != nil && lambda.CodeOf(err) != tc.code) {
				t.Fatalf("%v after %d looks", err, looks)
			}
			if !tc.fails && (looks != 4 || trafficOf(a.Spec) != "1+2=0.1") {
				t.Errorf("%d looks, calls go to %s", looks, trafficOf(a.Spec))
			}
		})
	}
	refused := errors.New("no")
	s := newStage(t)
	if _, err := rollout.Change(t.Context(), s, "orders", "live", func(*v1alpha1.Alias) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a change that is not wanted: %v", err)
	}
	if _, err := rollout.Change(t.Context(), s, "orders", "none", nil); lambda.CodeOf(err) != lambda.CodeResourceNotFound {
		t.Errorf("no alias: %v", err)
	}
}
