package messaging_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/messaging/double"
)

const (
	queue = "arn:aws:sqs:eu-west-1:123456789012:orders"
	topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	bus   = "arn:aws:events:eu-west-1:123456789012:event-bus/team/orders"
)

func target(t testing.TB, arn string) messaging.Target {
	t.Helper()
	to, ok := messaging.Parse(arn)
	if !ok {
		t.Fatalf("%s is no target", arn)
	}
	return to
}

// client sends to a server.
func client(url string, keys messaging.Credentials) *messaging.Client {
	at := messaging.Endpoint{URL: url}
	return &messaging.Client{
		Endpoints:   func() messaging.Endpoints { return messaging.Endpoints{SQS: at, SNS: at, EventBridge: at} },
		Credentials: func() (messaging.Credentials, error) { return keys, nil },
	}
}

func keys() messaging.Credentials {
	return messaging.Credentials{AccessKeyID: double.KeyID, SecretAccessKey: double.Secret}
}

func TestSend(t *testing.T) {
	services := new(double.Services)
	s := httptest.NewServer(services)
	defer s.Close()
	c := client(s.URL+"/", keys())
	letter := messaging.Message{Body: []byte("{\"n\":\"\xff\"}"), Attributes: map[string]string{"RequestID": "i", "ErrorCode": "200", "ErrorMessage": "a & b"}}
	record := messaging.Message{Body: []byte(`{"version":"1.0"}`), DetailType: "Lambda Function Invocation Result - Success", Resources: []string{"f", bus}}
	for _, send := range []struct {
		to string
		m  messaging.Message
	}{{queue, letter}, {topic, letter}, {bus, record}} {
		if err := c.Send(t.Context(), target(t, send.to), send.m); err != nil {
			t.Errorf("%s: %v", send.to, err)
		}
	}
	attributes := map[string]string{"RequestID": "String i", "ErrorCode": "Number 200", "ErrorMessage": "String a & b"}
	want := []double.Message{
		{Service: "SQS", To: "/123456789012/orders", Body: "{\"n\":\"\uFFFD\"}", Attributes: attributes},
		{Service: "SNS", To: topic, Body: "{\"n\":\"\uFFFD\"}", Attributes: attributes},
		{Service: "EventBridge", To: bus, Body: `{"version":"1.0"}`, DetailType: record.DetailType, Resources: record.Resources},
	}
	if diff := cmp.Diff(want, services.Messages()); diff != "" {
		t.Error(diff)
	}
}

// TestSendRefused holds that what a service does not take is an error that says why.
func TestSendRefused(t *testing.T) {
	services := &double.Services{Missing: []string{"/123456789012/orders", topic, bus}}
	s := httptest.NewServer(services)
	defer s.Close()
	for _, arn := range []string{queue, topic, bus} {
		to := target(t, arn)
		m := messaging.Message{Body: []byte("{}"), DetailType: "d"}
		err := client(s.URL, keys()).Send(t.Context(), to, m)
		if err == nil || !strings.Contains(err.Error(), "DoesNotExist") && !strings.Contains(err.Error(), "NotFound") {
			t.Errorf("%s: what does not exist gives %v", arn, err)
		}
		wrong := messaging.Credentials{AccessKeyID: double.KeyID, SecretAccessKey: "other"}
		for name, c := range map[string]messaging.Credentials{"wrong": wrong, "no": {}} {
			if err := client(s.URL, c).Send(t.Context(), to, m); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
				t.Errorf("%s: %s keys give %v", arn, name, err)
			}
		}
		if err := (&messaging.Client{Endpoints: func() messaging.Endpoints { return messaging.Endpoints{} }}).Send(t.Context(), to, m); err == nil {
			t.Errorf("%s: sent without an endpoint", arn)
		}
	}
}

// TestSendAnswers holds that only an answer that names the message is a success.
func TestSendAnswers(t *testing.T) {
	cases := map[string]struct{ reason, arn, answer, want string }{
		"Page":          {"A server that is something else swallows nothing.", queue, "<html>OK</html>", "names no message"},
		"Empty":         {"Nor does one that says nothing.", topic, "", "names no message"},
		"BusPage":       {"On a bus neither.", bus, "{}", "names no message"},
		"FailedEntry":   {"EventBridge refuses entries with 200.", bus, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException"}]}`, "ThrottlingException"},
		"QueueTaken":    {"", queue, `{"MessageId":"1"}`, ""},
		"TopicTaken":    {"", topic, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`, ""},
		"BusTaken":      {"", bus, `{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`, ""},
		"LongErrorCode": {"Logs stay readable.", bus, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"` + strings.Repeat("x", 9999) + `"}]}`, "xxx"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.answer) }))
			defer s.Close()
			err := client(s.URL, keys()).Send(t.Context(), target(t, tc.arn), messaging.Message{Body: []byte("{}")})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s got %v, want %q", tc.reason, err, tc.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestSendTrouble(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client("http://127.0.0.1:1", keys()).Send(t.Context(), target(t, queue), messaging.Message{Body: []byte("{}")}); err == nil {
		t.Error("nobody has taken it")
	}
	if err := client("http://127.0.0.1:1", keys()).Send(ended, target(t, queue), messaging.Message{}); err == nil {
		t.Error("the context has ended")
	}
}

// captured are requests as today's SDKs send them, with a clock and keys of the test's.
func TestWire(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		arn    string
		m      messaging.Message
		header map[string]string
	}{
		"sqs": {queue, messaging.Message{Body: []byte(`{"a":1}`), Attributes: map[string]string{"ErrorCode": "200"}},
			map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}},
		"sns": {topic, messaging.Message{Body: []byte(`{"a":1}`), Attributes: map[string]string{"ErrorCode": "200"}},
			map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}},
		"events": {bus, messaging.Message{Body: []byte(`{"a":1}`), DetailType: "d", Resources: []string{"r"}},
			map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"}},
	} {
		var got *http.Request
		var body []byte
		c := client("http://service.test", messaging.Credentials{AccessKeyID: "AKID", SecretAccessKey: "s", SessionToken: "token"})
		c.Now = func() time.Time { return now }
		c.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r
			body, _ = io.ReadAll(r.Body)
			return &http.Response{StatusCode: http.StatusInternalServerError, Status: "500", Body: http.NoBody}, nil
		})}
		if err := c.Send(t.Context(), target(t, tc.arn), tc.m); err == nil {
			t.Errorf("%s: 500 is taken for success", name)
		}
		want, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), string(body)); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
		for header, value := range tc.header {
			if got.Header.Get(header) != value {
				t.Errorf("%s: %s is %q, want %q", name, header, got.Header.Get(header), value)
			}
		}
		if auth := got.Header.Get("Authorization"); !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKID/20260131/eu-west-1/"+name+"/aws4_request, SignedHeaders=") {
			t.Errorf("%s: signed as %q", name, auth)
		}
		if got.Header.Get("X-Amz-Security-Token") != "token" || got.URL.String() != "http://service.test/" {
			t.Errorf("%s: %s with %v", name, got.URL, got.Header)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestParse(t *testing.T) {
	for arn, want := range map[string]messaging.Target{
		queue:                       {Kind: messaging.Queue, ARN: queue, Region: "eu-west-1", Account: "123456789012", Name: "orders"},
		topic:                       {Kind: messaging.Topic, ARN: topic, Region: "eu-west-1", Account: "123456789012", Name: "orders"},
		bus:                         {Kind: messaging.Bus, ARN: bus, Region: "eu-west-1", Account: "123456789012", Name: "team/orders"},
		"":                          {},
		"https://h/":                {},
		"arn:aws:sqs:eu-west-1:1":   {},
		"arn:aws:sqs:eu-west-1:1:":  {},
		"arn:aws:sns:r:1:t:sub":     {},
		"arn:aws:events:r:1:rule/x": {},
		"arn:aws:lambda:r:1:f":      {},
		"arn:x:sqs:r:1:q":           {},
	} {
		if got, ok := messaging.Parse(arn); got != want || ok != (want.Kind != "") {
			t.Errorf("%q is %+v, %t", arn, got, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, arn := range []string{queue, topic, bus, "arn:aws:sqs::1:q", "arn:aws:events:r:1:event-bus/"} {
		f.Add(arn)
	}
	f.Fuzz(func(t *testing.T, arn string) {
		to, ok := messaging.Parse(arn)
		if ok && (to.ARN != arn || to.Name == "" || to.Region == "" || to.Account == "" || !strings.HasSuffix(arn, to.Name)) {
			t.Errorf("%q is %+v", arn, to)
		}
	})
}

func TestEndpoints(t *testing.T) {
	some := messaging.Endpoints{SQS: messaging.Endpoint{URL: "http://q:9324"}, Hint: "set one"}
	if err := some.Check(queue); err != nil {
		t.Error(err)
	}
	if err := some.Check("https://sink.example/"); err != nil {
		t.Errorf("a URL needs no endpoint: %v", err)
	}
	if err := some.Check(topic); err == nil || !strings.Contains(err.Error(), "SNS") || !strings.HasSuffix(err.Error(), "; set one") {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{"q:9324", "ftp://q", "http://", "http://q/path", "http://q?x=1", "http://me:you@q", "http://\x7f"} {
		if (messaging.Endpoints{SNS: messaging.Endpoint{URL: url}}).Validate() == nil {
			t.Errorf("%q is taken for an endpoint", url)
		}
	}
	if err := (messaging.Endpoints{SQS: messaging.Endpoint{URL: "https://sqs.eu-west-1.amazonaws.com/"}}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	read := messaging.CredentialsIn(dir)
	if got, err := read(); err != nil || got != (messaging.Credentials{}) {
		t.Errorf("an empty folder gives %+v, %v", got, err)
	}
	for name, text := range map[string]string{messaging.VariableKeyID: "id\n", messaging.VariableSecret: "s"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := read(); err != nil || got != (messaging.Credentials{AccessKeyID: "id", SecretAccessKey: "s"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := os.Mkdir(filepath.Join(dir, messaging.VariableToken), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); err == nil {
		t.Error("what cannot be read is no error")
	}
}
