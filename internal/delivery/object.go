package delivery

import (
	"cmp"
	"fmt"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Spec is the event as engines that keep events as objects keep it. It shares body and headers.
func (e *Event) Spec() v1alpha1.AsyncInvocationSpec {
	spec := v1alpha1.AsyncInvocationSpec{
		RequestID: e.ID, Function: nameOf(e.Function), Payload: e.Body, ClientContext: e.ClientContext,
		CognitoIdentity: e.CognitoIdentity, TenantID: e.TenantID, Trace: e.Trace, TraceStarted: e.TraceStarted,
		CloudEvent: e.CloudEvent, URL: e.URL, Headers: e.Headers,
	}
	spec.Accepted.Time = e.Accepted
	return spec
}

// FromObject is the event that an object keeps, and how far it has come. It shares body and headers. It fails if the
// object names no function.
func FromObject(a *v1alpha1.AsyncInvocation) (Event, error) {
	ref, err := lambda.ParseReference(a.Spec.Function)
	if err != nil {
		return Event{}, fmt.Errorf("the event is for %.100q, which is no function's name", a.Spec.Function)
	}
	s := &a.Spec
	return Event{
		ID: s.RequestID, Function: ref, Body: s.Payload, ClientContext: s.ClientContext, CognitoIdentity: s.CognitoIdentity,
		TenantID: s.TenantID, Trace: s.Trace, TraceStarted: s.TraceStarted, CloudEvent: s.CloudEvent, URL: s.URL,
		Headers: s.Headers, Accepted: s.Accepted.Time,
		Attempts: int(a.Status.Attempts), Refusals: int(a.Status.Refusals),
	}, nil
}

// nameOf writes a reference so that parsing gives it again: as people write it if that will do, else as an ARN, whose
// parts need not all be there.
func nameOf(r lambda.Reference) string {
	r.Partition = cmp.Or(r.Partition, "aws")
	short := r.String()
	if again, err := lambda.ParseReference(short); err == nil && again == r {
		return short
	}
	arn := "arn:" + r.Partition + ":lambda:"
	if r.Region != "" {
		arn += r.Region + ":"
	}
	if r.Account != "" {
		arn += r.Account + ":"
	}
	return arn + "function:" + short
}
