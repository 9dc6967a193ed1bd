package delivery

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/messaging/double"
)

const (
	queue = "arn:aws:sqs:us-east-1:000000000000:q"
	topic = "arn:aws:sns:us-east-1:000000000000:t"
	bus   = "arn:aws:events:us-east-1:000000000000:event-bus/default"
	fARN  = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
)

// ended is what an event sends after success or its last failure.
func ended(by Policy, failure bool, body string) []Letter {
	by.Age, by.Identity = time.Hour, lambda.Identity{Region: "us-east-1", Account: "000000000000"}
	e := Event{ID: "id", Function: lambda.Reference{Name: "f"}, Accepted: noon(), Attempts: 2, Body: []byte(body)}
	result := &lambda.Result{ExecutedVersion: "$LATEST", Payload: []byte(`"done"`)}
	if failure {
		result = failed("broken")
	}
	return Decide(e, by, result, nil, noon()).Send
}

// TestServices sends everything to services that check signatures, and compares what they got.
func TestServices(t *testing.T) {
	services := new(double.Services)
	s := httptest.NewServer(services)
	defer s.Close()
	at := messaging.Endpoint{URL: s.URL}
	sender := Sender{Messages: &messaging.Client{
		Endpoints: func() messaging.Endpoints { return messaging.Endpoints{SQS: at, SNS: at, EventBridge: at} },
		Credentials: func() (messaging.Credentials, error) {
			return messaging.Credentials{AccessKeyID: double.KeyID, SecretAccessKey: double.Secret}, nil
		},
	}}
	letters := ended(Policy{OnSuccess: queue}, false, `{"n":1}`)
	letters = append(letters, ended(Policy{OnFailure: bus, DeadLetter: queue}, true, ``)...)
	letters = append(letters, ended(Policy{OnFailure: topic, DeadLetter: topic}, true, `{"n":2}`)...)
	letters = append(letters, ended(Policy{OnSuccess: bus}, false, `{"n":3}`)...)
	for i := range letters {
		if err := sender.Send(t.Context(), &letters[i].Event); err != nil {
			t.Fatalf("letter %d: %v", i, err)
		}
	}
	record := func(condition, body, response, functionError string) string {
		return `{"version":"1.0","timestamp":"2026-01-31T12:00:00.000Z","requestContext":{"requestId":"id","functionArn":"` + fARN +
			`","condition":"` + condition + `","approximateInvokeCount":3},"requestPayload":` + body +
			`,"responseContext":{"statusCode":200,"executedVersion":"` + functionError + `},"responsePayload":` + response + `}`
	}
	ok, bad := `$LATEST"`, `$LATEST","functionError":"Unhandled"`
	attributes := map[string]string{"RequestID": "String id", "ErrorCode": "Number 200", "ErrorMessage": "String broken"}
	about := []string{fARN, bus}
	want := []double.Message{
		{Service: "SQS", To: "/000000000000/q", Body: record("Success", `{"n":1}`, `"done"`, ok)},
		{Service: "EventBridge", To: bus, Body: record("RetriesExhausted", `{}`, `{"errorMessage":"broken"}`, bad),
			DetailType: "Lambda Function Invocation Result - Failure", Resources: about},
		{Service: "SQS", To: "/000000000000/q", Body: `{}`, Attributes: attributes},
		{Service: "SNS", To: topic, Body: record("RetriesExhausted", `{"n":2}`, `{"errorMessage":"broken"}`, bad)},
		{Service: "SNS", To: topic, Body: `{"n":2}`, Attributes: attributes},
		{Service: "EventBridge", To: bus, Body: record("Success", `{"n":3}`, `"done"`, ok), DetailType: "Lambda Function Invocation Result - Success", Resources: about},
	}
	if diff := cmp.Diff(want, services.Messages()); diff != "" {
		t.Error(diff)
	}
	if err := (Sender{}).Send(t.Context(), &letters[0].Event); err == nil {
		t.Error("a record for a queue was sent without knowing where queues are")
	}
}

// TestCloudEvents has the CloudEvents SDK read what a URL gets.
func TestCloudEvents(t *testing.T) {
	events := make(chan map[string]any, 2)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		e, err := binding.ToEvent(context.Background(), cehttp.NewMessageFromHttpRequest(r))
		if err != nil || e.Validate() != nil {
			t.Errorf("no CloudEvent: %v, %v", err, e.Validate())
			return
		}
		got := map[string]any{"id": e.ID(), "source": e.Source(), "type": e.Type(), "subject": e.Subject(), "data": string(e.Data()), "content": e.DataContentType()}
		maps.Copy(got, e.Extensions())
		events <- got
	}))
	defer s.Close()
	sender := Sender{HTTP: http.DefaultClient}
	letters := ended(Policy{DeadLetter: s.URL, OnFailure: s.URL}, true, `{"n":1}`)
	for i := range letters {
		if err := sender.Send(t.Context(), &letters[i].Event); err != nil {
			t.Fatal(err)
		}
	}
	failure, dead := <-events, <-events
	if failure["id"] == dead["id"] {
		t.Error("two events have the same source and id: receivers may drop one")
	}
	for _, e := range []map[string]any{failure, dead} {
		if e["source"] != fARN || e["subject"] != "id" || e["content"] != "application/json" {
			t.Errorf("event %v", e)
		}
	}
	if failure["type"] != "dev.lambkin.invocation.failure" || dead["type"] != "dev.lambkin.invocation.deadletter" || dead["data"] != `{"n":1}` ||
		dead["requestid"] != "id" || dead["errorcode"] != "200" || dead["errormessage"] != "broken" {
		t.Errorf("events %v, %v", failure, dead)
	}
}
