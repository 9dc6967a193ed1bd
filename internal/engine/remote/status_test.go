package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// sent writes an error as the server does, and gives the status and what the client makes of it.
func sent(t *testing.T, method string, err error) (int, error) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/x", nil)
	writeError(w, r, err)
	res := w.Result()
	defer func() { _ = res.Body.Close() }()
	res.Request = r
	return res.StatusCode, errorOf(res, w.Body.Bytes())
}

// TestErrorsTravel: every code comes back as itself, under a status and reason that Kubernetes' clients understand.
func TestErrorsTravel(t *testing.T) {
	cases := []struct {
		code   lambda.Code
		method string
		status int
		reason metav1.StatusReason
	}{
		{lambda.CodeResourceNotFound, http.MethodGet, 404, metav1.StatusReasonNotFound},
		{lambda.CodeUnknownOperation, http.MethodGet, 404, metav1.StatusReasonNotFound},
		{lambda.CodeResourceConflict, http.MethodPost, 409, metav1.StatusReasonAlreadyExists},
		{lambda.CodeResourceConflict, http.MethodPut, 409, metav1.StatusReasonConflict},
		{lambda.CodePreconditionFailed, http.MethodPut, 409, metav1.StatusReasonConflict},
		{lambda.CodeInvalidParameterValue, http.MethodPost, 422, metav1.StatusReasonInvalid},
		{lambda.CodeValidation, http.MethodPost, 422, metav1.StatusReasonInvalid},
		{lambda.CodeInvalidZipFile, http.MethodPost, 422, metav1.StatusReasonInvalid},
		{lambda.CodeInvalidRequestContent, http.MethodPost, 400, metav1.StatusReasonBadRequest},
		{lambda.CodeRequestEntityTooLarge, http.MethodPost, 413, metav1.StatusReasonRequestEntityTooLarge},
		{lambda.CodeRequestTooLarge, http.MethodPost, 413, metav1.StatusReasonRequestEntityTooLarge},
		{lambda.CodeCodeStorageExceeded, http.MethodPost, 413, metav1.StatusReasonRequestEntityTooLarge},
		{lambda.CodeTooManyRequests, http.MethodPost, 429, metav1.StatusReasonTooManyRequests},
		{lambda.CodeAccessDenied, http.MethodGet, 403, metav1.StatusReasonForbidden},
		{lambda.CodeNotImplemented, http.MethodGet, 405, metav1.StatusReasonMethodNotAllowed},
		{lambda.CodeService, http.MethodGet, 500, metav1.StatusReasonInternalError},
		{"SomethingNewException", http.MethodGet, 500, metav1.StatusReasonInternalError},
	}
	for _, tc := range cases {
		t.Run(string(tc.code)+tc.method, func(t *testing.T) {
			in := &lambda.Error{Code: tc.code, Message: "what happened", RetryAfter: 7 * time.Second}
			status, _ := statusOf(in, tc.method)
			if status.Reason != tc.reason || status.Kind != "Status" || status.Status != metav1.StatusFailure {
				t.Errorf("status document = %+v, want reason %s", status, tc.reason)
			}
			code, err := sent(t, tc.method, in)
			if code != tc.status {
				t.Errorf("status = %d, want %d", code, tc.status)
			}
			out := lambda.AsError(err)
			if out.Code != tc.code || out.Message != in.Message || out.RetryAfter != in.RetryAfter {
				t.Errorf("came back as %+v", out)
			}
		})
	}
}

func TestFaultsTravel(t *testing.T) {
	path := field.NewPath("spec", "layers").Index(1)
	cases := map[string]struct {
		reason string
		err    error
		want   Faults
	}{
		"None": {"", errors.New("x"), nil},
		"One":  {"a lone fault is a list of one", field.NotFound(path, "arn"), Faults{{"spec.layers[1]", `Not found: "arn"`, "FieldValueNotFound"}}},
		"Many": {"", utilerrors.NewAggregate([]error{field.Required(path, "name it"), errors.New("and more")}),
			Faults{{"spec.layers[1]", "Required value: name it", "FieldValueRequired"}, {"", "and more", ""}}},
		"Own": {"", Faults{{Detail: "unknown field"}}, Faults{{Detail: "unknown field"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: "refused", Err: tc.err}
			_, err := sent(t, http.MethodPost, fmt.Errorf("create: %w", in))
			if diff := cmp.Diff(tc.want, FaultsOf(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
	if got := (Faults{{"a", "b", "c"}, {Detail: "d"}}).Error(); got != "a: b; d" {
		t.Errorf("Error() = %q", got)
	}
}

// TestForeignReplies reads errors of servers that are not ours: a proxy, Kubernetes' API server, AWS.
func TestForeignReplies(t *testing.T) {
	cases := map[string]struct {
		reason, body string
		header       http.Header
		want         lambda.Error
	}{
		"Proxy":      {"", "<html>502</html>", nil, lambda.Error{Code: lambda.CodeService, Message: "GET /x answered 502 Bad Gateway, which is not a Lambkin server's answer"}},
		"Empty":      {"", "", nil, lambda.Error{Code: lambda.CodeService, Message: "GET /x answered 502 Bad Gateway, which is not a Lambkin server's answer"}},
		"NotFound":   {"", `{"kind":"Status","reason":"NotFound","message":"none"}`, nil, lambda.Error{Code: lambda.CodeResourceNotFound, Message: "none"}},
		"Exists":     {"", `{"reason":"AlreadyExists","message":"m"}`, nil, lambda.Error{Code: lambda.CodeResourceConflict, Message: "m"}},
		"Conflict":   {"", `{"reason":"Conflict","message":"m"}`, nil, lambda.Error{Code: lambda.CodePreconditionFailed, Message: "m"}},
		"Invalid":    {"", `{"reason":"Invalid","message":"m"}`, nil, lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: "m"}},
		"BadRequest": {"", `{"reason":"BadRequest","message":"m"}`, nil, lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: "m"}},
		"Forbidden":  {"", `{"reason":"Forbidden","message":"m"}`, nil, lambda.Error{Code: lambda.CodeAccessDenied, Message: "m"}},
		"NoLogin":    {"", `{"reason":"Unauthorized","message":"m"}`, nil, lambda.Error{Code: lambda.CodeAccessDenied, Message: "m"}},
		"Throttled":  {"", `{"reason":"TooManyRequests","message":"m"}`, nil, lambda.Error{Code: lambda.CodeTooManyRequests, Message: "m"}},
		"AWS": {"its own spelling, and which limit", `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Message":"Rate Exceeded."}`,
			http.Header{"X-Amzn-Errortype": {"TooManyRequestsException"}, "Retry-After": {"3"}},
			lambda.Error{Code: lambda.CodeTooManyRequests, Message: "Rate Exceeded.", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded", RetryAfter: 3 * time.Second}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			res := &http.Response{StatusCode: http.StatusBadGateway, Status: "502 Bad Gateway", Header: tc.header, Request: httptest.NewRequest(http.MethodGet, "/x", nil)}
			if res.Header == nil {
				res.Header = http.Header{}
			}
			got := lambda.AsError(errorOf(res, []byte(tc.body)))
			if got.Code != tc.want.Code || got.Message != tc.want.Message || got.Reason != tc.want.Reason || got.RetryAfter != tc.want.RetryAfter {
				t.Errorf("%s: %+v, want %+v", tc.reason, got, tc.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-1": 0, "x": 0, "1.5": 0, "999999999": time.Hour, "Wed, 21 Oct 2026 07:28:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestPathOf(t *testing.T) {
	local := NewPlane(nil, "", "shop").(plane).caller //nolint:forcetypeassert // it is what it makes
	local.path = serverPath("/lambkin/v1/")
	namespaced := NewPlane(nil, "", "shop").(plane).caller //nolint:forcetypeassert // same
	door := caller{path: doorPath}
	cases := []struct {
		reason string
		caller caller
		ref    lambda.Reference
		want   string
	}{
		{"a name", local, lambda.Reference{Name: "app"}, "/lambkin/v1/functions/app/invocations"},
		{"a version", local, lambda.Reference{Name: "app", Qualifier: "$LATEST"}, "/lambkin/v1/functions/app/invocations?Qualifier=%24LATEST"},
		{"an account", local, lambda.Reference{Name: "app", Account: "123"}, "/lambkin/v1/functions/123:function:app/invocations"},
		{"an ARN", local, lambda.Reference{Name: "app", Account: "123", Region: "eu-west-1", Qualifier: "v1"}, "/lambkin/v1/functions/arn:aws:lambda:eu-west-1:123:function:app/invocations?Qualifier=v1"},
		{"another partition", local, lambda.Reference{Name: "app", Account: "123", Region: "cn-north-1", Partition: "aws-cn"}, "/lambkin/v1/functions/arn:aws-cn:lambda:cn-north-1:123:function:app/invocations"},
		{"a namespace", namespaced, lambda.Reference{Name: "app"}, "/lambkin/v1/namespaces/shop/functions/app/invocations"},
		{"a front door", door, lambda.Reference{Name: "app", Qualifier: "7"}, "/2015-03-31/functions/app/invocations?Qualifier=7"},
	}
	for _, tc := range cases {
		if got := tc.caller.pathOf(&lambda.Invocation{Function: tc.ref}); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
		}
	}
	streams := map[string]caller{
		"/lambkin/v1/functions/app/response-streaming-invocations": local,
		"/2021-11-15/functions/app/response-streaming-invocations": door,
	}
	for want, c := range streams {
		if got := c.pathOf(&lambda.Invocation{Function: lambda.Reference{Name: "app"}, Stream: new(sink)}); got != want {
			t.Errorf("a stream: got %s, want %s", got, want)
		}
	}
}

func TestHeadersOfResults(t *testing.T) {
	full := http.Header{}
	for name, value := range map[string]string{
		awshttp.HeaderRequestID: "id", "X-Amz-Executed-Version": "3", awshttp.HeaderPayloadType: "text/plain", "X-Amz-Function-Error": "Unhandled",
		awshttp.HeaderFailure: "Boom", "X-Amz-Log-Result": "RU5E", awshttp.HeaderDuration: "1500",
	} {
		full.Set(name, value)
	}
	want := &lambda.Result{RequestID: "id", ExecutedVersion: "3", ContentType: "text/plain", FunctionError: "Unhandled", ErrorType: "Boom",
		LogTail: []byte("END"), Duration: 1500 * time.Microsecond}
	if diff := cmp.Diff(want, resultOf(full)); diff != "" {
		t.Error(diff)
	}
	broken := http.Header{"X-Amz-Log-Result": {"%%%"}}
	broken.Set(awshttp.HeaderDuration, "soon")
	if diff := cmp.Diff(&lambda.Result{}, resultOf(broken)); diff != "" {
		t.Errorf("headers that say nothing: %s", diff)
	}
}

// frames encodes an event stream; a frame is KIND, PAYLOAD.
func frames(t *testing.T, pairs ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := eventstream.NewEncoder()
	for i := 0; i+1 < len(pairs); i += 2 {
		var msg eventstream.Message
		if pairs[i] != "" {
			msg.Headers.Set(":event-type", eventstream.StringValue(pairs[i]))
		}
		msg.Payload = []byte(pairs[i+1])
		if err := enc.Encode(&buf, msg); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// sink is a ResponseStream in memory that may refuse.
type sink struct {
	bytes.Buffer
	starts    int
	unwilling error
}

func (s *sink) Start(string) error {
	s.starts++
	return s.unwilling
}

func TestStreams(t *testing.T) {
	hung := errors.New("hung up")
	cases := map[string]struct {
		reason string
		body   []byte
		sink   sink
		want   lambda.Result
		text   string
		starts int
		err    func(error) bool
	}{
		"Chunks": {reason: "", body: frames(t, "PayloadChunk", "a", "PayloadChunk", "b", "InvokeComplete", `{"LogResult":"RU5E"}`),
			want: lambda.Result{LogTail: []byte("END")}, text: "ab", starts: 1},
		"Empty":   {reason: "an empty answer is begun all the same", body: frames(t, "InvokeComplete", `{}`), starts: 1},
		"Unknown": {reason: "frames of kinds to come are passed over", body: frames(t, "Progress", "50%", "", "x", "InvokeComplete", `{}`), starts: 1},
		"Failed": {reason: "a failure before the first byte begins nothing", body: frames(t, "InvokeComplete", `{"ErrorCode":"Boom","ErrorDetails":"{}"}`),
			want: lambda.Result{FunctionError: lambda.Unhandled, ErrorType: "Boom", Payload: []byte("{}")}},
		"FailedLate": {reason: "", body: frames(t, "PayloadChunk", "a", "InvokeComplete", `{"ErrorCode":"Boom","ErrorDetails":"{}"}`),
			want: lambda.Result{FunctionError: lambda.Unhandled, ErrorType: "Boom", Payload: []byte("{}")}, text: "a", starts: 1},
		"Service": {reason: "a code of the service is an error", body: frames(t, "InvokeComplete", `{"ErrorCode":"TooManyRequestsException","ErrorDetails":"slow down"}`),
			err: func(err error) bool { return lambda.CodeOf(err) == lambda.CodeTooManyRequests }},
		"Cut":       {reason: "", body: frames(t, "PayloadChunk", "a"), text: "a", starts: 1, err: func(err error) bool { return errors.Is(err, ErrCut) }},
		"CutFrame":  {reason: "", body: frames(t, "PayloadChunk", "abc")[:20], err: func(err error) bool { return errors.Is(err, ErrCut) }},
		"NoFrames":  {reason: "", body: []byte("<html>"), err: func(err error) bool { return errors.Is(err, ErrCut) }},
		"LastFrame": {reason: "", body: frames(t, "InvokeComplete", `{`), err: func(err error) bool { return strings.Contains(err.Error(), "last frame") }},
		"Unwilling": {reason: "a caller that has gone ends the stream", body: frames(t, "PayloadChunk", "a", "InvokeComplete", `{}`), sink: sink{unwilling: hung}, starts: 1,
			err: func(err error) bool { return errors.Is(err, hung) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(tc.body) }))
			defer srv.Close()
			c, err := New(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			out := tc.sink
			res, err := c.Invoke(t.Context(), &lambda.Invocation{Function: lambda.Reference{Name: "a"}, Stream: &out})
			if (err != nil) != (tc.err != nil) || (err != nil && !tc.err(err)) {
				t.Fatalf("%s: error = %v", tc.reason, err)
			}
			if out.String() != tc.text || out.starts != tc.starts {
				t.Errorf("%s: streamed %q after %d starts, want %q after %d", tc.reason, out.String(), out.starts, tc.text, tc.starts)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(&tc.want, res); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestStreamEndsWithItsContext hangs if the client waited for a server that never ends its answer.
func TestStreamEndsWithItsContext(t *testing.T) {
	leave := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(frames(t, "PayloadChunk", "a"))
		_ = http.NewResponseController(w).Flush()
		close(leave)
		<-r.Context().Done()
	}))
	defer srv.Close()
	c, err := New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-leave
		cancel()
	}()
	if _, err := c.Invoke(ctx, &lambda.Invocation{Function: lambda.Reference{Name: "a"}, Stream: new(sink)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want that of the context", err)
	}
}

// FuzzStream gives the client any bytes as an answer: it must end, with a result only after a last frame.
func FuzzStream(f *testing.F) {
	f.Add([]byte("<html>"))
	f.Add([]byte{0, 0, 0, 16, 0, 0, 0, 0, 5, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &frameReader{dec: eventstream.NewDecoder(), body: bytes.NewReader(body), out: new(sink)}
		for range len(body) + 1 {
			end, err := r.next()
			if err != nil || end != nil {
				return
			}
		}
		t.Errorf("%d bytes gave more frames than that", len(body))
	})
}
