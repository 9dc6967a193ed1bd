package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

// door opens a front door for the function hello on a real listener and gives its address. change may be nil.
func door(t *testing.T, inv lambda.InvokerFunc, change func(*server.FrontDoorConfig)) string {
	t.Helper()
	cfg := server.FrontDoorConfig{
		Invoker: inv, Function: lambda.Reference{Name: "hello", Qualifier: "7"}, Identity: lambda.Identity{Region: "eu-west-1", Account: "123456789012"},
		Now: func() time.Time { return time.Unix(1583348638, 0) },
	}
	if change != nil {
		change(&cfg)
	}
	s := httptest.NewServer(server.NewFrontDoor(cfg))
	t.Cleanup(s.Close)
	return s.URL
}

// echo answers with the event.
func echo(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	return &lambda.Result{Payload: in.Payload, ExecutedVersion: "7"}, nil
}

// says always answers the same.
func says(payload string) lambda.InvokerFunc {
	return func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: []byte(payload)}, nil
	}
}

// fails always fails in the same way.
func fails(errorType, document string) lambda.InvokerFunc {
	return func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: []byte(document), FunctionError: lambda.Unhandled, ErrorType: errorType}, nil
	}
}

// reply is what a caller sees.
type reply struct {
	Status int
	Header http.Header
	Body   string
	Err    error
}

// call sends one request; headers come in pairs.
func call(t *testing.T, method, url, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header[headers[i]] = []string{headers[i+1]}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return reply{Status: resp.StatusCode, Header: resp.Header, Body: string(text), Err: err}
}

func TestFrontDoorInvoke(t *testing.T) {
	const arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Ahello"
	cases := map[string]struct {
		reason, path string
		status       int
		body         string
	}{
		"Name":         {"the plain path", "/2015-03-31/functions/hello/invocations", 200, `{"x":1}`},
		"Qualifier":    {"a qualifier was resolved before", "/2015-03-31/functions/hello/invocations?Qualifier=prod", 200, `{"x":1}`},
		"ARN":          {"ARNs come encoded", "/2015-03-31/functions/" + arn + "%3Aprod/invocations", 200, `{"x":1}`},
		"RawARN":       {"or not", "/2015-03-31/functions/123456789012:function:hello:prod/invocations", 200, `{"x":1}`},
		"Other":        {"another function is not here", "/2015-03-31/functions/other/invocations", 404, `{"Type":"User","Message":"Function not found: arn:aws:lambda:eu-west-1:123456789012:function:other:$LATEST"}`},
		"OtherVersion": {"whatever its version", "/2015-03-31/functions/other:1/invocations", 404, `{"Type":"User","Message":"Function not found: arn:aws:lambda:eu-west-1:123456789012:function:other:1"}`},
		"OtherAccount": {"nor is another account's", "/2015-03-31/functions/210987654321:hello/invocations", 404, `{"Type":"User","Message":"Function not found: arn:aws:lambda:eu-west-1:210987654321:function:hello:$LATEST"}`},
		"OtherRegion":  {"nor another region's", "/2015-03-31/functions/" + strings.Replace(arn, "eu-west-1", "us-east-1", 1) + "/invocations", 404, `{"Type":"User","Message":"Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"}`},
		"Disagree":     {"two qualifiers must agree", "/2015-03-31/functions/hello:1/invocations?Qualifier=2", 400, `{"Type":"User","message":"The derived qualifier from the function name does not match the specified qualifier."}`},
	}
	url := door(t, echo, nil)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := call(t, http.MethodPost, url+tc.path, `{"x":1}`)
			if got.Status != tc.status || got.Body != tc.body {
				t.Errorf("%s: got %d %s, want %d %s", tc.reason, got.Status, got.Body, tc.status, tc.body)
			}
		})
	}
}

// TestFrontDoorSDK calls both operations with the real SDK.
func TestFrontDoorSDK(t *testing.T) {
	url := door(t, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if in.Stream == nil {
			return &lambda.Result{Payload: fmt.Appendf(nil, "%q", in.Function), ExecutedVersion: "7"}, nil
		}
		_, err := in.Stream.Write([]byte("streamed"))
		return &lambda.Result{ExecutedVersion: "7"}, err
	}, nil)
	c := awslambda.New(awslambda.Options{Region: "eu-west-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: wholeBodies{}})
	out, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:hello"), Qualifier: aws.String("$LATEST")})
	if err != nil || string(out.Payload) != `"hello:$LATEST"` {
		t.Errorf("Invoke = %+v, %v", out, err)
	}
	stream, err := c.InvokeWithResponseStream(t.Context(), &awslambda.InvokeWithResponseStreamInput{FunctionName: aws.String("hello")})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for e := range stream.GetStream().Events() {
		if chunk, ok := e.(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk); ok {
			got.Write(chunk.Value.Payload)
		}
	}
	if err := stream.GetStream().Close(); err != nil || got.String() != "streamed" {
		t.Errorf("InvokeWithResponseStream = %q, %v", got.String(), err)
	}
}

// wholeBodies sends requests whose bodies are in memory, as the SDK may otherwise close them under net/http's hands when
// an answer comes within microseconds.
type wholeBodies struct{}

func (wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return http.DefaultClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return http.DefaultClient.Do(r)
}

func TestFrontDoorHTTP(t *testing.T) {
	seen := make(chan *lambda.Invocation, 1)
	url := door(t, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		seen <- in
		return &lambda.Result{Payload: []byte(`{"statusCode":201,"headers":{"x-a":"b"},"cookies":["c=d"],"body":"done"}`)}, nil
	}, nil)
	for _, path := range []string{"/a%2Fb/../c//d?x=1&x=2", "/2015-03-31/functions/hello/invocations", "/"} {
		method := http.MethodPatch // an Invoke path with another method is a path like any other
		got := call(t, method, url+path, "text", "Content-Type", "text/plain", "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
		if got.Status != 201 || got.Body != "done" || got.Header.Get("X-A") != "b" || got.Header.Get("Set-Cookie") != "c=d" || got.Header.Get("Content-Length") != "4" {
			t.Errorf("%s: %+v", path, got)
		}
		in := <-seen
		var e events.LambdaFunctionURLRequest
		if err := json.Unmarshal(in.Payload, &e); err != nil {
			t.Fatal(err)
		}
		raw, query, _ := strings.Cut(path, "?")
		want := []string{raw, query, "PATCH", "text", in.ID, got.Header.Get("x-amzn-RequestId"), in.Trace, got.Header.Get("X-Amzn-Trace-Id"), "hello:7"}
		have := []string{e.RawPath, e.RawQueryString, e.RequestContext.HTTP.Method, e.Body, e.RequestContext.RequestID, in.ID, e.Headers["x-amzn-trace-id"], in.Trace, in.Function.String()}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s: event\n-want +got:\n%s", path, d)
		}
	}
}

func TestFrontDoorFormats(t *testing.T) {
	cases := map[string]struct {
		reason string
		format event.Format
		inv    lambda.InvokerFunc
		status int
		body   string
	}{
		"V1":          {"a REST API's answer", event.FormatV1, says(`{"statusCode":202,"body":"ok"}`), 202, "ok"},
		"V1Error":     {"and its failure", event.FormatV1, fails("Function.E", `{}`), 502, `{"message":"Internal server error"}`},
		"V1Timeout":   {"and its timeout", event.FormatV1, fails("Sandbox.Timedout", `{}`), 504, `{"message":"Endpoint request timed out"}`},
		"ALBTarget":   {"a load balancer's event has a target group", event.FormatALB, albTarget, 200, "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/hello/0000000000000000"},
		"Raw":         {"raw bodies go there and back", event.FormatRaw, echo, 200, "ping \xff"},
		"RawError":    {"raw errors are the function's own", event.FormatRaw, fails("Function.E", `{"errorType":"E"}`), 502, `{"errorType":"E"}`},
		"V2Error":     {"a function's error is not shown to the world", event.FormatV2, fails("Function.E", `{"errorMessage":"secret"}`), 502, "Internal Server Error"},
		"V2NoContent": {"a status without a body has none", event.FormatV2, says(`{"statusCode":204,"body":"x"}`), 204, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			url := door(t, tc.inv, func(cfg *server.FrontDoorConfig) { cfg.Format = tc.format })
			got := call(t, http.MethodPost, url+"/x", "ping \xff", "Content-Type", "text/plain")
			if got.Status != tc.status || got.Body != tc.body {
				t.Errorf("%s: got %d %q, want %d %q", tc.reason, got.Status, got.Body, tc.status, tc.body)
			}
		})
	}
}

func albTarget(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	var e events.ALBTargetGroupRequest
	if err := json.Unmarshal(in.Payload, &e); err != nil {
		return nil, err
	}
	return &lambda.Result{Payload: fmt.Appendf(nil, `{"statusCode":200,"body":%q}`, e.RequestContext.ELB.TargetGroupArn)}, nil
}

func TestFrontDoorRefusals(t *testing.T) {
	refuse := func(err error) lambda.InvokerFunc {
		return func(context.Context, *lambda.Invocation) (*lambda.Result, error) { return nil, err }
	}
	for _, path := range []string{"/", "/2015-03-31/functions/hello/invocations"} {
		got := call(t, http.MethodPost, door(t, refuse(lambda.Throttled(lambda.ReasonConcurrency, 2*time.Second)), nil)+path, "{}")
		if got.Status != 429 || got.Header.Get("Retry-After") != "2" || got.Header.Get("x-amzn-ErrorType") != "TooManyRequestsException" {
			t.Errorf("throttled at %s: %+v", path, got)
		}
		got = call(t, http.MethodPost, door(t, refuse(errors.New("secret path")), nil)+path, "{}")
		if got.Status != 500 || strings.Contains(got.Body, "secret") {
			t.Errorf("internal error at %s: %+v", path, got)
		}
		got = call(t, http.MethodPost, door(t, echo, nil)+path, strings.Repeat(" ", lambda.MaxRequestPayload+1))
		if got.Status != 413 || got.Body != `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}` {
			t.Errorf("too large at %s: %d %s", path, got.Status, got.Body)
		}
	}
	small := door(t, echo, func(cfg *server.FrontDoorConfig) { cfg.MaxRequest = 10 })
	if got := call(t, http.MethodPost, small+"/", "12345678901"); got.Status != 413 {
		t.Errorf("over the function's own limit: %+v", got)
	}
}

func TestFrontDoorSlowBody(t *testing.T) {
	url := door(t, echo, func(cfg *server.FrontDoorConfig) {
		cfg.Body = awshttp.BodyReader{Grace: 20 * time.Millisecond, Rate: 1 << 30}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn) // ends because the server closes the connection
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 400 ") {
		t.Errorf("reply to a body that never comes: %q, %v", text, err)
	}
}

func TestFrontDoorCORS(t *testing.T) {
	url := door(t, says(`{"statusCode":200,"headers":{"access-control-allow-origin":"evil"}}`), func(cfg *server.FrontDoorConfig) {
		cfg.CORS = &event.CORS{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}}
	})
	pre := call(t, http.MethodOptions, url, "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	if pre.Status != 200 || pre.Header.Get("Access-Control-Allow-Methods") != "GET" {
		t.Errorf("preflight: %+v", pre)
	}
	got := call(t, http.MethodGet, url, "", "Origin", "https://a.example")
	if d := cmp.Diff([]string{"https://a.example"}, got.Header["Access-Control-Allow-Origin"]); d != "" {
		t.Errorf("the function's own CORS header must not stand beside ours\n-want +got:\n%s", d)
	}
}

func TestHealth(t *testing.T) {
	alive := func(context.Context) error { return nil }
	s := httptest.NewServer(server.NewHealth(alive, func(context.Context) error { return errors.New("no environment is ready") }))
	t.Cleanup(s.Close)
	if got := call(t, http.MethodGet, s.URL+"/_lambkin/healthz", ""); got.Status != 200 || got.Body != "ok\n" {
		t.Errorf("alive: %+v", got)
	}
	if got := call(t, http.MethodGet, s.URL+"/_lambkin/readyz", ""); got.Status != 503 || got.Body != "no environment is ready\n" {
		t.Errorf("not ready: %+v", got)
	}
	if got := call(t, http.MethodGet, s.URL+"/_lambkin/other", ""); got.Status != 404 {
		t.Errorf("other path: %+v", got)
	}
}

// TestHealthWaits holds that a prober which came too early is told as soon as the pod is ready, and in time if it is not.
func TestHealthWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		coming := make(chan struct{})
		health := server.NewHealth(nil, func(ctx context.Context) error {
			select {
			case <-coming:
				return nil
			case <-ctx.Done():
				return errors.New("no environment is ready")
			}
		})
		ask := func() (status int, took time.Duration) {
			began, answer := time.Now(), httptest.NewRecorder()
			health.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_lambkin/readyz", nil))
			return answer.Code, time.Since(began)
		}
		if status, took := ask(); status != 503 || took < 2*time.Second || took >= 3*time.Second {
			t.Errorf("not ready: %d after %v", status, took)
		}
		time.AfterFunc(time.Second, func() { close(coming) })
		if status, took := ask(); status != 200 || took != time.Second {
			t.Errorf("ready in a second: %d after %v", status, took)
		}
	})
}

// TestFrontDoorCarries holds that our own ends lose nothing, and that ordinary callers see none of it.
func TestFrontDoorCarries(t *testing.T) {
	var seen *lambda.Invocation
	url := door(t, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		seen = in
		return &lambda.Result{Payload: in.Payload, ContentType: "text/plain"}, nil
	}, nil)
	const id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	for _, path := range []string{"/2015-03-31/functions/hello/invocations", "/2015-03-31/functions/hello/invocations?Qualifier=7"} {
		whole := call(t, http.MethodPost, url+path, "1", awshttp.HeaderCarry, "1", awshttp.HeaderRequestID, id, awshttp.HeaderIdentity, "e30=")
		if seen.ID != id || seen.CognitoIdentity != "" || whole.Header.Get(awshttp.HeaderPayloadType) != "text/plain" {
			t.Errorf("%s: saw %+v, told %v", path, seen, whole.Header)
		}
		plain := call(t, http.MethodPost, url+path, "1", awshttp.HeaderRequestID, id)
		if seen.ID == id || plain.Header.Get(awshttp.HeaderPayloadType) != "" {
			t.Errorf("%s: an ordinary caller chose id %s and was told %v", path, seen.ID, plain.Header)
		}
	}
}
