package command

import (
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestWriteMindsOthers: a status that was written meanwhile does not matter, a spec does.
func TestWriteMindsOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		reason    string
		meanwhile func(t *testing.T, e *double.Engine, fn *v1alpha1.Function)
		conflicts int // how often the engine says that somebody was quicker
		fails     bool
	}{
		"Nobody": {"", func(*testing.T, *double.Engine, *v1alpha1.Function) {}, 0, false},
		"Status": {"it has another resourceVersion and the same generation", func(t *testing.T, e *double.Engine, fn *v1alpha1.Function) {
			if err := e.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}, 0, false},
		"Busy": {"between the look and the write", func(*testing.T, *double.Engine, *v1alpha1.Function) {}, 3, false},
		"Spec": {"somebody else's change must not be lost", func(t *testing.T, e *double.Engine, fn *v1alpha1.Function) {
			fn.Spec.Timeout = 9
			if err := e.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}, 0, true},
		"Always": {"it ends", func(*testing.T, *double.Engine, *v1alpha1.Function) {}, 1000, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := new(double.Engine)
			first := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{FunctionName: "app"}}
			if err := e.Create(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			mine, err := compose("app", nil, first, "", settingsFlags{memory: 512, given: func(string) bool { return false }})
			if err != nil {
				t.Fatal(err)
			}
			tc.meanwhile(t, e, first.DeepCopy())
			left := tc.conflicts
			e.OnWrite = func(v1alpha1.Object) error {
				if left--; left >= 0 {
					return lambda.Errorf(lambda.CodePreconditionFailed, "no")
				}
				return nil
			}
			did, err := write(t.Context(), e, mine)
			if tc.fails {
				if lambda.CodeOf(err) != lambda.CodePreconditionFailed {
					t.Errorf("%s: %v, %v", tc.reason, did, err)
				}
				return
			}
			if err != nil || did != configured {
				t.Errorf("%s: %v, %v", tc.reason, did, err)
			}
		})
	}
}
