package remote

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// errorTypeHeader carries the Lambda code of an error beside the Kubernetes reason in the body.
const errorTypeHeader = "X-Amzn-Errortype"

// Fault is one thing wrong with an object that was refused.
type Fault struct {
	// Field is the path of the member, such as spec.timeout; empty if the fault is not one member's.
	Field string
	// Detail says what is wrong with it.
	Detail string
	// Type is the machine-readable kind of fault, such as FieldValueInvalid.
	Type string
}

// String gives the fault on one line.
func (f Fault) String() string {
	if f.Field == "" {
		return f.Detail
	}
	return f.Field + ": " + f.Detail
}

// Faults are all faults of one object. It is the cause of the InvalidParameterValueException that refuses it.
type Faults []Fault

// Error gives all faults on one line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "; ")
}

// FaultsOf finds the faults in err's chain, whether they came over HTTP or from a validator in the same process.
func FaultsOf(err error) Faults {
	var faults Faults
	if errors.As(err, &faults) {
		return faults
	}
	if one := new(field.Error); errors.As(err, &one) {
		return Faults{faultOf(one)}
	}
	var many utilerrors.Aggregate
	if !errors.As(err, &many) {
		return nil
	}
	for _, e := range many.Errors() {
		if one := new(field.Error); errors.As(e, &one) {
			faults = append(faults, faultOf(one))
			continue
		}
		faults = append(faults, Fault{Detail: e.Error()})
	}
	return faults
}

func faultOf(e *field.Error) Fault {
	return Fault{Field: e.Field, Detail: e.ErrorBody(), Type: string(e.Type)}
}

// outcome is how a Lambda code looks in the grammar of Kubernetes.
type outcome struct {
	status int
	reason metav1.StatusReason
}

// outcomeOf is the one table from code to status and reason.
func outcomeOf(code lambda.Code, method string) outcome {
	switch code {
	case lambda.CodeResourceNotFound, lambda.CodeUnknownOperation:
		return outcome{http.StatusNotFound, metav1.StatusReasonNotFound}
	case lambda.CodeResourceConflict:
		if method == http.MethodPost {
			return outcome{http.StatusConflict, metav1.StatusReasonAlreadyExists}
		}
		return outcome{http.StatusConflict, metav1.StatusReasonConflict}
	case lambda.CodePreconditionFailed:
		return outcome{http.StatusConflict, metav1.StatusReasonConflict}
	case lambda.CodeInvalidParameterValue, lambda.CodeValidation, lambda.CodeInvalidZipFile:
		return outcome{http.StatusUnprocessableEntity, metav1.StatusReasonInvalid}
	case lambda.CodeInvalidRequestContent:
		return outcome{http.StatusBadRequest, metav1.StatusReasonBadRequest}
	case lambda.CodeRequestEntityTooLarge, lambda.CodeRequestTooLarge, lambda.CodeCodeStorageExceeded:
		return outcome{http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge}
	case lambda.CodeTooManyRequests:
		return outcome{http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests}
	case lambda.CodeAccessDenied:
		return outcome{http.StatusForbidden, metav1.StatusReasonForbidden}
	case lambda.CodeMissingAuthenticationToken, lambda.CodeIncompleteSignature, lambda.CodeInvalidSignature, lambda.CodeUnrecognizedClient:
		return outcome{http.StatusUnauthorized, metav1.StatusReasonUnauthorized}
	case lambda.CodeNotImplemented:
		return outcome{http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed}
	default:
		return outcome{http.StatusInternalServerError, metav1.StatusReasonInternalError}
	}
}

// statusOf makes the Status document of err. What is not a [*lambda.Error] shows nothing of itself.
func statusOf(err error, method string) (metav1.Status, lambda.Code) {
	e := lambda.AsError(err)
	out := outcomeOf(e.Code, method)
	details := &metav1.StatusDetails{RetryAfterSeconds: int32(e.RetryAfter / time.Second)}
	for _, f := range FaultsOf(err) {
		details.Causes = append(details.Causes, metav1.StatusCause{Type: metav1.CauseType(f.Type), Field: f.Field, Message: f.Detail})
	}
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure,
		Code:     int32(out.status),
		Reason:   out.reason,
		Message:  e.Message,
		Details:  details,
	}, e.Code
}

// Refuse answers a request for one of the paths here with an error, as the server itself does.
func Refuse(w http.ResponseWriter, r *http.Request, err error) { writeError(w, r, err) }

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, code := statusOf(err, r.Method)
	w.Header().Set(errorTypeHeader, string(code))
	if s := status.Details.RetryAfterSeconds; s > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(s)))
	}
	writeJSON(w, int(status.Code), status)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a caller that has gone needs no answer
}

// Foreign is the cause of an error that did not come from a Lambkin server but from what is on the way to one.
type Foreign struct {
	// Status is the reply's HTTP status.
	Status int
	// Text is the beginning of the reply's body, or the sentence of a Kubernetes Status in it.
	Text string
}

// Error gives status and text on one line.
func (f *Foreign) Error() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s: %s", f.Status, http.StatusText(f.Status), strings.Join(strings.Fields(f.Text), " ")))
}

// maxForeign is how much of a foreign reply is kept.
const maxForeign = 512

// errorOf turns an error reply back into the [*lambda.Error] it was made of. body is the reply's body. What names no code
// of ours has a [Foreign] as its cause.
func errorOf(res *http.Response, body []byte) error {
	var doc struct {
		metav1.Status
		Lower string `json:"message"`
		Upper string `json:"Message"`
		Limit string `json:"Reason"` // which limit a throttled caller hit; not Kubernetes' reason
	}
	e := &lambda.Error{Code: lambda.Code(res.Header.Get(errorTypeHeader)), RetryAfter: retryAfter(res.Header)}
	if err := json.Unmarshal(body, &doc); err != nil {
		e.Message = fmt.Sprintf("%s %s answered %s, which is not a Lambkin server's answer", res.Request.Method, res.Request.URL, res.Status)
	}
	if e.Message == "" {
		e.Message = doc.Lower + doc.Upper
	}
	if e.Code == lambda.CodeTooManyRequests {
		e.Reason = doc.Limit
	}
	if e.Code == "" {
		e.Code = codeOf(doc.Reason)
		e.Err = &Foreign{Status: res.StatusCode, Text: cmp.Or(doc.Lower, string(body[:min(len(body), maxForeign)]))}
	}
	if faults := causesOf(doc.Details); len(faults) > 0 {
		e.Err = faults
	}
	return e
}

// causesOf are the faults that a Status tells.
func causesOf(details *metav1.StatusDetails) Faults {
	if details == nil {
		return nil
	}
	var faults Faults
	for _, c := range details.Causes {
		faults = append(faults, Fault{Field: c.Field, Detail: c.Message, Type: string(c.Type)})
	}
	return faults
}

// ErrorOf makes the error of a failed request to a Kubernetes API server, with what was wrong with an object as its cause.
func ErrorOf(status metav1.Status) *lambda.Error {
	e := &lambda.Error{Code: codeOf(status.Reason), Message: status.Message}
	if faults := causesOf(status.Details); len(faults) > 0 && status.Reason == metav1.StatusReasonInvalid {
		e.Err = faults
	}
	if status.Details != nil {
		e.RetryAfter = time.Duration(status.Details.RetryAfterSeconds) * time.Second
	}
	return e
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 3600)) * time.Second
}

// codeOf is for servers that tell only Kubernetes' reason.
func codeOf(reason metav1.StatusReason) lambda.Code {
	switch reason {
	case metav1.StatusReasonNotFound, metav1.StatusReasonGone:
		return lambda.CodeResourceNotFound
	case metav1.StatusReasonAlreadyExists:
		return lambda.CodeResourceConflict
	case metav1.StatusReasonConflict:
		return lambda.CodePreconditionFailed
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		return lambda.CodeInvalidParameterValue
	case metav1.StatusReasonForbidden, metav1.StatusReasonUnauthorized:
		return lambda.CodeAccessDenied
	case metav1.StatusReasonTooManyRequests:
		return lambda.CodeTooManyRequests
	case metav1.StatusReasonRequestEntityTooLarge:
		return lambda.CodeRequestEntityTooLarge
	case metav1.StatusReasonServiceUnavailable, metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout:
		return lambda.CodeServiceUnavailable
	default:
		return lambda.CodeService
	}
}
