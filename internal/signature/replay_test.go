package signature_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

func TestReplays(t *testing.T) {
	var s signature.Replays
	for _, tc := range []struct {
		reason    string
		signature string
		after     time.Duration
		code      lambda.Code
	}{
		{"the first time", "a", 0, ""},
		{"a retry of a client that lost the answer", "a", time.Second, ""},
		{"another request", "b", 40 * time.Second, ""},
		{"a replay", "a", 40 * time.Second, lambda.CodeInvalidSignature},
	} {
		if err := s.Check(tc.signature, moment.Add(tc.after)); lambda.CodeOf(err) != tc.code {
			t.Errorf("%s: got %v, want %q", tc.reason, err, tc.code)
		}
	}
	for i := range 40_000 {
		if err := s.Check(fmt.Sprint(i), moment.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check("a", moment.Add(2*time.Minute)); lambda.CodeOf(err) != lambda.CodeInvalidSignature {
		t.Errorf("forgotten with the first half: %v", err)
	}
}
