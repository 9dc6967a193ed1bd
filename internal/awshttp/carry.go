package awshttp

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Headers for what the Lambda API has no place for, between our own ends. Texts that may be JSON travel as base64.
const (
	// HeaderCarry asks a front door to take and tell all that follows.
	HeaderCarry = "X-Lambkin-Carry"
	// HeaderRequestID is the Lambda API's own; requests bring one only between our ends.
	HeaderRequestID = headerRequestID
	// HeaderIdentity is the Cognito identity.
	HeaderIdentity = "X-Lambkin-Cognito-Identity"
	// HeaderCloudEvent holds the CloudEvents attributes of the event.
	HeaderCloudEvent = "X-Lambkin-Cloudevent"
	// HeaderPayloadType is the content type that the runtime declared.
	HeaderPayloadType = "X-Lambkin-Content-Type"
	// HeaderFailure is the type of the function's failure.
	HeaderFailure = "X-Lambkin-Error-Type"
	// HeaderDuration is how long the function ran, in microseconds.
	HeaderDuration = "X-Lambkin-Duration"
)

// Carries reports whether a request asks for the whole of an invocation to be carried.
func Carries(h http.Header) bool { return h[HeaderCarry] != nil }

// Carrying gives operations that do for one request what o does, and carry what the headers above hold: on the way in
// what the caller knew of the invocation, on the way back what there is to know of its result. An identity counts only
// if the caller is trusted; at a door that is open to everybody, anybody could claim one.
func (o *Operations) Carrying(w http.ResponseWriter, r *http.Request, trusted bool) *Operations {
	if id := first(r.Header, headerRequestID); uuid.Validate(id) == nil {
		w.Header()[headerRequestID] = []string{id} // the reply's id is the invocation's
	}
	c := &carried{w: w, header: r.Header, trusted: trusted}
	whole := *o
	whole.Invoker = lambda.InvokerFunc(func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		res, err := o.Invoker.Invoke(ctx, c.complete(in))
		c.tell(res)
		return res, err
	})
	if o.Async != nil {
		whole.Async = AsyncInvokerFunc(func(ctx context.Context, in *lambda.Invocation) error {
			return o.Async.InvokeAsync(ctx, c.complete(in))
		})
	}
	return &whole
}

// carried is one invocation on its way through.
type carried struct {
	w       http.ResponseWriter
	header  http.Header
	trusted bool
}

// complete adds what the headers hold. Values that are not base64 count as absent: only our own client sends them.
func (c *carried) complete(in *lambda.Invocation) *lambda.Invocation {
	full := *in
	full.CloudEvent = decoded(c.header, HeaderCloudEvent)
	if c.trusted {
		full.CognitoIdentity = decoded(c.header, HeaderIdentity)
	}
	return &full
}

func decoded(h http.Header, name string) string {
	text, err := base64.StdEncoding.DecodeString(first(h, name))
	if err != nil {
		return ""
	}
	return singleLine(text)
}

// tell puts what the Lambda API does not tell of a result into headers. For streams it comes too late and is left out.
func (c *carried) tell(res *lambda.Result) {
	if res == nil {
		return
	}
	h := c.w.Header()
	h[HeaderPayloadType] = []string{res.ContentType}
	h[HeaderFailure] = []string{res.ErrorType}
	h[HeaderDuration] = []string{strconv.FormatInt(int64(res.Duration/time.Microsecond), 10)}
}
