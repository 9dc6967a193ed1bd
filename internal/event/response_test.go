package event_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

// flat is a response in one line: status, headers in order, body.
func flat(r event.Response) string {
	var b, body strings.Builder
	if err := r.Header.Write(&b); err != nil {
		return err.Error()
	}
	body.Write(r.Body)
	return strings.Join([]string{http.StatusText(r.Status), strings.ReplaceAll(b.String(), "\r\n", "|"), body.String()}, " ")
}

const (
	bad2 = "Bad Gateway Content-Type: text/plain| Internal Server Error"
	bad1 = `Bad Gateway Content-Type: application/json| {"message":"Internal server error"}`
	badA = "Bad Gateway Content-Type: text/html| <html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)

func TestResponse(t *testing.T) {
	cases := map[string]struct {
		reason  string
		format  event.Format
		payload string
		want    string
	}{
		"V2Object":       {"a value without statusCode is a body, without needless blanks", event.FormatV2, `{"hello": "world"}`, `OK Content-Type: application/json| {"hello":"world"}`},
		"V2Order":        {"its members keep their order, its numbers their form", event.FormatV2, "{\"b\": 1.0,\n \"a\": 12345678901234567890}", `OK Content-Type: application/json| {"b":1.0,"a":12345678901234567890}`},
		"V2String":       {"a string is sent as its text", event.FormatV2, ` "hello" `, `OK Content-Type: application/json| hello`},
		"V2Null":         {"null is a value", event.FormatV2, `null`, `OK Content-Type: application/json| null`},
		"V2Nothing":      {"a function may answer nothing", event.FormatV2, ``, `OK Content-Type: application/json| `},
		"V2NotJSON":      {"what is no JSON is no answer", event.FormatV2, `hello`, bad2},
		"V2Cut":          {"nor is half of it", event.FormatV2, `{"statusCode": 200`, bad2},
		"V2Status":       {"a status as digits counts", event.FormatV2, `{"statusCode": "418"}`, `I'm a teapot Content-Type: application/json| `},
		"V2Float":        {"as does one that only looks like a fraction", event.FormatV2, `{"statusCode": 201.0}`, `Created Content-Type: application/json| `},
		"V2Fraction":     {"a fraction does not", event.FormatV2, `{"statusCode": 200.5}`, bad2},
		"V2StatusLow":    {"1xx would not end the request", event.FormatV2, `{"statusCode": 101}`, bad2},
		"V2StatusHigh":   {"there is no 600", event.FormatV2, `{"statusCode": 600}`, bad2},
		"V2StatusText":   {"a status is a number", event.FormatV2, `{"statusCode": "ok"}`, bad2},
		"V2StatusObject": {"whatever else it is", event.FormatV2, `{"statusCode": {}}`, bad2},
		"V2StatusNull":   {"null is as good as absent", event.FormatV2, `{"statusCode": null}`, `OK Content-Type: application/json| {"statusCode":null}`},
		"V2Case":         {"members' names have a case", event.FormatV2, `{"StatusCode": 201}`, `OK Content-Type: application/json| {"StatusCode":201}`},
		"V2Full": {
			"headers of any plain type, cookies, base64", event.FormatV2,
			`{"statusCode":201,"headers":{"content-type":"image/png","X-N":1,"X-B":true,"X-Null":null},"cookies":["a=b; Path=/","c=d"],"body":"AP8=","isBase64Encoded":true}`,
			"Created Content-Type: image/png|Set-Cookie: a=b; Path=/|Set-Cookie: c=d|X-B: true|X-N: 1| \x00\xff",
		},
		"V2Multi":     {"multiValueHeaders count too", event.FormatV2, `{"statusCode":200,"multiValueHeaders":{"x-a":["1","2"]}}`, "OK Content-Type: application/json|X-A: 1|X-A: 2| "},
		"V2BodyValue": {"a body that is no string is sent as JSON", event.FormatV2, `{"statusCode":200,"body":{"a": [1, 2]}}`, `OK Content-Type: application/json| {"a":[1,2]}`},
		"V2Hop":       {"the connection is not the function's", event.FormatV2, `{"statusCode":200,"headers":{"Content-Length":"99","transfer-encoding":"chunked","Connection":"close","Upgrade":"x"},"body":"b"}`, "OK Content-Type: application/json| b"},
		"V2Base64":    {"base64 that is none", event.FormatV2, `{"statusCode":200,"body":"!","isBase64Encoded":true}`, bad2},
		"V2Header":    {"a header is a plain value", event.FormatV2, `{"statusCode":200,"headers":{"a":["b"]}}`, bad2},
		"V2Headers":   {"headers are an object", event.FormatV2, `{"statusCode":200,"headers":[]}`, bad2},
		"V2MultiBad":  {"multiValueHeaders hold lists", event.FormatV2, `{"statusCode":200,"multiValueHeaders":{"a":"b"}}`, bad2},
		"V2MultiDeep": {"of plain values", event.FormatV2, `{"statusCode":200,"multiValueHeaders":{"a":[{}]}}`, bad2},
		"V2Cookies":   {"cookies are a list of strings", event.FormatV2, `{"statusCode":200,"cookies":"a=b"}`, bad2},
		"V1Merge": {
			"headers and multiValueHeaders add up, the same value once", event.FormatV1,
			`{"statusCode":200,"headers":{"x-a":"1","x-b":"3"},"multiValueHeaders":{"X-A":["1","2"]},"body":"b"}`,
			"OK Content-Type: application/json|X-A: 1|X-A: 2|X-B: 3| b",
		},
		"V1Plain":    {"only a response is an answer to a REST API", event.FormatV1, `{"hello":"world"}`, bad1},
		"V1String":   {"so a string is none", event.FormatV1, `"hello"`, bad1},
		"V1Body":     {"and a body is a string", event.FormatV1, `{"statusCode":200,"body":{}}`, bad1},
		"V1NoBody":   {"if there is one", event.FormatV1, `{"statusCode":304,"body":null}`, "Not Modified Content-Type: application/json| "},
		"ALB":        {"single values", event.FormatALB, `{"statusCode":200,"statusDescription":"200 OK","headers":{"a":"1"},"multiValueHeaders":{"a":["2"]},"body":"b","isBase64Encoded":false}`, "OK A: 1|Content-Type: application/octet-stream| b"},
		"ALBMulti":   {"or lists, as the target group says", event.FormatALBMulti, `{"statusCode":200,"headers":{"a":"1"},"multiValueHeaders":{"a":["2"]},"body":"b"}`, "OK A: 2|Content-Type: application/octet-stream| b"},
		"ALBOther":   {"the other kind if that is all there is", event.FormatALBMulti, `{"statusCode":200,"headers":{"a":"1"}}`, "OK A: 1|Content-Type: application/octet-stream| "},
		"ALBPlain":   {"only a response is an answer", event.FormatALB, `"x"`, badA},
		"Raw":        {"raw answers go back as they are", event.FormatRaw, "any \x00", "OK Content-Type: x/y| any \x00"},
		"V2DeclType": {"the runtime's content type counts for raw answers alone", event.FormatV2, `1`, `OK Content-Type: application/json| 1`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := flat(tc.format.Response([]byte(tc.payload), "x/y"))
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	const document, timeout = `{"errorType":"E"}`, "Sandbox.Timedout"
	cases := map[string]struct {
		reason, errorType, want string
		format                  event.Format
	}{
		"V2":         {"a function URL tells nothing", "Function.E", bad2, event.FormatV2},
		"V2Timeout":  {"of a timeout neither", timeout, bad2, event.FormatV2},
		"V1":         {"nor does a REST API", "Function.E", bad1, event.FormatV1},
		"V1Timeout":  {"which tells timeouts apart", timeout, `Gateway Timeout Content-Type: application/json| {"message":"Endpoint request timed out"}`, event.FormatV1},
		"ALB":        {"nor a load balancer", "Function.E", badA, event.FormatALB},
		"Raw":        {"who speaks to the function itself sees its error", "Function.E", "Bad Gateway Content-Type: application/json|X-Amz-Function-Error: Unhandled| " + document, event.FormatRaw},
		"RawTimeout": {"and its timeout", timeout, "Gateway Timeout Content-Type: application/json|X-Amz-Function-Error: Unhandled| " + document, event.FormatRaw},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, flat(tc.format.Failure(tc.errorType, []byte(document)))); d != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, d)
			}
		})
	}
}

// FuzzResponse holds every format to this: whatever a function answers, there is a response that HTTP allows.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{``, `null`, `"x"`, `{"statusCode":200,"headers":{"a":1},"multiValueHeaders":{"a":["b"]},"cookies":["c"],"body":"eA==","isBase64Encoded":true}`, `{"statusCode":"2e2","body":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, format := range []event.Format{event.FormatV2, event.FormatV1, event.FormatALB, event.FormatALBMulti, event.FormatRaw} {
			r := format.Response(payload, "")
			if r.Status < 200 || r.Status > 599 || len(r.Header["Content-Type"]) == 0 {
				t.Errorf("%s: %q gives status %d and content type %q", format, payload, r.Status, r.Header["Content-Type"])
			}
			if r.Header.Get("Content-Length") != "" || r.Header.Get("Transfer-Encoding") != "" {
				t.Errorf("%s: %q sets the length of the body", format, payload)
			}
		}
	})
}
