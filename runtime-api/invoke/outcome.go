package invoke

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Error types that the platform, not the function, gives a failed invocation.
const (
	TypeTimeout           = "Sandbox.Timedout"
	TypeExit              = "Runtime.ExitError"
	TypeOutOfMemory       = "Runtime.OutOfMemory"
	TypeInvalidEntrypoint = "Runtime.InvalidEntrypoint"
	TypeTruncatedResponse = "Runtime.TruncatedResponse"
	TypeInvalidMode       = "Runtime.InvalidResponseModeHeader"
	TypeTooLarge          = "Function.ResponseSizeTooLarge"
	TypeExtensionCrash    = "Extension.Crash"
	TypeUnknown           = "Runtime.Unknown"
)

// Failure is a cause of failure that is not tied to one invocation: a dead process, a failed init. It becomes a Result
// for each invocation that it hits.
type Failure struct {
	// Type is the error type, such as "Runtime.ExitError".
	Type string
	// Message is the sentence; the request id is put before it.
	Message string
	// Payload, if set, is given to the caller instead: the body that the runtime posted to /init/error.
	Payload []byte
}

// Result is the failure as the outcome of the invocation with this id.
func (f Failure) Result(id string) *lambda.Result {
	payload := f.Payload
	if payload == nil {
		payload = errorDocument{f.Type, fmt.Sprintf("RequestId: %s Error: %s", id, f.Message)}.encode()
	}
	return &lambda.Result{Payload: payload, FunctionError: lambda.Unhandled, ErrorType: f.Type}
}

// Exited is the failure of an invocation whose runtime process ended. exit is how it ended as os/exec prints it, such
// as "exit status 3" or "signal: killed"; empty for exit status 0.
func Exited(exit string, outOfMemory bool) Failure {
	f := Failure{Type: TypeExit, Message: "Runtime exited without providing a reason"}
	if exit != "" {
		f.Message = "Runtime exited with error: " + exit
	}
	if outOfMemory {
		f.Type = TypeOutOfMemory
	}
	return f
}

// TimedOut is the failure of an invocation that used up its time.
func TimedOut(timeout time.Duration) Failure {
	return Failure{Type: TypeTimeout, Message: fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds())}
}

// errorDocument is an error as a Lambda caller gets it. The platform's own have errorType first; see lambda-contract.
type errorDocument struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (d errorDocument) encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		return []byte(`{"errorType":"` + TypeUnknown + `"}`)
	}
	return b
}

// tooLarge is the answer to a caller whose function's response did not fit.
func tooLarge() *lambda.Result {
	payload := fmt.Sprintf(`{"errorMessage":"Response payload size exceeded maximum allowed payload size (%d bytes).","errorType":%q}`,
		lambda.MaxResponsePayload, TypeTooLarge)
	return &lambda.Result{Payload: []byte(payload), FunctionError: lambda.Unhandled, ErrorType: TypeTooLarge}
}
