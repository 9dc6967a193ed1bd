package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func asyncCases() []testCase {
	return []testCase{
		{"Runs", asyncRuns},
		{"Refused", asyncRefused},
		{"RetriesThenDestination", asyncRetries},
		{"RetrySucceeds", asyncRetrySucceeds},
		{"FunctionDestination", asyncFunctionDestination},
		{"DeadLetter", asyncDeadLetter},
		{"CloudEvents", asyncCloudEvents},
		{"BothRecords", asyncBothRecords},
		{"UnknownServices", asyncUnknownServices},
	}
}

// log reads what there is of a function's log.
func (f *fixture) log(t testing.TB, fn string, opts engine.LogOptions) string {
	t.Helper()
	var out bytes.Buffer
	must(t, f.Logs(t.Context(), lambda.Name(fn), opts, &out))
	return out.String()
}

func asyncRuns(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	in := invocation(t, "f", do{Do: "log", Text: "ran in the background"})
	in.ID = "11111111-2222-4333-8444-555555555555"
	must(t, f.Enqueue(t.Context(), in))
	f.eventually(t, "the event to be processed", func() bool {
		text := f.log(t, "f", engine.LogOptions{})
		return strings.Contains(text, "ran in the background") && strings.Contains(text, "REPORT RequestId: "+in.ID)
	})
}

func asyncRefused(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	wantCode(t, "an event for nobody", f.Enqueue(t.Context(), invocation(t, "g", nil)), lambda.CodeResourceNotFound)
	wantCode(t, "an event for no version", f.Enqueue(t.Context(), invocation(t, "f:9", nil)), lambda.CodeResourceNotFound)
	large := invocation(t, "f", strings.Repeat("x", lambda.MaxAsyncPayload))
	wantCode(t, "an event that is too large", f.Enqueue(t.Context(), large), lambda.CodeRequestTooLarge)
}

// record is what AWS sends to destinations.
type record struct {
	Version, Timestamp string
	RequestContext     struct {
		RequestID, FunctionARN, Condition string
		ApproximateInvokeCount            int
	}
	RequestPayload  json.RawMessage
	ResponseContext struct {
		StatusCode                     int
		ExecutedVersion, FunctionError string
	}
	ResponsePayload json.RawMessage
}

func asyncRetries(t *testing.T, f *fixture) {
	box := f.newMailbox(t)
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		one := int32(1)
		s.Concurrency = &v1alpha1.Concurrency{Reserved: &one, Provisioned: &one} // one that stays, so that its log is there after the last attempt
		s.Async = &v1alpha1.Async{OnFailure: &v1alpha1.Destination{Destination: box.url}}
	})
	in := invocation(t, "f", do{Do: "error", Text: "never"})
	in.ID = "11111111-2222-4333-8444-555555555555"
	must(t, f.Enqueue(t.Context(), in))
	f.eventually(t, "the record of the failure", func() bool { return len(box.read()) > 0 })
	var got record
	must(t, json.Unmarshal(box.read()[0].Body, &got))
	c := got.RequestContext
	if got.Version != "1.0" || c.RequestID != in.ID || c.Condition != "RetriesExhausted" || c.ApproximateInvokeCount != 3 ||
		c.FunctionARN != "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST" {
		t.Errorf("the record's request is %+v", got)
	}
	if got.ResponseContext.StatusCode != http.StatusOK || got.ResponseContext.FunctionError != lambda.Unhandled || got.ResponseContext.ExecutedVersion != lambda.LatestVersion ||
		!bytes.Contains(got.ResponsePayload, []byte(`"never"`)) || string(got.RequestPayload) != string(in.Payload) {
		t.Errorf("the record's response is %+v, %s for %s", got.ResponseContext, got.ResponsePayload, got.RequestPayload)
	}
	f.eventually(t, "the log of the last attempt", func() bool {
		return strings.Count(f.log(t, "f", engine.LogOptions{}), "START RequestId: "+in.ID) == 3
	})
}

func asyncRetrySucceeds(t *testing.T, f *fixture) {
	box := f.newMailbox(t)
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		one := int32(1)
		s.Concurrency = &v1alpha1.Concurrency{Reserved: &one, Provisioned: &one} // one environment, which stays and counts its calls
		s.Async = &v1alpha1.Async{OnSuccess: &v1alpha1.Destination{Destination: box.url}, OnFailure: &v1alpha1.Destination{Destination: box.url}}
	})
	must(t, f.Enqueue(t.Context(), invocation(t, "f", do{Do: "once", N: 2})))
	f.eventually(t, "the record of the success", func() bool { return len(box.read()) > 0 })
	var got record
	must(t, json.Unmarshal(box.read()[0].Body, &got))
	if got.RequestContext.Condition != "Success" || got.RequestContext.ApproximateInvokeCount != 2 || string(got.ResponsePayload) != `"done"` || got.ResponseContext.FunctionError != "" {
		t.Errorf("the record is %+v, %s", got, got.ResponsePayload)
	}
}

func asyncFunctionDestination(t *testing.T, f *fixture) {
	f.deploy(t, "target")
	arn := "arn:aws:lambda:us-east-1:000000000000:function:target"
	zero := int32(0)
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		s.Async = &v1alpha1.Async{MaximumRetryAttempts: &zero, OnFailure: &v1alpha1.Destination{Destination: arn}}
	})
	must(t, f.Enqueue(t.Context(), invocation(t, "f", do{Do: "error", Text: "no"})))
	f.eventually(t, "the destination to be called", func() bool {
		return strings.Contains(f.log(t, "target", engine.LogOptions{}), "REPORT RequestId: ")
	})
}

func asyncDeadLetter(t *testing.T, f *fixture) {
	box := f.newMailbox(t)
	zero := int32(0)
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		s.Async = &v1alpha1.Async{MaximumRetryAttempts: &zero}
		s.DeadLetter = &v1alpha1.Destination{Destination: box.url}
	})
	in := invocation(t, "f", do{Do: "error", Text: "over\nand out"})
	in.ID = "11111111-2222-4333-8444-555555555555"
	must(t, f.Enqueue(t.Context(), in))
	f.eventually(t, "the dead letter", func() bool { return len(box.read()) > 0 })
	got := box.read()[0]
	message, err := url.PathUnescape(got.Header.Get("Ce-Errormessage"))
	if !bytes.Equal(got.Body, in.Payload) || got.Header.Get("Ce-Requestid") != in.ID || got.Header.Get("Ce-Errorcode") != "200" || err != nil || message != "over and out" {
		t.Errorf("the dead letter is %s with %v", got.Body, got.Header)
	}
}

// asyncCloudEvents holds that what a URL gets is a CloudEvent about the invocation.
func asyncCloudEvents(t *testing.T, f *fixture) {
	box := f.newMailbox(t)
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		s.Async = &v1alpha1.Async{OnSuccess: &v1alpha1.Destination{Destination: box.url}}
	})
	in := invocation(t, "f", "in")
	in.ID = "11111111-2222-4333-8444-555555555555"
	must(t, f.Enqueue(t.Context(), in))
	f.eventually(t, "the record of the success", func() bool { return len(box.read()) > 0 })
	h := box.read()[0].Header
	for name, want := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Type": "dev.lambkin.invocation.success", "Ce-Subject": in.ID,
		"Ce-Source": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
	} {
		if h.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, h.Get(name), want)
		}
	}
	if h.Get("Ce-Id") == "" || h.Get("Ce-Time") == "" {
		t.Errorf("the event has no id or time: %v", h)
	}
}

// asyncBothRecords holds that a failure sends its record and the dead letter, and that receivers can tell one from the other.
func asyncBothRecords(t *testing.T, f *fixture) {
	box := f.newMailbox(t)
	zero := int32(0)
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		s.Async = &v1alpha1.Async{MaximumRetryAttempts: &zero, OnFailure: &v1alpha1.Destination{Destination: box.url}}
		s.DeadLetter = &v1alpha1.Destination{Destination: box.url}
	})
	must(t, f.Enqueue(t.Context(), invocation(t, "f", do{Do: "error", Text: "no"})))
	f.eventually(t, "both letters", func() bool { return len(box.read()) >= 2 })
	ids := map[string]string{}
	for _, l := range box.read() {
		ids[l.Header.Get("Ce-Type")] = l.Header.Get("Ce-Id")
	}
	failure, dead := ids["dev.lambkin.invocation.failure"], ids["dev.lambkin.invocation.deadletter"]
	if failure == "" || dead == "" || failure == dead {
		t.Errorf("ids by type: %v", ids)
	}
}

// asyncUnknownServices holds that a queue that nobody knows the way to is refused or makes the function not ready; it is never
// a place where records vanish.
func asyncUnknownServices(t *testing.T, f *fixture) {
	fn := f.function(t, "f", f.goHandler(t, "first"))
	fn.Spec.Async = &v1alpha1.Async{OnFailure: &v1alpha1.Destination{Destination: "arn:aws:sqs:us-east-1:000000000000:unknown"}}
	if err := f.Create(t.Context(), fn); err != nil {
		wantCode(t, "a queue without an endpoint", err, lambda.CodeInvalidParameterValue)
		return
	}
	f.eventually(t, "the condition", func() bool {
		must(t, f.Get(t.Context(), fn.Name, fn))
		c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && c.Reason == string(v1alpha1.ReasonConfigurationUnsupported)
	})
}

func logCases() []testCase {
	return []testCase{
		{"Contents", logContents},
		{"Follow", logFollow},
		{"JSON", logJSON},
	}
}

func logContents(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	wantCode(t, "the log of nobody", f.Logs(t.Context(), "g", engine.LogOptions{}, io.Discard), lambda.CodeResourceNotFound)
	r := f.call(t, "f", do{Do: "log", Text: "line one\nline two"})
	var text string
	f.eventually(t, "the report in the log", func() bool {
		text = f.log(t, "f", engine.LogOptions{})
		return strings.Contains(text, "REPORT RequestId: "+r.RequestID)
	})
	at := -1
	for _, want := range []string{"START RequestId: " + r.RequestID + " Version: $LATEST\n", "line one\n", "line two\n", "END RequestId: " + r.RequestID + "\n", "REPORT RequestId: " + r.RequestID} {
		i := strings.Index(text, want)
		if i <= at {
			t.Errorf("the log lacks %q, or it is at the wrong place:\n%s", want, text)
		}
		at = i
	}
	if tail := f.log(t, "f", engine.LogOptions{Tail: 1}); strings.Count(tail, "\n") != 1 {
		t.Errorf("the last line is %q", tail)
	}
}

// logJSON holds that format, levels and group of the log are as the function asks.
func logJSON(t *testing.T, f *fixture) {
	f.deploy(t, "f", func(s *v1alpha1.FunctionSpec) {
		s.Logging = &v1alpha1.Logging{Format: v1alpha1.LogFormatJSON, ApplicationLogLevel: "WARN", SystemLogLevel: "INFO", LogGroup: "/mine"}
	})
	f.deploy(t, "g", func(s *v1alpha1.FunctionSpec) {
		s.Logging = &v1alpha1.Logging{Format: v1alpha1.LogFormatJSON, SystemLogLevel: "WARN"}
	})
	for name, want := range map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN", "AWS_LAMBDA_LOG_GROUP_NAME": "/mine"} {
		if got := f.answer(t, "f", do{Do: "env", Text: name}); got != quote(t, want) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	cases := map[string]struct{ has, lacks []string }{
		"f": {[]string{`"platform.report"`, `"loud"`}, []string{`"quiet"`, "REPORT RequestId"}},
		"g": {[]string{`"quiet"`, `"loud"`}, []string{`"platform.report"`, "REPORT RequestId"}},
	}
	for name, tc := range cases {
		f.call(t, name, do{Do: "log", Text: `{"level":"INFO","message":"quiet"}` + "\n" + `{"level":"ERROR","message":"loud"}`})
		var text string
		f.eventually(t, "the log of "+name, func() bool {
			text = f.log(t, name, engine.LogOptions{})
			return !slices.ContainsFunc(tc.has, func(word string) bool { return !strings.Contains(text, word) })
		})
		for _, word := range tc.lacks {
			if strings.Contains(text, word) {
				t.Errorf("the log of %s holds %s:\n%s", name, word, text)
			}
		}
	}
}

func logFollow(t *testing.T, f *fixture) {
	f.deploy(t, "f")
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- f.Logs(ctx, "f", engine.LogOptions{Follow: true}, pw)
		pw.Close()
	}()
	called := make(chan error, 1)
	go func() {
		_, err := f.Invoke(t.Context(), invocation(t, "f", do{Do: "log", Text: "seen live"}))
		called <- err
	}()
	var seen []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(seen, []byte("seen live")) || !bytes.Contains(seen, []byte("REPORT")) {
		n, err := pr.Read(buf)
		must(t, err)
		seen = append(seen, buf[:n]...)
	}
	cancel()
	go io.Copy(io.Discard, pr) //nolint:errcheck // what is left
	must(t, <-called)
	if err := <-done; err != nil {
		t.Errorf("following ends with its context, got %v", err)
	}
}
