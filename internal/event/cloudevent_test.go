package event_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ce "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

func TestDetect(t *testing.T) {
	cases := map[string]struct {
		reason string
		header http.Header
		want   event.Encoding
	}{
		"None":       {"most requests hold none", http.Header{"Content-Type": {"application/json"}}, event.EncodingNone},
		"Binary":     {"binary events may be of any type", http.Header{"Content-Type": {"text/plain"}, "Ce-Specversion": {"1.0"}}, event.EncodingBinary},
		"BinaryId":   {"and are told by their id too, so that a broken one is refused and not run", http.Header{"Ce-Id": {"1"}}, event.EncodingBinary},
		"Structured": {"parameters do not matter", http.Header{"Content-Type": {"application/cloudevents+json; charset=UTF-8"}}, event.EncodingStructured},
		"Batch":      {"nor does case", http.Header{"Content-Type": {"Application/CloudEvents-Batch+JSON"}}, event.EncodingBatch},
		"Other":      {"formats that we do not read are none", http.Header{"Content-Type": {"application/cloudevents+avro"}}, event.EncodingNone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := event.Detect(tc.header); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

func binary(media string, more ...string) http.Header {
	h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
	if media != "" {
		h.Set("Content-Type", media)
	}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

func attributes(more ...string) map[string]string {
	m := map[string]string{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func TestParseCloudEvents(t *testing.T) {
	const required = `"specversion":"1.0","id":"1","source":"/s","type":"t"`
	cases := map[string]struct {
		reason string
		enc    event.Encoding
		header http.Header
		body   string
		want   []event.CloudEvent
	}{
		"BinaryJSON":    {"JSON data passes byte for byte", event.EncodingBinary, binary("application/json"), `{ "a": 1}`, []event.CloudEvent{{Attributes: attributes("datacontenttype", "application/json"), Data: []byte(`{ "a": 1}`)}}},
		"BinaryNoType":  {"data without a type is JSON", event.EncodingBinary, binary(""), `[1]`, []event.CloudEvent{{Attributes: attributes(), Data: []byte(`[1]`)}}},
		"BinaryText":    {"text becomes a JSON string", event.EncodingBinary, binary("text/plain"), "a\n\"b\"", []event.CloudEvent{{Attributes: attributes("datacontenttype", "text/plain"), Data: []byte(`"a\n\"b\""`)}}},
		"BinaryBytes":   {"bytes become base64, and say so", event.EncodingBinary, binary("image/png"), "\x00\xff", []event.CloudEvent{{Attributes: attributes("datacontenttype", "image/png", "datacontentencoding", "base64"), Data: []byte(`"AP8="`)}}},
		"BinaryNoData":  {"an event may have no data", event.EncodingBinary, binary(""), ``, []event.CloudEvent{{Attributes: attributes()}}},
		"BinaryExtra":   {"extensions come along, percent-decoded", event.EncodingBinary, binary("", "Ce-Subject", "%E2%82%AC 100%25 %zz", "Ce-Myext", "5"), ``, []event.CloudEvent{{Attributes: attributes("subject", "€ 100% %zz", "myext", "5")}}},
		"BinaryURI":     {"the escapes of a URI are its own, whether or not the sender encodes percent signs", event.EncodingBinary, binary("", "Ce-Source", "/a%20b", "Ce-Dataschema", "/a%2520b"), ``, []event.CloudEvent{{Attributes: attributes("source", "/a%20b", "dataschema", "/a%20b")}}},
		"BinaryNotUTF8": {"what does not decode to text stays encoded", event.EncodingBinary, binary("", "Ce-Subject", "%FF"), ``, []event.CloudEvent{{Attributes: attributes("subject", "%FF")}}},
		"Structured":    {"attributes of every type become strings", event.EncodingStructured, nil, `{` + required + `,"n":5,"b":true,"null":null,"data":{"x": [1]}}`, []event.CloudEvent{{Attributes: attributes("n", "5", "b", "true"), Data: []byte(`{"x": [1]}`)}}},
		"StructuredText": {"text data is a JSON string already", event.EncodingStructured, nil, `{` + required + `,"datacontenttype":"text/plain","data":"hi"}`,
			[]event.CloudEvent{{Attributes: attributes("datacontenttype", "text/plain"), Data: []byte(`"hi"`)}}},
		"StructuredBase64JSON": {"base64 is decoded before the type is looked at", event.EncodingStructured, nil, `{` + required + `,"data_base64":"eyJhIjoxfQ=="}`,
			[]event.CloudEvent{{Attributes: attributes(), Data: []byte(`{"a":1}`)}}},
		"StructuredBase64": {"and encoded again if it is bytes", event.EncodingStructured, nil, `{` + required + `,"datacontenttype":"application/octet-stream","data_base64":"AP8="}`,
			[]event.CloudEvent{{Attributes: attributes("datacontenttype", "application/octet-stream", "datacontentencoding", "base64"), Data: []byte(`"AP8="`)}}},
		"Batch":      {"a batch holds many", event.EncodingBatch, nil, `[{` + required + `,"data":1},{` + required + `}]`, []event.CloudEvent{{Attributes: attributes(), Data: []byte(`1`)}, {Attributes: attributes()}}},
		"BatchEmpty": {"or none", event.EncodingBatch, nil, `[]`, []event.CloudEvent{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := event.ParseCloudEvents(tc.enc, tc.header, []byte(tc.body))
			if d := cmp.Diff(tc.want, got); err != nil || d != "" {
				t.Errorf("%s: %v\n-want +got:\n%s", tc.reason, err, d)
			}
		})
	}
}

func TestParseCloudEventsRefusals(t *testing.T) {
	const required = `"specversion":"1.0","id":"1","source":"/s","type":"t"`
	noType := binary("")
	noType.Del("Ce-Type")
	cases := map[string]struct {
		reason string
		enc    event.Encoding
		header http.Header
		body   string
	}{
		"Missing":     {"four attributes are required", event.EncodingBinary, noType, ``},
		"Version":     {"we read version 1.0", event.EncodingBinary, binary("", "Ce-Specversion", "0.2"), ``},
		"NotJSON":     {"JSON data is JSON", event.EncodingBinary, binary("application/json"), `{`},
		"NotObject":   {"a structured event is an object", event.EncodingStructured, nil, `null`},
		"Nested":      {"attributes are plain", event.EncodingStructured, nil, `{` + required + `,"x":{}}`},
		"BadBase64":   {"data_base64 is base64", event.EncodingStructured, nil, `{` + required + `,"data_base64":"!"}`},
		"ListBase64":  {"and a string", event.EncodingStructured, nil, `{` + required + `,"data_base64":[1]}`},
		"NotArray":    {"a batch is an array", event.EncodingBatch, nil, `{}`},
		"OneBad":      {"one bad event spoils the batch", event.EncodingBatch, nil, `[{` + required + `},{}]`},
		"TooMany":     {"batches are bounded", event.EncodingBatch, nil, `[` + strings.Repeat(`1,`, event.MaxBatch) + `1]`},
		"TooLong":     {"attributes are bounded", event.EncodingBinary, binary("", "Ce-Subject", strings.Repeat("s", event.MaxAttributes)), ``},
		"NoEncoding":  {"a request that holds none is none", event.EncodingNone, nil, ``},
		"EmptySource": {"an empty attribute is none", event.EncodingBinary, binary("", "Ce-Source", ""), ``},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := event.ParseCloudEvents(tc.enc, tc.header, []byte(tc.body)); !errors.Is(err, event.ErrCloudEvent) {
				t.Errorf("%s: error = %v", tc.reason, err)
			}
		})
	}
}

func TestCloudEventContext(t *testing.T) {
	e := event.CloudEvent{Attributes: attributes("subject", "<a>\n")}
	if got, want := e.Context(), `{"id":"1","source":"/s","specversion":"1.0","subject":"<a>\n","type":"t"}`; got != want {
		t.Errorf("context = %s, want %s", got, want)
	}
	if got, want := e.ClientContext(), `{"custom":{"id":"1","source":"/s","specversion":"1.0","subject":"<a>\n","type":"t"}}`; got != want {
		t.Errorf("client context = %s, want %s", got, want)
	}
}

// TestCloudEventsFromSDK reads what the CloudEvents SDK sends, in both encodings.
func TestCloudEventsFromSDK(t *testing.T) {
	sent := ce.NewEvent()
	sent.SetID("id-1")
	sent.SetSource("https://example.com/a b")
	sent.SetType("com.example.thing")
	sent.SetSubject("größe")
	sent.SetExtension("num", 5)
	if err := sent.SetData(ce.ApplicationJSON, map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	for name, encode := range map[string]func(*http.Request) error{
		"Binary": func(r *http.Request) error {
			return cehttp.WriteRequest(binding.WithForceBinary(t.Context()), binding.ToMessage(&sent), r)
		},
		"Structured": func(r *http.Request) error {
			return cehttp.WriteRequest(binding.WithForceStructured(t.Context()), binding.ToMessage(&sent), r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			if err := encode(r); err != nil {
				t.Fatal(err)
			}
			body := make([]byte, r.ContentLength)
			if _, err := r.Body.Read(body); err != nil && len(body) == 0 {
				t.Fatal(err)
			}
			got, err := event.ParseCloudEvents(event.Detect(r.Header), r.Header, body)
			if err != nil {
				t.Fatal(err)
			}
			want := event.CloudEvent{Data: []byte(`{"a":1}`), Attributes: map[string]string{
				"specversion": "1.0", "id": "id-1", "source": sent.Source(), "type": "com.example.thing", "subject": "größe", "num": "5", "datacontenttype": "application/json",
			}}
			if d := cmp.Diff([]event.CloudEvent{want}, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// FuzzCloudEvents holds the parsers to this: what they accept has JSON data, attributes that fit a header, and the four
// required ones.
func FuzzCloudEvents(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}`), "text/plain", "%41")
	f.Add([]byte(`[{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AA=="}]`), "application/json", "a%zz%")
	f.Add([]byte("\xff"), "x/y", "\xff")
	f.Fuzz(func(t *testing.T, body []byte, media, subject string) {
		for _, enc := range []event.Encoding{event.EncodingBinary, event.EncodingStructured, event.EncodingBatch} {
			events, err := event.ParseCloudEvents(enc, binary(media, "Ce-Subject", subject), body)
			if err != nil {
				continue
			}
			for _, e := range events {
				if len(e.Data) > 0 && !json.Valid(e.Data) {
					t.Errorf("data of %q (%d) is no JSON: %q", body, enc, e.Data)
				}
				if text := e.Context(); e.Attributes["id"] == "" || strings.ContainsAny(text, "\r\n\x00") || !json.Valid([]byte(text)) {
					t.Errorf("attributes of %q: %s", body, text)
				}
			}
		}
	})
}
