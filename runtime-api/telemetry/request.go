package telemetry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error refuses a subscription: HTTP status, error type and message of the reply.
type Error struct {
	Status  int
	Type    string
	Message string
}

// Error gives type and message.
func (e *Error) Error() string { return e.Type + ": " + e.Message }

// invalid refuses a request for what is wrong with it.
func (a API) invalid(faults ...string) *Error {
	kind := "ValidationError"
	if a == LogsAPI {
		kind = "Logs.ValidationError"
	}
	return &Error{Status: http.StatusBadRequest, Type: kind, Message: strings.Join(faults, "; ")}
}

// closed refuses a request that came after the first invocation.
func (a API) closed() *Error {
	return &Error{
		Status:  http.StatusForbidden,
		Type:    string(a) + ".SubscriptionClosed",
		Message: string(a) + " API subscription is closed",
	}
}

// MaxRequestBytes is the longest subscription request that anybody needs to read; a longer one is invalid.
const MaxRequestBytes = 64 << 10

// The reserved port is that of the Runtime API on Lambda.
const reservedPort = 9001

// request is a subscription request, checked.
type request struct {
	schema   Schema
	types    []string // as asked for, each once
	sources  source
	protocol string // "HTTP" or "TCP"
	method   string // of HTTP requests
	uri      *url.URL
	port     int
	limits   limits
}

// limits say when a batch goes out.
type limits struct {
	items   int
	bytes   int
	timeout time.Duration
}

// wireRequest is a subscription request as it comes. Pointers tell absent from zero.
type wireRequest struct {
	SchemaVersion *Schema  `json:"schemaVersion"`
	Types         []string `json:"types"`
	Destination   *struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
		Method   string `json:"method"`
		Encoding string `json:"encoding"`
	} `json:"destination"`
	Buffering struct {
		MaxItems  *int `json:"maxItems"`
		MaxBytes  *int `json:"maxBytes"`
		TimeoutMs *int `json:"timeoutMs"`
	} `json:"buffering"`
}

// faults gathers everything that is wrong with a request, so that its author sees all at once.
type faults []string

func (f *faults) addf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// parseRequest reads a subscription request. multi says that the function runs several invocations at once, which only
// the newest schema can tell.
func parseRequest(api API, multi bool, body []byte) (request, error) {
	if len(body) > MaxRequestBytes {
		return request{}, api.invalid(fmt.Sprintf("request should not be larger than %d bytes", MaxRequestBytes))
	}
	var wire wireRequest
	if err := json.Unmarshal(body, &wire); err != nil {
		return request{}, api.invalid("request is not valid: " + err.Error())
	}
	var f faults
	r := request{schema: f.schema(api, multi, wire.SchemaVersion)}
	f.destination(&r, &wire)
	f.types(&r, wire.Types)
	b := wire.Buffering
	r.limits.items = f.within("maxItems", b.MaxItems, 10000, 1000, 10000)
	r.limits.bytes = f.within("maxBytes", b.MaxBytes, 262144, 262144, 1048576)
	r.limits.timeout = time.Duration(f.within("timeoutMs", b.TimeoutMs, 1000, 25, 30000)) * time.Millisecond
	if len(f) > 0 {
		return request{}, api.invalid(f...)
	}
	return r, nil
}

// schema picks the version of the events.
func (f *faults) schema(api API, multi bool, asked *Schema) Schema {
	versions := []Schema{Schema20220701, Schema20221213, Schema20250129}
	switch {
	case api == LogsAPI:
		versions = []Schema{Schema20200815, Schema20210318}
	case multi:
		versions = []Schema{Schema20250129}
	}
	if asked == nil && api == LogsAPI {
		return versions[0]
	}
	if asked == nil {
		f.addf("schemaVersion is not provided")
		return ""
	}
	if !slices.Contains(versions, *asked) {
		f.addf("schemaVersion should be one of %q", versions)
	}
	return *asked
}

// types reads which streams are wanted.
func (f *faults) types(r *request, asked []string) {
	if len(asked) == 0 {
		f.addf("types should not be empty")
	}
	known := map[string]source{"platform": platform, "function": function, "extension": extension}
	for _, t := range asked {
		s, ok := known[t]
		switch {
		case !ok:
			f.addf("type %.32q is not known", t)
		case r.sources&s == 0:
			r.sources |= s
			r.types = append(r.types, t)
		}
	}
}

// destination reads where batches go.
func (f *faults) destination(r *request, wire *wireRequest) {
	d := wire.Destination
	if d == nil {
		f.addf("destination is not provided")
		return
	}
	r.protocol, r.port, r.method = d.Protocol, d.Port, http.MethodPost
	if d.Encoding != "" && d.Encoding != "JSON" {
		f.addf("encoding should be JSON")
	}
	switch d.Protocol {
	case "HTTP":
		f.http(r, d.URI, d.Method)
	case "TCP":
		if d.Port < 1 || d.Port > 65535 {
			f.addf("port should be between 1 and 65535")
		}
	default:
		f.addf("protocol should be HTTP or TCP")
	}
	if r.port == reservedPort {
		f.addf("port %d is reserved", reservedPort)
	}
}

// http reads the parts of a destination that only HTTP has.
func (f *faults) http(r *request, uri, method string) {
	if method != "" {
		r.method = method
	}
	if r.method != http.MethodPost && r.method != http.MethodPut {
		f.addf("method should be POST or PUT")
	}
	if uri == "" {
		f.addf("URI is not provided")
		return
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil {
		f.addf("URI should be http://sandbox.localdomain:PORT/PATH")
		return
	}
	if host := u.Hostname(); host != "sandbox.localdomain" && host != "sandbox" {
		f.addf("URI host should be sandbox.localdomain")
	}
	r.uri = u
	r.port, _ = strconv.Atoi(u.Port()) // url.Parse has seen to it that these are digits or nothing
	switch {
	case u.Port() == "":
		f.addf("URI port is not provided")
	case r.port < 1 || r.port > 65535:
		f.addf("URI port should be between 1 and 65535")
	}
}

// within takes a number, or its default, and holds it to its bounds.
func (f *faults) within(name string, asked *int, def, least, most int) int {
	if asked == nil {
		return def
	}
	if *asked < least || *asked > most {
		f.addf("%s should be between %d and %d", name, least, most)
	}
	return *asked
}
