package invoke

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

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
