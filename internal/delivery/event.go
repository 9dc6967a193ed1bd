package delivery

import (
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Event is what waits: an event for a function or, with a URL, a record on its way to a destination that is no function. Its JSON form, which
// engines store, is without the body.
type Event struct {
	// ID is the request id under which the function runs, however often it is tried.
	ID string `json:"id,omitempty"`
	// Function is whom the event is for; of a record, whom it tells of.
	Function        lambda.Reference `json:"function"`
	ClientContext   string           `json:"clientContext,omitempty"`
	CognitoIdentity string           `json:"cognitoIdentity,omitempty"`
	TenantID        string           `json:"tenantId,omitempty"`
	Trace           string           `json:"trace,omitempty"`
	TraceStarted    bool             `json:"traceStarted,omitempty"`
	CloudEvent      string           `json:"cloudEvent,omitempty"`
	// URL is where a record goes: a URL, or the ARN of a queue, topic or event bus; empty for an event.
	URL string `json:"url,omitempty"`
	// Headers go with a record: as headers to a URL, as attributes to a queue or topic.
	Headers map[string]string `json:"headers,omitempty"`
	// Accepted is when the caller was told that the event is kept.
	Accepted time.Time `json:"accepted"`
	// Attempts is how often it was tried to an end, Refusals how often in a row it could not be tried at all.
	Attempts int `json:"attempts,omitempty"`
	Refusals int `json:"refusals,omitempty"`
	// Body is the event's payload, or what is posted, byte for byte.
	Body []byte `json:"-"`
}

// Of makes an event of an invocation that is accepted now. It gets an id if it has none, and shares the payload.
func Of(in *lambda.Invocation, now time.Time) Event {
	id := in.ID
	if id == "" {
		id = uuid.NewString()
	}
	return Event{
		ID: id, Function: in.Function, ClientContext: in.ClientContext, CognitoIdentity: in.CognitoIdentity,
		TenantID: in.TenantID, Trace: in.Trace, TraceStarted: in.TraceStarted, CloudEvent: in.CloudEvent,
		Accepted: now, Body: in.Payload,
	}
}

// Invocation is the event as the function gets it. It shares the body.
func (e *Event) Invocation() *lambda.Invocation {
	return &lambda.Invocation{
		ID: e.ID, Function: e.Function, Payload: e.Body, ClientContext: e.ClientContext, CognitoIdentity: e.CognitoIdentity,
		TenantID: e.TenantID, Trace: e.Trace, TraceStarted: e.TraceStarted, CloudEvent: e.CloudEvent,
	}
}

// Group is by whom turns are taken: the function's name, with the records that tell of it apart, so that a slow destination
// does not hold up its function.
func (e *Event) Group() string {
	if e.URL != "" {
		return "post:" + string(e.Function.Name)
	}
	return string(e.Function.Name)
}
