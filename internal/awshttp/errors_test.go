package awshttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestWriteError(t *testing.T) {
	cases := map[string]struct {
		reason     string
		err        error
		status     int
		code, body string
		retryAfter string
	}{
		"NotFound": {
			reason: "ResourceNotFoundException spells its member with a capital",
			err:    lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: arn:aws:lambda:r:1:function:x"),
			status: 404, code: "ResourceNotFoundException",
			body: `{"Type":"User","Message":"Function not found: arn:aws:lambda:r:1:function:x"}`,
		},
		"InvalidParameter": {
			reason: "InvalidParameterValueException spells it small",
			err:    lambda.Errorf(lambda.CodeInvalidParameterValue, `a <b> & "c"`),
			status: 400, code: "InvalidParameterValueException",
			body: `{"Type":"User","message":"a <b> & \"c\""}`,
		},
		"Validation": {
			reason: "ValidationException has no Type",
			err:    lambda.Errorf(lambda.CodeValidation, "1 validation error"),
			status: 400, code: "ValidationException",
			body: `{"message":"1 validation error"}`,
		},
		"Throttled": {
			reason: "a throttled caller learns which limit it hit and when to come back, in whole seconds rounded up",
			err:    lambda.Throttled(lambda.ReasonReservedConcurrency, 1500*time.Millisecond),
			status: 429, code: "TooManyRequestsException", retryAfter: "2",
			body: `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`,
		},
		"ThrottledAtOnce": {
			reason: "Retry-After is never 0, which would invite the caller back at once",
			err:    lambda.Throttled(lambda.ReasonConcurrency, 0),
			status: 429, code: "TooManyRequestsException", retryAfter: "1",
			body: `{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`,
		},
		"Unavailable": {
			reason: "a caller that came at a bad time learns when to come back",
			err:    &lambda.Error{Code: lambda.CodeServiceUnavailable, Message: "Try again.", RetryAfter: time.Second},
			status: 503, code: "ServiceUnavailableException", retryAfter: "1",
			body: `{"Type":"Service","Message":"Try again."}`,
		},
		"Wrapped": {
			reason: "the API error inside a chain is what the caller sees",
			err:    fmt.Errorf("engine: %w", lambda.Errorf(lambda.CodeResourceConflict, "in progress")),
			status: 409, code: "ResourceConflictException",
			body: `{"Type":"User","message":"in progress"}`,
		},
		"Foreign": {
			reason: "the detail of an internal error stays inside",
			err:    errors.New("open /secret/path: permission denied"),
			status: 500, code: "ServiceException",
			body: `{"Type":"Service","Message":"An error occurred and the request cannot be processed."}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			awshttp.WriteError(w, tc.err)
			got := map[string]string{
				"status": fmt.Sprint(w.Code), "body": w.Body.String(),
				"code": w.Header().Get("x-amzn-ErrorType"), "type": w.Header().Get("Content-Type"),
				"length": w.Header().Get("Content-Length"), "retry": w.Header().Get("Retry-After"),
			}
			want := map[string]string{
				"status": fmt.Sprint(tc.status), "body": tc.body, "code": tc.code, "type": "application/json",
				"length": fmt.Sprint(len(tc.body)), "retry": tc.retryAfter,
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
			if _, err := uuid.Parse(w.Header().Get("x-amzn-RequestId")); err != nil {
				t.Errorf("x-amzn-RequestId: %v", err)
			}
		})
	}
}

func TestRefuseTellsTheLog(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   string
	}{
		"Internal": {"what the caller may not see goes to the log", errors.New("disk on fire"), "disk on fire"},
		"Refusal":  {"what the caller sees needs no log", lambda.Errorf(lambda.CodeResourceNotFound, "no such function"), ""},
		"Caller":   {"what the caller did wrong is told to him alone", &lambda.Error{Code: lambda.CodeInvalidRequestContent, Err: io.ErrUnexpectedEOF}, ""},
		"HangUp":   {"a caller that hangs up is no failure", fmt.Errorf("queue: %w", context.Canceled), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w := httptest.NewRecorder()
			awshttp.Refuse(slog.New(slog.NewTextHandler(&log, nil)), w, tc.err)
			if (tc.want == "") != (log.Len() == 0) || !strings.Contains(log.String(), tc.want) {
				t.Errorf("%s: log = %q, want %q in it", tc.reason, log.String(), tc.want)
			}
			if tc.want != "" && (strings.Contains(w.Body.String(), tc.want) || !strings.Contains(log.String(), awshttp.RequestID(w))) {
				t.Errorf("%s: body %s, log %s", tc.reason, w.Body, log.String())
			}
			awshttp.Refuse(nil, httptest.NewRecorder(), tc.err) // without a log it only answers
		})
	}
}

func TestRequestIDIsStable(t *testing.T) {
	w := httptest.NewRecorder()
	id := awshttp.RequestID(w)
	awshttp.WriteError(w, lambda.Errorf(lambda.CodeService, "x"))
	if got := w.Result().Header.Get("x-amzn-RequestId"); got != id {
		t.Errorf("x-amzn-RequestId = %q, want the id given out before, %q", got, id)
	}
}

func TestParseTarget(t *testing.T) {
	const arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Ahello"
	cases := map[string]struct {
		reason, segment, query string
		want                   lambda.Reference
		code                   lambda.Code
	}{
		"Name":         {reason: "the plain case", segment: "hello", want: lambda.Reference{Partition: "aws", Name: "hello"}},
		"EncodedARN":   {reason: "SDKs encode colons", segment: arn + "%3Aprod", want: lambda.Reference{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Name: "hello", Qualifier: "prod"}},
		"Query":        {reason: "the qualifier may come as a parameter", segment: "hello", query: "Qualifier=%24LATEST", want: lambda.Reference{Partition: "aws", Name: "hello", Qualifier: "$LATEST"}},
		"Agree":        {reason: "both may say the same", segment: "hello:1", query: "Qualifier=1", want: lambda.Reference{Partition: "aws", Name: "hello", Qualifier: "1"}},
		"Disagree":     {reason: "AWS refuses two different qualifiers", segment: "hello:1", query: "Qualifier=2", code: lambda.CodeInvalidParameterValue},
		"NotAName":     {reason: "names have a form", segment: "a%2Fb", code: lambda.CodeValidation},
		"BadEscape":    {reason: "a broken escape is not a name either", segment: "a%zz", code: lambda.CodeValidation},
		"TooLong":      {reason: "64 characters at most", segment: strings.Repeat("a", 65), code: lambda.CodeValidation},
		"BadQualifier": {reason: "qualifiers have a form", segment: "a", query: "Qualifier=a%20b", code: lambda.CodeValidation},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/?"+tc.query, nil)
			got, err := awshttp.ParseTarget(tc.segment, r)
			if lambda.CodeOf(err) != tc.code {
				t.Fatalf("%s: error %v, want code %q", tc.reason, err, tc.code)
			}
			if d := cmp.Diff(tc.want, got); err == nil && d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}
