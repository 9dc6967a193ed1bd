package event

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestEveryCallMayFail has each call of the API server fail in turn, once with a controller that goes on and once with one
// that dies there and then. Whatever fails, the event ends as it should, and what comes twice has the same request id.
func TestEveryCallMayFail(t *testing.T) {
	none := int32(0)
	for _, crash := range []bool{false, true} {
		total := 0
		for failAt := 0; failAt <= total; failAt++ {
			t.Run(fmt.Sprintf("crash=%v/call=%d", crash, failAt), func(t *testing.T) {
				fn := newFunction("f")
				c := newCluster(t, fn, newFunction("target"))
				fn.Spec.Async = &v1alpha1.Async{MaximumRetryAttempts: &none, OnFailure: to(c.http.URL)}
				fn.Spec.DeadLetter = to(arn + "target")
				if err := c.client.Update(t.Context(), fn); err != nil {
					t.Fatal(err)
				}
				c.play = func(in *lambda.Invocation) (*lambda.Result, error) {
					if in.Function.Name == "f" {
						return fails(in)
					}
					return &lambda.Result{}, nil
				}
				c.accept(c.newEvent("e", "f", `"in"`))
				c.calls, c.failAt = 0, failAt
				c.answers = []int{503}
				c.finish(crash)
				if failAt == 0 {
					total = c.calls
				}
				checkCrash(t, c, crash, failAt)
			})
		}
		if total < 10 {
			t.Errorf("only %d calls were made; want all steps seen", total)
		}
	}
}

// checkCrash wants the function, the destination and the dead letter's function to have had the event: once each if the
// controller went on, and under one id each in any case.
func checkCrash(t *testing.T, c *cluster, crash bool, failAt int) {
	t.Helper()
	if !crash && (len(c.ran) != 2 || len(c.posts) != 1) {
		t.Errorf("ran %q, posted %d; want nothing twice while the controller lives", c.ran, len(c.posts))
	}
	if crash && (len(c.ran) > 4 || len(c.posts) > 2) {
		t.Errorf("ran %q, posted %d; one crash makes nothing more than twice", c.ran, len(c.posts))
	}
	if ran := unique(c.ran); len(ran) != 2 || !strings.HasPrefix(ran[1], "f id-e") && !strings.HasPrefix(ran[0], "f id-e") {
		t.Errorf("call %d: ran %q; want f and target, each under one id", failAt, ran)
	}
	for _, p := range c.posts {
		if !strings.Contains(p, `"requestId":"id-e"`) {
			t.Errorf("posted %s", p)
		}
	}
	if len(c.posts) == 0 {
		t.Error("the record was lost")
	}
}
