package messaging

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// call is a request to a service.
type call struct {
	service string // its name in signatures
	header  map[string]string
	encode  func() ([]byte, error)
	taken   func(answer []byte) error // says why an answer, though it is 200, is no success
}

// callFor makes the request that sends a message.
func callFor(to Target, endpoint string, m Message) call {
	switch to.Kind {
	case Topic:
		return publish(to, m)
	case Bus:
		return putEvents(to, m)
	default:
		return sendMessage(to, endpoint, m)
	}
}

// attribute is a message attribute of SQS.
type attribute struct {
	DataType    string
	StringValue string
}

// dataType is the type of an attribute with this value.
func dataType(value string) string {
	if _, err := strconv.ParseInt(value, 10, 64); err == nil {
		return "Number"
	}
	return "String"
}

// sendMessage is SendMessage of SQS
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html). Servers go by the path of the
// queue's URL, which is account and name.
func sendMessage(to Target, endpoint string, m Message) call {
	attributes := make(map[string]attribute, len(m.Attributes))
	for name, value := range m.Attributes {
		attributes[name] = attribute{dataType(value), value}
	}
	return call{
		service: "sqs",
		header:  map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
		encode: func() ([]byte, error) {
			return json.Marshal(struct {
				QueueURL          string `json:"QueueUrl"`
				MessageBody       string
				MessageAttributes map[string]attribute `json:",omitempty"`
			}{endpoint + "/" + to.Account + "/" + to.Name, text(m.Body), attributes})
		},
		taken: func(answer []byte) error {
			var out struct {
				MessageID string `json:"MessageId"`
			}
			if err := json.Unmarshal(answer, &out); err != nil || out.MessageID == "" {
				return errNoMessage
			}
			return nil
		},
	}
}

// errNoMessage says that an answer names no message.
var errNoMessage = errors.New("its answer names no message, so the endpoint may be something else")

// publish is Publish of SNS (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
func publish(to Target, m Message) call {
	form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {to.ARN}, "Message": {text(m.Body)}}
	for i, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i+1)
		form.Set(entry+"Name", name)
		form.Set(entry+"Value.DataType", dataType(m.Attributes[name]))
		form.Set(entry+"Value.StringValue", m.Attributes[name])
	}
	return call{
		service: "sns",
		header:  map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
		encode:  func() ([]byte, error) { return []byte(form.Encode()), nil },
		taken: func(answer []byte) error {
			var out struct {
				ID string `xml:"PublishResult>MessageId"`
			}
			if err := xml.Unmarshal(answer, &out); err != nil || out.ID == "" {
				return errNoMessage
			}
			return nil
		},
	}
}

// entry is PutEventsRequestEntry.
type entry struct {
	Source       string
	DetailType   string
	Detail       string
	EventBusName string
	Resources    []string `json:",omitempty"`
}

// putEvents is PutEvents of EventBridge
// (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html), with the source that AWS's Lambda has.
func putEvents(to Target, m Message) call {
	return call{
		service: "events",
		header:  map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"},
		encode: func() ([]byte, error) {
			return json.Marshal(struct{ Entries []entry }{[]entry{{
				Source: "lambda", DetailType: m.DetailType, Detail: text(m.Body), EventBusName: to.ARN, Resources: m.Resources,
			}}})
		},
		taken: func(answer []byte) error {
			var out struct {
				FailedEntryCount int
				Entries          []struct {
					EventID   string `json:"EventId"`
					ErrorCode string
				}
			}
			if err := json.Unmarshal(answer, &out); err != nil || len(out.Entries) != 1 {
				return errNoMessage
			}
			if e := out.Entries[0]; out.FailedEntryCount != 0 || e.ErrorCode != "" || e.EventID == "" {
				return fmt.Errorf("its answer is %s", short(e.ErrorCode))
			}
			return nil
		},
	}
}

// text is a body as the services take it.
func text(body []byte) string { return strings.ToValidUTF8(string(body), "\uFFFD") }

// faultOf is the error code of an answer, whichever form it has, to be put behind a status; empty if there is none.
func faultOf(answer []byte) string {
	var inJSON struct {
		Type string `json:"__type"`
		Code string `json:"code"`
	}
	if json.Unmarshal(answer, &inJSON) == nil {
		if code := inJSON.Type[strings.LastIndexByte(inJSON.Type, '#')+1:] + inJSON.Code; code != "" {
			return ": " + short(code)
		}
	}
	var inXML struct {
		Code string `xml:"Error>Code"`
	}
	if xml.Unmarshal(answer, &inXML) == nil && inXML.Code != "" {
		return ": " + short(inXML.Code)
	}
	return ""
}

// short makes what a server says fit for a line of a log.
func short(code string) string { return strconv.Quote(code[:min(len(code), 100)]) }
