package invoke

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Answer is what a runtime posts for an invocation.
type Answer struct {
	// ContentType is the declared type of Body, or empty.
	ContentType string
	// Mode is the value of Lambda-Runtime-Function-Response-Mode; nil if the header is absent.
	Mode *string
	// ErrorType is the value of Lambda-Runtime-Function-Error-Type, or empty.
	ErrorType string
	// Body is read to its end or to the limit.
	Body io.Reader
	// Size is the declared length of Body, or -1.
	Size int64
	// Trailer gives a trailer's value once Body is at its end; nil if there are none.
	Trailer func(name string) string
}

// The trailers with which a runtime reports that its function failed after it had begun to answer.
const (
	TrailerErrorType = "Lambda-Runtime-Function-Error-Type"
	TrailerErrorBody = "Lambda-Runtime-Function-Error-Body" // base64 of the error document
)

// errLate is the reply to an answer that comes after the invocation's time was up.
func errLate() *Error { return &Error{Status: 410, Type: "InvokeTimeout", Message: "Invoke timeout"} }

func errUnknownID() *Error {
	return &Error{Status: 400, Type: "InvalidRequestID", Message: "Invalid request ID"}
}

// Respond takes the result of an invocation. It returns when the caller has it, or, for a caller that streams, all of
// it. The error, an [*Error], is the reply that the runtime must get; the task has its outcome in either case.
func (s *Session) Respond(id string, a Answer) error {
	h, late, err := s.claim(id, stateResponse)
	if err != nil {
		return err
	}
	defer s.answered(h)
	if late {
		return s.late(a)
	}
	if a.Mode != nil && *a.Mode != "streaming" {
		s.end(h.Task, Failure{Type: TypeInvalidMode, Message: "Invalid function response mode"}.Result(id))
		return &Error{Status: 400, Type: "InvalidFunctionResponseMode", Message: "Invalid function response mode"}
	}
	if h.In.Stream != nil {
		return s.respondStream(h.Task, a)
	}
	return s.respondBuffered(h.Task, a)
}

// Fail takes the error of an invocation.
func (s *Session) Fail(id string, a Answer) error {
	h, late, err := s.claim(id, stateErrorResponse)
	if err != nil {
		return err
	}
	defer s.answered(h)
	if late {
		return s.late(a)
	}
	body, err := s.queue.read(a, lambda.MaxResponsePayload)
	if err != nil {
		return s.unreadable(h.Task, err)
	}
	body, contentType := withoutCause(body, a.ContentType)
	s.end(h.Task, &lambda.Result{
		Payload:       body,
		ContentType:   contentType,
		FunctionError: lambda.Unhandled,
		ErrorType:     errorType(a.ErrorType),
	})
	return nil
}

// claim finds the task of an answer that begins to arrive; late says that its time was up before. An id that is not the runtime's is refused before the order
// of calls is looked at.
func (s *Session) claim(id string, to state) (h *held, late bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h = s.current[id]
	switch {
	case h == nil && s.last != nil && s.last.In.ID == id:
		return nil, false, s.refuse(to)
	case h == nil, h.claimed && s.multi():
		return nil, false, errUnknownID()
	case h.claimed:
		return nil, false, s.refuse(to)
	}
	h.claimed = true
	if !s.multi() {
		s.state = to
	}
	return h, h.overran, nil
}

// answered notes that the answer has been taken, whatever became of it. In a single session the clock goes on until
// the runtime asks for work.
func (s *Session) answered(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current[h.In.ID] != h {
		return
	}
	s.drop(h)
	if !s.multi() {
		s.state, s.last = stateSent, h
	}
}

// late swallows an answer that nobody waits for. A runtime that holds many invocations is told that all is well: the
// documented refusal makes some clients exit and take the other invocations with them.
func (s *Session) late(a Answer) error {
	if !s.multi() {
		return errLate()
	}
	_, err := io.Copy(io.Discard, io.LimitReader(a.Body, lambda.MaxStreamedResponse))
	if err != nil {
		return errTruncated()
	}
	return nil
}

func (s *Session) respondBuffered(t *Task, a Answer) error {
	body, err := s.queue.read(a, lambda.MaxResponsePayload)
	if err != nil {
		return s.unreadable(t, err)
	}
	r := &lambda.Result{Payload: body, ContentType: a.ContentType}
	if failed := trailerFailure(a); failed != nil {
		r = failed
	}
	s.end(t, r)
	return nil
}

func (s *Session) respondStream(t *Task, a Answer) error {
	err := s.queue.copyStream(t, a)
	if err != nil {
		return s.unreadable(t, err)
	}
	r := trailerFailure(a)
	if r == nil {
		r = &lambda.Result{ContentType: a.ContentType}
	}
	s.end(t, r)
	return nil
}

// unreadable ends a task whose answer could not be read as a whole, and gives the reply.
func (s *Session) unreadable(t *Task, err error) error {
	if errors.Is(err, errTooLarge) {
		s.end(t, tooLarge())
		return &Error{Status: 413, Type: "RequestEntityTooLarge",
			Message: "Exceeded maximum allowed payload size (6291556 bytes)."}
	}
	s.end(t, Failure{Type: TypeTruncatedResponse, Message: "Response was cut off"}.Result(t.In.ID))
	return errTruncated()
}

func errTruncated() *Error {
	return &Error{Status: 400, Type: "TruncatedHTTPRequest", Message: "HTTP request detected as truncated"}
}

// trailerFailure is the failure that the answer's trailers report, or nil.
func trailerFailure(a Answer) *lambda.Result {
	if a.Trailer == nil {
		return nil
	}
	typ := a.Trailer(TrailerErrorType)
	if typ == "" {
		return nil
	}
	body, err := base64.StdEncoding.DecodeString(a.Trailer(TrailerErrorBody))
	if err != nil || len(body) == 0 {
		body = errorDocument{typ, "The function failed after it had begun to respond"}.encode()
	}
	return &lambda.Result{Payload: body, FunctionError: lambda.Unhandled, ErrorType: typ}
}

// errorTypeForm is what the service accepts as an error type; it is not anchored there either.
var errorTypeForm = regexp.MustCompile(`(Runtime|Function)\.[A-Z][a-zA-Z]+`)

// errorType is the type under which a failure is counted.
func errorType(header string) string {
	switch {
	case errorTypeForm.MatchString(header):
		return header
	case strings.HasPrefix(header, "Function."):
		return "Function.Unknown"
	default:
		return TypeUnknown
	}
}

// causeType is the content type of an error document that also carries a cause for the trace.
const causeType = "application/vnd.aws.lambda.error.cause+json"

// withoutCause strips the cause, which is not for the caller, from such a document.
func withoutCause(body []byte, contentType string) ([]byte, string) {
	if contentType != causeType {
		return body, contentType
	}
	var doc struct {
		Message *string          `json:"errorMessage,omitempty"`
		Type    *string          `json:"errorType,omitempty"`
		Stack   *json.RawMessage `json:"stackTrace,omitempty"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return []byte("Invalid error body"), "application/octet-stream"
	}
	stripped, err := json.Marshal(doc)
	if err != nil {
		return []byte("Invalid error body"), "application/octet-stream"
	}
	return stripped, "application/json"
}
