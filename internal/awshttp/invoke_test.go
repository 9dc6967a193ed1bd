package awshttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// serve runs the two operations on a real listener and gives its address.
func serve(t *testing.T, ops *awshttp.Operations) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := strings.Split(r.URL.EscapedPath(), "/")
		fn, err := awshttp.ParseTarget(part[3], r)
		switch {
		case err != nil:
			awshttp.WriteError(w, err)
		case part[4] == "invocations":
			ops.Invoke(w, r, fn)
		default:
			ops.InvokeWithResponseStream(w, r, fn)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// client is the real SDK, without retries, pointed at url.
func client(url string) *awslambda.Client {
	return awslambda.New(awslambda.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), HTTPClient: wholeBodies{},
	})
}

// wholeBodies sends requests whose bodies are in memory. The SDK (smithy-go 1.28.7) closes a request's body once the
// head of the response is there; net/http, not yet done with it, then takes the request for failed and cuts the
// connection under the response. That needs an answer within microseconds, as only tests on loopback give it.
type wholeBodies struct{}

func (wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultClient.Do(r)
}

// answer is an Invoker that always ends in the same way and keeps what it was asked.
type answer struct {
	res  *lambda.Result
	err  error
	seen chan *lambda.Invocation
}

func newAnswer(res *lambda.Result, err error) *answer {
	return &answer{res: res, err: err, seen: make(chan *lambda.Invocation, 1)}
}

func (a *answer) Invoke(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	a.seen <- in
	return a.res, a.err
}

func TestInvoke(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:hello:prod"
	cases := map[string]struct {
		reason string
		in     awslambda.InvokeInput
		res    lambda.Result
		want   awslambda.InvokeOutput
		seen   lambda.Invocation
	}{
		"Plain": {
			reason: "payloads pass byte for byte",
			in:     awslambda.InvokeInput{FunctionName: aws.String("hello"), Payload: []byte(`{ "a": 1 }`)},
			res:    lambda.Result{Payload: []byte(`[ 1 ]`), ExecutedVersion: "$LATEST"},
			want:   awslambda.InvokeOutput{StatusCode: 200, Payload: []byte(`[ 1 ]`), ExecutedVersion: aws.String("$LATEST")},
			seen:   lambda.Invocation{Function: lambda.Reference{Partition: "aws", Name: "hello"}, Payload: []byte(`{ "a": 1 }`)},
		},
		"Empty": {
			reason: "an empty event reaches the function as {}",
			in:     awslambda.InvokeInput{FunctionName: aws.String("hello")},
			res:    lambda.Result{ExecutedVersion: "1"},
			want:   awslambda.InvokeOutput{StatusCode: 200, ExecutedVersion: aws.String("1")},
			seen:   lambda.Invocation{Function: lambda.Reference{Partition: "aws", Name: "hello"}, Payload: []byte(`{}`)},
		},
		"FunctionError": {
			reason: "a function that fails is HTTP 200 with a header, and its bytes untouched",
			in:     awslambda.InvokeInput{FunctionName: aws.String("hello"), Payload: []byte(`null`)},
			res:    lambda.Result{Payload: []byte(`not json`), ExecutedVersion: "3", FunctionError: lambda.Unhandled, ErrorType: "Runtime.ExitError"},
			want:   awslambda.InvokeOutput{StatusCode: 200, Payload: []byte(`not json`), ExecutedVersion: aws.String("3"), FunctionError: aws.String("Unhandled")},
			seen:   lambda.Invocation{Function: lambda.Reference{Partition: "aws", Name: "hello"}, Payload: []byte(`null`)},
		},
		"Everything": {
			reason: "log tail, client context, tenant and an ARN with qualifier arrive decoded",
			in: awslambda.InvokeInput{
				FunctionName: aws.String(arn), Payload: []byte(`1`), LogType: types.LogTypeTail, TenantId: aws.String("blue team@x"),
				ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte("{\n\"custom\": {\"k\": \"v\"}}"))),
			},
			res:  lambda.Result{Payload: []byte(`2`), ExecutedVersion: "7", LogTail: []byte("START\nEND\n")},
			want: awslambda.InvokeOutput{StatusCode: 200, Payload: []byte(`2`), ExecutedVersion: aws.String("7"), LogResult: aws.String("U1RBUlQKRU5ECg==")},
			seen: lambda.Invocation{
				Function: lambda.Reference{Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "hello", Qualifier: "prod"},
				Payload:  []byte(`1`), LogTail: true, TenantID: "blue team@x", ClientContext: `{ "custom": {"k": "v"}}`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inv := newAnswer(&tc.res, nil)
			out, err := client(serve(t, &awshttp.Operations{Invoker: inv})).Invoke(t.Context(), &tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, *out, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(*out, "ResultMetadata"), cmpopts.IgnoreUnexported(*out)); d != "" {
				t.Errorf("%s: reply\n-want +got:\n%s", tc.reason, d)
			}
			seen := <-inv.seen
			if seen.ID == "" || !strings.HasPrefix(seen.Trace, "Root=1-") {
				t.Errorf("the invocation has no id (%q) or no trace (%q)", seen.ID, seen.Trace)
			}
			tc.seen.ID, tc.seen.Trace, tc.seen.TraceStarted = seen.ID, seen.Trace, true
			if d := cmp.Diff(tc.seen, *seen); d != "" {
				t.Errorf("%s: invocation\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

func TestInvokeReplyHeaders(t *testing.T) {
	inv := newAnswer(&lambda.Result{ExecutedVersion: "$LATEST", Payload: []byte(`1`)}, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, serve(t, &awshttp.Operations{Invoker: inv})+"/2015-03-31/functions/f/invocations", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	seen := <-inv.seen
	got := resp.Header.Clone()
	got.Del("Date")
	want := http.Header{
		"X-Amzn-Requestid": {seen.ID}, "X-Amzn-Trace-Id": {"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"},
		"X-Amz-Executed-Version": {"$LATEST"}, "Content-Type": {"application/json"}, "Content-Length": {"1"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reply headers\n-want +got:\n%s", d)
	}
	if seen.Trace != want.Get("X-Amzn-Trace-Id") {
		t.Errorf("trace = %q", seen.Trace)
	}
}

func TestInvokeRefusals(t *testing.T) {
	cases := map[string]struct {
		reason, header, value, body string
		status                      int
		want                        string
	}{
		"NotJSON": {
			reason: "events are JSON", body: `{"a":`, status: 400,
			want: `{"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: not a valid JSON text"}`,
		},
		"NotUTF8": {
			reason: "JSON is UTF-8", body: "\"\xff\"", status: 400,
			want: `{"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: not a valid JSON text"}`,
		},
		"TooLarge": {
			reason: "6 MiB at most", body: strings.Repeat(" ", lambda.MaxRequestPayload+1), status: 413,
			want: `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`,
		},
		"AsyncTooLarge": {
			reason: "1 MiB for events", header: "X-Amz-Invocation-Type", value: "Event", body: strings.Repeat(" ", lambda.MaxAsyncPayload+1), status: 413,
			want: `{"Type":"User","message":"Request must be smaller than 1048576 bytes for the InvokeFunction operation"}`,
		},
		"Type": {
			reason: "invocation types are three", header: "X-Amz-Invocation-Type", value: "Later", status: 400,
			want: `{"message":"1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"}`,
		},
		"LogType": {
			reason: "log types are two", header: "X-Amz-Log-Type", value: "Head", status: 400,
			want: `{"message":"1 validation error detected: Value 'Head' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"}`,
		},
		"ContextNotBase64": {
			reason: "runtimes would fail on it", header: "X-Amz-Client-Context", value: "{}", status: 400,
			want: `{"Type":"User","message":"Client context must be a valid Base64-encoded JSON object."}`,
		},
		"ContextNull": {
			reason: "null is no object", header: "X-Amz-Client-Context", value: "bnVsbA==", status: 400,
			want: `{"Type":"User","message":"Client context must be a valid Base64-encoded JSON object."}`,
		},
		"ContextTooLong": {
			reason: "3583 bytes at most", header: "X-Amz-Client-Context", value: strings.Repeat("A", 3584), status: 400,
			want: `{"Type":"User","message":"Client context must be at most 3583 bytes of base64."}`,
		},
		"Tenant": {
			reason: "tenant ids have an alphabet", header: "X-Amz-Tenant-Id", value: "a;b", status: 400,
			want: `{"message":"1 validation error detected: Value 'a;b' at 'tenantId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9\\._:\\/=+\\-@ ]+"}`,
		},
		"TenantTooLong": {
			reason: "256 characters at most", header: "X-Amz-Tenant-Id", value: strings.Repeat("t", 257), status: 400,
			want: `{"message":"1 validation error detected: Value '` + strings.Repeat("t", 257) + `' at 'tenantId' failed to satisfy constraint: Member must have length less than or equal to 256"}`,
		},
		"NoQueue": {
			reason: "without a queue Event is refused, never run at once", header: "X-Amz-Invocation-Type", value: "Event", status: 501,
			want: `{"Type":"Service","message":"This endpoint runs functions at once and keeps no queue; send invocations of type Event to the gateway."}`,
		},
	}
	never := lambda.InvokerFunc(func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		t.Error("a refused request was invoked")
		return nil, errors.New("not reached")
	})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			url := serve(t, &awshttp.Operations{Invoker: never}) + "/2015-03-31/functions/f/invocations"
			for _, chunked := range []bool{false, true} {
				var body io.Reader = strings.NewReader(tc.body)
				if chunked {
					body = io.MultiReader(body)
				}
				status, got := post(t, url, tc.header, tc.value, body)
				if status != tc.status || got != tc.want {
					t.Errorf("%s (chunked %t): got %d %s\nwant %d %s", tc.reason, chunked, status, got, tc.status, tc.want)
				}
			}
		})
	}
}

func post(t *testing.T, url, header, value string, body io.Reader) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		req.Header.Set(header, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestInvokeTypedErrors(t *testing.T) {
	throttled := newAnswer(nil, lambda.Throttled(lambda.ReasonConcurrency, 3*time.Second))
	_, err := client(serve(t, &awshttp.Operations{Invoker: throttled})).Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f")})
	var tooMany *types.TooManyRequestsException
	if !errors.As(err, &tooMany) {
		t.Fatalf("error = %v, want TooManyRequestsException", err)
	}
	got := []string{aws.ToString(tooMany.RetryAfterSeconds), string(tooMany.Reason), aws.ToString(tooMany.Type), tooMany.ErrorMessage()}
	if d := cmp.Diff([]string{"3", "ConcurrentInvocationLimitExceeded", "User", "Rate Exceeded."}, got); d != "" {
		t.Errorf("throttling as the SDK sees it\n-want +got:\n%s", d)
	}

	absent := newAnswer(nil, lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: f"))
	_, err = client(serve(t, &awshttp.Operations{Invoker: absent})).Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f")})
	var notFound *types.ResourceNotFoundException
	if !errors.As(err, &notFound) || notFound.ErrorMessage() != "Function not found: f" {
		t.Errorf("error = %v, want ResourceNotFoundException with its message", err)
	}

	big := &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: make([]byte, 2*lambda.MaxRequestPayload)}
	_, err = client(serve(t, &awshttp.Operations{Invoker: absent})).Invoke(t.Context(), big)
	var tooLarge *types.RequestTooLargeException
	if !errors.As(err, &tooLarge) {
		t.Errorf("error = %v, want RequestTooLargeException and not a broken connection", err)
	}
}

func TestDryRun(t *testing.T) {
	ops := &awshttp.Operations{Invoker: newAnswer(nil, nil)}
	url := serve(t, ops)
	in := &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeDryRun}
	out, err := client(url).Invoke(t.Context(), in)
	if err != nil || out.StatusCode != http.StatusNoContent {
		t.Errorf("dry run = %v, %v; want 204", out, err)
	}
	ops.DryRun = func(_ context.Context, fn lambda.Reference) error {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", fn)
	}
	if _, err := client(url).Invoke(t.Context(), in); err == nil || !strings.Contains(err.Error(), "Function not found: f") {
		t.Errorf("dry run of an absent function = %v, want its error", err)
	}
}

func TestEvent(t *testing.T) {
	queue := make(chan *lambda.Invocation, 1)
	ops := &awshttp.Operations{Async: awshttp.AsyncInvokerFunc(func(_ context.Context, in *lambda.Invocation) error {
		select {
		case queue <- in:
			return nil
		default:
			return lambda.Throttled(lambda.ReasonConcurrency, time.Second)
		}
	})}
	c := client(serve(t, ops))
	in := &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"n":1}`), LogType: types.LogTypeTail}
	out, err := c.Invoke(t.Context(), in)
	if err != nil || out.StatusCode != http.StatusAccepted || out.ExecutedVersion != nil || len(out.Payload) != 0 {
		t.Fatalf("event = %+v, %v; want 202, no version, no body", out, err)
	}
	if _, err := c.Invoke(t.Context(), in); err == nil || !strings.Contains(err.Error(), "TooManyRequestsException") {
		t.Errorf("a full queue = %v, want TooManyRequestsException", err)
	}
	if got := <-queue; string(got.Payload) != `{"n":1}` || got.LogTail {
		t.Errorf("queued %s with tail %t; want the payload, no tail", got.Payload, got.LogTail)
	}
}

func TestInvokeHangUp(t *testing.T) {
	running, ended := make(chan struct{}), make(chan struct{})
	ops := &awshttp.Operations{Invoker: lambda.InvokerFunc(func(ctx context.Context, _ *lambda.Invocation) (*lambda.Result, error) {
		close(running)
		<-ctx.Done()
		close(ended)
		return nil, fmt.Errorf("left the queue: %w", ctx.Err())
	})}
	ctx, hangUp := context.WithCancel(t.Context())
	url := serve(t, ops)
	done := make(chan error, 1)
	go func() {
		_, err := client(url).Invoke(ctx, &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"x":1}`)})
		done <- err
	}()
	<-running
	hangUp()
	<-ended // the test times out if the caller's leaving does not reach the Invoker
	if err := <-done; err == nil {
		t.Error("the caller that hung up got an answer")
	}
}

func TestInvokeSlowBody(t *testing.T) {
	never := lambda.InvokerFunc(func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		t.Error("half a request was invoked")
		return nil, errors.New("not reached")
	})
	url := serve(t, &awshttp.Operations{Invoker: never, Body: awshttp.BodyReader{Grace: 20 * time.Millisecond, Rate: 1 << 30}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	reply, err := io.ReadAll(conn) // ends because the server closes the connection
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(reply, []byte("HTTP/1.1 400 ")) || !bytes.Contains(reply, []byte("InvalidRequestContentException")) {
		t.Errorf("reply to a body that never comes: %s", reply)
	}
}

func TestInvokeLarge(t *testing.T) {
	echo := lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: in.Payload, ExecutedVersion: "$LATEST"}, nil
	})
	c := client(serve(t, &awshttp.Operations{Invoker: echo}))
	for _, size := range []int{256 << 10, 256<<10 + 1, lambda.MaxRequestPayload} {
		payload, err := json.Marshal(strings.Repeat("x", size-2))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second request finds no deadline left over from the first
			out, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: payload})
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if !bytes.Equal(out.Payload, payload) {
				t.Errorf("%d bytes came back as %d, changed", size, len(out.Payload))
			}
		}
	}
}
