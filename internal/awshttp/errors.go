package awshttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Response headers of the Lambda API in net/http's canonical spelling, so that they can be set without a conversion.
const (
	headerRequestID       = "X-Amzn-Requestid"
	headerErrorType       = "X-Amzn-Errortype"
	headerExecutedVersion = "X-Amz-Executed-Version"
	headerFunctionError   = "X-Amz-Function-Error"
	headerLogResult       = "X-Amz-Log-Result"
	headerContentType     = "Content-Type"
	headerContentLength   = "Content-Length"
	headerRetryAfter      = "Retry-After"
)

const contentTypeJSON = "application/json"

// RequestID is the id of the request that w answers. It is made and put into the reply's headers on first use.
func RequestID(w http.ResponseWriter) string {
	h := w.Header()
	if v := h[headerRequestID]; len(v) > 0 {
		return v[0]
	}
	id := uuid.NewString()
	h[headerRequestID] = []string{id}
	return id
}

// WriteError answers with err as the Lambda API does: status, x-amzn-ErrorType and a JSON body whose message member is
// spelled as this error type's is. An error that is not a [*lambda.Error] becomes a ServiceException that tells
// nothing of its cause. Callers who were throttled, or came at a bad
// time, are told when to come back.
func WriteError(w http.ResponseWriter, err error) {
	e := lambda.AsError(err)
	RequestID(w)
	h := w.Header()
	h[headerErrorType] = []string{string(e.Code)}
	h[headerContentType] = []string{contentTypeJSON}
	if e.Code == lambda.CodeTooManyRequests || e.RetryAfter > 0 {
		h[headerRetryAfter] = []string{retryAfter(e.RetryAfter)}
	}
	body := errorBody(e)
	h[headerContentLength] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(e.Code.Status())
	_, _ = w.Write(body) // a caller that has gone needs no answer
}

// Refuse answers with err as WriteError does, and tells the log what LogError tells it.
func Refuse(log *slog.Logger, w http.ResponseWriter, err error) {
	LogError(log, w, err)
	WriteError(w, err)
}

// LogError tells the log, which may be nil, the cause of a failure of ours that the caller may not see. What callers do
// wrong they are told themselves, and one that has gone is no failure.
func LogError(log *slog.Logger, w http.ResponseWriter, err error) {
	e := lambda.AsError(err)
	if log == nil || e.Err == nil || e.Code.Status() < http.StatusInternalServerError || errors.Is(err, context.Canceled) {
		return
	}
	log.Error("request failed", "requestId", RequestID(w), "code", string(e.Code), "error", e.Err)
}

// retryAfter is d in whole seconds, rounded up, and at least one: zero would invite the caller back at once.
func retryAfter(d time.Duration) string {
	seconds := max(1, int64((d+time.Second-1)/time.Second))
	return strconv.FormatInt(seconds, 10)
}

// errorBody is the JSON of an error, members in AWS's order: Reason, Type, message.
func errorBody(e *lambda.Error) []byte {
	b := append(make([]byte, 0, 128+len(e.Message)), '{')
	if e.Reason != "" {
		b = append(b, `"Reason":`...)
		b = appendString(b, e.Reason)
		b = append(b, ',')
	}
	if e.Code.HasType() && !e.Untyped {
		kind := `"Type":"User",`
		if e.Code.Status() >= http.StatusInternalServerError {
			kind = `"Type":"Service",`
		}
		b = append(b, kind...)
	}
	b = append(b, '"')
	b = append(b, e.Code.MessageMember()...)
	b = append(b, `":`...)
	b = appendString(b, e.Message)
	return append(b, '}')
}

// appendString appends s as a JSON string, with <, > and & as they are.
func appendString(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always has a JSON form, and a Buffer takes every write
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
