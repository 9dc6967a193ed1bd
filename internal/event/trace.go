package event

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"
)

// Headers that carry a trace, in the canonical spelling of net/http.
const (
	TraceHeader       = "X-Amzn-Trace-Id"
	TraceparentHeader = "Traceparent"
)

// maxTrace bounds a trace header that we take in; AWS's own, lineage included, stay well below it.
const maxTrace = 1024

// Trace is where a request belongs in a distributed trace, in X-Ray's terms.
type Trace struct {
	// Root is the trace id, such as 1-5759e988-bd862e3fe1be46a994272793.
	Root string
	// Parent is the span id of the caller: 16 hexadecimal digits, or empty.
	Parent string
	// Sampled says whether the caller records this trace.
	Sampled bool
	// Rest holds the fields that we pass on without reading them (Lineage and what may come), as key=value joined by
	// semicolons; empty if there are none.
	Rest string
}

// ParseTrace reads an X-Amzn-Trace-Id header. It reports false if there is no well-formed root. A sampling decision
// that the caller leaves open (Sampled=?) counts as not sampled, as without a tracing service nobody decides.
func ParseTrace(header string) (Trace, bool) {
	if len(header) == 0 || len(header) > maxTrace {
		return Trace{}, false
	}
	var t Trace
	for field := range strings.SplitSeq(header, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok {
			continue
		}
		switch key {
		case "Root":
			t.Root = value
		case "Parent":
			t.Parent = value
		case "Sampled":
			t.Sampled = value == "1"
		case "Self":
			// A load balancer's note to itself; it means nothing further down.
		default:
			t.keep(key, value)
		}
	}
	if !isRoot(t.Root) || (t.Parent != "" && !isHex(t.Parent, 16)) {
		return Trace{}, false
	}
	return t, true
}

// keep adds a field that is passed on as it is, unless it could not stand in a header.
func (t *Trace) keep(key, value string) {
	if !isVisible(key) || !isVisible(value) {
		return
	}
	if t.Rest != "" {
		t.Rest += ";"
	}
	t.Rest += key + "=" + value
}

// ParseTraceparent reads a W3C traceparent header (https://www.w3.org/TR/trace-context/). Its 128-bit trace id becomes
// the root, its parent id the parent, its sampled flag the sampling decision.
func ParseTraceparent(header string) (Trace, bool) {
	const (
		version, id, parent, flags = 2, 32, 16, 2
		length                     = version + 1 + id + 1 + parent + 1 + flags
	)
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Trace{}, false
	}
	v, trace, span, flag := header[:2], header[3:35], header[36:52], header[53:55]
	if !validVersion(v, header[length:]) || !validID(trace, id) || !validID(span, parent) || !isHex(flag, flags) {
		return Trace{}, false
	}
	bits, err := hex.DecodeString(flag)
	if err != nil {
		return Trace{}, false
	}
	return Trace{Root: "1-" + trace[:8] + "-" + trace[8:], Parent: span, Sampled: bits[0]&1 == 1}, true
}

// validVersion says whether a header of this version may go on with rest: the first version ends where it ends, later
// ones may add fields.
func validVersion(v, rest string) bool {
	if !isHex(v, 2) || v == "ff" {
		return false
	}
	return rest == "" || v != "00" && rest[0] == '-'
}

func validID(s string, n int) bool { return isHex(s, n) && !isZero(s) }

// NewTrace begins a trace that nobody records: its root holds now in seconds and 12 bytes from random, its parent 8
// more. A random source that fails leaves zeros, which is still a valid, if shared, trace.
func NewTrace(now time.Time, random io.Reader) Trace {
	var b [24]byte
	binary.BigEndian.PutUint32(b[:4], uint32(now.Unix())) //nolint:gosec // X-Ray's format has 32 bits for the time
	_, _ = io.ReadFull(random, b[4:])                     // an id without randomness is better than a request without answer
	ids := append(make([]byte, 0, 51), "1-"...)
	ids = append(hex.AppendEncode(ids, b[:4]), '-')
	s := string(hex.AppendEncode(ids, b[4:]))
	return Trace{Root: s[:35], Parent: s[35:]}
}

// TraceOf is the trace that a request's headers name, as the X-Amzn-Trace-Id that the function shall see. The X-Ray
// header counts first, then traceparent; with neither (or broken ones) a new unsampled trace begins. A missing parent
// is filled in from random.
func TraceOf(h http.Header, now time.Time, random io.Reader) string {
	t, ok := traceIn(h)
	if !ok {
		return NewTrace(now, random).String()
	}
	if t.Parent == "" {
		t.Parent = NewTrace(now, random).Parent
	}
	return t.String()
}

// HasTrace reports whether a request's headers name a trace, well-formed or not.
func HasTrace(h http.Header) bool { return len(h[TraceHeader])+len(h[TraceparentHeader]) > 0 }

func traceIn(h http.Header) (Trace, bool) {
	if v := h[TraceHeader]; len(v) > 0 {
		if t, ok := ParseTrace(v[0]); ok {
			return t, true
		}
	}
	if v := h[TraceparentHeader]; len(v) > 0 {
		return ParseTraceparent(v[0])
	}
	return Trace{}, false
}

// String is the trace as an X-Amzn-Trace-Id header.
func (t Trace) String() string {
	var parent, rest string
	if t.Parent != "" {
		parent = ";Parent="
	}
	if t.Rest != "" {
		rest = ";"
	}
	sampled := ";Sampled=0"
	if t.Sampled {
		sampled = ";Sampled=1"
	}
	return "Root=" + t.Root + parent + t.Parent + sampled + rest + t.Rest
}

// Traceparent is the trace as a W3C traceparent header; empty if there is no parent, which W3C requires.
func (t Trace) Traceparent() string {
	if !isRoot(t.Root) || t.Parent == "" {
		return ""
	}
	flags := "-00"
	if t.Sampled {
		flags = "-01"
	}
	return "00-" + strings.ToLower(t.Root[2:10]+t.Root[11:]+"-"+t.Parent) + flags
}

// isRoot reports whether s has the form 1-8hex-24hex.
func isRoot(s string) bool {
	return len(s) == 35 && s[:2] == "1-" && s[10] == '-' && isHex(s[2:10], 8) && isHex(s[11:], 24)
}

func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func isZero(s string) bool { return strings.Trim(s, "0") == "" }

// isVisible reports whether s is printable ASCII without blanks, semicolons aside (they separate fields).
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
