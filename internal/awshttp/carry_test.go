package awshttp_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// carry sends one Invoke with these headers through operations that carry.
func carry(t *testing.T, ops *awshttp.Operations, trusted bool, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("1"))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	ops.Carrying(w, r, trusted).Invoke(w, r, lambda.Reference{Name: "f"})
	return w
}

func TestCarryingTakesWhatTheAPIHasNoPlaceFor(t *testing.T) {
	const id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	cases := map[string]struct {
		reason   string
		trusted  bool
		header   map[string]string
		id       string // empty: one that was made
		event    string
		identity string
	}{
		"Nothing":    {reason: "a request without headers is an ordinary one", trusted: true},
		"All":        {reason: "everything from those who are trusted", trusted: true, header: map[string]string{awshttp.HeaderRequestID: id, awshttp.HeaderCloudEvent: base64Of(`{"id":"ü"}`), awshttp.HeaderIdentity: base64Of("{}")}, id: id, event: `{"id":"ü"}`, identity: "{}"},
		"Open":       {reason: "anybody could claim an identity", header: map[string]string{awshttp.HeaderRequestID: id, awshttp.HeaderCloudEvent: base64Of("{}"), awshttp.HeaderIdentity: base64Of("{}")}, id: id, event: "{}"},
		"NotBase64":  {reason: "only our own client sends these", trusted: true, header: map[string]string{awshttp.HeaderCloudEvent: "{}", awshttp.HeaderIdentity: "%"}},
		"NotAnID":    {reason: "ids get into logs", trusted: true, header: map[string]string{awshttp.HeaderRequestID: "END RequestId: x"}},
		"LineBreaks": {reason: "the runtime gets it as a header", trusted: true, header: map[string]string{awshttp.HeaderCloudEvent: base64Of("{\n}")}, event: "{ }"},
	}
	for name, tc := range cases {
		var seen *lambda.Invocation
		ops := &awshttp.Operations{Invoker: lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
			seen = in
			return &lambda.Result{}, nil
		})}
		w := carry(t, ops, tc.trusted, tc.header)
		if seen.CloudEvent != tc.event || seen.CognitoIdentity != tc.identity || w.Header().Get(awshttp.HeaderRequestID) != seen.ID {
			t.Errorf("%s: %s: saw %+v", name, tc.reason, seen)
		}
		if tc.id != "" && seen.ID != tc.id || tc.id == "" && uuid.Validate(seen.ID) != nil {
			t.Errorf("%s: %s: id %q", name, tc.reason, seen.ID)
		}
	}
}

func TestCarryingTellsTheWholeResult(t *testing.T) {
	ops := &awshttp.Operations{Invoker: lambda.InvokerFunc(func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{ContentType: "text/plain", FunctionError: lambda.Unhandled, ErrorType: "Boom", Duration: 1500 * time.Microsecond}, nil
	})}
	got := carry(t, ops, false, nil).Header()
	if got.Get(awshttp.HeaderPayloadType) != "text/plain" || got.Get(awshttp.HeaderFailure) != "Boom" || got.Get(awshttp.HeaderDuration) != "1500" {
		t.Errorf("headers %v", got)
	}
	ops.Invoker = lambda.InvokerFunc(func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return nil, lambda.Throttled(lambda.ReasonConcurrency, 0)
	})
	w := carry(t, ops, false, nil)
	if w.Code != http.StatusTooManyRequests || w.Header().Get(awshttp.HeaderDuration) != "" {
		t.Errorf("a refusal has status %d and headers %v", w.Code, w.Header())
	}
}

func TestCarryingQueuesTheWholeEvent(t *testing.T) {
	var seen *lambda.Invocation
	ops := &awshttp.Operations{}
	header := map[string]string{"X-Amz-Invocation-Type": "Event", awshttp.HeaderCloudEvent: base64Of("{}")}
	if w := carry(t, ops, true, header); w.Code != http.StatusNotImplemented {
		t.Errorf("without a queue: status %d", w.Code)
	}
	ops.Async = awshttp.AsyncInvokerFunc(func(_ context.Context, in *lambda.Invocation) error {
		seen = in
		return nil
	})
	if w := carry(t, ops, true, header); w.Code != http.StatusAccepted || seen.CloudEvent != "{}" {
		t.Errorf("status %d, queued %+v", w.Code, seen)
	}
}
