package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestRecord compares with the record in AWS's documentation, member by member and in its order.
func TestRecord(t *testing.T) {
	ref := lambda.Reference{Partition: "aws", Name: "my-function"}
	by := Policy{Identity: lambda.Identity{Region: "us-east-2", Account: "123456789012"}}
	now := time.Date(2019, 11, 14, 18, 16, 5, 568e6, time.UTC)
	cases := map[string]struct {
		e      Event
		result *lambda.Result
		how    Condition
		want   string
	}{
		"Exhausted": {
			Event{ID: "e4b46cbf", Function: ref, Attempts: 2, Body: []byte(`{"ORDER_IDS":["9e07af03"]}`)},
			&lambda.Result{ExecutedVersion: "$LATEST", FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"x"}`)}, Exhausted,
			`{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"e4b46cbf",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},` +
				`"requestPayload":{"ORDER_IDS":["9e07af03"]},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
				`"responsePayload":{"errorMessage":"x"}}`,
		},
		"NeverRan": {
			Event{ID: "i", Function: lambda.Reference{Name: "f", Qualifier: "live"}}, nil, AgeExceeded,
			`{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"i",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:f:live","condition":"EventAgeExceeded","approximateInvokeCount":0},"requestPayload":{}}`,
		},
		"NoJSON": {
			Event{ID: "i", Function: lambda.Reference{Name: "f"}, Body: []byte("plain")},
			&lambda.Result{ExecutedVersion: "1", Payload: []byte("\xff")}, Success,
			`{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"i",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:f:$LATEST","condition":"Success","approximateInvokeCount":1},` +
				`"requestPayload":"plain","responseContext":{"statusCode":200,"executedVersion":"1"},"responsePayload":"` + "\uFFFD" + `"}`,
		},
	}
	for name, tc := range cases {
		got, err := json.Marshal(recordOf(tc.e, by, tc.result, tc.how, now))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, string(got)); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
	}
}

func TestLettersToFunctions(t *testing.T) {
	e := Event{ID: "id", Function: lambda.Reference{Name: "f"}, Trace: "Root=1", Attempts: 2, Refusals: 1, Accepted: noon(), Body: []byte(`"in"`)}
	arn := "arn:aws:lambda:us-east-1:000000000000:function:target:live"
	by := Policy{Age: time.Hour, OnFailure: arn, DeadLetter: arn}
	send := Decide(e, by, failed("x"), nil, noon()).Send
	if len(send) != 2 || string(send[1].Body) != `"in"` || len(send[1].Headers) != 0 {
		t.Fatalf("letters %+v; want the record and the event itself", send)
	}
	target := lambda.Reference{Partition: "aws", Region: "us-east-1", Account: "000000000000", Name: "target", Qualifier: "live"}
	for _, l := range send {
		want := Letter{Kind: l.Kind, Event: Event{ID: l.ID, Function: target, Trace: "Root=1", Accepted: noon(), Body: l.Body}}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("letter\n%s", diff)
		}
		if _, err := uuid.Parse(l.ID); err != nil || l.ID == e.ID {
			t.Errorf("letter has id %q, %v; want one of its own", l.ID, err)
		}
	}
	if send[0].ID == send[1].ID {
		t.Errorf("both letters have id %q", send[0].ID)
	}
	if again := Decide(e, by, failed("x"), nil, noon().Add(time.Minute)).Send; again[0].ID != send[0].ID || again[1].ID != send[1].ID {
		t.Error("the same decision, made again, gives other ids")
	}
}

func TestDeadLetterToURL(t *testing.T) {
	e := Event{ID: "id", Function: lambda.Reference{Name: "f"}, Accepted: noon(), Body: []byte(`"in"`)}
	send := Decide(e, Policy{Age: time.Hour, DeadLetter: "https://example.com/", Identity: lambda.Identity{Region: "us-east-1", Account: "000000000000"}}, failed(`broken \"100%\"`), nil, noon()).Send
	want := []Letter{{KindDeadLetter, Event{
		ID: "id", Function: e.Function, URL: "https://example.com/", Accepted: noon(), Body: []byte(`"in"`),
		Headers: map[string]string{
			"RequestID": "id", "ErrorCode": "200", "ErrorMessage": `broken "100%"`,
			"ce-requestid": "id", "ce-errorcode": "200", "ce-errormessage": "broken%20%22100%25%22",
			"ce-specversion": "1.0", "ce-id": "50fde8da-8028-5d03-ac74-5cc9b18ef1cd", "ce-source": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
			"ce-type": "dev.lambkin.invocation.deadletter", "ce-subject": "id", "ce-time": "2026-01-31T12:00:00Z",
		},
	}}}
	if diff := cmp.Diff(want, send); diff != "" {
		t.Error(diff)
	}
}

func TestErrorMessage(t *testing.T) {
	cases := map[string]struct {
		result *lambda.Result
		err    error
		want   string
	}{
		"Success":   {&lambda.Result{Payload: []byte(`{"errorMessage":"a field like any other"}`)}, nil, ""},
		"Function":  {failed(`line one\nline \"two\"`), nil, `line one line "two"`},
		"Long":      {failed(strings.Repeat("x", 5000)), nil, strings.Repeat("x", 1024)},
		"NoJSON":    {&lambda.Result{Payload: []byte("boom"), FunctionError: "Unhandled", ErrorType: "Function.Unknown"}, nil, "Function.Unknown"},
		"Service":   {nil, lambda.Errorf(lambda.CodeTooManyRequests, "Rate Exceeded."), "Rate Exceeded."},
		"Internal":  {nil, errors.New("host 10.0.0.1"), "An error occurred and the request cannot be processed."},
		"Injection": {failed(`a\r\nX-Evil: 1`), nil, "a  X-Evil: 1"},
	}
	for name, tc := range cases {
		if got := errorMessage(tc.result, tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// FuzzRecord holds that every payload makes a record, and one that JSON readers take.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte("plain"))
	f.Add([]byte("\xff"), []byte(nil))
	f.Add([]byte(`"\ud800"`), []byte(`1e999`))
	f.Add([]byte(`[`), bytes.Repeat([]byte("["), 20000))
	f.Fuzz(func(t *testing.T, request, response []byte) {
		e := Event{ID: "i", Body: request, Accepted: noon()}
		by := Policy{Age: time.Hour, OnSuccess: "http://s/"}
		s := Decide(e, by, &lambda.Result{Payload: response}, nil, noon())
		if len(s.Send) != 1 || !json.Valid(s.Send[0].Body) {
			t.Errorf("payloads %q and %q make %+v", request, response, s.Send)
		}
	})
}
