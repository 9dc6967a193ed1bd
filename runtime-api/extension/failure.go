package extension

import (
	"encoding/json"
	"regexp"
	"strings"
)

const maxFailureBytes = 1024 // of what an extension says about its failure

// errorTypeForm is what an extension may call its own failure.
var errorTypeForm = regexp.MustCompile(`^Extension\.[A-Z][a-zA-Z]+$`)

// InitError is an extension's report that it cannot start; it fails the environment. The error is an [*Error].
func (r *Registry) InitError(id, errorType string, body []byte) error {
	return r.giveUp(id, StateInitError, errorType, body)
}

// ExitError is an extension's report that it cannot go on; it fails the environment. The error is an [*Error].
func (r *Registry) ExitError(id, errorType string, body []byte) error {
	return r.giveUp(id, StateExitError, errorType, body)
}

func (r *Registry) giveUp(id string, to State, errorType string, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.byID(id)
	if err != nil {
		return err
	}
	if errorType == "" {
		return refused("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
	}
	if m.state == to {
		return nil // said before; the first report counts
	}
	alive := m.state == StateRegistered
	if to == StateExitError {
		alive = alive || m.state == StateReady || m.state == StateRunning
	}
	if !alive {
		return notAllowed(m.state, refusedAs(to), id)
	}
	kind := reportedType(to, errorType)
	r.end(m, to, &Failure{Extension: m.name, Type: kind, Message: reportedMessage(body, kind)})
	return nil
}

// refusedAs is the state that a refused report names: the API says Exited where it means ExitError.
func refusedAs(to State) State {
	if to == StateExitError {
		return StateExited
	}
	return to
}

// reportedType is the failure's type for records: the extension's own if it is well formed.
func reportedType(to State, errorType string) string {
	if errorTypeForm.MatchString(errorType) && len(errorType) <= maxNameBytes {
		return errorType
	}
	if to == StateInitError {
		return FailureInit
	}
	return FailureExit
}

// reportedMessage is the errorMessage of a report's body, or kind if the body is something else.
func reportedMessage(body []byte, kind string) string {
	var report struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &report) != nil || report.ErrorMessage == "" {
		return kind
	}
	return clip(report.ErrorMessage)
}

// clip bounds what an extension says.
func clip(s string) string {
	if len(s) <= maxFailureBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxFailureBytes], "")
}

// Crashed tells that the process of an external extension has ended, with exit as the text of how ("exit status 1",
// "signal: killed"). Before Shutdown that fails the environment; after it, it is the expected end.
func (r *Registry) Crashed(name, exit string) {
	r.ended(name, StateExited, &Failure{Extension: name, Type: FailureCrash, Message: clip(exit)})
}

// LaunchFailed tells that the process of an external extension could not be started, and why.
func (r *Registry) LaunchFailed(name, why string) {
	r.ended(name, StateLaunchError, &Failure{Extension: name, Type: FailureLaunch, Message: clip(why)})
}

func (r *Registry) ended(name string, to State, f *Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.byName(name)
	if m == nil || !m.external {
		return
	}
	r.end(m, to, f)
}

// end puts m into a state that it never leaves, and fails the environment unless it is on its way out anyway.
func (r *Registry) end(m *member, to State, f *Failure) {
	m.state, m.event = to, nil
	if m.poll != nil {
		m.poll.open()
		m.poll = nil
	}
	if !r.stopping {
		m.errorType = f.Type
		r.fail(f)
	}
	r.settle()
}

// fail keeps the first failure.
func (r *Registry) fail(f *Failure) {
	if r.failure == nil {
		r.failure = f
		r.failed.open()
	}
}
