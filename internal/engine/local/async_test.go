package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func failed(message string) *lambda.Result {
	return &lambda.Result{FunctionError: lambda.Unhandled, ExecutedVersion: "$LATEST", Payload: []byte(`{"errorMessage":"` + message + `"}`)}
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	by := policy{retries: 2, age: time.Hour, delay: time.Minute, onSuccess: "http://s/", onFailure: "http://f/", deadLetter: "http://d/"}
	throttled := lambda.Throttled(lambda.ReasonConcurrency, time.Second)
	cases := map[string]struct {
		reason     string
		p          pending
		by         policy
		result     *lambda.Result
		err        error
		retry      time.Duration // from now; 0: none
		condition  string
		deadLetter bool
	}{
		"Success":        {"It is done.", pending{}, by, &lambda.Result{}, nil, 0, "Success", false},
		"FirstFailure":   {"A minute until the first retry.", pending{}, by, failed("x"), nil, time.Minute, "", false},
		"SecondFailure":  {"Two until the second.", pending{Attempts: 1}, by, failed("x"), nil, 2 * time.Minute, "", false},
		"ThirdFailure":   {"No third.", pending{Attempts: 2}, by, failed("x"), nil, 0, "RetriesExhausted", true},
		"NoRetries":      {"Nor any if none is allowed.", pending{}, policy{age: time.Hour, onFailure: "http://f/"}, failed("x"), nil, 0, "RetriesExhausted", false},
		"TooOld":         {"Nor one that would come too late.", pending{Accepted: now.Add(-time.Hour)}, by, failed("x"), nil, 0, "EventAgeExceeded", true},
		"Throttled":      {"A refusal is no attempt.", pending{Attempts: 2}, by, nil, throttled, time.Second, "", false},
		"ThrottledOften": {"Refusals in a row wait longer.", pending{Refusals: 3}, by, nil, throttled, 8 * time.Second, "", false},
		"ThrottledLong":  {"But not without bound.", pending{Refusals: 300}, by, nil, throttled, 5 * time.Minute, "", false},
		"ThrottledOld":   {"Until the event is too old.", pending{Accepted: now.Add(-time.Hour)}, by, nil, throttled, 0, "EventAgeExceeded", true},
		"Pending":        {"A function may become ready.", pending{}, by, nil, lambda.Errorf(lambda.CodeResourceConflict, "Pending"), time.Second, "", false},
		"Internal":       {"We may recover.", pending{}, by, nil, errors.New("disk"), time.Second, "", false},
		"Hopeless":       {"A bad request stays one.", pending{}, by, nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "no"), 0, "RetriesExhausted", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.p.Accepted.IsZero() {
				tc.p.Accepted = now
			}
			v := judge(tc.p, tc.by, tc.result, tc.err, now)
			if want := now.Add(tc.retry); tc.retry != 0 {
				if !v.retry.Equal(want) || len(v.mail) != 0 {
					t.Errorf("%s got %+v, want a retry in %s", tc.reason, v, tc.retry)
				}
				return
			}
			if !v.retry.IsZero() || len(v.mail) == 0 {
				t.Fatalf("%s got %+v, want an end", tc.reason, v)
			}
			var rec record
			must(t, json.Unmarshal(v.mail[0].body, &rec))
			to := map[bool]string{true: "http://s/", false: "http://f/"}[tc.condition == "Success"]
			if rec.RequestContext.Condition != tc.condition || v.mail[0].URL != to || (len(v.mail) == 2) != tc.deadLetter {
				t.Errorf("%s got %s to %s and %d letters in all, want %s to %s", tc.reason, rec.RequestContext.Condition, v.mail[0].URL, len(v.mail), tc.condition, to)
			}
		})
	}
}

// TestRecord compares with the record in AWS's documentation, member by member and in its order.
func TestRecord(t *testing.T) {
	ref := lambda.Reference{Partition: "aws", Name: "my-function"}
	by := policy{identity: lambda.Identity{Region: "us-east-2", Account: "123456789012"}}
	now := time.Date(2019, 11, 14, 18, 16, 5, 568e6, time.UTC)
	cases := map[string]struct {
		p      pending
		result *lambda.Result
		cond   string
		want   string
	}{
		"Exhausted": {
			pending{ID: "e4b46cbf", Function: ref, Attempts: 2, body: []byte(`{"ORDER_IDS":["9e07af03"]}`)},
			&lambda.Result{ExecutedVersion: "$LATEST", FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"x"}`)}, conditionExhausted,
			`{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"e4b46cbf",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},` +
				`"requestPayload":{"ORDER_IDS":["9e07af03"]},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
				`"responsePayload":{"errorMessage":"x"}}`,
		},
		"NeverRan": {
			pending{ID: "i", Function: lambda.Reference{Name: "f", Qualifier: "live"}}, nil, conditionAge,
			`{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"i",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:f:live","condition":"EventAgeExceeded","approximateInvokeCount":0},"requestPayload":{}}`,
		},
		"NoJSON": {
			pending{ID: "i", Function: lambda.Reference{Name: "f"}, body: []byte("plain")},
			&lambda.Result{ExecutedVersion: "1", Payload: []byte("\xff")}, conditionSuccess,
			`{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"i",` +
				`"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:f:$LATEST","condition":"Success","approximateInvokeCount":1},` +
				`"requestPayload":"plain","responseContext":{"statusCode":200,"executedVersion":"1"},"responsePayload":"` + "\uFFFD" + `"}`,
		},
	}
	for name, tc := range cases {
		got, err := json.Marshal(recordOf(tc.p, by, tc.result, tc.cond, now))
		must(t, err)
		if diff := cmp.Diff(tc.want, string(got)); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
	}
}

func TestErrorMessage(t *testing.T) {
	cases := map[string]struct {
		result *lambda.Result
		err    error
		want   string
	}{
		"Function":  {failed(`line one\nline \"two\"`), nil, `line one line "two"`},
		"Long":      {failed(strings.Repeat("x", 5000)), nil, strings.Repeat("x", 1024)},
		"NoJSON":    {&lambda.Result{Payload: []byte("boom"), ErrorType: "Function.Unknown"}, nil, "Function.Unknown"},
		"Service":   {nil, lambda.Errorf(lambda.CodeTooManyRequests, "Rate Exceeded."), "Rate Exceeded."},
		"Injection": {failed(`a\r\nX-Evil: 1`), nil, "a  X-Evil: 1"},
	}
	for name, tc := range cases {
		if got := errorMessage(tc.result, tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// post is what a destination was sent.
type post struct {
	url, body string
	header    http.Header
}

// server answers posts without a network: first with the statuses, then with 200.
type server struct {
	mu       sync.Mutex
	statuses []int
	posts    []post
	times    []time.Time
}

// RoundTrip makes server an http.RoundTripper.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts = append(s.posts, post{r.URL.String(), string(body), r.Header})
	s.times = append(s.times, time.Now())
	status := http.StatusOK
	if len(s.statuses) > 0 {
		status, s.statuses = s.statuses[0], s.statuses[1:]
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

func (s *server) got() []post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]post(nil), s.posts...)
}

// TestRetriesOnTime has a function fail for good, on a clock that can be looked at.
func TestRetriesOnTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var attempts []string
		th := &theater{play: func(_ context.Context, _ *unit, in *lambda.Invocation) (*lambda.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			attempts = append(attempts, fmt.Sprintf("%s at %s", in.ID, time.Since(began).Round(time.Minute)))
			return failed("no"), nil
		}}
		dest := &server{statuses: []int{500, 503}}
		e := opened(t, Config{Transport: dest}, th)
		deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
			s.Async = &v1alpha1.Async{OnFailure: &v1alpha1.Destination{Destination: "https://example.com/failures?key=secret"}}
		})
		in := call(t, "f", `{"n":1}`)
		in.ID = "same-id"
		must(t, e.Enqueue(t.Context(), in))
		eventually(t, func() bool { return e.async.Len() == 0 })
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]string{"same-id at 0s", "same-id at 1m0s", "same-id at 3m0s"}, attempts); diff != "" {
			t.Errorf("attempts\n%s", diff)
		}
		got := dest.got()
		if len(got) != 3 || got[0].body != got[2].body || !strings.Contains(got[0].body, `"condition":"RetriesExhausted"`) {
			t.Fatalf("the destination got %+v; want the record three times, as it failed twice", got)
		}
		if first, second := dest.times[1].Sub(dest.times[0]), dest.times[2].Sub(dest.times[1]); first < time.Second || second < 2*time.Second {
			t.Errorf("the record was tried again after %s and %s; want 1 s and 2 s", first, second)
		}
	})
}

// TestThrottledEventsGetOldOnly holds that throttles use up time, not attempts.
func TestThrottledEventsGetOldOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dest := &server{}
		e := opened(t, Config{Transport: dest}, &theater{})
		age := int32(60)
		fn := deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
			s.Concurrency = &v1alpha1.Concurrency{Reserved: new(int32)}
			to := &v1alpha1.Destination{Destination: "https://example.com/"}
			s.Async = &v1alpha1.Async{MaximumEventAgeInSeconds: &age, OnFailure: to, OnSuccess: to}
		})
		must(t, e.Enqueue(t.Context(), call(t, "f", "1")))
		eventually(t, func() bool { return len(dest.got()) == 1 })
		if got := dest.got()[0].body; !strings.Contains(got, `"condition":"EventAgeExceeded","approximateInvokeCount":0`) {
			t.Errorf("the record is %s", got)
		}
		must(t, e.Enqueue(t.Context(), call(t, "f", "2")))
		time.Sleep(5 * time.Second)
		fn.Spec.Concurrency.Reserved = nil
		fn.ResourceVersion = ""
		must(t, e.Update(t.Context(), fn))
		eventually(t, func() bool { return len(dest.got()) == 2 })
		if got := dest.got()[1].body; !strings.Contains(got, `"condition":"Success","approximateInvokeCount":1`) {
			t.Errorf("the record is %s", got)
		}
	})
}

func TestFunctionDestination(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		ran := map[lambda.Name][]string{}
		e := opened(t, Config{}, &theater{play: func(_ context.Context, u *unit, in *lambda.Invocation) (*lambda.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			ran[u.pod.Function] = append(ran[u.pod.Function], string(in.Payload))
			return &lambda.Result{Payload: []byte(`"ok"`)}, nil
		}})
		deployed(t, e, "target")
		deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
			s.Async = &v1alpha1.Async{OnSuccess: &v1alpha1.Destination{Destination: "arn:aws:lambda:us-east-1:000000000000:function:target"}}
		})
		must(t, e.Enqueue(t.Context(), call(t, "f", `"in"`)))
		eventually(t, func() bool { return e.async.Len() == 0 })
		mu.Lock()
		defer mu.Unlock()
		if len(ran["f"]) != 1 || len(ran["target"]) != 1 || !strings.Contains(ran["target"][0], `"requestPayload":"in"`) {
			t.Errorf("ran %v; want the record of f as target's event", ran)
		}
	})
}

func TestDeletedFunctionsEventsGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := opened(t, Config{}, &theater{play: func(context.Context, *unit, *lambda.Invocation) (*lambda.Result, error) { return failed("x"), nil }})
		fn := deployed(t, e, "f")
		must(t, e.Enqueue(t.Context(), call(t, "f", "1")))
		time.Sleep(10 * time.Second)
		fn.ResourceVersion = ""
		must(t, e.Delete(t.Context(), fn))
		eventually(t, func() bool { return e.async.Len() == 0 })
	})
}

func TestEnqueueRefuses(t *testing.T) {
	e := opened(t, Config{MaxEvents: 1}, &theater{})
	deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) { s.Concurrency = &v1alpha1.Concurrency{Reserved: new(int32)} })
	large := call(t, "f", strings.Repeat("x", lambda.MaxAsyncPayload+1))
	wantCode(t, "too large", e.Enqueue(t.Context(), large), lambda.CodeRequestTooLarge)
	wantCode(t, "no function", e.Enqueue(t.Context(), call(t, "g", "1")), lambda.CodeResourceNotFound)
	wantCode(t, "no version", e.Enqueue(t.Context(), call(t, "f:1", "1")), lambda.CodeResourceNotFound)
	wantCode(t, "other region", e.Enqueue(t.Context(), call(t, "arn:aws:lambda:eu-west-1:000000000000:function:f", "1")), lambda.CodeResourceNotFound)
	must(t, e.Enqueue(t.Context(), call(t, "f", "1")))
	wantCode(t, "a full queue", e.Enqueue(t.Context(), call(t, "f", "1")), lambda.CodeTooManyRequests)
}

// TestInterruptedEventRunsAgain cuts an event short by Close, which must not count as an attempt.
func TestInterruptedEventRunsAgain(t *testing.T) {
	dir := t.TempDir()
	started := make(chan struct{})
	e := opened(t, Config{DataDir: dir}, &theater{play: func(ctx context.Context, _ *unit, _ *lambda.Invocation) (*lambda.Result, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	deployed(t, e, "f")
	in := call(t, "f", `"payload"`)
	in.ID, in.ClientContext, in.Trace, in.TenantID = "id", `{"a":1}`, "Root=1-5759e988-bd862e3fe1be46a994272793", "tenant"
	must(t, e.Enqueue(t.Context(), in))
	<-started
	now, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, e.Close(now))

	ran := make(chan *lambda.Invocation, 1)
	opened(t, Config{DataDir: dir}, &theater{play: func(_ context.Context, _ *unit, in *lambda.Invocation) (*lambda.Result, error) {
		ran <- in
		return &lambda.Result{}, nil
	}})
	if diff := cmp.Diff(in, <-ran); diff != "" {
		t.Errorf("after the next Open the very same event must run\n%s", diff)
	}
}

func FuzzDecodePending(f *testing.F) {
	it, err := pending{ID: "i", Function: lambda.Reference{Name: "f"}, body: []byte("body")}.item(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(it.Body)
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte("\x02{}rest"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePending(data)
		if err != nil {
			return
		}
		it, err := p.item(time.Now())
		if err != nil {
			return // a time that JSON does not take
		}
		again, err := decodePending(it.Body)
		if err != nil || !bytes.Equal(again.body, p.body) || again.ID != p.ID {
			t.Errorf("%+v comes back as %+v, %v", p, again, err)
		}
	})
}
