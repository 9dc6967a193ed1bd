package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// PreludeType is the content type of a stream that begins with a prelude.
const PreludeType = "application/vnd.awslambda.http-integration-response"

// MaxPrelude bounds the JSON at the head of a stream; status, headers and cookies never come near it.
const MaxPrelude = 128 << 10

// ErrPrelude says that a stream does not begin with a well-formed prelude.
var ErrPrelude = errors.New("the stream's prelude is malformed")

const separatorLen = 8

// IsPrelude reports whether a stream of this content type begins with a prelude.
func IsPrelude(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == PreludeType
}

// Prelude reads the head of a streamed HTTP response: a JSON object with statusCode, headers and cookies, then eight
// NUL bytes, then the body. The zero value is ready; it serves one stream.
type Prelude struct{ buf []byte }

// Next takes the stream's next bytes. Until the head is complete it returns nil; then the head, without a body, and the
// bytes of p that already belong to the body. It must not be called again after that, nor after an error, which is
// always ErrPrelude.
func (s *Prelude) Next(p []byte) (*Response, []byte, error) {
	before := len(s.buf)
	room := MaxPrelude + separatorLen - before
	s.buf = append(s.buf, p[:min(len(p), room)]...)
	at := bytes.IndexByte(s.buf[max(0, before-separatorLen):], 0)
	if at < 0 && len(s.buf) < MaxPrelude+separatorLen {
		return nil, nil, nil
	}
	if at < 0 {
		return nil, nil, fmt.Errorf("%w: no end within %d bytes", ErrPrelude, MaxPrelude)
	}
	at += max(0, before-separatorLen)
	end := at + separatorLen
	if found := s.buf[at:min(end, len(s.buf))]; len(bytes.Trim(found, "\x00")) > 0 {
		return nil, nil, fmt.Errorf("%w: a NUL byte inside", ErrPrelude)
	}
	if len(s.buf) < end {
		if len(s.buf) >= MaxPrelude+separatorLen {
			return nil, nil, fmt.Errorf("%w: no end within %d bytes", ErrPrelude, MaxPrelude)
		}
		return nil, nil, nil
	}
	resp, err := parsePrelude(s.buf[:at])
	s.buf = nil
	return resp, p[end-before:], err
}

// parsePrelude reads the JSON of a prelude. A missing status is 200, a missing content type bytes.
func parsePrelude(text []byte) (*Response, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%w: no JSON object", ErrPrelude)
	}
	if isNull(members["statusCode"]) {
		members["statusCode"] = json.RawMessage("200")
	}
	resp, err := head(members)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPrelude, err)
	}
	setDefault(resp.Header, typeBytes)
	return &resp, nil
}

// StreamHead is the head of a streamed response that has no prelude.
func StreamHead(declared string) *Response {
	return &Response{Status: http.StatusOK, Header: single(contentType, or(declared, typeBytes))}
}
