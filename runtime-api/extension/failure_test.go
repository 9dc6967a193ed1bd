package extension

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReports(t *testing.T) {
	const body = `{"errorMessage":"no config","errorType":"X","stackTrace":[]}`
	initError := func(kind, body string) func(*Registry, string) error {
		return func(r *Registry, id string) error { return r.InitError(id, kind, []byte(body)) }
	}
	exitError := func(kind, body string) func(*Registry, string) error {
		return func(r *Registry, id string) error { return r.ExitError(id, kind, []byte(body)) }
	}
	cases := map[string]struct {
		reason  string
		report  func(*Registry, string) error
		want    *Failure
		refused string
	}{
		"Init": {
			reason: "the extension's own words reach the function's owner",
			report: initError("Extension.ConfigInvalid", body),
			want:   &Failure{"ext", "Extension.ConfigInvalid", "no config"},
		},
		"InitForeignType": {
			reason: "a type outside of the pattern becomes the general one",
			report: initError("my error", body),
			want:   &Failure{"ext", FailureInit, "no config"},
		},
		"ExitNoBody": {
			reason: "a report without a readable body says its type",
			report: exitError("Extension.Bye", "not json"),
			want:   &Failure{"ext", "Extension.Bye", "Extension.Bye"},
		},
		"ExitForeignType": {
			reason: "types are matched as a whole",
			report: exitError("xExtension.Bye", "{}"),
			want:   &Failure{"ext", FailureExit, FailureExit},
		},
		"ExitLongMessage": {
			reason: "messages are cut at 1 KiB, between characters",
			report: exitError("Extension.Bye", `{"errorMessage":"x`+strings.Repeat("é", 1000)+`"}`),
			want:   &Failure{"ext", "Extension.Bye", "x" + strings.Repeat("é", 511)},
		},
		"NoType": {
			reason:  "the type header is required",
			report:  initError("", body),
			refused: "Extension.MissingHeader: Lambda-Extension-Function-Error-Type not found",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := NewRegistry(info, []string{"ext"})
			id := register(t, r, "ext")
			err := tc.report(r, id)
			if diff := cmp.Diff(tc.want, r.Err()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.refused == "" && err != nil || tc.refused != "" && (err == nil || err.Error() != tc.refused) {
				t.Errorf("%s: got error %v, want %q", tc.reason, err, tc.refused)
			}
			if isOpen(r.Failed()) != (tc.want != nil) {
				t.Errorf("%s: Failed does not agree with Err", tc.reason)
			}
		})
	}
}

func TestReportsInWrongState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(info, []string{"ext"})
		id := register(t, r, "ext", "INVOKE")
		waiting := next(t.Context(), r, id)
		synctest.Wait()
		transition := func(from, to string) string {
			return "Extension.InvalidExtensionState: State transition from " + from + " to " + to +
				" failed for extension " + id + ". Error: State transition is not allowed"
		}
		if err := r.InitError(id, "Extension.Late", nil); err == nil || err.Error() != transition("Ready", "InitError") {
			t.Errorf("init/error after init: %v", err)
		}
		if err := r.ExitError(id, "Extension.First", nil); err != nil {
			t.Errorf("exit/error while waiting: %v", err)
		}
		if o := <-waiting; o.err == nil || o.err.Error() != transition("ExitError", "Ready") {
			t.Errorf("the call that waited: %v", o.err)
		}
		if err := r.ExitError(id, "Extension.Second", nil); err != nil {
			t.Errorf("a repeated report is accepted: %v", err)
		}
		if got := r.Err().Type; got != "Extension.First" {
			t.Errorf("got %q; the first report counts", got)
		}
		if _, err := r.Next(t.Context(), id); err == nil || err.Error() != transition("ExitError", "Ready") {
			t.Errorf("event/next after exit/error: %v", err)
		}
		r.Crashed("ext", "exit status 0")
		if err := r.ExitError(id, "Extension.Third", nil); err == nil || err.Error() != transition("Exited", "Exited") {
			t.Errorf("exit/error after the exit: %v", err)
		}
	})
}

func TestProcessEnds(t *testing.T) {
	cases := map[string]struct {
		reason string
		do     func(*Registry)
		want   *Failure
		state  State
	}{
		"Crash": {
			reason: "an exit at any time before Shutdown is fatal, even with status 0",
			do:     func(r *Registry) { r.Crashed("ext", "exit status 0") },
			want:   &Failure{"ext", FailureCrash, "exit status 0"},
			state:  StateExited,
		},
		"Launch": {
			reason: "a file that cannot be started fails init",
			do:     func(r *Registry) { r.LaunchFailed("ext", "permission denied") },
			want:   &Failure{"ext", FailureLaunch, "permission denied"},
			state:  StateLaunchError,
		},
		"AfterShutdown": {
			reason: "after SHUTDOWN an exit is what was asked for",
			do: func(r *Registry) {
				r.Shutdown(ReasonSpindown, time.UnixMilli(42))
				r.Crashed("ext", "signal: killed")
			},
			state: StateExited,
		},
		"Stranger": {
			reason: "processes that are no extension are not ours to judge",
			do:     func(r *Registry) { r.Crashed("other", "exit status 1") },
			state:  StateStarted,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := NewRegistry(info, []string{"ext"})
			tc.do(r)
			if diff := cmp.Diff(tc.want, r.Err()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			got := r.External()[0]
			want := Extension{Name: "ext", External: true, State: tc.state, Events: []string{}}
			if tc.want != nil {
				want.ErrorType = tc.want.Type
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// A crash opens neither Registered nor Ready: the owner must look at Failed.
func TestFailureKeepsGatesShut(t *testing.T) {
	r := NewRegistry(info, []string{"ext"})
	r.Crashed("ext", "exit status 1")
	r.CloseRegistration()
	if isOpen(r.Registered()) || isOpen(r.Ready()) {
		t.Error("an environment without its extension went on")
	}
	if _, _, err := r.Register("ext", nil, false); !errors.Is(err, &Error{Type: "Extension.InvalidExtensionState"}) {
		t.Errorf("Register of a dead extension: %v", err)
	}
	if names := r.ShutdownSubscribers(); len(names) != 0 {
		t.Errorf("dead extensions get no SHUTDOWN: %q", names)
	}
}
