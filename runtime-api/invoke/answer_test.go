package invoke

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestAnswers(t *testing.T) {
	mode := func(s string) *string { return &s }
	big := strings.Repeat("x", lambda.MaxResponsePayload+1)
	tooLargeBody := []byte(`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`)
	cases := map[string]struct {
		reason string
		call   func(*Session) error
		status int // of the refusal; 0 for none
		typ    string
		want   lambda.Result
	}{
		"Response": {
			reason: "the body is the payload, byte for byte",
			call:   func(s *Session) error { return s.Respond("a", answer("\x00\xff not JSON")) },
			want:   lambda.Result{Payload: []byte("\x00\xff not JSON")},
		},
		"EmptyResponse": {
			reason: "shell bootstraps may answer nothing",
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			want:   lambda.Result{Payload: []byte{}},
		},
		"ChunkedResponse": {
			reason: "Go's client never declares a size",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: strings.NewReader(`"hi"`), Size: -1, ContentType: "application/json"})
			},
			want: lambda.Result{Payload: []byte(`"hi"`), ContentType: "application/json"},
		},
		"LargestResponse": {
			reason: "the limit is inclusive",
			call:   func(s *Session) error { return s.Respond("a", answer(big[1:])) },
			want:   lambda.Result{Payload: []byte(big[1:])},
		},
		"TooLarge": {
			reason: "runtime and caller each get their error",
			call:   func(s *Session) error { return s.Respond("a", answer(big)) },
			status: 413, typ: "RequestEntityTooLarge",
			want: lambda.Result{Payload: tooLargeBody, FunctionError: "Unhandled", ErrorType: TypeTooLarge},
		},
		"TooLargeChunked": {
			reason: "the size is only known in the end",
			call:   func(s *Session) error { return s.Respond("a", Answer{Body: strings.NewReader(big), Size: -1}) },
			status: 413, typ: "RequestEntityTooLarge",
			want: lambda.Result{Payload: tooLargeBody, FunctionError: "Unhandled", ErrorType: TypeTooLarge},
		},
		"Truncated": {
			reason: "half an answer is none",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: io.MultiReader(strings.NewReader("ha"), broken{}), Size: -1})
			},
			status: 400, typ: "TruncatedHTTPRequest",
			want: lambda.Result{FunctionError: "Unhandled", ErrorType: TypeTruncatedResponse,
				Payload: []byte(`{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: a Error: Response was cut off"}`)},
		},
		"ShorterThanDeclared": {
			reason: "a connection that closes early is a cut, whatever the reader calls it",
			call:   func(s *Session) error { return s.Respond("a", Answer{Body: strings.NewReader("ha"), Size: 4}) },
			status: 400, typ: "TruncatedHTTPRequest",
			want: lambda.Result{FunctionError: "Unhandled", ErrorType: TypeTruncatedResponse,
				Payload: []byte(`{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: a Error: Response was cut off"}`)},
		},
		"StreamingMode": {
			reason: "a streaming handler under a buffered call gives the concatenated bytes",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: strings.NewReader("abc"), Size: -1, Mode: mode("streaming")})
			},
			want: lambda.Result{Payload: []byte("abc")},
		},
		"InvalidMode": {
			reason: "the header is case-sensitive and knows one value",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: strings.NewReader("abc"), Size: 3, Mode: mode("Streaming")})
			},
			status: 400, typ: "InvalidFunctionResponseMode",
			want: lambda.Result{FunctionError: "Unhandled", ErrorType: TypeInvalidMode,
				Payload: []byte(`{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: a Error: Invalid function response mode"}`)},
		},
		"TrailerError": {
			reason: "a failure after the first byte comes in trailers",
			call: func(s *Session) error {
				a := answer("begun")
				a.Trailer = func(name string) string {
					return map[string]string{
						TrailerErrorType: "Function.Oops",
						TrailerErrorBody: base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"oops"}`)),
					}[name]
				}
				return s.Respond("a", a)
			},
			want: lambda.Result{Payload: []byte(`{"errorMessage":"oops"}`), FunctionError: "Unhandled", ErrorType: "Function.Oops"},
		},
		"Error": {
			reason: "the caller gets the body untouched",
			call: func(s *Session) error {
				a := answer("not even JSON")
				a.ErrorType = "Function<ArgumentError>"
				return s.Fail("a", a)
			},
			want: lambda.Result{Payload: []byte("not even JSON"), FunctionError: "Unhandled", ErrorType: "Runtime.Unknown"},
		},
		"ErrorTyped": {
			reason: "a type that the service knows is kept",
			call: func(s *Session) error {
				a := answer("{}")
				a.ErrorType = "Runtime.UserException"
				return s.Fail("a", a)
			},
			want: lambda.Result{Payload: []byte("{}"), FunctionError: "Unhandled", ErrorType: "Runtime.UserException"},
		},
		"ErrorWithCause": {
			reason: "the cause is for the trace, not for the caller",
			call: func(s *Session) error {
				a := answer(`{"errorMessage":"m","errorType":"t","errorCause":{"secret":1}}`)
				a.ContentType = causeType
				return s.Fail("a", a)
			},
			want: lambda.Result{Payload: []byte(`{"errorMessage":"m","errorType":"t"}`), ContentType: "application/json",
				FunctionError: "Unhandled", ErrorType: "Runtime.Unknown"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			task := f.running("a")
			err := tc.call(f.s)
			if tc.status == 0 && err != nil {
				t.Fatalf("%s: got error %v", tc.reason, err)
			}
			if tc.status != 0 {
				wantRefusal(t, err, tc.status, tc.typ)
			}
			tc.want.RequestID = "a"
			wantResult(t, task, tc.want)
			f.running("b") // the session goes on whatever the answer was
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
