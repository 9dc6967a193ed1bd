package lambda_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestErrorText(t *testing.T) {
	cause := errors.New("disk full")
	cases := map[string]struct {
		reason string
		err    *lambda.Error
		want   string
	}{
		"Plain":    {"code and sentence", lambda.Errorf(lambda.CodeService, "It broke."), "ServiceException: It broke."},
		"Cause":    {"the log needs the cause", &lambda.Error{Code: lambda.CodeService, Message: "It broke.", Err: cause}, "ServiceException: It broke.: disk full"},
		"SameText": {"a cause that is the sentence is told once", &lambda.Error{Code: lambda.CodeService, Message: "disk full", Err: cause}, "ServiceException: disk full"},
	}
	for name, tc := range cases {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("%s: %s: got %q, want %q", name, tc.reason, got, tc.want)
		}
	}
}

func TestAsError(t *testing.T) {
	cause := errors.New("secret detail")
	hidden := lambda.AsError(fmt.Errorf("read: %w", cause))
	if hidden.Code != lambda.CodeService || hidden.Message == "" || !errors.Is(hidden, cause) || hidden.Code.Status() != http.StatusInternalServerError {
		t.Errorf("a foreign error becomes %+v", hidden)
	}
	if hidden.Message != lambda.AsError(errors.New("another")).Message {
		t.Error("the sentence tells causes apart, which callers must not see")
	}
	throttled := lambda.Throttled(lambda.ReasonConcurrency, time.Second)
	if got := lambda.AsError(fmt.Errorf("engine: %w", throttled)); got != throttled {
		t.Errorf("the error in the chain is lost: %+v", got)
	}
	if lambda.CodeOf(nil) != "" || lambda.CodeOf(cause) != lambda.CodeService || lambda.CodeOf(throttled) != lambda.CodeTooManyRequests {
		t.Error("CodeOf")
	}
	if !errors.Is(throttled, &lambda.Error{Code: lambda.CodeTooManyRequests}) || errors.Is(throttled, &lambda.Error{Code: lambda.CodeService}) {
		t.Error("errors are not told apart by their codes")
	}
}
