package delivery

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func failed(message string) *lambda.Result {
	return &lambda.Result{FunctionError: lambda.Unhandled, ExecutedVersion: "$LATEST", Payload: []byte(`{"errorMessage":"` + message + `"}`)}
}

func noon() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }

func TestDecide(t *testing.T) {
	now := noon()
	by := Policy{Retries: 2, Age: time.Hour, Delay: time.Minute, OnSuccess: "http://s/", OnFailure: "http://f/", DeadLetter: "http://d/"}
	throttled := lambda.Throttled(lambda.ReasonConcurrency, time.Second)
	internal := "An error occurred and the request cannot be processed."
	cases := map[string]struct {
		reason     string
		e          Event
		by         Policy
		result     *lambda.Result
		err        error
		want       Step          // without Send, and Retry given by
		retry      time.Duration // from now; 0: none
		deadLetter bool
	}{
		"Success": {"It is done.", Event{}, by, &lambda.Result{}, nil,
			Step{Attempts: 1, Condition: Success}, 0, false},
		"FirstFailure": {"A minute until the first retry.", Event{Refusals: 4}, by, failed("x"), nil,
			Step{Attempts: 1, Error: "x"}, time.Minute, false},
		"SecondFailure": {"Two until the second.", Event{Attempts: 1}, by, failed("x"), nil,
			Step{Attempts: 2, Error: "x"}, 2 * time.Minute, false},
		"ThirdFailure": {"No third.", Event{Attempts: 2}, by, failed("x"), nil,
			Step{Attempts: 3, Error: "x", Condition: Exhausted}, 0, true},
		"NoRetries": {"Nor any if none is allowed.", Event{}, Policy{Age: time.Hour, OnFailure: "http://f/"}, failed("x"), nil,
			Step{Attempts: 1, Error: "x", Condition: Exhausted}, 0, false},
		"TooOld": {"Nor one that would come too late.", Event{Accepted: now.Add(-time.Hour)}, by, failed("x"), nil,
			Step{Attempts: 1, Error: "x", Condition: AgeExceeded}, 0, true},
		"JustInTime": {"But one that comes in time.", Event{Accepted: now.Add(time.Minute - time.Hour)}, by, failed("x"), nil,
			Step{Attempts: 1, Error: "x"}, time.Minute, false},
		"Throttled": {"A refusal is no attempt.", Event{Attempts: 2}, by, nil, throttled,
			Step{Attempts: 2, Refusals: 1, Error: "Rate Exceeded."}, time.Second, false},
		"ThrottledOften": {"Refusals in a row wait longer.", Event{Refusals: 3}, by, nil, throttled,
			Step{Refusals: 4, Error: "Rate Exceeded."}, 8 * time.Second, false},
		"ThrottledLong": {"But not without bound.", Event{Refusals: 300}, by, nil, throttled,
			Step{Refusals: 301, Error: "Rate Exceeded."}, 5 * time.Minute, false},
		"ThrottledOld": {"Until the event is too old.", Event{Accepted: now.Add(-time.Hour)}, by, nil, throttled,
			Step{Refusals: 1, Error: "Rate Exceeded.", Condition: AgeExceeded}, 0, true},
		"Pending": {"A function may become ready.", Event{}, by, nil, lambda.Errorf(lambda.CodeResourceConflict, "Pending"),
			Step{Refusals: 1, Error: "Pending"}, time.Second, false},
		"Internal": {"We may recover, and say nothing of our insides.", Event{}, by, nil, errors.New("disk"),
			Step{Refusals: 1, Error: internal}, time.Second, false},
		"Hopeless": {"A bad request stays one.", Event{}, by, nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "no"),
			Step{Refusals: 1, Error: "no", Condition: Exhausted}, 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.e.Accepted.IsZero() {
				tc.e.Accepted = now
			}
			got := Decide(tc.e, tc.by, tc.result, tc.err, now)
			send := got.Send
			got.Send = nil
			if tc.retry != 0 {
				tc.want.Retry = now.Add(tc.retry)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || got.Again() != (tc.retry != 0) {
				t.Fatalf("%s\n%s", tc.reason, diff)
			}
			if got.Again() {
				if len(send) != 0 {
					t.Errorf("%s it sent %+v before the end", tc.reason, send)
				}
				return
			}
			checkLetters(t, send, got.Condition, tc.deadLetter)
		})
	}
}

// checkLetters wants a record for the condition's destination, and a dead letter or none.
func checkLetters(t *testing.T, send []Letter, how Condition, deadLetter bool) {
	t.Helper()
	want := []Letter{{Kind: KindFailure, Event: Event{URL: "http://f/"}}}
	if how == Success {
		want = []Letter{{Kind: KindSuccess, Event: Event{URL: "http://s/"}}}
	}
	if deadLetter {
		want = append(want, Letter{Kind: KindDeadLetter, Event: Event{URL: "http://d/"}})
	}
	got := make([]Letter, 0, len(send))
	for _, l := range send {
		got = append(got, Letter{Kind: l.Kind, Event: Event{URL: l.URL}})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("letters\n%s", diff)
	}
	var rec record
	if err := json.Unmarshal(send[0].Body, &rec); err != nil || rec.RequestContext.Condition != how {
		t.Errorf("the record says %q, %v; want %q", rec.RequestContext.Condition, err, how)
	}
}

func TestNoDestinationNoLetter(t *testing.T) {
	for _, result := range []*lambda.Result{{}, failed("x")} {
		if s := Decide(Event{Accepted: noon()}, Policy{Age: time.Hour}, result, nil, noon()); s.Again() || len(s.Send) != 0 {
			t.Errorf("got %+v, want an end in silence", s)
		}
	}
}

func TestOverdue(t *testing.T) {
	by := Policy{Age: time.Hour, OnFailure: "http://f/", DeadLetter: "http://d/"}
	if s, overdue := Overdue(Event{Accepted: noon()}, by, noon().Add(time.Hour)); overdue {
		t.Errorf("an event that is just in time is overdue: %+v", s)
	}
	s, overdue := Overdue(Event{Accepted: noon(), Attempts: 1, Refusals: 2}, by, noon().Add(time.Hour+1))
	if !overdue || s.Again() || s.Condition != AgeExceeded || s.Attempts != 1 || s.Refusals != 2 {
		t.Fatalf("got %+v, %v; want an end by age", s, overdue)
	}
	checkLetters(t, s.Send, AgeExceeded, true)
	if !strings.Contains(string(s.Send[0].Body), `"approximateInvokeCount":1}`) {
		t.Errorf("the record is %s; want the one attempt before", s.Send[0].Body)
	}
}

func TestDecideRecord(t *testing.T) {
	broken := errors.New("the server answers 503\nService Unavailable")
	cases := map[string]struct {
		reason string
		e      Event
		err    error
		want   Step
	}{
		"Delivered": {"It is done with.", Event{Accepted: noon()}, nil, Step{Attempts: 1}},
		"Broken": {"It is tried again.", Event{Accepted: noon(), Refusals: 2}, broken,
			Step{Refusals: 3, Retry: noon().Add(4 * time.Second), Error: "the server answers 503 Service Unavailable"}},
		"Old": {"Until it is too old.", Event{Accepted: noon().Add(-6 * time.Hour)}, broken,
			Step{Refusals: 1, Error: "the server answers 503 Service Unavailable"}},
	}
	for name, tc := range cases {
		if diff := cmp.Diff(tc.want, DecideRecord(tc.e, tc.err, noon())); diff != "" {
			t.Errorf("%s: %s\n%s", name, tc.reason, diff)
		}
	}
}

func TestPolicyOf(t *testing.T) {
	id := lambda.Identity{Region: "us-east-1", Account: "000000000000"}
	one, minute := int32(1), int32(60)
	to := func(where string) *v1alpha1.Destination { return &v1alpha1.Destination{Destination: where} }
	function := &v1alpha1.FunctionSpec{DeadLetter: to("http://not-this/"), Async: &v1alpha1.Async{
		MaximumRetryAttempts: &one, MaximumEventAgeInSeconds: &minute, OnSuccess: to("http://s/"), OnFailure: to("http://f/"),
	}}
	ran := &v1alpha1.FunctionSpec{DeadLetter: to("http://d/"), Async: &v1alpha1.Async{OnFailure: to("http://not-this/")}}
	cases := map[string]struct {
		reason        string
		function, ran *v1alpha1.FunctionSpec
		want          Policy
	}{
		"Defaults": {"AWS's defaults hold where nothing is said.", new(v1alpha1.FunctionSpec), new(v1alpha1.FunctionSpec),
			Policy{Retries: 2, Age: 6 * time.Hour, Delay: time.Minute, Identity: id}},
		"Nobody": {"They hold for a function that is going, too.", nil, nil,
			Policy{Retries: 2, Age: 6 * time.Hour, Delay: time.Minute, Identity: id}},
		"All": {"Dead letters are the version's affair, the rest the function's.", function, ran, Policy{
			Retries: 1, Age: time.Minute, Delay: time.Minute, OnSuccess: "http://s/", OnFailure: "http://f/", DeadLetter: "http://d/", Identity: id,
		}},
	}
	for name, tc := range cases {
		if diff := cmp.Diff(tc.want, PolicyOf(tc.function, tc.ran, id)); diff != "" {
			t.Errorf("%s: %s\n%s", name, tc.reason, diff)
		}
	}
}

func TestPolicyUnder(t *testing.T) {
	zero := int32(0)
	function := Policy{Retries: 1, Age: time.Minute, OnSuccess: "http://s/", OnFailure: "http://f/", DeadLetter: "http://d/", Delay: time.Second}
	if diff := cmp.Diff(function, function.Under(nil)); diff != "" {
		t.Errorf("a qualifier that says nothing changes the policy\n%s", diff)
	}
	own := &v1alpha1.Async{MaximumRetryAttempts: &zero, OnFailure: &v1alpha1.Destination{Destination: "http://own/"}}
	want := Policy{Age: 6 * time.Hour, OnFailure: "http://own/", DeadLetter: "http://d/", Delay: time.Second}
	if diff := cmp.Diff(want, function.Under(own)); diff != "" {
		t.Errorf("what a qualifier says replaces all that the function says\n%s", diff)
	}
}
