package protocoltest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

const (
	errorTypeTrailer = "Lambda-Runtime-Function-Error-Type"
	errorBodyTrailer = "Lambda-Runtime-Function-Error-Body"
	preludeType      = "application/vnd.awslambda.http-integration-response"
)

// streamed invokes once and demands a streamed response with the given body.
func (s *session) streamed(t *testing.T, function, want string) Outcome {
	t.Helper()
	s.start(t, function)
	o := s.invoke(t, Event{ID: "s", Payload: `{}`})
	if o.Path != "response" || string(o.Body) != want {
		t.Fatalf("ended with %s %q, want response %q", o.Path, o.Body, want)
	}
	// Platforms do not decide by it, but one that gets it must get exactly this.
	if mode := o.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" && mode != "streaming" {
		t.Errorf("response mode %q", mode)
	}
	return o
}

func caseStream(t *testing.T, s *session) {
	o := s.streamed(t, "stream", "onetwothree")
	for name, values := range o.Trailer {
		if len(values) > 0 && values[0] != "" {
			t.Errorf("trailer %s: %q in a stream that ended well", name, values)
		}
	}
	s.invoke(t, Event{ID: "again", Payload: `{}`})
}

func casePrelude(t *testing.T, s *session) {
	o := s.streamed(t, "prelude", `{"statusCode":201}`+strings.Repeat("\x00", 8)+"onetwothree")
	if got := o.Header.Get("Content-Type"); got != preludeType {
		t.Errorf("Content-Type %q, want %q", got, preludeType)
	}
}

func caseMidfail(t *testing.T, s *session) {
	o := s.streamed(t, "midfail", "one")
	if got := o.Trailer.Get(errorTypeTrailer); got != s.client.Traits.FailType {
		t.Errorf("error type in the trailer %q, want %q", got, s.client.Traits.FailType)
	}
	body, err := base64.StdEncoding.DecodeString(o.Trailer.Get(errorBodyTrailer))
	if err != nil {
		t.Fatalf("error body in the trailer: %v", err)
	}
	document := map[string]any{}
	if err := json.Unmarshal(body, &document); err != nil || document["errorMessage"] != "boom" {
		t.Errorf("error body in the trailer %s: want errorMessage boom (%v)", body, err)
	}
	s.invoke(t, Event{ID: "again", Payload: `{}`})
}

func casePrefail(t *testing.T, s *session) {
	s.start(t, "prefail")
	for _, id := range []string{"first", "second"} {
		o := s.invoke(t, Event{ID: id, Payload: `{}`})
		s.checkError(t, o, "error", s.client.Traits.FailType)
		if mode := o.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" {
			t.Errorf("response mode %q on an error", mode)
		}
	}
}
