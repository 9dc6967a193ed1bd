package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

const failed = "Bad Gateway Content-Type: text/plain| Internal Server Error"

func TestReply(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	const tail = "|Ce-Source: lambkin|Ce-Specversion: 1.0|Ce-Time: 2026-01-02T02:04:05Z|Ce-Type: out|Content-Type: "
	cases := map[string]struct {
		reason, payload, want string
		reply                 event.Reply
	}{
		"None":       {"by default a broker gets no reply, whatever the function says", `{"a":1}`, "No Content  ", event.Reply{}},
		"Data":       {"an answer becomes the data of an event", `{"a": 1}`, "OK Ce-Id: id" + tail + `application/json| {"a": 1}`, event.Reply{Type: "out"}},
		"DataString": {"a string stays JSON", `"x"`, "OK Ce-Id: id" + tail + `application/json| "x"`, event.Reply{Type: "out"}},
		"DataNull":   {"no answer is no reply", ` null `, "No Content  ", event.Reply{Type: "out"}},
		"DataEmpty":  {"nor is nothing", ``, "No Content  ", event.Reply{Type: "out"}},
		"DataBroken": {"what is no JSON is no data", `{`, failed, event.Reply{Type: "out"}},
		"Subject": {"attributes are encoded for headers", `1`, "OK Ce-Id: id|Ce-Source: /s|Ce-Specversion: 1.0|Ce-Subject: a%20%E2%82%AC%22%25|Ce-Time: 2026-01-02T02:04:05Z|Ce-Type: out|Content-Type: application/json| 1",
			event.Reply{Type: "out", Source: "/s", Subject: `a €"%`}},
		"Structured": {"or the event is one JSON object", `[1]`, `OK Content-Type: application/cloudevents+json| {"data":[1],"datacontenttype":"application/json","id":"id","source":"lambkin","specversion":"1.0","time":"2026-01-02T02:04:05Z","type":"out"}`,
			event.Reply{Type: "out", Structured: true}},
		"Event": {"a function may answer an event, of which the rest is filled in", `{"type":"mine","id":"x","datacontenttype":"text/plain","data":"hi"}`,
			"OK Ce-Id: x|Ce-Source: lambkin|Ce-Specversion: 1.0|Ce-Time: 2026-01-02T02:04:05Z|Ce-Type: mine|Content-Type: text/plain| hi", event.Reply{Event: true}},
		"EventBytes":    {"of bytes", `{"data_base64":"AP8=","datacontenttype":"x/y"}`, "OK Ce-Id: id" + tail + "x/y| \x00\xff", event.Reply{Event: true, Type: "out"}},
		"EventBadBytes": {"that are base64", `{"data_base64":"!"}`, failed, event.Reply{Event: true, Type: "out"}},
		"EventNoType":   {"an event has a type", `{"data":1}`, failed, event.Reply{Event: true}},
		"EventBadId":    {"and an id of text", `{"id":{}}`, failed, event.Reply{Event: true, Type: "out"}},
		"EventNotOne":   {"anything else is no event", `[1]`, failed, event.Reply{Event: true, Type: "out"}},
		"EventNone":     {"no event is no reply", `null`, "No Content  ", event.Reply{Event: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, flat(tc.reply.Response([]byte(tc.payload), "id", now))); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

func TestReplyBatch(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	answers := []event.Answer{{ID: "1", Payload: []byte(`1`)}, {ID: "2", Payload: []byte(`null`)}, {ID: "3", Payload: []byte(`"x"`)}}
	const common = `,"source":"lambkin","specversion":"1.0","time":"2026-01-02T03:04:05Z","type":"out"}`
	want := `OK Content-Type: application/cloudevents-batch+json| [{"data":1,"datacontenttype":"application/json","id":"1"` + common +
		`,{"data":"x","datacontenttype":"application/json","id":"3"` + common + `]`
	if d := cmp.Diff(want, flat(event.Reply{Type: "out"}.Batch(answers, now))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := flat(event.Reply{}.Batch(answers, now)); got != "No Content  " {
		t.Errorf("without a reply type: %q", got)
	}
	if got := flat(event.Reply{Event: true}.Batch(answers, now)); got != failed {
		t.Errorf("answers that are no events: %q", got)
	}
}

func TestReplyFrom(t *testing.T) {
	cases := map[string]struct {
		reason string
		env    map[string]string
		want   event.Reply
		err    string
	}{
		"Nothing": {"no setting, no reply", nil, event.Reply{}, ""},
		"All":     {"the latest names", map[string]string{"CE_OVERRIDES_TYPE": "t", "CE_OVERRIDES_SOURCE": "s", "CE_OVERRIDES_SUBJECT": "u", "CE_FUNCTION_RESPONSE_MODE": "event"}, event.Reply{Type: "t", Source: "s", Subject: "u", Event: true}, ""},
		"Old":     {"and the older ones", map[string]string{"CE_TYPE": "t", "CE_FUNCTION_RESPONSE_MODE": "data"}, event.Reply{Type: "t"}, ""},
		"Wrong":   {"a wrong mode says which are right", map[string]string{"CE_FUNCTION_RESPONSE_MODE": "both"}, event.Reply{}, "use data or event"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := event.ReplyFrom(func(key string) string { return tc.env[key] })
			if (err == nil) != (tc.err == "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("%s: error = %v, want %q", tc.reason, err, tc.err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

// FuzzReply holds replies to this: whatever a function answers, the reply is empty, an event, or a failure.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"type":"t","data":"x","datacontenttype":"text/plain"}`))
	f.Add([]byte(`{"data_base64":"AA==","x":"\u20ac"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, reply := range []event.Reply{{Type: "t"}, {Event: true}, {Event: true, Type: "t", Structured: true}} {
			r := reply.Response(payload, "id", time.Unix(0, 0))
			isEvent := r.Status == 200 && (r.Header.Get("Ce-Id") != "" || r.Header.Get("Content-Type") == event.TypeCloudEvent)
			if !isEvent && r.Status != 204 && r.Status != 502 {
				t.Errorf("%+v of %q = %d %v", reply, payload, r.Status, r.Header)
			}
		}
	})
}
