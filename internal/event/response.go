package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Response is the HTTP response that a function's answer means.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// errAnswer says that a function's answer is no HTTP response in the chosen format.
var errAnswer = errors.New("not a valid HTTP answer")

const (
	contentType    = "Content-Type"
	typeJSON       = "application/json"
	typeBytes      = "application/octet-stream"
	timeoutFailure = "Sandbox.Timedout"
)

// Response turns what a function answered into HTTP. declared is the content type that the runtime gave the answer; it
// counts in FormatRaw alone. An answer that makes no sense in this format is [Format.Failure].
func (f Format) Response(payload []byte, declared string) Response {
	var resp Response
	var err error
	switch f {
	case FormatRaw:
		return Response{Status: http.StatusOK, Header: ofType(or(declared, typeJSON)), Body: payload}
	case FormatV1:
		resp, err = v1Response(payload)
	case FormatALB, FormatALBMulti:
		resp, err = albResponse(payload, f == FormatALBMulti)
	default:
		resp, err = v2Response(payload)
	}
	if err != nil {
		return f.Failure("", nil)
	}
	return resp
}

// Failure is the response to the caller of a function that failed, timed out or answered nonsense. It tells nothing of
// the function, except in FormatRaw, whose caller speaks to the function itself and gets its error document.
func (f Format) Failure(errorType string, document []byte) Response {
	timedOut := errorType == timeoutFailure
	switch f {
	case FormatV1:
		if timedOut {
			return Response{http.StatusGatewayTimeout, ofType(typeJSON), []byte(`{"message":"Endpoint request timed out"}`)}
		}
		return Response{http.StatusBadGateway, ofType(typeJSON), []byte(`{"message":"Internal server error"}`)}
	case FormatALB, FormatALBMulti:
		return Response{http.StatusBadGateway, ofType("text/html"), []byte(badGatewayPage)}
	case FormatRaw:
		status := http.StatusBadGateway
		if timedOut {
			status = http.StatusGatewayTimeout
		}
		return Response{status, http.Header{contentType: {typeJSON}, "X-Amz-Function-Error": {"Unhandled"}}, document}
	default:
		return Response{http.StatusBadGateway, ofType("text/plain"), []byte("Internal Server Error")}
	}
}

const badGatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n" +
	"<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"

func ofType(media string) http.Header { return http.Header{contentType: {media}} }

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// v2Response reads payload 2.0: an object with a statusCode is a response, anything else is the body of one.
func v2Response(payload []byte) (Response, error) {
	members, err := object(payload)
	if err != nil {
		return Response{}, err
	}
	if isNull(members["statusCode"]) {
		return plainResponse(payload)
	}
	resp, err := head(members)
	if err != nil {
		return Response{}, err
	}
	setDefault(resp.Header, typeJSON)
	resp.Body, err = body(members, true)
	return resp, err
}

// plainResponse sends a value as JSON without needless blanks; a string is sent as its text.
func plainResponse(payload []byte) (Response, error) {
	resp := Response{Status: http.StatusOK, Header: ofType(typeJSON)}
	payload = bytes.TrimSpace(payload)
	if len(payload) == 0 {
		return resp, nil
	}
	text, err := value(payload)
	resp.Body = text
	return resp, err
}

// v1Response reads payload 1.0, where only an object is an answer and its body must be a string.
func v1Response(payload []byte) (Response, error) {
	members, err := object(payload)
	if err != nil {
		return Response{}, err
	}
	if isNull(members["statusCode"]) {
		return Response{}, fmt.Errorf("%w: no statusCode", errAnswer)
	}
	resp, err := head(members)
	if err != nil {
		return Response{}, err
	}
	setDefault(resp.Header, typeJSON)
	resp.Body, err = body(members, false)
	return resp, err
}

// albResponse reads a load balancer's answer. The kind of headers that the target group is set to counts; the other is
// taken if that is absent.
func albResponse(payload []byte, multi bool) (Response, error) {
	members, err := object(payload)
	if err != nil {
		return Response{}, err
	}
	used, unused := "headers", "multiValueHeaders"
	if multi {
		used, unused = unused, used
	}
	if !isNull(members[used]) {
		delete(members, unused)
	}
	if isNull(members["statusCode"]) {
		return Response{}, fmt.Errorf("%w: no statusCode", errAnswer)
	}
	resp, err := head(members)
	if err != nil {
		return Response{}, err
	}
	setDefault(resp.Header, typeBytes)
	resp.Body, err = body(members, false)
	return resp, err
}

func setDefault(h http.Header, media string) {
	if len(h[contentType]) == 0 {
		h[contentType] = []string{media}
	}
}

// object reads payload's members if it is a JSON object; nil without error if it is another or no JSON value.
func object(payload []byte) (map[string]json.RawMessage, error) {
	if trimmed := bytes.TrimLeft(payload, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return members, nil
}

// head reads status, headers and cookies.
func head(members map[string]json.RawMessage) (Response, error) {
	resp := Response{Header: http.Header{}}
	var err error
	if resp.Status, err = status(members["statusCode"]); err != nil {
		return Response{}, err
	}
	if err := addMulti(resp.Header, members["multiValueHeaders"]); err != nil {
		return Response{}, err
	}
	if err := addSingle(resp.Header, members["headers"]); err != nil {
		return Response{}, err
	}
	var cookies []string
	if raw := members["cookies"]; !isNull(raw) {
		if err := json.Unmarshal(raw, &cookies); err != nil {
			return Response{}, fmt.Errorf("%w: cookies: %w", errAnswer, err)
		}
	}
	for _, c := range cookies {
		resp.Header.Add("Set-Cookie", c)
	}
	for _, name := range hopByHop() {
		resp.Header.Del(name)
	}
	return resp, nil
}

// hopByHop lists headers that speak of the connection, which is ours and not the function's.
func hopByHop() []string {
	return []string{
		"Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade",
	}
}

// status reads a status code, given as a number or as its digits.
func status(raw json.RawMessage) (int, error) {
	text, ok := scalar(raw)
	if !ok {
		return 0, fmt.Errorf("%w: statusCode is no number", errAnswer)
	}
	code, err := strconv.ParseFloat(text, 64)
	if err != nil || code != math.Trunc(code) || code < 200 || code > 599 {
		return 0, fmt.Errorf("%w: statusCode is not from 200 to 599", errAnswer)
	}
	return int(code), nil
}

func addSingle(h http.Header, raw json.RawMessage) error {
	values := map[string]json.RawMessage{}
	if isNull(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, &values); err != nil {
		return fmt.Errorf("%w: headers: %w", errAnswer, err)
	}
	for _, name := range sorted(values) {
		if err := add(h, name, values[name]); err != nil {
			return err
		}
	}
	return nil
}

func addMulti(h http.Header, raw json.RawMessage) error {
	lists := map[string][]json.RawMessage{}
	if isNull(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, &lists); err != nil {
		return fmt.Errorf("%w: multiValueHeaders: %w", errAnswer, err)
	}
	for _, name := range sorted(lists) {
		for _, v := range lists[name] {
			if err := add(h, name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds a header unless it is there with the same value.
func add(h http.Header, name string, raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	text, ok := scalar(raw)
	if !ok {
		return fmt.Errorf("%w: header %q is no string", errAnswer, name)
	}
	if !slices.Contains(h.Values(name), text) {
		h.Add(name, text)
	}
	return nil
}

// sorted lists a map's keys in order, so that the same answer always gives the same response.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// body reads body and isBase64Encoded. Where any value will do, one that is no string is sent as compact JSON.
func body(members map[string]json.RawMessage, anyValue bool) ([]byte, error) {
	raw := members["body"]
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] != '"' && !anyValue {
		return nil, fmt.Errorf("%w: body is no string", errAnswer)
	}
	text, err := value(raw)
	if err != nil || string(members["isBase64Encoded"]) != "true" || raw[0] != '"' {
		return text, err
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(decoded, text)
	if err != nil {
		return nil, fmt.Errorf("%w: body is no base64", errAnswer)
	}
	return decoded[:n], nil
}

// value is a string's text, or any other JSON value without needless blanks.
func value(raw []byte) ([]byte, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, fmt.Errorf("%w: %w", errAnswer, err)
		}
		return []byte(text), nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return b.Bytes(), nil
}

// scalar is a string's text or a number's or boolean's own; false for anything else.
func scalar(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || strings.ContainsRune("{[n", rune(raw[0])) {
		return "", false
	}
	text, err := value(raw)
	return string(text), err == nil
}

// isNull reports whether a member is absent or null.
func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }
