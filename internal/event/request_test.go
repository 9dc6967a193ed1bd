package event_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/event"
)

// sample is a request that uses everything: escapes, duplicate parameters and headers, cookies, a text body.
func sample() *event.Request {
	return &event.Request{
		Method: "POST", Path: "/a%20b/x", RawQuery: "p=1&p=2%203&q=&%zz=a+b", Proto: "HTTP/1.1", Host: "abc.lambda-url.example.com:8443",
		Header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "Cookie": {"c1=v1; c2=v2", "c3=v3"}, "User-Agent": {"curl/8"},
			"X-Many": {"1", "2"}, "X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Proto": {"https"},
		},
		Body: []byte(`{"a":"<&>"}`), RemoteIP: "1.2.3.4",
		ID: "7c5c2f1e-0000-4000-8000-000000000000", Time: time.Date(2020, 3, 12, 19, 3, 58, 390e6, time.UTC), Trace: "Root=1-2-3",
		TargetGroup: "arn:aws:elasticloadbalancing:r:1:targetgroup/f/0",
	}
}

func TestEventV2(t *testing.T) {
	const want = `{"version":"2.0","routeKey":"$default","rawPath":"/a%20b/x","rawQueryString":"p=1&p=2%203&q=&%zz=a+b",` +
		`"cookies":["c1=v1","c2=v2","c3=v3"],"headers":{"content-type":"application/json; charset=utf-8",` +
		`"host":"abc.lambda-url.example.com:8443","user-agent":"curl/8","x-amzn-trace-id":"Root=1-2-3","x-forwarded-for":"1.2.3.4",` +
		`"x-forwarded-port":"8443","x-forwarded-proto":"http","x-many":"1,2"},"queryStringParameters":{"%zz":"a b","p":"1,2 3","q":""},` +
		`"requestContext":{"accountId":"anonymous","apiId":"abc","domainName":"abc.lambda-url.example.com","domainPrefix":"abc",` +
		`"http":{"method":"POST","path":"/a b/x","protocol":"HTTP/1.1","sourceIp":"1.2.3.4","userAgent":"curl/8"},` +
		`"requestId":"7c5c2f1e-0000-4000-8000-000000000000","routeKey":"$default","stage":"$default","time":"12/Mar/2020:19:03:58 +0000",` +
		`"timeEpoch":1584039838390},"body":"{\"a\":\"<&>\"}","isBase64Encoded":false}`
	if d := cmp.Diff(want, string(event.FormatV2.Event(sample()))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestEventOmitsAndNulls(t *testing.T) {
	bare := &event.Request{Method: "GET", Path: "/", Proto: "HTTP/1.1", Host: "127.0.0.1:8080", RemoteIP: "127.0.0.1"}
	cases := map[string]struct {
		reason        string
		format        event.Format
		absent, nulls []string
	}{
		"2.0":      {"payload 2.0 leaves out what is empty", event.FormatV2, []string{"cookies", "queryStringParameters", "body", "pathParameters", "stageVariables"}, nil},
		"1.0":      {"payload 1.0 says null", event.FormatV1, nil, []string{"queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"}},
		"ALB":      {"a load balancer gives one kind of headers", event.FormatALB, []string{"multiValueHeaders", "multiValueQueryStringParameters"}, nil},
		"ALBMulti": {"or the other", event.FormatALBMulti, []string{"headers", "queryStringParameters"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got map[string]json.RawMessage
			if err := json.Unmarshal(tc.format.Event(bare), &got); err != nil {
				t.Fatal(err)
			}
			for _, key := range tc.absent {
				if raw, ok := got[key]; ok {
					t.Errorf("%s: %s = %s", tc.reason, key, raw)
				}
			}
			for _, key := range tc.nulls {
				if string(got[key]) != "null" {
					t.Errorf("%s: %s = %q", tc.reason, key, got[key])
				}
			}
		})
	}
}

// TestEventsDecode reads our events with the types that Go handlers use.
func TestEventsDecode(t *testing.T) {
	r := sample()
	r.TrustForwarded = true

	var url events.LambdaFunctionURLRequest
	decode(t, event.FormatV2.Event(r), &url)
	got := []string{url.RequestContext.HTTP.SourceIP, url.Headers["x-forwarded-proto"], url.Headers["x-forwarded-port"], url.QueryStringParameters["p"], url.Body}
	if d := cmp.Diff([]string{"6.6.6.6", "https", "443", "1,2 3", `{"a":"<&>"}`}, got); d != "" {
		t.Errorf("function URL, behind a proxy that we trust\n-want +got:\n%s", d)
	}

	var rest events.APIGatewayProxyRequest
	decode(t, event.FormatV1.Event(r), &rest)
	got = append([]string{rest.Path, rest.Resource, rest.PathParameters["proxy"], rest.QueryStringParameters["p"], rest.Headers["X-Many"], rest.RequestContext.Identity.SourceIP, rest.Headers["Cookie"]},
		rest.MultiValueQueryStringParameters["p"]...)
	if d := cmp.Diff([]string{"/a b/x", "/{proxy+}", "a b/x", "2 3", "2", "6.6.6.6", "c3=v3", "1", "2 3"}, got); d != "" {
		t.Errorf("REST API\n-want +got:\n%s", d)
	}

	var one, many events.ALBTargetGroupRequest
	decode(t, event.FormatALB.Event(r), &one)
	decode(t, event.FormatALBMulti.Event(r), &many)
	got = append([]string{one.Path, one.QueryStringParameters["p"], one.Headers["x-many"], one.RequestContext.ELB.TargetGroupArn}, many.MultiValueQueryStringParameters["p"]...)
	if d := cmp.Diff([]string{"/a%20b/x", "2%203", "2", r.TargetGroup, "1", "2%203"}, got); d != "" {
		t.Errorf("load balancer: last value wins, nothing is decoded\n-want +got:\n%s", d)
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// TestEventShape compares the members of our events with those of the samples that AWS's Go library carries.
func TestEventShape(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		t.Skipf("needs the go command to find the aws-lambda-go module: %v", err)
	}
	cases := map[string]struct {
		reason  string
		format  event.Format
		missing []string // in ours, with the reason in the sentence
	}{
		"lambda-urls-request.json": {"authorizer comes only with IAM", event.FormatV2, []string{"requestContext.authorizer"}},
		"apigw-request.json": {"nobody is signed in, and there are no API keys or certificates", event.FormatV1, []string{
			"requestContext.authorizer", "requestContext.identity.apiKey", "requestContext.identity.apiKeyId", "requestContext.identity.clientCert",
		}},
		"alb-lambda-target-request-headers-only.json":       {"all of it", event.FormatALB, nil},
		"alb-lambda-target-request-multivalue-headers.json": {"all of it", event.FormatALBMulti, nil},
	}
	for file, tc := range cases {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "events", "testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			ours := members(t, tc.format.Event(sample()))
			for _, path := range members(t, text) {
				if !slices.Contains(ours, path) && !slices.Contains(tc.missing, path) {
					t.Errorf("%s: AWS's sample has %s, our event has not", tc.reason, path)
				}
			}
		})
	}
}

// members lists the paths of an event's members. Below maps whose keys belong to the caller it does not go.
func members(t *testing.T, text []byte) []string {
	t.Helper()
	free := []string{"headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext.authorizer", "requestContext.identity.clientCert"}
	var paths []string
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		object, ok := v.(map[string]any)
		if !ok || slices.Contains(free, strings.TrimSuffix(prefix, ".")) {
			return
		}
		for name, member := range object {
			paths = append(paths, prefix+name)
			walk(prefix+name+".", member)
		}
	}
	var root any
	decode(t, text, &root)
	walk("", root)
	return paths
}

func TestEventBodies(t *testing.T) {
	cases := map[string]struct {
		reason, contentType, encoding, body string
		format                              event.Format
		want                                string
		base64                              bool
	}{
		"Text":       {reason: "text stays text", contentType: "text/plain", body: "hé", want: "hé"},
		"JSONSuffix": {reason: "JSON under another name is text", contentType: "application/problem+json", body: "{}", want: "{}"},
		"Form":       {reason: "forms are not in AWS's list of text types", contentType: "application/x-www-form-urlencoded", body: "a=b", want: "YT1i", base64: true},
		"Multipart":  {reason: "nor are uploads", contentType: "multipart/form-data; boundary=x", body: "--x", want: "LS14", base64: true},
		"NoType":     {reason: "nor is what has no type", body: "x", want: "eA==", base64: true},
		"Compressed": {reason: "compressed text is bytes", contentType: "text/plain", encoding: "gzip", body: "x", want: "eA==", base64: true},
		"NotUTF8":    {reason: "text that is no UTF-8 could not stand in JSON", contentType: "text/plain", body: "\xff", want: "/w==", base64: true},
		"ALBForm":    {reason: "a load balancer has the same list", contentType: "application/x-www-form-urlencoded", body: "a=b", format: event.FormatALB, want: "YT1i", base64: true},
		"RESTForm":   {reason: "a REST API takes every body for text", contentType: "application/x-www-form-urlencoded", body: "a=b", format: event.FormatV1, want: "a=b"},
		"RESTBytes":  {reason: "unless it is none", body: "\xff", format: event.FormatV1, want: "/w==", base64: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if tc.contentType != "" {
				h.Set("Content-Type", tc.contentType)
			}
			if tc.encoding != "" {
				h.Set("Content-Encoding", tc.encoding)
			}
			var got struct {
				Body            string
				IsBase64Encoded bool
			}
			decode(t, tc.format.Event(&event.Request{Method: "POST", Path: "/", Header: h, Body: []byte(tc.body)}), &got)
			if got.Body != tc.want || got.IsBase64Encoded != tc.base64 {
				t.Errorf("%s: got %q, %t; want %q, %t", tc.reason, got.Body, got.IsBase64Encoded, tc.want, tc.base64)
			}
		})
	}
	if got := event.FormatRaw.Event(&event.Request{Body: []byte("any \x00 bytes")}); string(got) != "any \x00 bytes" {
		t.Errorf("raw event = %q, want the body", got)
	}
}

func TestOrigin(t *testing.T) {
	cases := map[string]struct {
		reason   string
		request  event.Request
		ip, want string
	}{
		"Untrusted":  {"a stranger's headers are replaced", event.Request{RemoteIP: "1.1.1.1", Header: http.Header{"X-Forwarded-For": {"9.9.9.9"}, "X-Forwarded-Port": {"1"}}}, "1.1.1.1", "1.1.1.1 80 http"},
		"TLS":        {"a port may go without saying", event.Request{RemoteIP: "1.1.1.1", TLS: true}, "1.1.1.1", "1.1.1.1 443 https"},
		"Chain":      {"the first of a trusted chain is the caller", event.Request{RemoteIP: "1.1.1.1", TrustForwarded: true, Header: http.Header{"X-Forwarded-For": {"9.9.9.9, 8.8.8.8", "7.7.7.7"}, "X-Forwarded-Port": {"8443"}, "X-Forwarded-Proto": {"https,http"}}}, "9.9.9.9", "9.9.9.9, 8.8.8.8, 7.7.7.7 8443 https"},
		"ChainJunk":  {"what is no address is not taken for one", event.Request{RemoteIP: "1.1.1.1", TrustForwarded: true, Header: http.Header{"X-Forwarded-For": {"unknown"}, "X-Forwarded-Proto": {"ftp"}}}, "1.1.1.1", "unknown 80 http"},
		"TrustedBut": {"a trusted proxy may say nothing", event.Request{RemoteIP: "1.1.1.1", TrustForwarded: true}, "1.1.1.1", "1.1.1.1 80 http"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got events.LambdaFunctionURLRequest
			decode(t, event.FormatV2.Event(&tc.request), &got)
			forwarded := got.Headers["x-forwarded-for"] + " " + got.Headers["x-forwarded-port"] + " " + got.Headers["x-forwarded-proto"]
			if got.RequestContext.HTTP.SourceIP != tc.ip || forwarded != tc.want {
				t.Errorf("%s: got %s from %s, want %s from %s", tc.reason, forwarded, got.RequestContext.HTTP.SourceIP, tc.want, tc.ip)
			}
		})
	}
}

func TestNewRequest(t *testing.T) {
	r := httptest.NewRequest(http.MethodPut, "http://fn.example.com/a%2Fb?x=%20", nil)
	r.RemoteAddr = "[::1]:1234"
	got := event.NewRequest(r, []byte("b"))
	want := &event.Request{Method: "PUT", Path: "/a%2Fb", RawQuery: "x=%20", Proto: "HTTP/1.1", Host: "fn.example.com", Header: r.Header, Body: []byte("b"), RemoteIP: "::1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestParseFormat(t *testing.T) {
	cases := map[string]event.Format{
		"": event.FormatV2, "2.0": event.FormatV2, "PAYLOAD_2_0": event.FormatV2, "1.0": event.FormatV1, "API_GATEWAY": event.FormatV1,
		"alb": event.FormatALB, "ALB-Multi-Value": event.FormatALBMulti, "raw": event.FormatRaw, "CLOUDEVENTS": event.FormatRaw,
	}
	for text, want := range cases {
		var got event.Format
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %s, %v; want %s", text, got, err, want)
		}
		if name, err := got.MarshalText(); err != nil {
			t.Error(err)
		} else if again, err := event.ParseFormat(string(name)); err != nil || again != want {
			t.Errorf("%q written and read again = %s, %v", text, again, err)
		}
	}
	if err := new(event.Format).UnmarshalText([]byte("3.0")); err == nil || !strings.Contains(err.Error(), "use one of 2.0, 1.0, alb") {
		t.Errorf("unknown format: %v; the error must name the known ones", err)
	}
}

// FuzzEvent holds every format to this: whatever the request, the event is JSON that decodes to its path and method.
func FuzzEvent(f *testing.F) {
	f.Add("/a%20b", "p=1&p=2", "text/plain", "body", "c=d; e", "1.2.3.4, x", "h:1")
	f.Add("%", "&&=&%zz", "\xff/;", "\xff", ";;", ",", "[::1]")
	f.Fuzz(func(t *testing.T, path, query, media, body, cookie, chain, host string) {
		r := &event.Request{
			Method: "POST", Path: path, RawQuery: query, Host: host, Body: []byte(body), TrustForwarded: true,
			Header: http.Header{"Content-Type": {media}, "Cookie": {cookie}, "X-Forwarded-For": {chain}, "X-Forwarded-Proto": {chain}},
		}
		for _, format := range []event.Format{event.FormatV2, event.FormatV1, event.FormatALB, event.FormatALBMulti} {
			var got map[string]any
			if err := json.Unmarshal(format.Event(r), &got); err != nil {
				t.Errorf("%s: %v", format, err)
			}
			if again := format.Event(r); string(again) != string(format.Event(r)) {
				t.Errorf("%s: the same request gives different events", format)
			}
		}
	})
}
