// Package double is SQS, SNS and EventBridge in memory, as far as messages are sent to them, for tests: it checks signatures
// as the real services do, refuses what they refuse, and keeps what it takes.
package double

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The credentials that it knows.
const (
	KeyID  = "AKIDDOUBLE"
	Secret = "double's secret"
)

// Message is one that was taken.
type Message struct {
	// Service is SQS, SNS or EventBridge, and To the queue's path, the topic's ARN or the bus's.
	Service, To string
	Body        string
	Attributes  map[string]string `json:",omitempty"` // "TYPE VALUE"
	DetailType  string            `json:",omitempty"`
	Resources   []string          `json:",omitempty"`
}

// Services are the three behind one address. The zero value is ready. It is an http.Handler, and safe for concurrent use. GET
// gives the messages as JSON.
type Services struct {
	// Missing names queues, topics and buses that do not exist, by what messages to them have in To.
	Missing []string

	mu    sync.Mutex
	taken []Message
	fail  int // so many requests more get 503
}

// Fail has the next requests fail.
func (s *Services) Fail(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = requests
}

// Messages are those that were taken so far.
func (s *Services) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// ServeHTTP takes a message.
func (s *Services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(s.Messages()) // the client has gone otherwise
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return
	}
	service, region := scope(r)
	form := r.Header.Get("X-Amz-Target") == ""
	switch {
	case s.failing():
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case !signed(r, body, service, region):
		refuse(w, form, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	m, answer, fault := read(r, service, body)
	if fault == "" && slices.Contains(s.Missing, m.To) {
		fault = map[string]string{"SQS": "QueueDoesNotExist", "SNS": "NotFound", "EventBridge": "ResourceNotFoundException"}[m.Service]
	}
	if fault != "" {
		refuse(w, form, http.StatusBadRequest, fault)
		return
	}
	s.mu.Lock()
	s.taken = append(s.taken, m)
	s.mu.Unlock()
	_, _ = io.WriteString(w, answer) // the client has gone otherwise
}

func (s *Services) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == 0 {
		return false
	}
	s.fail--
	return true
}

// scope reads for which service and region a request is signed.
func scope(r *http.Request) (service, region string) {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	credential, _, _ := strings.Cut(rest, ",")
	if parts := strings.Split(credential, "/"); len(parts) == 5 {
		return parts[3], parts[2]
	}
	return "", ""
}

// signed signs the request once more, with AWS's own signer, and compares.
func signed(r *http.Request, body []byte, service, region string) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 5*time.Minute {
		return false
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return false
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target"} {
		if v := r.Header.Get(name); v != "" {
			again.Header.Set(name, v)
		}
	}
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: KeyID, SecretAccessKey: Secret}
	if v4.NewSigner().SignHTTP(r.Context(), keys, again, hex.EncodeToString(sum[:]), service, region, at) != nil {
		return false
	}
	return again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

func refuse(w http.ResponseWriter, form bool, status int, code string) {
	w.WriteHeader(status)
	if form {
		fmt.Fprintf(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, code)
		return
	}
	fmt.Fprintf(w, `{"__type":"com.amazonaws#%s","message":"no"}`, code)
}

// read reads the message of a request, and gives the answer to it, or the code of what is wrong.
func read(r *http.Request, service string, body []byte) (m Message, answer, fault string) {
	switch target := r.Header.Get("X-Amz-Target"); {
	case target == "AmazonSQS.SendMessage" && service == "sqs":
		return readSend(body)
	case target == "AWSEvents.PutEvents" && service == "events":
		return readPut(body)
	case target == "" && service == "sns":
		return readPublish(body)
	default:
		return m, "", "InvalidAction"
	}
}

func readSend(body []byte) (m Message, answer, fault string) {
	var in struct {
		QueueURL          string `json:"QueueUrl"`
		MessageBody       string
		MessageAttributes map[string]struct{ DataType, StringValue string }
	}
	if err := json.Unmarshal(body, &in); err != nil || in.MessageBody == "" {
		return m, "", "InvalidParameterValue"
	}
	u, err := url.Parse(in.QueueURL)
	if err != nil {
		return m, "", "InvalidAddress"
	}
	m = Message{Service: "SQS", To: u.Path, Body: in.MessageBody}
	for name, a := range in.MessageAttributes {
		m.attribute(name, a.DataType, a.StringValue)
	}
	return m, `{"MD5OfMessageBody":"x","MessageId":"m-1"}`, ""
}

func (m *Message) attribute(name, kind, value string) {
	if m.Attributes == nil {
		m.Attributes = make(map[string]string)
	}
	m.Attributes[name] = kind + " " + value
}

func readPut(body []byte) (m Message, answer, fault string) {
	var in struct {
		Entries []struct {
			Source, DetailType, Detail, EventBusName string
			Resources                                []string
		}
	}
	if err := json.Unmarshal(body, &in); err != nil || len(in.Entries) != 1 {
		return m, "", "ValidationException"
	}
	e := in.Entries[0]
	if e.Source != "lambda" || e.DetailType == "" || !json.Valid([]byte(e.Detail)) || e.Detail[0] != '{' {
		return m, "", "ValidationException"
	}
	return Message{Service: "EventBridge", To: e.EventBusName, Body: e.Detail, DetailType: e.DetailType, Resources: e.Resources},
		`{"FailedEntryCount":0,"Entries":[{"EventId":"e-1"}]}`, ""
}

func readPublish(body []byte) (m Message, answer, fault string) {
	in, err := url.ParseQuery(string(body))
	if err != nil || in.Get("Action") != "Publish" || in.Get("Version") != "2010-03-31" || in.Get("Message") == "" {
		return m, "", "InvalidParameter"
	}
	m = Message{Service: "SNS", To: in.Get("TopicArn"), Body: in.Get("Message")}
	for i := 1; ; i++ {
		at := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		if in.Get(at+"Name") == "" {
			return m, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>n-1</MessageId></PublishResult></PublishResponse>`, ""
		}
		m.attribute(in.Get(at+"Name"), in.Get(at+"Value.DataType"), in.Get(at+"Value.StringValue"))
	}
}
