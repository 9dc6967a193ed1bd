package delivery

import (
	"maps"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/messaging"
)

// Attributes of dead letters, as AWS names them
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
const (
	attributeRequestID    = "RequestID"
	attributeErrorCode    = "ErrorCode"
	attributeErrorMessage = "ErrorMessage"
)

// What an event bus is told beside the record.
const (
	headerDetailType = "detail-type"
	headerResource   = "resource"
)

// eventType is the beginning of the types of CloudEvents; the kind of the letter follows.
const eventType = "dev.lambkin.invocation."

// beside is what goes with a letter that is for no function.
func (e *Event) beside(l Letter, by Policy, message string, now time.Time) map[string]string {
	target, _ := messaging.Parse(l.URL)
	switch target.Kind {
	case messaging.Queue, messaging.Topic:
		if l.Kind != KindDeadLetter {
			return nil
		}
		return e.attributes(message)
	case messaging.Bus:
		how := "Success"
		if l.Kind != KindSuccess {
			how = "Failure"
		}
		return map[string]string{headerDetailType: "Lambda Function Invocation Result - " + how, headerResource: e.functionARN(by)}
	default:
		return e.cloudEvent(l, by, message, now)
	}
}

// attributes tell of a dead letter what went wrong. The code is that of AWS, who calls every end of an invocation that was
// accepted 200.
func (e *Event) attributes(message string) map[string]string {
	return map[string]string{attributeRequestID: e.ID, attributeErrorCode: "200", attributeErrorMessage: message}
}

// cloudEvent makes a post a CloudEvent in binary form: the body stays as it is for those who know nothing of that
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md). A dead letter has its
// attributes twice, as AWS names them and as extensions, because brokers pass nothing else on.
func (e *Event) cloudEvent(l Letter, by Policy, message string, now time.Time) map[string]string {
	h := map[string]string{
		"ce-specversion": "1.0", "ce-id": e.derived(l.Kind), "ce-source": e.functionARN(by), "ce-type": eventType + string(l.Kind),
		"ce-subject": e.ID, "ce-time": now.UTC().Format(time.RFC3339Nano),
	}
	if l.Kind != KindDeadLetter {
		return h
	}
	for name, value := range e.attributes(message) {
		h["ce-"+strings.ToLower(name)] = encoded(value)
	}
	maps.Copy(h, e.attributes(message))
	return h
}

// encoded is text as the binding has it in headers; it is without what headers cannot hold at all.
func encoded(text string) string {
	return strings.NewReplacer("%", "%25", `"`, "%22", " ", "%20").Replace(text)
}
