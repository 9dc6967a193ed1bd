package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/delivery"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func failed(message string) *lambda.Result {
	return &lambda.Result{FunctionError: lambda.Unhandled, ExecutedVersion: "$LATEST", Payload: []byte(`{"errorMessage":"` + message + `"}`)}
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
	deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
		s.Tenancy = &v1alpha1.Tenancy{IsolationMode: v1alpha1.TenantIsolationPerTenant}
	})
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
	again := <-ran
	again.Trace, _, _ = strings.Cut(again.Trace, ";Sampled=0;Lineage=")
	if diff := cmp.Diff(in, again); diff != "" {
		t.Errorf("after the next Open the very same event must run\n%s", diff)
	}
}

// TestOverdueEventIsNotRun has the machine away for longer than the event may wait.
func TestOverdueEventIsNotRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dest := &server{}
		ran := false
		e := opened(t, Config{Transport: dest}, &theater{play: func(context.Context, *unit, *lambda.Invocation) (*lambda.Result, error) {
			ran = true
			return &lambda.Result{}, nil
		}})
		deployed(t, e, "f", func(s *v1alpha1.FunctionSpec) {
			s.Async = &v1alpha1.Async{OnFailure: &v1alpha1.Destination{Destination: "https://example.com/"}}
		})
		it, err := item(delivery.Of(call(t, "f", "1"), time.Now().Add(-7*time.Hour)), time.Now())
		must(t, err)
		must(t, e.async.Put(it))
		eventually(t, func() bool { return e.async.Len() == 0 })
		if got := dest.got(); ran || len(got) != 1 || !strings.Contains(got[0].body, `"condition":"EventAgeExceeded"`) {
			t.Errorf("ran %v and sent %+v; want an unrun event's record", ran, got)
		}
	})
}

func FuzzDecodeItem(f *testing.F) {
	it, err := item(delivery.Event{ID: "i", Function: lambda.Reference{Name: "f"}, Body: []byte("body")}, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(it.Body)
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte("\x02{}rest"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := decodeItem(data)
		if err != nil {
			return
		}
		it, err := item(ev, time.Now())
		if err != nil {
			return // a time that JSON does not take
		}
		again, err := decodeItem(it.Body)
		if err != nil || !bytes.Equal(again.Body, ev.Body) || again.ID != ev.ID {
			t.Errorf("%+v comes back as %+v, %v", ev, again, err)
		}
	})
}
