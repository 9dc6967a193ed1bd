package extension

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var info = Info{FunctionName: "hello", FunctionVersion: "$LATEST", Handler: "index.handler", AccountID: "123456789012"}

// isOpen says whether a gate has opened.
func isOpen(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func register(t *testing.T, r *Registry, name string, events ...string) string {
	t.Helper()
	id, _, err := r.Register(name, events, false)
	if err != nil {
		t.Fatalf("Register(%q): %v", name, err)
	}
	return id
}

func TestRegisterRefusals(t *testing.T) {
	const state = "Extension.InvalidExtensionState"
	cases := map[string]struct {
		reason string
		multi  bool
		before func(*testing.T, *Registry)
		name   string
		events []string
		want   *Error
	}{
		"EmptyName": {
			reason: "an extension without a name cannot be told apart",
			want:   &Error{403, "Extension.InvalidExtensionName", "Empty extension name"},
		},
		"LongName": {
			reason: "names are bounded by what a file name may be",
			name:   strings.Repeat("x", 256),
			want:   &Error{403, "Extension.InvalidExtensionName", "Extension name is too long"},
		},
		"UnknownEvent": {
			reason: "only INVOKE and SHUTDOWN exist",
			name:   "ext", events: []string{"INVOKE", "FOO"},
			want: &Error{403, "Extension.InvalidEventType", "FOO: ErrorInvalidEventType"},
		},
		"InternalShutdown": {
			reason: "an internal extension dies with its runtime and gets no SHUTDOWN",
			name:   "inside", events: []string{"SHUTDOWN"},
			want: &Error{403, "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"},
		},
		"MultiConcurrencyInvoke": {
			reason: "INVOKE is meaningless where invocations overlap",
			multi:  true, name: "ext", events: []string{"INVOKE"},
			want: &Error{403, "Extension.InvalidEventType", "INVOKE: ErrorInvalidEventType"},
		},
		"ExternalTwice": {
			reason: "an external extension registers once",
			before: func(t *testing.T, r *Registry) { register(t, r, "ext") },
			name:   "ext",
			want: &Error{403, state, "State transition from Registered to Registered failed for extension ext. " +
				"Error: State transition is not allowed"},
		},
		"InternalTwice": {
			reason: "names are unique",
			before: func(t *testing.T, r *Registry) { register(t, r, "inside") },
			name:   "inside",
			want:   &Error{403, state, "Extension with this name already registered"},
		},
		"Limit": {
			reason: "one external and nine internal ones make ten",
			before: func(t *testing.T, r *Registry) {
				for i := range 9 {
					register(t, r, fmt.Sprint("inside", i))
				}
			},
			name: "eleventh",
			want: &Error{403, "Extension.TooManyExtensions", "Extension limit (10) reached"},
		},
		"Closed": {
			reason: "after the runtime's first next nobody may register",
			before: func(_ *testing.T, r *Registry) { r.CloseRegistration() },
			name:   "late",
			want:   &Error{403, "Extension.RegistrationClosed", "Extension registration closed already"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := info
			in.MultiConcurrency = tc.multi
			r := NewRegistry(in, []string{"ext"})
			if tc.before != nil {
				tc.before(t, r)
			}
			before := r.Extensions()
			_, _, err := r.Register(tc.name, tc.events, false)
			got := new(Error)
			if !errors.As(err, &got) {
				t.Fatalf("%s: got %v, want an *Error", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, r.Extensions()); diff != "" {
				t.Errorf("a refused registration changed the registry: %s", diff)
			}
		})
	}
}

func TestRegisterReply(t *testing.T) {
	r := NewRegistry(info, []string{"ext"})
	_, reply, err := r.Register("ext", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	want := Registration{FunctionName: "hello", FunctionVersion: "$LATEST", Handler: "index.handler"}
	if diff := cmp.Diff(want, reply); diff != "" {
		t.Errorf("without the accountId feature: %s", diff)
	}
	_, reply, err = r.Register("inside", []string{"INVOKE", "INVOKE"}, true)
	if err != nil {
		t.Fatal(err)
	}
	want.AccountID = "123456789012"
	if diff := cmp.Diff(want, reply); diff != "" {
		t.Errorf("with the accountId feature: %s", diff)
	}
}

func TestRegisteredGate(t *testing.T) {
	if r := NewRegistry(info, nil); !isOpen(r.Registered()) {
		t.Error("without external extensions nobody is waited for")
	}
	r := NewRegistry(info, []string{"a", "b"})
	register(t, r, "a")
	register(t, r, "inside")
	if isOpen(r.Registered()) {
		t.Error("b has not registered yet, and an internal one does not count for it")
	}
	register(t, r, "b")
	if !isOpen(r.Registered()) {
		t.Error("all external extensions have registered")
	}
}

func TestTooManyOrDoubleExternal(t *testing.T) {
	cases := map[string]struct {
		external []string
		want     *Failure
	}{
		"Eleven": {
			external: strings.Fields("a b c d e f g h i j k"),
			want:     &Failure{"k", FailureLaunch, "Extension limit (10) reached"},
		},
		"Twice": {
			external: []string{"a", "a"},
			want:     &Failure{"a", FailureLaunch, "Extension with this name already registered"},
		},
		"Ten": {external: strings.Fields("a b c d e f g h i j")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := NewRegistry(info, tc.external)
			if diff := cmp.Diff(tc.want, r.Err()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if isOpen(r.Failed()) != (tc.want != nil) {
				t.Error("Failed does not agree with Err")
			}
		})
	}
}

func TestIdentifiers(t *testing.T) {
	r := NewRegistry(info, []string{"ext"})
	id := register(t, r, "ext")
	const stranger = "00000000-0000-4000-8000-000000000000"
	cases := map[string]struct {
		reason string
		id     string
		want   *Error
	}{
		"Missing": {
			reason: "every call but register names the extension",
			want:   &Error{403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		},
		"Malformed": {
			reason: "an identifier is a UUID", id: "ext",
			want: &Error{403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		},
		"Unknown": {
			reason: "an identifier of another incarnation is not known", id: stranger,
			want: &Error{403, "Extension.UnknownExtensionIdentifier", "Unknown extension " + stranger},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			calls := map[string]func() error{
				"Name":      func() error { _, err := r.Name(tc.id); return err },
				"Next":      func() error { _, err := r.Next(t.Context(), tc.id); return err },
				"InitError": func() error { return r.InitError(tc.id, "Extension.Foo", nil) },
				"ExitError": func() error { return r.ExitError(tc.id, "Extension.Foo", nil) },
			}
			for call, do := range calls {
				got := new(Error)
				if !errors.As(do(), &got) {
					t.Fatalf("%s: no *Error", call)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s: %s: -want +got:\n%s", call, tc.reason, diff)
				}
			}
		})
	}
	if name, err := r.Name(strings.ToUpper(id)); err != nil || name != "ext" {
		t.Errorf("Name(upper case of a known identifier) = %q, %v; UUIDs have no case", name, err)
	}
}

// A started external extension has an identifier inside, which nobody was told; it opens nothing.
func TestIdentifierBeforeRegistration(t *testing.T) {
	r := NewRegistry(info, []string{"ext"})
	if _, err := r.Name(r.order[0].id); !errors.Is(err, &Error{Type: "Extension.UnknownExtensionIdentifier"}) {
		t.Errorf("got %v", err)
	}
}

func TestSnapshots(t *testing.T) {
	r := NewRegistry(info, []string{"b", "a"})
	register(t, r, "a", "SHUTDOWN", "INVOKE")
	if r.HasInternal() {
		t.Error("no internal extension yet")
	}
	register(t, r, "inside", "INVOKE")
	want := []Extension{
		{Name: "b", External: true, State: StateStarted, Events: []string{}},
		{Name: "a", External: true, State: StateRegistered, Events: []string{"INVOKE", "SHUTDOWN"}},
		{Name: "inside", State: StateRegistered, Events: []string{"INVOKE"}},
	}
	if diff := cmp.Diff(want, r.Extensions()); diff != "" {
		t.Errorf("Extensions: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want[:2], r.External()); diff != "" {
		t.Errorf("External: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a"}, r.ShutdownSubscribers()); diff != "" {
		t.Errorf("ShutdownSubscribers: -want +got:\n%s", diff)
	}
	if !r.HasInternal() {
		t.Error("inside is internal")
	}
}

func TestFailureTexts(t *testing.T) {
	f := &Failure{"ext", FailureCrash, "exit status 1"}
	if got, want := f.Error(), "Extension.Crash: ext: exit status 1"; got != want {
		t.Errorf("Failure: got %q, want %q", got, want)
	}
	e := &Error{403, "T", "m"}
	if got, want := e.Error(), "T: m"; got != want {
		t.Errorf("Error: got %q, want %q", got, want)
	}
	if errors.Is(e, errors.New("T: m")) || errors.Is(e, &Error{Type: "U"}) {
		t.Error("an Error equals Errors of its own type only")
	}
}

// A deadline far ahead, for events whose deadline does not matter.
func someInvocation(id string) Invocation {
	return Invocation{RequestID: id, FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:hello", Deadline: time.UnixMilli(1700000000123)}
}
