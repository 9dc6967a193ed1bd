package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Reply says how a function's answer to a CloudEvent goes back. The zero value answers 204 without a body, whatever the
// function says: a broker takes any other body for a failed delivery, and an event of the same type would come round
// again.
type Reply struct {
	// Type is the type of reply events. It makes answers go back as the data of an event.
	Type string
	// Source and Subject are attributes of reply events; Source has a default, Subject is optional.
	Source, Subject string
	// Event says that the function answers with whole events, as JSON objects; attributes that it leaves out are filled
	// in from the above.
	Event bool
	// Structured makes replies structured events instead of binary ones.
	Structured bool
}

// ReplyFrom reads the Knative Lambda Runtime's settings: CE_OVERRIDES_TYPE (and CE_TYPE, its older name),
// CE_OVERRIDES_SOURCE, CE_OVERRIDES_SUBJECT, and CE_FUNCTION_RESPONSE_MODE, which is data (default) or event.
func ReplyFrom(getenv func(string) string) (Reply, error) {
	r := Reply{
		Type:    or(getenv("CE_OVERRIDES_TYPE"), getenv("CE_TYPE")),
		Source:  or(getenv("CE_OVERRIDES_SOURCE"), getenv("CE_SOURCE")),
		Subject: or(getenv("CE_OVERRIDES_SUBJECT"), getenv("CE_SUBJECT")),
	}
	switch mode := strings.ToLower(getenv("CE_FUNCTION_RESPONSE_MODE")); mode {
	case "", "data":
	case "event":
		r.Event = true
	default:
		return Reply{}, fmt.Errorf("CE_FUNCTION_RESPONSE_MODE is %q: use data or event", mode)
	}
	return r, nil
}

// defaultSource is the source of reply events if none is set.
const defaultSource = "lambkin"

// Accepted answers an event that needs no reply.
func Accepted() Response { return Response{Status: http.StatusNoContent, Header: http.Header{}} }

// Failed answers an event whose function failed: a status that makes brokers deliver it again, and no word of what the
// function said.
func Failed() Response {
	return Response{http.StatusBadGateway, ofType("text/plain"), []byte("Internal Server Error")}
}

// Response is the reply to one event. id and now identify the reply event where the function does not. No answer, or
// null, is no reply. An answer that is no event although it has to be one is Failed.
func (r Reply) Response(payload []byte, id string, now time.Time) Response {
	event, err := r.event(payload, id, now)
	if err != nil {
		return Failed()
	}
	if event == nil {
		return Accepted()
	}
	if r.Structured {
		return Response{http.StatusOK, ofType(TypeCloudEvent), marshal(event)}
	}
	return binaryResponse(event)
}

// Answer is what a function answered to one event of a batch.
type Answer struct {
	ID      string // of the invocation
	Payload []byte
}

// Batch is the reply to a batch: a batch of the reply events, or 204 without a body if there are none.
func (r Reply) Batch(answers []Answer, now time.Time) Response {
	var events []map[string]json.RawMessage
	for _, a := range answers {
		e, err := r.event(a.Payload, a.ID, now)
		if err != nil {
			return Failed()
		}
		if e != nil {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		return Accepted()
	}
	return Response{http.StatusOK, ofType(TypeCloudEventBatch), marshal(events)}
}

// event is the reply event's members; nil if there is to be none.
func (r Reply) event(payload []byte, id string, now time.Time) (map[string]json.RawMessage, error) {
	payload = bytes.TrimSpace(payload)
	if (r.Type == "" && !r.Event) || isNull(payload) {
		return nil, nil
	}
	members := map[string]json.RawMessage{}
	if r.Event {
		if err := json.Unmarshal(payload, &members); err != nil {
			return nil, fmt.Errorf("%w: the function's answer is no JSON object", ErrCloudEvent)
		}
	} else if err := wrap(members, payload); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"specversion": "1.0", "id": id, "source": or(r.Source, defaultSource), "type": r.Type, "subject": r.Subject,
		"time": now.UTC().Format(time.RFC3339Nano),
	} {
		if value != "" && isNull(members[name]) {
			members[name] = marshal(value)
		}
	}
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if text, ok := scalar(members[name]); !ok || text == "" {
			return nil, fmt.Errorf("%w: attribute %q is missing", ErrCloudEvent, name)
		}
	}
	return members, nil
}

// wrap makes a function's answer the data of an event.
func wrap(members map[string]json.RawMessage, payload []byte) error {
	if !json.Valid(payload) {
		return fmt.Errorf("%w: the function's answer is no JSON", ErrCloudEvent)
	}
	members["datacontenttype"], members["data"] = marshal(typeJSON), payload
	return nil
}

// binaryResponse writes attributes as headers and data as body.
func binaryResponse(members map[string]json.RawMessage) Response {
	resp := Response{Status: http.StatusOK, Header: http.Header{}}
	media := typeJSON
	for name, raw := range members {
		text, ok := scalar(raw)
		switch {
		case name == "data" || name == "data_base64" || !ok:
		case name == "datacontenttype":
			media = text
		default:
			resp.Header.Set("Ce-"+name, percentEncode(text))
		}
	}
	body, err := replyData(members, media)
	if err != nil {
		return Failed()
	}
	resp.Body = body
	resp.Header.Set(contentType, media)
	return resp
}

// replyData is the data of an event as bytes of its media type.
func replyData(members map[string]json.RawMessage, mediaType string) ([]byte, error) {
	if raw := members["data_base64"]; !isNull(raw) {
		return decodeBase64(raw)
	}
	data := members["data"]
	if len(data) == 0 || data[0] != '"' || strings.Contains(mediaType, "json") {
		return data, nil
	}
	return value(data)
}

// percentEncode encodes what may not stand in a header, as the HTTP binding of CloudEvents asks.
func percentEncode(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c == '"' || c == '%' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
