package delivery

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Kind says why a letter is sent. An event sends at most one letter of each kind.
type Kind string

// The kinds of letters.
const (
	// KindSuccess is the record of an event that was processed.
	KindSuccess Kind = "success"
	// KindFailure is the record of an event that was given up.
	KindFailure Kind = "failure"
	// KindDeadLetter is an event itself that was given up.
	KindDeadLetter Kind = "deadletter"
)

// Letter is something to send when an event is done with: an event for another function, or a record for a URL.
type Letter struct {
	Kind Kind
	Event
}

// maxErrorMessage is how much of an error's text is handed on.
const maxErrorMessage = 1024

// record is AWS's description of an asynchronous invocation for destinations
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
type record struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID              string    `json:"requestId"`
	FunctionARN            string    `json:"functionArn"`
	Condition              Condition `json:"condition"`
	ApproximateInvokeCount int       `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// recordOf describes the end of an event. Without a result the function never ran the last time.
func recordOf(e Event, by Policy, result *lambda.Result, how Condition, now time.Time) record {
	rec := record{
		Version:   "1.0",
		Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{
			RequestID: e.ID, FunctionARN: e.functionARN(by), Condition: how, ApproximateInvokeCount: e.Attempts,
		},
		RequestPayload: jsonOf(e.Body),
	}
	if result == nil {
		return rec
	}
	rec.RequestContext.ApproximateInvokeCount++
	rec.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: result.ExecutedVersion, FunctionError: result.FunctionError}
	rec.ResponsePayload = jsonOf(result.Payload)
	return rec
}

// functionARN is that of the function that the event is for, with a qualifier.
func (e *Event) functionARN(by Policy) string {
	ref := e.Function
	if ref.Qualifier == "" {
		ref.Qualifier = lambda.LatestVersion
	}
	return ref.ARN(by.Identity)
}

// jsonOf is a payload as a JSON value: itself, or a string of what is no JSON.
func jsonOf(payload []byte) json.RawMessage {
	if len(payload) == 0 {
		return json.RawMessage("{}")
	}
	if json.Valid(payload) {
		return payload
	}
	text, err := json.Marshal(strings.ToValidUTF8(string(payload), "\uFFFD"))
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// letter addresses something to send: an event for the function that an ARN names, or a record for what else there is. The
// id of an event follows from that of the one it comes from, so that both are the same however often the decision is made.
func (e *Event) letter(kind Kind, to string, body []byte, now time.Time) Letter {
	l := Letter{Kind: kind, Event: Event{Trace: e.Trace, Accepted: now, Body: body}}
	if ref, err := lambda.ParseReference(to); err == nil && strings.HasPrefix(to, "arn:") {
		l.ID, l.Function = e.derived(kind), ref
		return l
	}
	l.ID, l.Function, l.URL = e.ID, e.Function, to
	return l
}

// derived is an id for what follows from the event.
func (e *Event) derived(kind Kind) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(string(kind)+" "+e.ID)).String()
}

// errorMessage is the function's, or the service's, in one line that a header may hold; empty after success.
func errorMessage(result *lambda.Result, err error) string {
	if err != nil {
		return oneLine(lambda.AsError(err).Message)
	}
	if result.FunctionError == "" {
		return ""
	}
	var body struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(result.Payload, &body) != nil {
		body.ErrorMessage = result.ErrorType
	}
	return oneLine(body.ErrorMessage)
}

// oneLine makes text fit for a header.
func oneLine(text string) string {
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, text)
	return line[:min(len(line), maxErrorMessage)]
}
