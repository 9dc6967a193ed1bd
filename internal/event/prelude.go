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
type Prelude struct {
	buf     []byte
	scanned int // how much of buf holds no NUL
}

// Next takes the stream's next bytes. Until the head is complete it returns nil; then the head, without a body, and the
// bytes of p that already belong to the body. It must not be called again after that, nor after an error, which is
// always ErrPrelude.
func (s *Prelude) Next(p []byte) (*Response, []byte, error) {
	before := len(s.buf)
	s.buf = append(s.buf, p[:min(len(p), MaxPrelude+separatorLen-before)]...)
	complete, err := s.scan()
	if err != nil || !complete {
		return nil, nil, err
	}
	resp, err := parsePrelude(s.buf[:s.scanned])
	return resp, p[s.scanned+separatorLen-before:], err
}

// scan looks for the separator, where the text before it ends at s.scanned.
func (s *Prelude) scan() (complete bool, err error) {
	full := len(s.buf) == MaxPrelude+separatorLen
	at := bytes.IndexByte(s.buf[s.scanned:], 0)
	if at < 0 {
		s.scanned = len(s.buf)
		return false, tooLong(full)
	}
	s.scanned += at
	nuls := s.buf[s.scanned:min(s.scanned+separatorLen, len(s.buf))]
	if len(bytes.Trim(nuls, "\x00")) > 0 {
		return false, fmt.Errorf("%w: a NUL byte inside", ErrPrelude)
	}
	if len(nuls) < separatorLen {
		return false, tooLong(full)
	}
	return true, nil
}

func tooLong(full bool) error {
	if !full {
		return nil
	}
	return fmt.Errorf("%w: no end within %d bytes", ErrPrelude, MaxPrelude)
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
	return &Response{Status: http.StatusOK, Header: ofType(or(declared, typeBytes))}
}
