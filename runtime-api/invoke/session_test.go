package invoke

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func here() bool { return true }
func gone() bool { return false }

func answer(body string) Answer {
	return Answer{Body: strings.NewReader(body), Size: int64(len(body))}
}

// session is a session with its queue, and an invocation that has been submitted to it and taken by its runtime.
type fixture struct {
	*testing.T
	q *Queue
	s *Session
}

func newFixture(t *testing.T, opts Options) *fixture {
	t.Helper()
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	q := NewQueue(10)
	f := &fixture{T: t, q: q, s: NewSession(q, opts)}
	t.Cleanup(func() { f.s.End(Exited("", false)) })
	return f
}

func (f *fixture) submit(id string) *Task {
	f.Helper()
	t, _, err := f.q.Submit(context.Background(), &lambda.Invocation{ID: id})
	if err != nil {
		f.Fatal(err)
	}
	return t
}

func (f *fixture) next() *Task {
	f.Helper()
	t, err := f.s.Next(f.Context(), here)
	if err != nil {
		f.Fatal(err)
	}
	return t
}

func (f *fixture) running(id string) *Task {
	f.Helper()
	t := f.submit(id)
	if got := f.next(); got != t {
		f.Fatalf("next gave %q, want %q", got.In.ID, id)
	}
	return t
}

func wantRefusal(t *testing.T, err error, status int, typ string) {
	t.Helper()
	refusal := new(Error)
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want a refusal with %d %s", err, status, typ)
	}
	if refusal.Status != status || refusal.Type != typ {
		t.Errorf("refused with %d %s (%s), want %d %s", refusal.Status, refusal.Type, refusal.Message, status, typ)
	}
}

func wantResult(t *testing.T, task *Task, want lambda.Result) {
	t.Helper()
	select {
	case <-task.Done():
	case <-time.After(time.Minute):
		t.Fatal("the task has no outcome")
	}
	got := *task.Result()
	got.Duration = 0
	if len(want.Payload) > 1<<20 && bytes.Equal(want.Payload, got.Payload) {
		want.Payload, got.Payload = nil, nil // cmp takes long for equal megabytes
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestAnswers(t *testing.T) {
	mode := func(s string) *string { return &s }
	big := strings.Repeat("x", lambda.MaxResponsePayload+1)
	tooLargeBody := []byte(`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`)
	cases := map[string]struct {
		reason string
		call   func(*Session) error
		status int // of the refusal; 0 for none
		typ    string
		want   lambda.Result
	}{
		"Response": {
			reason: "the body is the payload, byte for byte",
			call:   func(s *Session) error { return s.Respond("a", answer("\x00\xff not JSON")) },
			want:   lambda.Result{Payload: []byte("\x00\xff not JSON")},
		},
		"EmptyResponse": {
			reason: "shell bootstraps may answer nothing",
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			want:   lambda.Result{Payload: []byte{}},
		},
		"ChunkedResponse": {
			reason: "Go's client never declares a size",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: strings.NewReader(`"hi"`), Size: -1, ContentType: "application/json"})
			},
			want: lambda.Result{Payload: []byte(`"hi"`), ContentType: "application/json"},
		},
		"LargestResponse": {
			reason: "the limit is inclusive",
			call:   func(s *Session) error { return s.Respond("a", answer(big[1:])) },
			want:   lambda.Result{Payload: []byte(big[1:])},
		},
		"TooLarge": {
			reason: "runtime and caller each get their error",
			call:   func(s *Session) error { return s.Respond("a", answer(big)) },
			status: 413, typ: "RequestEntityTooLarge",
			want: lambda.Result{Payload: tooLargeBody, FunctionError: "Unhandled", ErrorType: TypeTooLarge},
		},
		"TooLargeChunked": {
			reason: "the size is only known in the end",
			call:   func(s *Session) error { return s.Respond("a", Answer{Body: strings.NewReader(big), Size: -1}) },
			status: 413, typ: "RequestEntityTooLarge",
			want: lambda.Result{Payload: tooLargeBody, FunctionError: "Unhandled", ErrorType: TypeTooLarge},
		},
		"Truncated": {
			reason: "half an answer is none",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: io.MultiReader(strings.NewReader("ha"), broken{}), Size: -1})
			},
			status: 400, typ: "TruncatedHTTPRequest",
			want: lambda.Result{FunctionError: "Unhandled", ErrorType: TypeTruncatedResponse,
				Payload: []byte(`{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: a Error: Response was cut off"}`)},
		},
		"ShorterThanDeclared": {
			reason: "a connection that closes early is a cut, whatever the reader calls it",
			call:   func(s *Session) error { return s.Respond("a", Answer{Body: strings.NewReader("ha"), Size: 4}) },
			status: 400, typ: "TruncatedHTTPRequest",
			want: lambda.Result{FunctionError: "Unhandled", ErrorType: TypeTruncatedResponse,
				Payload: []byte(`{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: a Error: Response was cut off"}`)},
		},
		"StreamingMode": {
			reason: "a streaming handler under a buffered call gives the concatenated bytes",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: strings.NewReader("abc"), Size: -1, Mode: mode("streaming")})
			},
			want: lambda.Result{Payload: []byte("abc")},
		},
		"InvalidMode": {
			reason: "the header is case-sensitive and knows one value",
			call: func(s *Session) error {
				return s.Respond("a", Answer{Body: strings.NewReader("abc"), Size: 3, Mode: mode("Streaming")})
			},
			status: 400, typ: "InvalidFunctionResponseMode",
			want: lambda.Result{FunctionError: "Unhandled", ErrorType: TypeInvalidMode,
				Payload: []byte(`{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: a Error: Invalid function response mode"}`)},
		},
		"TrailerError": {
			reason: "a failure after the first byte comes in trailers",
			call: func(s *Session) error {
				a := answer("begun")
				a.Trailer = func(name string) string {
					return map[string]string{
						TrailerErrorType: "Function.Oops",
						TrailerErrorBody: base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"oops"}`)),
					}[name]
				}
				return s.Respond("a", a)
			},
			want: lambda.Result{Payload: []byte(`{"errorMessage":"oops"}`), FunctionError: "Unhandled", ErrorType: "Function.Oops"},
		},
		"Error": {
			reason: "the caller gets the body untouched",
			call: func(s *Session) error {
				a := answer("not even JSON")
				a.ErrorType = "Function<ArgumentError>"
				return s.Fail("a", a)
			},
			want: lambda.Result{Payload: []byte("not even JSON"), FunctionError: "Unhandled", ErrorType: "Runtime.Unknown"},
		},
		"ErrorTyped": {
			reason: "a type that the service knows is kept",
			call: func(s *Session) error {
				a := answer("{}")
				a.ErrorType = "Runtime.UserException"
				return s.Fail("a", a)
			},
			want: lambda.Result{Payload: []byte("{}"), FunctionError: "Unhandled", ErrorType: "Runtime.UserException"},
		},
		"ErrorWithCause": {
			reason: "the cause is for the trace, not for the caller",
			call: func(s *Session) error {
				a := answer(`{"errorMessage":"m","errorType":"t","errorCause":{"secret":1}}`)
				a.ContentType = causeType
				return s.Fail("a", a)
			},
			want: lambda.Result{Payload: []byte(`{"errorMessage":"m","errorType":"t"}`), ContentType: "application/json",
				FunctionError: "Unhandled", ErrorType: "Runtime.Unknown"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			task := f.running("a")
			err := tc.call(f.s)
			if tc.status == 0 && err != nil {
				t.Fatalf("%s: got error %v", tc.reason, err)
			}
			if tc.status != 0 {
				wantRefusal(t, err, tc.status, tc.typ)
			}
			tc.want.RequestID = "a"
			wantResult(t, task, tc.want)
			f.running("b") // the session goes on whatever the answer was
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestOrder(t *testing.T) {
	cases := map[string]struct {
		reason string
		before func(*fixture)
		call   func(*Session) error
		status int
		typ    string
	}{
		"ResponseBeforeNext": {
			reason: "there is no current id, which is looked at first",
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			status: 400, typ: "InvalidRequestID",
		},
		"UnknownID": {
			before: func(f *fixture) { f.running("a") },
			call:   func(s *Session) error { return s.Fail("b", answer("")) },
			status: 400, typ: "InvalidRequestID",
		},
		"SecondResponse": {
			reason: "the id is still known, the state is not right",
			before: func(f *fixture) { f.running("a"); _ = f.s.Respond("a", answer("")) },
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			status: 403, typ: "InvalidStateTransition",
		},
		"ErrorAfterResponse": {
			before: func(f *fixture) { f.running("a"); _ = f.s.Respond("a", answer("")) },
			call:   func(s *Session) error { return s.Fail("a", answer("")) },
			status: 403, typ: "InvalidStateTransition",
		},
		"EarlierID": {
			before: func(f *fixture) { f.running("a"); _ = f.s.Respond("a", answer("")); f.running("b") },
			call:   func(s *Session) error { return s.Respond("a", answer("")) },
			status: 400, typ: "InvalidRequestID",
		},
		"InitErrorWhenRunning": {
			before: func(f *fixture) { f.running("a") },
			call:   func(s *Session) error { return s.InitError(answer("{}")) },
			status: 403, typ: "InvalidStateTransition",
		},
		"NextAfterInitError": {
			before: func(f *fixture) { _ = f.s.InitError(answer("{}")) },
			call:   func(s *Session) error { _, err := s.Next(context.Background(), here); return err },
			status: 403, typ: "InvalidStateTransition",
		},
		"RestoreWithoutSnapStart": {
			reason: "the path does not exist",
			call:   (*Session).RestoreNext,
			status: 404,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			if tc.before != nil {
				tc.before(f)
			}
			wantRefusal(t, tc.call(f.s), tc.status, tc.typ)
		})
	}
}

func TestRefusalNamesStates(t *testing.T) {
	f := newFixture(t, Options{})
	f.running("a")
	_ = f.s.Respond("a", answer(""))
	want := "InvalidStateTransition: State transition from RuntimeResponseSentState to InvocationErrorResponse failed for runtime. " +
		"Error: State transition is not allowed"
	if err := f.s.Fail("a", answer("")); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestNextWhileRunningGivesTheSameEvent(t *testing.T) {
	f := newFixture(t, Options{})
	a := f.running("a")
	f.submit("b")
	if got := f.next(); got != a {
		t.Errorf("got %q, want the event again that the runtime holds", got.In.ID)
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: 3 * time.Second, Hooks: Hooks{Overran: func() { overran++ }}})
		task := f.submit("a")
		time.Sleep(time.Minute) // waiting is not the function's time
		f.next()
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		if task.Result() != nil {
			t.Fatal("ended before its time was up")
		}
		time.Sleep(1)
		wantResult(t, task, lambda.Result{RequestID: "a", FunctionError: "Unhandled", ErrorType: "Sandbox.Timedout",
			Payload: []byte(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: a Error: Task timed out after 3.00 seconds"}`)})
		synctest.Wait()
		if overran != 1 {
			t.Errorf("the owner was told %d times, want once", overran)
		}
		wantRefusal(t, f.s.Respond("a", answer("late")), 410, "InvokeTimeout")
	})
}

func TestClockRunsUntilTheNextRequestForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: 3 * time.Second, Hooks: Hooks{Overran: func() { overran++ }}})
		task := f.running("a")
		_ = f.s.Respond("a", answer("ok"))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if overran != 1 {
			t.Errorf("a runtime that answers and then hangs was reported %d times, want once", overran)
		}
		wantResult(t, task, lambda.Result{RequestID: "a", Payload: []byte("ok")})
	})
}

func TestClockStopsAtTheNextRequestForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{Timeout: 3 * time.Second, Hooks: Hooks{Overran: func() { t.Error("overran") }}})
		f.running("a")
		_ = f.s.Respond("a", answer("ok"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := f.s.Next(ctx, here); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: time.Second, Concurrency: 2, Hooks: Hooks{Overran: func() { overran++ }}})
		a, b, c := f.submit("a"), f.submit("b"), f.submit("c")
		f.next()
		f.next()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if got, err := f.s.Next(ctx, here); err == nil {
			t.Fatalf("a third invocation, %q, was handed out", got.In.ID)
		}
		if err := f.s.Respond("b", answer("B")); err != nil {
			t.Fatal(err)
		}
		wantResult(t, b, lambda.Result{RequestID: "b", Payload: []byte("B")})
		wantRefusal(t, f.s.Respond("b", answer("B")), 400, "InvalidRequestID")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a.Result() == nil || a.Result().ErrorType != TypeTimeout {
			t.Errorf("a ended with %+v, want a timeout", a.Result())
		}
		if overran != 0 {
			t.Error("one late invocation must not end a process that holds others")
		}
		if err := f.s.Respond("a", answer("late")); err != nil {
			t.Errorf("a late answer was refused with %v; clients exit on that", err)
		}
		f.next()
		if err := f.s.Respond("c", answer("C")); err != nil {
			t.Fatal(err)
		}
		wantResult(t, c, lambda.Result{RequestID: "c", Payload: []byte("C")})
	})
}

func TestProcessWithAllSlotsStuckIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overran := 0
		f := newFixture(t, Options{Timeout: time.Second, Concurrency: 2, Hooks: Hooks{Overran: func() { overran++ }}})
		f.running("a")
		f.running("b")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if overran != 1 {
			t.Errorf("reported %d times, want once", overran)
		}
	})
}

func TestEnd(t *testing.T) {
	ended := 0
	f := newFixture(t, Options{Hooks: Hooks{Ended: func(*Task, *lambda.Result) { ended++ }}})
	task := f.running("a")
	f.s.End(Exited("exit status 3", false))
	f.s.End(Exited("", false))
	wantResult(t, task, lambda.Result{RequestID: "a", FunctionError: "Unhandled", ErrorType: "Runtime.ExitError",
		Payload: []byte(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: a Error: Runtime exited with error: exit status 3"}`)})
	if ended != 1 {
		t.Errorf("the task ended %d times", ended)
	}
}

func TestExitTexts(t *testing.T) {
	cases := map[string]struct {
		exit string
		oom  bool
		want string
	}{
		"Zero":   {"", false, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: i Error: Runtime exited without providing a reason"}`},
		"Signal": {"signal: segmentation fault", false, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: i Error: Runtime exited with error: signal: segmentation fault"}`},
		"Memory": {"signal: killed", true, `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: i Error: Runtime exited with error: signal: killed"}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := string(Exited(tc.exit, tc.oom).Result("i").Payload); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestInitError(t *testing.T) {
	f := newFixture(t, Options{})
	a := answer(`{"errorType":"Runtime.ImportModuleError"}`)
	a.ErrorType = "Runtime.ImportModuleError"
	if err := f.s.InitError(a); err != nil {
		t.Fatal(err)
	}
	<-f.s.InitDone()
	got := f.s.InitFailure().Result("i")
	want := &lambda.Result{Payload: []byte(`{"errorType":"Runtime.ImportModuleError"}`), FunctionError: "Unhandled", ErrorType: "Runtime.ImportModuleError"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInitWithinAnInvocation(t *testing.T) {
	f := newFixture(t, Options{})
	task := f.submit("a")
	got, err := f.q.Take(t.Context(), nil, here)
	if err != nil || got != task {
		t.Fatal(err)
	}
	if !f.s.Assign(got) {
		t.Fatal("not assigned")
	}
	if task.Started().IsZero() {
		t.Error("its time must run from the assignment")
	}
	if again := f.next(); again != task {
		t.Errorf("got %q", again.In.ID)
	}
	if err := f.s.Respond("a", answer("ok")); err != nil {
		t.Fatal(err)
	}
	wantResult(t, task, lambda.Result{RequestID: "a", Payload: []byte("ok")})
}

func TestSnapStart(t *testing.T) {
	f := newFixture(t, Options{SnapStart: true})
	if err := f.s.RestoreNext(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, f.s.RestoreNext(), 403, "InvalidStateTransition")
	if err := f.s.InitError(answer("{}")); err != nil {
		t.Errorf("init/error while restoring is an accepted alias, got %v", err)
	}
	wantRefusal(t, f.s.RestoreError(answer("{}")), 403, "InvalidStateTransition")
}

func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		if f.s.Retire() {
			t.Error("a runtime that has not initialized is not idle")
		}
		f.running("a")
		if f.s.Retire() {
			t.Error("a runtime that works is not idle")
		}
		_ = f.s.Respond("a", answer(""))
		polled := make(chan error)
		ctx, hangUp := context.WithCancel(t.Context())
		go func() { _, err := f.s.Next(ctx, here); polled <- err }()
		synctest.Wait()
		if !f.s.Retire() {
			t.Fatal("an idle runtime can be retired")
		}
		synctest.Wait()
		select {
		case err := <-polled:
			t.Fatalf("its poller was disturbed with %v", err)
		default:
		}
		hangUp()
		if err := <-polled; !errors.Is(err, ErrClosed) {
			t.Errorf("its poller got %v", err)
		}
		task := f.submit("b")
		other := NewSession(f.q, Options{Timeout: time.Second})
		defer other.End(Exited("", false))
		if got, err := other.Next(t.Context(), here); err != nil || got != task {
			t.Errorf("the invocation after it went to %v, %v", got, err)
		}
	})
}

func TestUndeliveredGoesBack(t *testing.T) {
	f := newFixture(t, Options{})
	a := f.running("a")
	f.submit("b")
	f.s.Undelivered(a)
	if got := f.next(); got != a {
		t.Errorf("got %q, want the one that could not be delivered, before those that came later", got.In.ID)
	}
}

func TestSecondPollerTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		first, cancel := context.WithCancel(t.Context())
		lost := make(chan error)
		go func() { _, err := f.s.Next(first, here); lost <- err }()
		synctest.Wait()
		won := make(chan *Task)
		go func() { won <- f.next() }()
		synctest.Wait()
		task := f.submit("a")
		if got := <-won; got != task {
			t.Errorf("got %v", got)
		}
		cancel()
		if err := <-lost; !errors.Is(err, ErrClosed) {
			t.Errorf("the first poller got %v", err)
		}
	})
}

// recorder is a caller's stream.
type recorder struct {
	bytes.Buffer
	contentType string
	writes      int
	fail        error
}

func (r *recorder) Start(contentType string) error { r.contentType = contentType; return nil }
func (r *recorder) Write(p []byte) (int, error) {
	r.writes++
	if r.fail != nil {
		return 0, r.fail
	}
	return r.Buffer.Write(p)
}

func (f *fixture) streaming(w lambda.ResponseStream) *Task {
	f.Helper()
	t, _, err := f.q.Submit(context.Background(), &lambda.Invocation{ID: "a", Stream: w})
	if err != nil {
		f.Fatal(err)
	}
	f.next()
	return t
}

func TestStream(t *testing.T) {
	f := newFixture(t, Options{})
	w := &recorder{}
	task := f.streaming(w)
	body, runtime := io.Pipe()
	go func() {
		for _, part := range []string{"one ", "two"} {
			_, _ = runtime.Write([]byte(part))
		}
		_ = runtime.Close()
	}()
	if err := f.s.Respond("a", Answer{ContentType: "text/plain", Body: body, Size: -1}); err != nil {
		t.Fatal(err)
	}
	wantResult(t, task, lambda.Result{RequestID: "a", ContentType: "text/plain"})
	if w.String() != "one two" || w.writes != 2 || w.contentType != "text/plain" {
		t.Errorf("the caller got %q in %d writes as %q", w.String(), w.writes, w.contentType)
	}
}

func TestStreamToABrokenCallerIsReadToItsEnd(t *testing.T) {
	f := newFixture(t, Options{})
	task := f.streaming(&recorder{fail: io.ErrClosedPipe})
	body := strings.NewReader(strings.Repeat("x", 1<<20))
	if err := f.s.Respond("a", Answer{Body: body, Size: -1}); err != nil {
		t.Errorf("the function is not to blame, but got %v", err)
	}
	if body.Len() != 0 {
		t.Errorf("%d bytes were left unread", body.Len())
	}
	wantResult(t, task, lambda.Result{RequestID: "a"})
}

func TestStreamAfterTheCallerLeft(t *testing.T) {
	f := newFixture(t, Options{})
	w := &recorder{}
	task := f.streaming(w)
	task.Leave()
	if err := f.s.Respond("a", answer("unheard")); err != nil {
		t.Fatal(err)
	}
	if w.writes != 0 || w.contentType != "" {
		t.Error("the caller's stream was used after Invoke had returned")
	}
}

func TestStreamLimit(t *testing.T) {
	f := newFixture(t, Options{})
	w := &discard{}
	task := f.streaming(w)
	endless := io.LimitReader(zeros{}, lambda.MaxStreamedResponse+1)
	wantRefusal(t, f.s.Respond("a", Answer{Body: endless, Size: -1}), 413, "RequestEntityTooLarge")
	<-task.Done()
	if r := task.Result(); r.ErrorType != TypeTooLarge || w.n > lambda.MaxStreamedResponse {
		t.Errorf("ended with %q after %d bytes", r.ErrorType, w.n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type discard struct{ n int64 }

func (*discard) Start(string) error { return nil }
func (d *discard) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return len(p), nil
}
