package server_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/server"
)

func binaryEvent(media string) []string {
	return []string{"Ce-Specversion", "1.0", "Ce-Id", "e1", "Ce-Source", "/s", "Ce-Type", "in", "Content-Type", media}
}

const structuredEvent = `{"specversion":"1.0","id":"e1","source":"/s","type":"in","data":{"n":1}}`

func TestFrontDoorCloudEvents(t *testing.T) {
	const attributes = `{"id":"e1","source":"/s","specversion":"1.0","type":"in"}`
	cases := map[string]struct {
		reason, body  string
		headers       []string
		data, context string
	}{
		"Binary":     {"binary events of any type", "hi", binaryEvent("text/plain"), `"hi"`, `{"datacontenttype":"text/plain","id":"e1","source":"/s","specversion":"1.0","type":"in"}`},
		"Structured": {"structured ones", structuredEvent, []string{"Content-Type", "application/cloudevents+json"}, `{"n":1}`, attributes},
		"Batch":      {"and batches of one", "[" + structuredEvent + "]", []string{"Content-Type", "application/cloudevents-batch+json"}, `{"n":1}`, attributes},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			seen := make(chan *lambda.Invocation, 1)
			url := door(t, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
				seen <- in
				return &lambda.Result{Payload: []byte(`{"ignored":true}`)}, nil
			}, nil)
			got := call(t, http.MethodPost, url+"/any/path", tc.body, tc.headers...)
			if got.Status != 204 || got.Body != "" || got.Header.Get("Content-Type") != "" {
				t.Errorf("%s: %+v, want 204 and nothing else, or a broker takes it for a failure", tc.reason, got)
			}
			in := <-seen
			want := []string{tc.data, tc.context, `{"custom":` + tc.context + `}`, got.Header.Get("x-amzn-RequestId"), "hello:7"}
			if d := cmp.Diff(want, []string{string(in.Payload), in.CloudEvent, in.ClientContext, in.ID, in.Function.String()}); d != "" {
				t.Errorf("%s: invocation\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

func TestFrontDoorCloudEventReplies(t *testing.T) {
	url := door(t, says(`{"a":1}`), func(cfg *server.FrontDoorConfig) { cfg.Reply = event.Reply{Type: "out"} })
	got := call(t, http.MethodPost, url, "1", binaryEvent("application/json")...)
	want := []string{"out", "arn:aws:lambda:eu-west-1:123456789012:function:hello:7", got.Header.Get("x-amzn-RequestId"), `{"a":1}`}
	if d := cmp.Diff(want, []string{got.Header.Get("Ce-Type"), got.Header.Get("Ce-Source"), got.Header.Get("Ce-Id"), got.Body}); got.Status != 200 || d != "" {
		t.Errorf("reply event: %d\n-want +got:\n%s", got.Status, d)
	}
	got = call(t, http.MethodPost, url, "["+structuredEvent+","+structuredEvent+"]", "Content-Type", "application/cloudevents-batch+json")
	if got.Status != 200 || got.Header.Get("Content-Type") != event.TypeCloudEventBatch {
		t.Errorf("reply to a batch: %+v", got)
	}
}

func TestFrontDoorCloudEventFailures(t *testing.T) {
	broken := call(t, http.MethodPost, door(t, echo, nil), "{", binaryEvent("application/json")...)
	if broken.Status != 400 || broken.Header.Get("x-amzn-ErrorType") != "InvalidRequestContentException" {
		t.Errorf("broken event: %+v; want 400, which brokers do not try again", broken)
	}
	failed := call(t, http.MethodPost, door(t, fails("Function.E", `{"errorMessage":"secret"}`), nil), `{"n":1}`, binaryEvent("application/json")...)
	if failed.Status != 502 || failed.Body != "Internal Server Error" {
		t.Errorf("failed function: %+v; want 502, which brokers try again, and no echo", failed)
	}
	throttled := call(t, http.MethodPost, door(t, func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return nil, lambda.Throttled(lambda.ReasonConcurrency, 0)
	}, nil), `{"n":1}`, binaryEvent("application/json")...)
	if throttled.Status != 429 {
		t.Errorf("throttled: %+v", throttled)
	}
}

func TestFrontDoorCloudEventBatch(t *testing.T) {
	ids := make(chan string, 3)
	url := door(t, func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		ids <- in.ID
		if string(in.Payload) == "2" {
			return &lambda.Result{FunctionError: lambda.Unhandled}, nil
		}
		return &lambda.Result{}, nil
	}, nil)
	one := func(data string) string {
		return `{"specversion":"1.0","id":"e","source":"/s","type":"in","data":` + data + `}`
	}
	batch := func(events string) reply {
		return call(t, http.MethodPost, url, "["+events+"]", "Content-Type", "application/cloudevents-batch+json")
	}
	if got := batch(one("1") + "," + one("3")); got.Status != 204 {
		t.Errorf("all succeed: %+v", got)
	}
	if first, second := <-ids, <-ids; first == second {
		t.Errorf("two events ran under one request id %s", first)
	}
	if got := batch(one("1") + "," + one("2") + "," + one("3")); got.Status != 502 {
		t.Errorf("one of them fails: %+v", got)
	}
	if n := len(ids); n != 2 {
		t.Errorf("%d events were run, want 2: the failed one ends the batch", n)
	}
	if got := batch(""); got.Status != 204 {
		t.Errorf("empty batch: %+v", got)
	}
}
