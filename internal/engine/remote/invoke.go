package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// FrontDoor runs one function by calling the front door of its pods, which base is the address of.
func FrontDoor(c *http.Client, base string) lambda.Invoker {
	return caller{server: server{base: base, http: c}, path: doorPath}
}

// caller is the client of invocations.
type caller struct {
	server

	path func(function string, streamed bool) string
}

// serverPath is where servers run functions.
func serverPath(prefix string) func(string, bool) string {
	return func(function string, streamed bool) string {
		if streamed {
			return prefix + functionsPath + function + "/response-streaming-invocations"
		}
		return prefix + functionsPath + function + "/invocations"
	}
}

// doorPath is where the Lambda API runs functions.
func doorPath(function string, streamed bool) string {
	if streamed {
		return "/2021-11-15/functions/" + function + "/response-streaming-invocations"
	}
	return "/2015-03-31/functions/" + function + "/invocations"
}

// Invoke implements [lambda.Invoker] with Invoke as the Lambda API has it, or InvokeWithResponseStream if in has a Stream.
func (c caller) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	header := invokeHeader(in)
	if in.Stream != nil {
		return c.stream(ctx, in, header)
	}
	res, err := c.send(ctx, http.MethodPost, c.pathOf(in), bytes.NewReader(in.Payload), header)
	if err != nil {
		return nil, err
	}
	defer drop(res)
	payload, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %q: %w", in.Function, err)
	}
	out := resultOf(res.Header)
	out.Payload = payload
	return out, nil
}

// Enqueue implements [engine.Async].
func (c caller) Enqueue(ctx context.Context, in *lambda.Invocation) error {
	header := invokeHeader(in)
	header.Set("X-Amz-Invocation-Type", "Event")
	res, err := c.send(ctx, http.MethodPost, c.pathOf(in), bytes.NewReader(in.Payload), header)
	if err != nil {
		return err
	}
	drop(res)
	return nil
}

// pathOf names the function as the caller did, with the region and account of its ARN.
func (c caller) pathOf(in *lambda.Invocation) string {
	fn := in.Function
	name := string(fn.Name)
	if fn.Account != "" {
		name = fn.Account + ":function:" + name
	}
	if fn.Region != "" {
		name = fmt.Sprintf("arn:%s:lambda:%s:%s", cmp.Or(fn.Partition, "aws"), fn.Region, name)
	}
	path := c.path(url.PathEscape(name), in.Stream != nil)
	if fn.Qualifier == "" {
		return path
	}
	return path + "?Qualifier=" + url.QueryEscape(fn.Qualifier)
}

// invokeHeader says in headers what the Lambda API takes in headers, and what it has no place for.
func invokeHeader(in *lambda.Invocation) http.Header {
	h := http.Header{}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set(awshttp.HeaderCarry, "1")
	set(awshttp.HeaderRequestID, in.ID)
	set("X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(in.ClientContext)))
	set(awshttp.HeaderIdentity, base64.StdEncoding.EncodeToString([]byte(in.CognitoIdentity)))
	set(awshttp.HeaderCloudEvent, base64.StdEncoding.EncodeToString([]byte(in.CloudEvent)))
	set("X-Amz-Tenant-Id", in.TenantID)
	set("X-Amzn-Trace-Id", in.Trace)
	if in.LogTail {
		h.Set("X-Amz-Log-Type", "Tail")
	}
	return h
}

func resultOf(h http.Header) *lambda.Result {
	micros, err := strconv.ParseInt(h.Get(awshttp.HeaderDuration), 10, 64)
	if err != nil {
		micros = 0 // streams end after their headers
	}
	return &lambda.Result{
		RequestID:       h.Get(awshttp.HeaderRequestID),
		ExecutedVersion: h.Get("X-Amz-Executed-Version"),
		ContentType:     h.Get(awshttp.HeaderPayloadType),
		FunctionError:   h.Get("X-Amz-Function-Error"),
		ErrorType:       h.Get(awshttp.HeaderFailure),
		LogTail:         tailOf(h.Get("X-Amz-Log-Result")),
		Duration:        time.Duration(micros) * time.Microsecond,
	}
}

// tailOf decodes the end of a log; nil if there is none.
func tailOf(text string) []byte {
	tail, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(tail) == 0 {
		return nil
	}
	return tail
}

// ErrCut says that a streamed answer ended without its last frame.
var ErrCut = errors.New("the streamed answer was cut off")

func (c caller) stream(ctx context.Context, in *lambda.Invocation, header http.Header) (*lambda.Result, error) {
	res, err := c.send(ctx, http.MethodPost, c.pathOf(in), bytes.NewReader(in.Payload), header)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	out := resultOf(res.Header)
	frames := &frameReader{dec: eventstream.NewDecoder(), body: res.Body, out: in.Stream}
	for {
		end, err := frames.next()
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("stream the answer of %q: %w", in.Function, err)
		}
		if end != nil {
			return end.finish(out)
		}
	}
}

// frameReader passes a streamed answer on, frame by frame.
type frameReader struct {
	dec     *eventstream.Decoder
	body    io.Reader
	out     lambda.ResponseStream
	buf     []byte
	started bool
}

// next takes one frame. The last one gives a completion.
func (f *frameReader) next() (*completion, error) {
	msg, err := f.dec.Decode(f.body, f.buf[:0])
	if errors.Is(err, io.EOF) {
		return nil, ErrCut
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCut, err)
	}
	f.buf = msg.Payload
	switch kind := frameKind(msg.Headers); kind {
	case "PayloadChunk":
		return nil, f.pass(msg.Payload)
	case "InvokeComplete":
		end := new(completion)
		if err := json.Unmarshal(msg.Payload, end); err != nil {
			return nil, fmt.Errorf("read the last frame: %w", err)
		}
		if end.ErrorCode != "" {
			return end, nil
		}
		return end, f.start()
	default:
		return nil, nil // frames of kinds to come are not ours to understand
	}
}

func (f *frameReader) start() error {
	if f.started {
		return nil
	}
	f.started = true
	return f.out.Start("application/octet-stream")
}

func (f *frameReader) pass(p []byte) error {
	if err := f.start(); err != nil {
		return err
	}
	_, err := f.out.Write(p)
	return err
}

func frameKind(h eventstream.Headers) string {
	v := h.Get(eventstreamapi.EventTypeHeader)
	if v == nil {
		return ""
	}
	return v.String()
}

// completion is the payload of the last frame.
type completion struct {
	ErrorCode    string
	ErrorDetails string
	LogResult    string
}

// finish adds to res how the stream ended. A code of the service is an error, anything else a function's failure.
func (c *completion) finish(res *lambda.Result) (*lambda.Result, error) {
	res.LogTail = tailOf(c.LogResult)
	if c.ErrorCode == "" {
		return res, nil
	}
	if code := lambda.Code(c.ErrorCode); code == lambda.CodeService || code.Status() != http.StatusInternalServerError {
		return nil, &lambda.Error{Code: code, Message: c.ErrorDetails}
	}
	res.FunctionError, res.ErrorType, res.Payload = lambda.Unhandled, c.ErrorCode, []byte(c.ErrorDetails)
	return res, nil
}
