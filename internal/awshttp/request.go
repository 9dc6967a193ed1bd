package awshttp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Values of X-Amz-Invocation-Type.
const (
	typeRequestResponse = "RequestResponse"
	typeEvent           = "Event"
	typeDryRun          = "DryRun"
)

// operation is what differs between the two operations when their requests are read.
type operation struct {
	name  string // as AWS's size error spells it
	types string // X-Amz-Invocation-Type's values as AWS's validation error lists them
	event bool   // whether Event is one of them
}

func invokeOperation() operation {
	return operation{name: "InvokeFunction", types: "[Event, RequestResponse, DryRun]", event: true}
}

func streamOperation() operation {
	return operation{name: "InvokeWithResponseStream", types: "[RequestResponse, DryRun]"}
}

// invocationType reads and checks X-Amz-Invocation-Type.
func (op operation) invocationType(h http.Header) (string, error) {
	value := first(h, "X-Amz-Invocation-Type")
	switch {
	case value == "":
		return typeRequestResponse, nil
	case value == typeRequestResponse, value == typeDryRun, value == typeEvent && op.event:
		return value, nil
	default:
		return "", invalidEnum(value, "invocationType", op.types)
	}
}

func invalidEnum(value, member, enum string) *lambda.Error {
	return lambda.Errorf(lambda.CodeValidation, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
		"Member must satisfy enum value set: %s", value, member, enum)
}

// invocation reads everything of r but its body.
func invocation(w http.ResponseWriter, r *http.Request, fn lambda.Reference) (*lambda.Invocation, error) {
	tail, err := logTail(r.Header)
	if err != nil {
		return nil, err
	}
	client, err := clientContext(r.Header)
	if err != nil {
		return nil, err
	}
	tenant, err := tenantID(r.Header)
	if err != nil {
		return nil, err
	}
	trace := event.TraceOf(r.Header, time.Now(), rand.Reader)
	w.Header()[event.TraceHeader] = []string{trace}
	return &lambda.Invocation{
		ID: RequestID(w), Function: fn, ClientContext: client, TenantID: tenant, LogTail: tail, Trace: trace,
		TraceStarted: !event.HasTrace(r.Header),
	}, nil
}

// payload reads r's body as an event of at most limit bytes. An empty body is the event {}.
func (o *Operations) payload(w http.ResponseWriter, r *http.Request, op operation, limit int64) ([]byte, error) {
	body, err := o.Body.Read(w, r, limit)
	if errors.Is(err, ErrBodyTooLarge) {
		return nil, lambda.Errorf(lambda.CodeRequestTooLarge, "Request must be smaller than %d bytes for the %s operation", limit, op.name)
	}
	if known := new(lambda.Error); errors.As(err, &known) {
		return nil, known // its signature is wrong
	}
	if err != nil {
		return nil, &lambda.Error{Code: lambda.CodeInvalidRequestContent, Message: "Could not read the request body: it ended early or came too slowly.", Err: err}
	}
	if len(body) == 0 {
		return []byte("{}"), nil
	}
	if !validJSON(body) {
		return nil, lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: Could not parse payload into json: %s", jsonFault(body))
	}
	return body, nil
}

func logTail(h http.Header) (bool, error) {
	switch value := first(h, "X-Amz-Log-Type"); value {
	case "", "None":
		return false, nil
	case "Tail":
		return true, nil
	default:
		return false, invalidEnum(value, "logType", "[None, Tail]")
	}
}

// clientContext decodes X-Amz-Client-Context, whose base64 must hold a JSON object: runtimes fail on anything else.
func clientContext(h http.Header) (string, error) {
	value := first(h, "X-Amz-Client-Context")
	if value == "" {
		return "", nil
	}
	if len(value) > lambda.MaxClientContext {
		return "", lambda.Errorf(lambda.CodeInvalidRequestContent, "Client context must be at most %d bytes of base64.", lambda.MaxClientContext)
	}
	text, err := base64.StdEncoding.DecodeString(value)
	var object map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &object) != nil || object == nil {
		return "", lambda.Errorf(lambda.CodeInvalidRequestContent, "Client context must be a valid Base64-encoded JSON object.")
	}
	return singleLine(text), nil
}

// singleLine makes JSON text fit for a header: line breaks can only stand between tokens, where a blank does as well.
func singleLine(text []byte) string {
	return strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(string(text))
}

// tenantID reads X-Amz-Tenant-Id: up to 256 letters, digits, blanks and ._:/=+-@.
func tenantID(h http.Header) (string, error) {
	value := first(h, "X-Amz-Tenant-Id")
	if len(value) > 256 {
		return "", lambda.Errorf(lambda.CodeValidation, "1 validation error detected: Value '%s' at 'tenantId' failed to satisfy constraint: "+
			"Member must have length less than or equal to 256", value)
	}
	for _, c := range value {
		if !tenantRune(c) {
			return "", lambda.Errorf(lambda.CodeValidation, "1 validation error detected: Value '%s' at 'tenantId' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: [a-zA-Z0-9\\._:\\/=+\\-@ ]+", value)
		}
	}
	return value, nil
}

func tenantRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._:/=+-@ ", c)
}

// first is the first value of a header whose key is already canonical.
func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}
