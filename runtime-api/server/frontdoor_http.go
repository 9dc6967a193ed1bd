package server

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// httpRequest invokes the function with the request as an event and sends its answer as a response.
func (d *FrontDoor) httpRequest(w http.ResponseWriter, r *http.Request, body []byte) {
	in := d.invocation(w, r)
	in.Payload = d.cfg.Format.Event(d.eventRequest(r, body, in))
	if d.cfg.Stream {
		d.stream(w, r, in)
		return
	}
	res, err := d.cfg.Invoker.Invoke(r.Context(), in)
	if err != nil {
		awshttp.Refuse(d.cfg.Log, w, err)
		return
	}
	d.answer(w, r, d.response(res))
}

// response is what the function's caller gets for how the invocation ended.
func (d *FrontDoor) response(res *lambda.Result) event.Response {
	if res.FunctionError != "" {
		return d.cfg.Format.Failure(res.ErrorType, res.Payload)
	}
	return d.cfg.Format.Response(res.Payload, res.ContentType)
}

// eventRequest is r with what the event says beyond it.
func (d *FrontDoor) eventRequest(r *http.Request, body []byte, in *lambda.Invocation) *event.Request {
	req := event.NewRequest(r, body)
	req.ID, req.Time, req.Trace, req.TrustForwarded = in.ID, d.cfg.Now(), in.Trace, d.cfg.TrustForwarded
	if f := d.cfg.Format; f == event.FormatALB || f == event.FormatALBMulti {
		// There is no load balancer; the ARN only has to be one, and the same for every request of this function.
		req.TargetGroup = fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:targetgroup/%s/0000000000000000",
			d.cfg.Identity.Region, d.cfg.Identity.Account, d.cfg.Function.Name)
	}
	return req
}

// head sends status and headers. The body's length goes along if it is known, which it is unless the answer streams.
func (d *FrontDoor) head(w http.ResponseWriter, r *http.Request, resp event.Response) {
	h := w.Header()
	maps.Copy(h, resp.Header)
	if d.cfg.CORS != nil {
		maps.Copy(h, d.cfg.CORS.Headers(r.Header))
	}
	if resp.Body != nil && allowsBody(resp.Status) {
		h["Content-Length"] = []string{strconv.Itoa(len(resp.Body))}
	}
	w.WriteHeader(resp.Status)
}

// allowsBody reports whether a response of this status may have a body.
func allowsBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// bodyError puts a body that could not be read into the Lambda API's words.
func bodyError(err error, limit int64) error {
	if errors.Is(err, awshttp.ErrBodyTooLarge) {
		return lambda.Errorf(lambda.CodeRequestTooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	}
	return &lambda.Error{Code: lambda.CodeInvalidRequestContent, Message: "Could not read the request body: it ended early or came too slowly.", Err: err}
}
