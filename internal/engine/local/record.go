package local

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Conditions of a record, as AWS gives them.
const (
	conditionSuccess   = "Success"
	conditionExhausted = "RetriesExhausted"
	conditionAge       = "EventAgeExceeded"
)

// maxErrorMessage is how much of an error's text a dead letter carries.
const maxErrorMessage = 1024

// policy is what holds for a function's asynchronous events.
type policy struct {
	retries    int
	age        time.Duration
	delay      time.Duration // after the first failure
	onSuccess  string
	onFailure  string
	deadLetter string
	identity   lambda.Identity
}

// policyOf reads what holds for an event. Retries and destinations are the function's; where dead letters go was published
// with the version that ran, or would have. A function that is being deleted has no destinations any more.
func (e *Engine) policyOf(r *route, ref lambda.Reference, result *lambda.Result) policy {
	spec := r.specOf(lambda.LatestVersion)
	if spec == nil {
		spec = new(v1alpha1.FunctionSpec)
	}
	p := policy{
		retries:  int(spec.Async.RetryAttempts()),
		age:      spec.Async.EventAge(),
		delay:    e.cfg.RetryDelay,
		identity: e.cfg.Identity,
	}
	if spec.Async != nil {
		p.onSuccess, p.onFailure = destination(spec.Async.OnSuccess), destination(spec.Async.OnFailure)
	}
	label, _, err := r.follow(ref.Qualifier, e.draw)
	if result != nil {
		label, err = result.ExecutedVersion, nil
	}
	if ran := r.specOf(label); ran != nil && err == nil {
		p.deadLetter = destination(ran.DeadLetter)
	}
	return p
}

func destination(d *v1alpha1.Destination) string {
	if d == nil {
		return ""
	}
	return d.Destination
}

// verdict is what becomes of an event: it is tried again, or it is done with and these go out.
type verdict struct {
	retry              time.Time
	attempts, refusals int
	mail               []pending
}

// judge decides by how an attempt ended. A failure of the function is retried a few times; a refusal of the service,
// such as a throttle, until the event is too old; a request that can never work not at all.
func judge(p pending, by policy, result *lambda.Result, err error, now time.Time) verdict {
	if err == nil && result.FunctionError == "" {
		return verdict{mail: mail(p, by.onSuccess, recordOf(p, by, result, conditionSuccess, now), now)}
	}
	next := verdict{attempts: p.Attempts, refusals: p.Refusals + 1}
	next.retry = now.Add(refusalWait(p.Refusals))
	if err == nil {
		next.attempts, next.refusals = p.Attempts+1, 0
		next.retry = now.Add(by.delay * time.Duration(next.attempts))
	}
	var condition string
	switch {
	case err == nil && p.Attempts >= by.retries, err != nil && hopeless(err):
		condition = conditionExhausted
	case next.retry.Sub(p.Accepted) > by.age:
		condition = conditionAge
	default:
		return next
	}
	record := recordOf(p, by, result, condition, now)
	return verdict{mail: slices.Concat(mail(p, by.onFailure, record, now), deadLetter(p, by, result, err, now))}
}

// hopeless reports whether the same request can only fail again.
func hopeless(err error) bool {
	code := lambda.AsError(err).Code
	status := code.Status()
	return status >= 400 && status < 500 && code != lambda.CodeTooManyRequests && code != lambda.CodeResourceConflict
}

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
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// recordOf describes the end of an event. Without a result the function never ran the last time.
func recordOf(p pending, by policy, result *lambda.Result, condition string, now time.Time) record {
	ref := p.Function
	ref.Qualifier = or(ref.Qualifier, lambda.LatestVersion)
	rec := record{
		Version:   "1.0",
		Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{
			RequestID: p.ID, FunctionARN: ref.ARN(by.identity), Condition: condition, ApproximateInvokeCount: p.Attempts,
		},
		RequestPayload: jsonOf(p.body),
	}
	if result == nil {
		return rec
	}
	rec.RequestContext.ApproximateInvokeCount++
	rec.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: result.ExecutedVersion, FunctionError: result.FunctionError}
	rec.ResponsePayload = jsonOf(result.Payload)
	return rec
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

// mail addresses a record; nothing if there is no destination.
func mail(p pending, to string, rec record, now time.Time) []pending {
	body, err := json.Marshal(rec)
	if to == "" || err != nil {
		return nil
	}
	return []pending{addressed(p, to, body, now)}
}

// deadLetter is the event itself, with what went wrong beside it.
func deadLetter(p pending, by policy, result *lambda.Result, err error, now time.Time) []pending {
	if by.deadLetter == "" {
		return nil
	}
	m := addressed(p, by.deadLetter, p.body, now)
	if m.URL != "" {
		m.Headers = map[string]string{"RequestID": p.ID, "ErrorCode": "200", "ErrorMessage": errorMessage(result, err)}
	}
	return []pending{m}
}

// addressed makes something to send: an event for the function that an ARN names, or a post to a URL.
func addressed(p pending, to string, body []byte, now time.Time) pending {
	m := pending{ID: uuid.NewString(), Trace: p.Trace, Accepted: now, body: body}
	if ref, err := lambda.ParseReference(to); err == nil && strings.HasPrefix(to, "arn:") {
		m.Function = ref
		return m
	}
	m.ID, m.Function, m.URL = p.ID, p.Function, to
	return m
}

// errorMessage is the function's, or the service's, in one line that a header may hold.
func errorMessage(result *lambda.Result, err error) string {
	var body struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if result != nil {
		if json.Unmarshal(result.Payload, &body) != nil {
			body.ErrorMessage = result.ErrorType
		}
	}
	var le *lambda.Error
	if errors.As(err, &le) {
		body.ErrorMessage = le.Message
	}
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, body.ErrorMessage)
	return line[:min(len(line), maxErrorMessage)]
}
