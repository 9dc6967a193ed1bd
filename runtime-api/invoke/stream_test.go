package invoke

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

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
