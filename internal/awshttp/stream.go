package awshttp

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	contentTypeEventStream = "application/vnd.amazon.eventstream"
	contentTypeBytes       = "application/octet-stream"
	// maxChunk is the most payload in one frame, and so the size that the encoder's buffer grows to.
	maxChunk = 64 << 10
)

// InvokeWithResponseStream answers POST /2021-11-15/functions/{FunctionName}/response-streaming-invocations for the
// function fn: a frame per chunk, each sent at once, and in every case InvokeComplete as the last one, without which
// SDKs could not tell an end from a cut.
func (o *Operations) InvokeWithResponseStream(w http.ResponseWriter, r *http.Request, fn lambda.Reference) {
	op := streamOperation()
	kind, err := op.invocationType(r.Header)
	if err != nil {
		Refuse(o.Log, w, err)
		return
	}
	in, err := invocation(w, r, fn)
	if err != nil {
		Refuse(o.Log, w, err)
		return
	}
	if in.Payload, err = o.payload(w, r, op, lambda.MaxRequestPayload); err != nil {
		Refuse(o.Log, w, err)
		return
	}
	if kind == typeDryRun {
		o.dryRun(w, r, fn)
		return
	}
	o.stream(w, r, in)
}

// stream runs a streamed invocation. Errors before the first byte are ordinary replies; later ones are told in the
// last frame.
func (o *Operations) stream(w http.ResponseWriter, r *http.Request, in *lambda.Invocation) {
	out := &frames{w: w, conn: http.NewResponseController(w), enc: eventstream.NewEncoder(), timeout: WriteTimeout(o.WriteTimeout), chunk: chunkHeaders()}
	out.version = staticVersion(in.Function.Qualifier)
	in.Stream = out
	res, err := o.Invoker.Invoke(r.Context(), in)
	if err != nil && !out.started {
		Refuse(o.Log, w, err)
		return
	}
	if err != nil {
		LogError(o.Log, w, err)
	}
	if err == nil && !out.started {
		out.version = res.ExecutedVersion
	}
	out.complete(ending(res, err))
}

// staticVersion is the version that a qualifier names by itself; empty for an alias, which only the Invoker resolves.
func staticVersion(qualifier string) string {
	if qualifier == "" {
		return lambda.LatestVersion
	}
	if qualifier == lambda.LatestVersion || strings.Trim(qualifier, "0123456789") == "" {
		return qualifier
	}
	return ""
}

// complete is the payload of the InvokeComplete frame.
type complete struct {
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorDetails string `json:"ErrorDetails,omitempty"`
	LogResult    string `json:"LogResult,omitempty"`
}

// ending says how the invocation ended. An error of the service shows its code and sentence only.
func ending(res *lambda.Result, err error) complete {
	if err != nil {
		e := lambda.AsError(err)
		return complete{ErrorCode: string(e.Code), ErrorDetails: e.Message}
	}
	var c complete
	if len(res.LogTail) > 0 {
		c.LogResult = base64.StdEncoding.EncodeToString(res.LogTail)
	}
	if res.FunctionError == "" {
		return c
	}
	c.ErrorCode, c.ErrorDetails = res.ErrorType, string(res.Payload)
	if c.ErrorCode == "" {
		c.ErrorCode = res.FunctionError
	}
	return c
}

// frames writes a response as event stream frames; it is the invocation's [lambda.ResponseStream].
type frames struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	enc     *eventstream.Encoder
	chunk   eventstream.Headers
	version string
	timeout time.Duration
	started bool
}

func chunkHeaders() eventstream.Headers { return frameHeaders("PayloadChunk", contentTypeBytes) }

func frameHeaders(kind, contentType string) eventstream.Headers {
	return eventstream.Headers{
		{Name: eventstreamapi.MessageTypeHeader, Value: eventstream.StringValue(eventstreamapi.EventMessageType)},
		{Name: eventstreamapi.EventTypeHeader, Value: eventstream.StringValue(kind)},
		{Name: eventstreamapi.ContentTypeHeader, Value: eventstream.StringValue(contentType)},
	}
}

// Start sends the head of the reply. The function's content type does not show in this operation.
func (f *frames) Start(string) error {
	if f.started {
		return nil
	}
	f.started = true
	h := f.w.Header()
	h[headerContentType] = []string{contentTypeEventStream}
	if f.version != "" {
		h[headerExecutedVersion] = []string{f.version}
	}
	f.w.WriteHeader(http.StatusOK)
	return f.flush()
}

// Write sends p as one frame, or as several if it is large, before it returns.
func (f *frames) Write(p []byte) (int, error) {
	if err := f.Start(""); err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(p, maxChunk) {
		if err := f.send(eventstream.Message{Headers: f.chunk, Payload: chunk}); err != nil {
			return 0, err
		}
	}
	return len(p), f.flush()
}

// complete sends the last frame. Errors are left: a caller that has gone needs no end.
func (f *frames) complete(c complete) {
	if err := f.Start(""); err != nil {
		return
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return
	}
	if err := f.send(eventstream.Message{Headers: frameHeaders("InvokeComplete", contentTypeJSON), Payload: payload}); err != nil {
		return
	}
	if err := f.flush(); err == nil {
		_ = f.conn.SetWriteDeadline(time.Time{}) // the connection may carry further requests
	}
}

// send writes one frame; a caller that reads nothing for the timeout ends the stream.
func (f *frames) send(m eventstream.Message) error {
	// Writers without deadlines (tests, wrappers) are written without one.
	_ = f.conn.SetWriteDeadline(time.Now().Add(f.timeout))
	return f.enc.Encode(f.w, m) //nolint:wrapcheck // the pod only needs to know that the caller has gone
}

func (f *frames) flush() error {
	return f.conn.Flush() //nolint:wrapcheck // same
}
