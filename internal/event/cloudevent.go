package event

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Encoding is how CloudEvents stand in an HTTP request
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
type Encoding uint8

const (
	// EncodingNone is a request that holds no CloudEvent.
	EncodingNone Encoding = iota
	// EncodingBinary has the attributes in ce-* headers and the data as body, of whatever type.
	EncodingBinary
	// EncodingStructured has one event as a JSON object.
	EncodingStructured
	// EncodingBatch has a JSON array of events.
	EncodingBatch
)

// CloudEvents' media types.
const (
	TypeCloudEvent      = "application/cloudevents+json"
	TypeCloudEventBatch = "application/cloudevents-batch+json"
)

const (
	// MaxAttributes bounds an event's attributes as JSON: they travel twice in the headers of the Runtime API's next,
	// and some runtimes' HTTP clients take 16 KiB of headers at most.
	MaxAttributes = 4 << 10
	// MaxBatch bounds how many events one request may hold.
	MaxBatch = 1000
)

// ErrCloudEvent says that a request claims to hold a CloudEvent and does not.
var ErrCloudEvent = errors.New("malformed CloudEvent")

// CloudEvent is an event as a function gets it.
//
// Data is always JSON, or empty: JSON data is passed byte for byte; text (text/*, XML, JavaScript…) becomes a JSON
// string; any other bytes become a JSON string in base64, and the attribute datacontentencoding says "base64". Data in
// a structured event's data_base64 is decoded first. Attributes holds every context attribute and extension, each as a
// string, whatever its type was: the form in which the Knative Lambda Runtime gave them to functions, and the only
// one that every runtime's client context takes.
type CloudEvent struct {
	Attributes map[string]string
	Data       []byte
}

// Detect tells by the headers whether a request holds CloudEvents. A binary event needs no special content type.
func Detect(h http.Header) Encoding {
	if value := h[contentType]; len(value) > 0 && len(value[0]) >= len(TypeCloudEvent) {
		switch media, _, _ := mime.ParseMediaType(value[0]); media {
		case TypeCloudEvent:
			return EncodingStructured
		case TypeCloudEventBatch:
			return EncodingBatch
		}
	}
	if len(h["Ce-Specversion"]) > 0 || len(h["Ce-Id"]) > 0 {
		return EncodingBinary
	}
	return EncodingNone
}

// ParseCloudEvents reads the events of a request whose encoding is enc: one, or a batch's none to MaxBatch. It fails
// with ErrCloudEvent; the error quotes attribute names, never data.
func ParseCloudEvents(enc Encoding, h http.Header, body []byte) ([]CloudEvent, error) {
	switch enc {
	case EncodingBinary:
		e, err := parseBinary(h, body)
		return []CloudEvent{e}, err
	case EncodingStructured:
		e, err := parseStructured(body)
		return []CloudEvent{e}, err
	case EncodingBatch:
		return parseBatch(body)
	default:
		return nil, fmt.Errorf("%w: neither ce-* headers nor a CloudEvents content type", ErrCloudEvent)
	}
}

// Context is the attributes as JSON, for the header Lambda-Runtime-Cloudevents-Context.
func (e CloudEvent) Context() string { return string(marshal(e.Attributes)) }

// ClientContext is the attributes as a Lambda client context, under custom, where handlers of every runtime find them.
func (e CloudEvent) ClientContext() string {
	return string(marshal(map[string]map[string]string{"custom": e.Attributes}))
}

func parseBinary(h http.Header, body []byte) (CloudEvent, error) {
	attributes := map[string]string{}
	for name, values := range h {
		if key, ok := strings.CutPrefix(name, "Ce-"); ok && len(values) > 0 {
			key = strings.ToLower(key)
			attributes[key] = headerValue(key, values[0])
		}
	}
	if media := h.Get(contentType); media != "" {
		attributes["datacontenttype"] = media
	}
	return newCloudEvent(attributes, body)
}

// headerValue is an attribute as its header means it. The binding says that every percent sign is encoded; the widest
// spread SDK sends them as they are. URIs are where that matters, as their own escapes would be undone: in them, nothing
// else needs encoding, so a percent sign that is not %25 shows a sender that encodes nothing.
func headerValue(key, value string) string {
	isURI := key == "source" || key == "dataschema"
	if isURI && strings.Count(value, "%") != strings.Count(value, "%25") {
		return value
	}
	return percentDecode(value)
}

// percentDecode undoes the percent-encoding of header values; what is not encoded properly stays as it is.
func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1:i+3], 2) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	if decoded := b.String(); utf8.ValidString(decoded) {
		return decoded
	}
	return s
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func parseBatch(body []byte) ([]CloudEvent, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(body, &texts); err != nil {
		return nil, fmt.Errorf("%w: the batch is no JSON array", ErrCloudEvent)
	}
	if len(texts) > MaxBatch {
		return nil, fmt.Errorf("%w: a batch of %d events; at most %d are taken", ErrCloudEvent, len(texts), MaxBatch)
	}
	events := make([]CloudEvent, len(texts))
	for i, text := range texts {
		e, err := parseStructured(text)
		if err != nil {
			return nil, fmt.Errorf("event %d of the batch: %w", i, err)
		}
		events[i] = e
	}
	return events, nil
}

func parseStructured(body []byte) (CloudEvent, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return CloudEvent{}, fmt.Errorf("%w: no JSON object", ErrCloudEvent)
	}
	data, base64Data := members["data"], members["data_base64"]
	delete(members, "data")
	delete(members, "data_base64")
	attributes := make(map[string]string, len(members))
	for name, raw := range members {
		if isNull(raw) {
			continue
		}
		text, ok := scalar(raw)
		if !ok {
			return CloudEvent{}, fmt.Errorf("%w: attribute %q is neither text, number nor boolean", ErrCloudEvent, name)
		}
		attributes[name] = text
	}
	if !isNull(base64Data) {
		decoded, err := decodeBase64(base64Data)
		if err != nil {
			return CloudEvent{}, err
		}
		return newCloudEvent(attributes, decoded)
	}
	if err := check(attributes); err != nil {
		return CloudEvent{}, err
	}
	// Data in the clear is a JSON value already, a text one being a string.
	return CloudEvent{Attributes: attributes, Data: data}, nil
}

func decodeBase64(raw json.RawMessage) ([]byte, error) {
	var decoded []byte
	if err := json.Unmarshal(raw, &decoded); err != nil || raw[0] != '"' {
		return nil, fmt.Errorf("%w: data_base64 is no base64", ErrCloudEvent)
	}
	return decoded, nil
}

// newCloudEvent makes an event of data as bytes.
func newCloudEvent(attributes map[string]string, data []byte) (CloudEvent, error) {
	media := attributes["datacontenttype"]
	data, encoded, err := dataJSON(media, data)
	if err != nil {
		return CloudEvent{}, err
	}
	if encoded {
		attributes["datacontentencoding"] = "base64"
	}
	return CloudEvent{Attributes: attributes, Data: data}, check(attributes)
}

// dataJSON is data of a media type as JSON; encoded says that base64 had to be used.
func dataJSON(mediaType string, data []byte) (text []byte, encoded bool, err error) {
	if len(data) == 0 {
		return nil, false, nil
	}
	media, _, _ := mime.ParseMediaType(or(mediaType, typeJSON))
	if media == typeJSON || media == "text/json" || strings.HasSuffix(media, "+json") {
		if !json.Valid(data) {
			return nil, false, fmt.Errorf("%w: its data is no JSON as datacontenttype says", ErrCloudEvent)
		}
		return data, false, nil
	}
	if isTextType(media) && utf8.Valid(data) {
		return marshal(string(data)), false, nil
	}
	return marshal(base64.StdEncoding.EncodeToString(data)), true, nil
}

// check holds an event to the attributes that CloudEvents 1.0 requires, and to our bound.
func check(attributes map[string]string) error {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if attributes[name] == "" {
			return fmt.Errorf("%w: attribute %q is missing", ErrCloudEvent, name)
		}
	}
	if v := attributes["specversion"]; v != "1.0" {
		return fmt.Errorf("%w: specversion is not 1.0", ErrCloudEvent)
	}
	if n := len(marshal(attributes)); n > MaxAttributes {
		return fmt.Errorf("%w: its attributes take %d bytes; at most %d are taken", ErrCloudEvent, n, MaxAttributes)
	}
	return nil
}
