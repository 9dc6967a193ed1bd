package lambda

import (
	"errors"
	"fmt"
	"time"
)

// Code is an error code of the Lambda API, as clients see it in x-amzn-ErrorType.
type Code string

// Codes that we give. Their HTTP status and the spelling of their message member are in [Code.Status] and
// [Code.MessageMember].
const (
	CodeAccessDenied                       Code = "AccessDeniedException"
	CodeCodeSigningConfigNotFound          Code = "CodeSigningConfigNotFoundException"
	CodeCodeStorageExceeded                Code = "CodeStorageExceededException"
	CodeCodeVerificationFailed             Code = "CodeVerificationFailedException"
	CodeIncompleteSignature                Code = "IncompleteSignatureException"
	CodeInvalidParameterValue              Code = "InvalidParameterValueException"
	CodeInvalidRequestContent              Code = "InvalidRequestContentException"
	CodeInvalidRuntime                     Code = "InvalidRuntimeException"
	CodeInvalidSignature                   Code = "InvalidSignatureException"
	CodeInvalidZipFile                     Code = "InvalidZipFileException"
	CodeMissingAuthenticationToken         Code = "MissingAuthenticationTokenException"
	CodeNotImplemented                     Code = "NotImplementedException"
	CodePolicyLengthExceeded               Code = "PolicyLengthExceededException"
	CodePreconditionFailed                 Code = "PreconditionFailedException"
	CodeProvisionedConcurrencyConfigAbsent Code = "ProvisionedConcurrencyConfigNotFoundException"
	CodeRecursiveInvocation                Code = "RecursiveInvocationException"
	CodeRequestEntityTooLarge              Code = "RequestEntityTooLargeException"
	CodeRequestTooLarge                    Code = "RequestTooLargeException"
	CodeResourceConflict                   Code = "ResourceConflictException"
	CodeResourceNotFound                   Code = "ResourceNotFoundException"
	CodeService                            Code = "ServiceException"
	CodeServiceUnavailable                 Code = "ServiceUnavailableException"
	CodeTooManyRequests                    Code = "TooManyRequestsException"
	CodeUnknownOperation                   Code = "UnknownOperationException"
	CodeUnrecognizedClient                 Code = "UnrecognizedClientException"
	CodeUnsupportedMediaType               Code = "UnsupportedMediaTypeException"
	CodeValidation                         Code = "ValidationException"
)

// shape is how a code looks on the wire.
type shape struct {
	status  int
	message string // the message member's name, which differs by type in the service's model
	typed   bool   // whether the body also has a Type member
}

// shapes is the one table from code to wire form. Anything that is not in it is an internal error.
func shapes() map[Code]shape {
	return map[Code]shape{
		CodeInvalidParameterValue:              {400, "message", true},
		CodeInvalidRequestContent:              {400, "message", true},
		CodeCodeStorageExceeded:                {400, "message", true},
		CodeCodeVerificationFailed:             {400, "Message", true},
		CodeRecursiveInvocation:                {400, "Message", true},
		CodePolicyLengthExceeded:               {400, "message", true},
		CodeValidation:                         {400, "message", false},
		CodeAccessDenied:                       {403, "Message", false},
		CodeIncompleteSignature:                {403, "message", false},
		CodeInvalidSignature:                   {403, "message", false},
		CodeMissingAuthenticationToken:         {403, "message", false},
		CodeUnrecognizedClient:                 {403, "message", false},
		CodeResourceNotFound:                   {404, "Message", true},
		CodeCodeSigningConfigNotFound:          {404, "Message", true},
		CodeProvisionedConcurrencyConfigAbsent: {404, "message", true},
		CodeUnknownOperation:                   {404, "message", false},
		CodeResourceConflict:                   {409, "message", true},
		CodePreconditionFailed:                 {412, "message", true},
		CodeRequestTooLarge:                    {413, "message", true},
		CodeRequestEntityTooLarge:              {413, "message", true},
		CodeUnsupportedMediaType:               {415, "message", true},
		CodeTooManyRequests:                    {429, "message", true},
		CodeNotImplemented:                     {501, "message", true},
		CodeInvalidRuntime:                     {502, "Message", true},
		CodeInvalidZipFile:                     {502, "Message", true},
		CodeServiceUnavailable:                 {503, "Message", true},
	}
}

func shapeOf(c Code) shape {
	if s, ok := shapes()[c]; ok {
		return s
	}
	return shape{500, "Message", true}
}

// Status is the code's HTTP status; 500 for a code that is not ours.
func (c Code) Status() int { return shapeOf(c).status }

// MessageMember is the name of the member that holds the sentence: "message" or "Message", by error type.
func (c Code) MessageMember() string { return shapeOf(c).message }

// HasType says whether the error's body carries a Type member ("User" or "Service").
func (c Code) HasType() bool { return shapeOf(c).typed }

// Reasons of TooManyRequestsException.
const (
	ReasonReservedConcurrency = "ReservedFunctionConcurrentInvocationLimitExceeded"
	ReasonConcurrency         = "ConcurrentInvocationLimitExceeded"
	ReasonCallerRate          = "CallerRateLimitExceeded"
)

// Error is a service failure: a code for machines and a sentence for people.
type Error struct {
	Code    Code
	Message string
	// Reason says which limit a TooManyRequestsException hit.
	Reason string
	// Untyped leaves the Type member out of the body, as the service does for some sentences of types that have one.
	Untyped bool
	// RetryAfter is when a caller who was throttled or came at a bad time may try again; it is sent as Retry-After in whole
	// seconds.
	RetryAfter time.Duration
	// Err is the cause, for the log; callers never see it.
	Err error
}

// Error gives the code and the sentence, and the cause unless the sentence is its own.
func (e *Error) Error() string {
	if e.Err != nil && e.Err.Error() != e.Message {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an Error with the same code, so errors.Is(err, &Error{Code: …}) works.
func (e *Error) Is(target error) bool {
	t := new(Error)
	return errors.As(target, &t) && t.Code == e.Code && t.Message == ""
}

// Errorf makes an Error with a formatted sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError finds the Error in err's chain. Anything else becomes a ServiceException that hides the detail and keeps
// err as its cause for the log.
func AsError(err error) *Error {
	e := new(Error)
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeService, Message: "An error occurred and the request cannot be processed.", Err: err}
}

// CodeOf gives the code in err's chain; empty for nil, ServiceException for foreign errors.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

// CheckTenant fails if a function that isolates tenants is called without one, or another with one. The sentences are AWS's.
func CheckTenant(isolates bool, tenant string) error {
	switch {
	case isolates && tenant == "":
		return Errorf(CodeInvalidParameterValue, "The invoked function is enabled with tenancy configuration. "+
			"Add a valid tenant ID in your request and try again.")
	case !isolates && tenant != "":
		return Errorf(CodeInvalidParameterValue, "The invoked function is not enabled with tenancy configuration. "+
			"Remove the tenant ID from your request and try again.")
	default:
		return nil
	}
}

// Throttled is the answer to a caller over a limit.
func Throttled(reason string, retryAfter time.Duration) *Error {
	return &Error{Code: CodeTooManyRequests, Message: "Rate Exceeded.", Reason: reason, RetryAfter: retryAfter}
}
