package awshttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// streamed is what the SDK makes of a streamed reply.
type streamed struct {
	Version, Body, ErrorCode, ErrorDetails, LogResult string
	Completed                                         bool
}

func collect(t *testing.T, out *awslambda.InvokeWithResponseStreamOutput) streamed {
	t.Helper()
	got := streamed{Version: aws.ToString(out.ExecutedVersion)}
	stream := out.GetStream()
	for e := range stream.Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			got.Body += string(e.Value.Payload)
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			got.Completed = true
			got.ErrorCode, got.ErrorDetails, got.LogResult = aws.ToString(e.Value.ErrorCode), aws.ToString(e.Value.ErrorDetails), aws.ToString(e.Value.LogResult)
		}
	}
	if err := errors.Join(stream.Err(), stream.Close()); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestInvokeWithResponseStream(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 10<<10)
	cases := map[string]struct {
		reason string
		in     awslambda.InvokeWithResponseStreamInput
		chunks []string
		res    *lambda.Result
		err    error
		want   streamed
	}{
		"Chunks": {
			reason: "chunks arrive, and the end is told",
			chunks: []string{"one ", "two ", big}, res: &lambda.Result{ExecutedVersion: "$LATEST"},
			want: streamed{Version: "$LATEST", Body: "one two " + big, Completed: true},
		},
		"Empty": {
			reason: "a function that writes nothing still ends",
			res:    &lambda.Result{ExecutedVersion: "9"},
			want:   streamed{Version: "9", Completed: true},
		},
		"Tail": {
			reason: "the log tail comes in the last frame",
			in:     awslambda.InvokeWithResponseStreamInput{LogType: types.LogTypeTail, Qualifier: aws.String("4")},
			chunks: []string{"x"}, res: &lambda.Result{ExecutedVersion: "4", LogTail: []byte("log")},
			want: streamed{Version: "4", Body: "x", LogResult: "bG9n", Completed: true},
		},
		"Alias": {
			reason: "which version an alias means is not known when the first byte comes",
			in:     awslambda.InvokeWithResponseStreamInput{Qualifier: aws.String("prod")},
			chunks: []string{"x"}, res: &lambda.Result{ExecutedVersion: "4"},
			want: streamed{Body: "x", Completed: true},
		},
		"ErrorFirst": {
			reason: "an error before the first byte is InvokeComplete without chunks",
			res:    &lambda.Result{ExecutedVersion: "2", FunctionError: lambda.Unhandled, ErrorType: "Function.Oops", Payload: []byte(`{"errorMessage":"no"}`)},
			want:   streamed{Version: "2", ErrorCode: "Function.Oops", ErrorDetails: `{"errorMessage":"no"}`, Completed: true},
		},
		"ErrorMidway": {
			reason: "an error in the middle follows what was sent",
			chunks: []string{"half"}, res: &lambda.Result{FunctionError: lambda.Unhandled, Payload: []byte(`{"errorType":"E"}`)},
			want: streamed{Version: "$LATEST", Body: "half", ErrorCode: "Unhandled", ErrorDetails: `{"errorType":"E"}`, Completed: true},
		},
		"ServiceErrorMidway": {
			reason: "even the service's own failure is told, without its cause",
			chunks: []string{"half"}, err: errors.New("disk on fire"),
			want: streamed{Version: "$LATEST", Body: "half", ErrorCode: "ServiceException", ErrorDetails: "An error occurred and the request cannot be processed.", Completed: true},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inv := lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
				for _, c := range tc.chunks {
					if n, err := in.Stream.Write([]byte(c)); err != nil || n != len(c) {
						t.Errorf("Write = %d, %v", n, err)
					}
				}
				return tc.res, tc.err
			})
			tc.in.FunctionName, tc.in.Payload = aws.String("f"), []byte(`{}`)
			out, err := client(serve(t, &awshttp.Operations{Invoker: inv})).InvokeWithResponseStream(t.Context(), &tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, collect(t, out)); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

func TestStreamErrorsBeforeTheStream(t *testing.T) {
	inv := newAnswer(nil, lambda.Throttled(lambda.ReasonConcurrency, time.Second))
	url := serve(t, &awshttp.Operations{Invoker: inv})
	_, err := client(url).InvokeWithResponseStream(t.Context(), &awslambda.InvokeWithResponseStreamInput{FunctionName: aws.String("f")})
	var tooMany *types.TooManyRequestsException
	if !errors.As(err, &tooMany) {
		t.Errorf("error = %v, want TooManyRequestsException", err)
	}
	path := "/2021-11-15/functions/f/response-streaming-invocations"
	if status, body := post(t, url+path, "X-Amz-Invocation-Type", "Event", nil); status != 400 || !strings.Contains(body, "[RequestResponse, DryRun]") {
		t.Errorf("type Event = %d %s, want 400 with the two values", status, body)
	}
	if status, body := post(t, url+path, "X-Amz-Invocation-Type", "DryRun", nil); status != 204 || body != "" {
		t.Errorf("dry run = %d %s, want 204", status, body)
	}
	if status, _ := post(t, url+path, "X-Amz-Log-Type", "Head", nil); status != 400 {
		t.Errorf("log type = %d, want 400", status)
	}
	if status, _ := post(t, url+path, "", "", strings.NewReader("{")); status != 400 {
		t.Errorf("not JSON = %d, want 400", status)
	}
}

// TestStreamIsNotHeldBack has a function that waits, after each chunk, until the caller has seen it.
func TestStreamIsNotHeldBack(t *testing.T) {
	seen := make(chan struct{})
	inv := lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if err := in.Stream.Start("text/plain"); err != nil {
			return nil, err
		}
		for range 3 {
			if _, err := in.Stream.Write([]byte("tick")); err != nil {
				return nil, err
			}
			<-seen
		}
		return &lambda.Result{}, nil
	})
	resp, err := http.Post(serve(t, &awshttp.Operations{Invoker: inv})+"/2021-11-15/functions/f/response-streaming-invocations", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	dec := eventstream.NewDecoder()
	for range 3 {
		msg, err := dec.Decode(resp.Body, nil)
		if err != nil || string(msg.Payload) != "tick" {
			t.Fatalf("frame = %q, %v", msg.Payload, err)
		}
		seen <- struct{}{}
	}
	msg, err := dec.Decode(resp.Body, nil)
	if err != nil || string(msg.Payload) != "{}" || msg.Headers.Get(":event-type").String() != "InvokeComplete" {
		t.Errorf("last frame = %s %q, %v", msg.Headers.Get(":event-type"), msg.Payload, err)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("after the last frame: %q, %v", rest, err)
	}
}

// TestStreamToDeafCaller has a caller that never reads: the function's writes must fail, not block for ever.
func TestStreamToDeafCaller(t *testing.T) {
	failed := make(chan error, 1)
	inv := lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		for {
			if _, err := in.Stream.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return &lambda.Result{}, nil //nolint:nilerr // a caller that does not read is not the function's failure
			}
		}
	})
	url := serve(t, &awshttp.Operations{Invoker: inv, WriteTimeout: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /2021-11-15/functions/f/response-streaming-invocations HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("writing to a caller that does not read succeeded for ever")
	}
}

// discard is a ResponseWriter to nowhere.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
func (d discard) Flush()                      {}

// TestStreamAllocations holds the promise that a larger body does not cost more memory per chunk.
func TestStreamAllocations(t *testing.T) {
	small, large := allocatedPerChunk(t, 1<<10), allocatedPerChunk(t, 64<<10)
	if large > 2*small+512 {
		t.Errorf("a chunk of 64 KiB allocates %d bytes, one of 1 KiB %d: memory grows with the body", large, small)
	}
}

// allocatedPerChunk streams chunks of one size and gives the bytes that each allocated, once buffers have grown.
func allocatedPerChunk(t *testing.T, size int) uint64 {
	t.Helper()
	const runs = 1000
	chunk := bytes.Repeat([]byte("x"), size)
	var before, after runtime.MemStats
	inv := lambda.InvokerFunc(func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		for i := range runs + 1 {
			if i == 1 {
				runtime.ReadMemStats(&before)
			}
			if _, err := in.Stream.Write(chunk); err != nil {
				t.Error(err)
			}
		}
		runtime.ReadMemStats(&after)
		return &lambda.Result{}, nil
	})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	(&awshttp.Operations{Invoker: inv}).InvokeWithResponseStream(discard{http.Header{}}, r, lambda.Reference{Name: "f"})
	return (after.TotalAlloc - before.TotalAlloc) / runs
}
