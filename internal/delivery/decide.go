package delivery

import (
	"encoding/json"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// FirstDelay is how long AWS waits after the first failure of a function; after the second it waits twice as long.
	FirstDelay = time.Minute
	// firstRefusal and lastRefusal bound the wait after a refusal, which doubles each time.
	firstRefusal = time.Second
	lastRefusal  = 5 * time.Minute
	// recordAge is how long a record is tried.
	recordAge = 6 * time.Hour
)

// Condition is how an event ended, in AWS's words.
type Condition string

// The conditions.
const (
	// Success: the function has processed it.
	Success Condition = "Success"
	// Exhausted: the function failed at the last attempt, or the event can never be processed.
	Exhausted Condition = "RetriesExhausted"
	// AgeExceeded: it could not be processed in time.
	AgeExceeded Condition = "EventAgeExceeded"
)

// Policy is what holds for a function's events.
type Policy struct {
	// Retries is how often a failed event is tried again.
	Retries int
	// Age is how long an event may wait.
	Age time.Duration
	// Delay is the wait after the first failure.
	Delay time.Duration
	// OnSuccess, OnFailure and DeadLetter are ARNs or URLs; empty: nowhere.
	OnSuccess, OnFailure, DeadLetter string
	// Identity completes the ARNs in records.
	Identity lambda.Identity
}

// PolicyOf reads what holds for an event. Retries and destinations are the function's as it is now; where dead letters go
// was published with the version that ran, or would have. Either may be nil: a function that is being deleted has no
// destinations any more.
func PolicyOf(function, ran *v1alpha1.FunctionSpec, id lambda.Identity) Policy {
	p := Policy{Delay: FirstDelay, Identity: id}
	var async *v1alpha1.Async
	if function != nil {
		async = function.Async
	}
	p.take(async)
	if ran != nil {
		p.DeadLetter = target(ran.DeadLetter)
	}
	return p
}

// Under is the policy for events that name a version or an alias with rules of its own, which replace all of the function's.
// Where it has none, own is nil and the function's hold.
func (p Policy) Under(own *v1alpha1.Async) Policy {
	if own != nil {
		p.take(own)
	}
	return p
}

// take makes retries, age and destinations those of async, which may be nil.
func (p *Policy) take(async *v1alpha1.Async) {
	p.Retries, p.Age, p.OnSuccess, p.OnFailure = int(async.RetryAttempts()), async.EventAge(), "", ""
	if async != nil {
		p.OnSuccess, p.OnFailure = target(async.OnSuccess), target(async.OnFailure)
	}
}

func target(d *v1alpha1.Destination) string {
	if d == nil {
		return ""
	}
	return d.Destination
}

// Step is what becomes of an event: it is tried again at Retry, or it is done with and Send goes out.
type Step struct {
	// Retry is when it is tried again; zero if it is done with.
	Retry time.Time
	// Attempts and Refusals are the event's from now on.
	Attempts, Refusals int
	// Error is why the attempt failed, in one line; empty after success.
	Error string
	// Condition is how an event ended; empty while it is tried again, and for records.
	Condition Condition
	// Send goes out when the event is done with.
	Send []Letter
}

// Again reports whether the event is to be tried again.
func (s *Step) Again() bool { return !s.Retry.IsZero() }

// Decide says what becomes of an event after an attempt, by how it ended: with a result, or refused with err.
func Decide(e Event, by Policy, result *lambda.Result, err error, now time.Time) Step {
	step := Step{Attempts: e.Attempts + 1, Error: errorMessage(result, err)}
	if err == nil && result.FunctionError == "" {
		return e.end(step, by, result, Success, now)
	}
	retry := now.Add(by.Delay * time.Duration(step.Attempts))
	if err != nil {
		step.Attempts, step.Refusals = e.Attempts, e.Refusals+1
		retry = now.Add(refusalWait(e.Refusals))
	}
	switch {
	case err == nil && e.Attempts >= by.Retries, err != nil && hopeless(err):
		return e.end(step, by, result, Exhausted, now)
	case retry.Sub(e.Accepted) > by.Age:
		return e.end(step, by, result, AgeExceeded, now)
	default:
		step.Retry = retry
		return step
	}
}

// Overdue says what becomes of an event that has waited longer than it may before its turn came, which happens when nobody
// was there to try it. It reports false for any other.
func Overdue(e Event, by Policy, now time.Time) (Step, bool) {
	if now.Sub(e.Accepted) <= by.Age {
		return Step{}, false
	}
	step := Step{Attempts: e.Attempts, Refusals: e.Refusals, Error: "The event has waited longer than it may."}
	return e.end(step, by, nil, AgeExceeded, now), true
}

// DecideRecord says what becomes of a record after an attempt to post it: it is tried again until it is too old.
func DecideRecord(e Event, err error, now time.Time) Step {
	if err == nil {
		return Step{Attempts: e.Attempts + 1}
	}
	step := Step{Attempts: e.Attempts, Refusals: e.Refusals + 1, Error: oneLine(err.Error())}
	if retry := now.Add(refusalWait(e.Refusals)); retry.Sub(e.Accepted) <= recordAge {
		step.Retry = retry
	}
	return step
}

// end completes the step of an event that is done with.
func (e *Event) end(step Step, by Policy, result *lambda.Result, how Condition, now time.Time) Step {
	step.Condition = how
	to, kind := by.OnFailure, KindFailure
	if how == Success {
		to, kind = by.OnSuccess, KindSuccess
	}
	body, err := json.Marshal(recordOf(*e, by, result, how, now))
	if to != "" && err == nil { // no payload makes it fail: those that are no JSON become text
		step.Send = append(step.Send, e.letter(kind, to, body, now))
	}
	if how != Success && by.DeadLetter != "" {
		step.Send = append(step.Send, e.letter(KindDeadLetter, by.DeadLetter, e.Body, now))
	}
	for i := range step.Send {
		if l := &step.Send[i]; l.URL != "" {
			l.Headers = e.beside(*l, by, step.Error, now)
		}
	}
	for i := range step.Send {
		step.Send[i].Trace = e.visited(by.Identity)
	}
	return step
}

// visited is the event's trace after it has come through its function, so that a function which is sent what it has caused
// itself, over and over, is found out.
func (e *Event) visited(id lambda.Identity) string {
	trace, ok := event.ParseTrace(e.Trace)
	if !ok {
		return e.Trace
	}
	ref := e.Function
	ref.Qualifier = ""
	return trace.Visit(ref.ARN(id)).String()
}

// hopeless reports whether the same request can only fail again.
func hopeless(err error) bool {
	code := lambda.AsError(err).Code
	status := code.Status()
	return status >= 400 && status < 500 && code != lambda.CodeTooManyRequests && code != lambda.CodeResourceConflict
}

// refusalWait doubles with each refusal.
func refusalWait(refusals int) time.Duration {
	return min(firstRefusal<<min(refusals, 16), lastRefusal)
}
