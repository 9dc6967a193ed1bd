package extension

import (
	"net/http"
	"time"
)

// Event types that an extension may subscribe to.
const (
	EventInvoke   = "INVOKE"
	EventShutdown = "SHUTDOWN"
)

// Reasons of a SHUTDOWN event.
const (
	ReasonSpindown = "spindown" // the environment is no longer needed
	ReasonTimeout  = "timeout"  // init or an invocation ran out of time
	ReasonFailure  = "failure"  // the runtime or an extension failed
)

// Types of the failures that an extension brings upon its environment.
const (
	FailureInit   = "Extension.InitError"
	FailureExit   = "Extension.ExitError"
	FailureCrash  = "Extension.Crash"
	FailureLaunch = "Extension.LaunchError"
)

// State is how far an extension has come. The values appear in error messages and in platform.extension records.
type State string

// States of an extension.
const (
	StateStarted     State = "Started"     // its process was started; it has not registered yet
	StateRegistered  State = "Registered"  // it has registered and initializes
	StateReady       State = "Ready"       // it waits for an event
	StateRunning     State = "Running"     // it was handed an event
	StateInitError   State = "InitError"   // it reported that it cannot start
	StateExitError   State = "ExitError"   // it reported that it cannot go on
	StateLaunchError State = "LaunchError" // its process could not be started
	StateExited      State = "Exited"      // its process has ended
)

// Info is what a registering extension is told about the function.
type Info struct {
	FunctionName    string
	FunctionVersion string
	Handler         string
	AccountID       string
	// MultiConcurrency says that one runtime process runs several invocations at once. INVOKE events make no sense
	// then and are refused.
	MultiConcurrency bool
}

// Registration is the answer to a registration.
type Registration struct {
	FunctionName    string `json:"functionName"`
	FunctionVersion string `json:"functionVersion"`
	Handler         string `json:"handler"`
	AccountID       string `json:"accountId,omitempty"`
}

// Invocation is what an INVOKE event tells.
type Invocation struct {
	RequestID   string
	FunctionARN string // as the caller qualified it
	Trace       string // X-Ray trace header, or empty
	Deadline    time.Time
}

// Event is what event/next answers; its JSON is the body.
type Event struct {
	// ID is sent as Lambda-Extension-Event-Identifier; empty for SHUTDOWN, which has none.
	ID             string   `json:"-"`
	Type           string   `json:"eventType"`
	DeadlineMs     int64    `json:"deadlineMs"` // Unix milliseconds
	RequestID      string   `json:"requestId,omitempty"`
	FunctionARN    string   `json:"invokedFunctionArn,omitempty"`
	Tracing        *Tracing `json:"tracing,omitempty"`
	ShutdownReason string   `json:"shutdownReason,omitempty"`
}

// Tracing carries the X-Ray header of an INVOKE event.
type Tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Extension is a snapshot of one extension, for records and decisions.
type Extension struct {
	Name      string
	External  bool
	State     State
	Events    []string // subscribed ones, INVOKE before SHUTDOWN; never nil
	ErrorType string   // of the failure it reported or suffered, or empty
}

// Error refuses a call of the Extensions API: HTTP status, error type and message of the reply.
type Error struct {
	Status  int
	Type    string
	Message string
}

// Error gives type and message.
func (e *Error) Error() string { return e.Type + ": " + e.Message }

// Is reports whether target is an Error of the same type, whatever its message.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Type == e.Type
}

func refused(errorType, message string) *Error {
	return &Error{Status: http.StatusForbidden, Type: errorType, Message: message}
}

// Failure is why an environment must be given up because of an extension.
type Failure struct {
	Extension string // name
	Type      string // "Extension.Crash" and the like; what the caller of an invocation sees as errorType
	Message   string // how the process ended, or what the extension said; at most 1 KiB
}

// Error says which extension failed and how.
func (f *Failure) Error() string { return f.Type + ": " + f.Extension + ": " + f.Message }

// invokeEvent makes the INVOKE event of an invocation, without an id.
func invokeEvent(in Invocation) *Event {
	e := &Event{
		Type:        EventInvoke,
		DeadlineMs:  in.Deadline.UnixMilli(),
		RequestID:   in.RequestID,
		FunctionARN: in.FunctionARN,
	}
	if in.Trace != "" {
		e.Tracing = &Tracing{Type: "X-Amzn-Trace-Id", Value: in.Trace}
	}
	return e
}
