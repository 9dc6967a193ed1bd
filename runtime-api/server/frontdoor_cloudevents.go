package server

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// cloudEvents invokes the function once for each event of the request, one after the other. The request succeeds if
// all of them do; the first that fails ends it with a 5xx, so that the sender delivers all of them again.
func (d *FrontDoor) cloudEvents(w http.ResponseWriter, r *http.Request, enc event.Encoding, body []byte) {
	events, err := event.ParseCloudEvents(enc, r.Header, body)
	if err != nil {
		awshttp.Refuse(d.cfg.Log, w, &lambda.Error{Code: lambda.CodeInvalidRequestContent, Message: err.Error(), Err: err})
		return
	}
	answers := make([]event.Answer, 0, len(events))
	for i, e := range events {
		in := d.invocation(w, r)
		if i > 0 {
			in.ID = uuid.NewString()
		}
		in.Payload, in.CloudEvent, in.ClientContext = e.Data, e.Context(), e.ClientContext()
		res, err := d.cfg.Invoker.Invoke(r.Context(), in)
		if err != nil {
			awshttp.Refuse(d.cfg.Log, w, err)
			return
		}
		if res.FunctionError != "" {
			d.write(w, r, event.Failed())
			return
		}
		answers = append(answers, event.Answer{ID: in.ID, Payload: res.Payload})
	}
	if enc == event.EncodingBatch {
		d.answer(w, r, d.reply().Batch(answers, d.cfg.Now()))
		return
	}
	d.answer(w, r, d.reply().Response(answers[0].Payload, answers[0].ID, d.cfg.Now()))
}

// reply is the configured reply, by default with the function as its source.
func (d *FrontDoor) reply() event.Reply {
	r := d.cfg.Reply
	if r.Source == "" {
		r.Source = d.cfg.Function.ARN(d.cfg.Identity)
	}
	return r
}
