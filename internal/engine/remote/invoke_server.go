package remote

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Headers for what the Lambda API has no place for. Texts that may be JSON travel as base64.
const (
	requestIDHeader   = "X-Amzn-Requestid"
	identityHeader    = "X-Lambkin-Cognito-Identity"
	cloudEventHeader  = "X-Lambkin-Cloudevent"
	contentTypeHeader = "X-Lambkin-Content-Type"
	failureHeader     = "X-Lambkin-Error-Type"
	durationHeader    = "X-Lambkin-Duration"
)

// invokeOperation is one of the Lambda API's two operations that run functions.
type invokeOperation func(o *awshttp.Operations, w http.ResponseWriter, r *http.Request, fn lambda.Reference)

// invoke serves an operation with an Invoker that adds to it what the headers above hold.
func (s *server) invoke(op invokeOperation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(requestIDHeader); id != "" {
			w.Header()[requestIDHeader] = []string{id} // the reply's id is the invocation's
		}
		fn, err := awshttp.ParseTarget(r.PathValue("function"), r)
		if err != nil {
			awshttp.WriteError(w, err)
			return
		}
		call := &call{w: w, header: r.Header}
		op(&awshttp.Operations{
			Invoker: lambda.InvokerFunc(func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
				res, err := s.engine.Invoke(ctx, call.complete(in))
				call.tell(res)
				return res, err
			}),
			Async: awshttp.AsyncInvokerFunc(func(ctx context.Context, in *lambda.Invocation) error {
				return s.engine.Enqueue(ctx, call.complete(in))
			}),
		}, w, r, fn)
	}
}

// call is one invocation on its way through.
type call struct {
	w      http.ResponseWriter
	header http.Header
}

// complete adds what the headers hold. Header values that are not base64 count as absent: only our client sends them.
func (c *call) complete(in *lambda.Invocation) *lambda.Invocation {
	full := *in
	full.CognitoIdentity = decoded(c.header, identityHeader)
	full.CloudEvent = decoded(c.header, cloudEventHeader)
	return &full
}

func decoded(h http.Header, name string) string {
	text, err := base64.StdEncoding.DecodeString(h.Get(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// tell puts what the Lambda API does not tell of a result into headers. For streams it comes too late and is left out.
func (c *call) tell(res *lambda.Result) {
	if res == nil {
		return
	}
	h := c.w.Header()
	h.Set(contentTypeHeader, res.ContentType)
	h.Set(failureHeader, res.ErrorType)
	h.Set(durationHeader, strconv.FormatInt(int64(res.Duration/time.Microsecond), 10))
}
