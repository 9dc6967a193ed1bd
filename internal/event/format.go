package event

import (
	"fmt"
	"strings"
)

// Format is the shape in which a function sees an HTTP request and answers it. The zero value is AWS's default, 2.0.
type Format uint8

const (
	// FormatV2 is payload version 2.0 of function URLs and HTTP APIs.
	FormatV2 Format = iota
	// FormatV1 is payload version 1.0 of REST APIs with proxy integration.
	FormatV1
	// FormatALB is the event of an Application Load Balancer.
	FormatALB
	// FormatALBMulti is the same with the target group's multi-value headers enabled.
	FormatALBMulti
	// FormatRaw hands the body over as it is, and the answer back as it is.
	FormatRaw
)

// formatNames lists each format's name in configuration, by its value.
func formatNames() []string { return []string{"2.0", "1.0", "alb", "alb-multi-value", "raw"} }

// String is the name that ParseFormat reads back.
func (f Format) String() string {
	if names := formatNames(); int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// ParseFormat reads a format by its name: 2.0, 1.0, alb, alb-multi-value or raw. Case does not matter; empty is the
// default. It also knows what others call them: PAYLOAD_2_0 and PAYLOAD_1_0, and the Knative Lambda Runtime's
// API_GATEWAY (1.0) and CLOUDEVENTS (raw, as CloudEvents are told by their headers in every format).
func ParseFormat(s string) (Format, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "2.0", "payload_2_0":
		return FormatV2, nil
	case "1.0", "payload_1_0", "api_gateway":
		return FormatV1, nil
	case "alb":
		return FormatALB, nil
	case "alb-multi-value":
		return FormatALBMulti, nil
	case "raw", "cloudevents":
		return FormatRaw, nil
	default:
		return FormatV2, fmt.Errorf("unknown HTTP event format %q: use one of %s", s, strings.Join(formatNames(), ", "))
	}
}

// MarshalText is String, so that a Format can stand in JSON and flags.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is ParseFormat.
func (f *Format) UnmarshalText(text []byte) error {
	parsed, err := ParseFormat(string(text))
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}

// Event is r as the JSON that a function of this format gets; for FormatRaw it is r's body.
func (f Format) Event(r *Request) []byte {
	switch f {
	case FormatV1:
		return marshal(r.v1())
	case FormatALB, FormatALBMulti:
		return marshal(r.alb(f == FormatALBMulti))
	case FormatRaw:
		return r.Body
	default:
		return marshal(r.v2())
	}
}
