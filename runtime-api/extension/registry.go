package extension

import (
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxNameBytes is the longest file name, and so the longest name of an external extension.
const maxNameBytes = 255

// Registry is the state of all extensions of one incarnation of an environment. It is safe for concurrent use. After
// a reset of the environment a new one takes its place, so a crashed extension leaves nothing behind.
type Registry struct {
	info Info

	mu         sync.Mutex
	order      []*member // in order of appearance
	invokers   []*member // those that subscribed to INVOKE
	closed     bool      // no more registrations
	stopping   bool      // SHUTDOWN was given: exits are expected
	failure    *Failure
	registered gate
	ready      gate
	failed     gate
	idle       gate // of the running invocation
}

// member is one extension; the Registry's lock guards it.
type member struct {
	id        string
	name      string
	external  bool
	state     State
	everReady bool
	errorType string

	invoke, shutdown bool   // subscriptions
	event            *Event // waits to be fetched; the newest wins, SHUTDOWN over INVOKE
	busy             bool   // has or will get an INVOKE whose end it has not yet told by event/next
	poll             *gate  // the call of event/next that waits; open means: come and see
}

// gate is a channel that closes once; the Registry's lock guards it.
type gate struct {
	ch     chan struct{}
	closed bool
}

func newGate() gate { return gate{ch: make(chan struct{})} }

func (g *gate) open() {
	if !g.closed {
		g.closed = true
		close(g.ch)
	}
}

// NewRegistry makes the Registry of an environment that will start the given external extensions, named by the
// base names of their files. More than ten of them, or a name twice, fail the environment at once.
func NewRegistry(info Info, external []string) *Registry {
	r := &Registry{info: info, registered: newGate(), ready: newGate(), failed: newGate(), idle: newGate()}
	r.idle.open()
	for _, name := range external {
		if r.byName(name) != nil {
			r.fail(&Failure{Extension: name, Type: FailureLaunch, Message: "Extension with this name already registered"})
			continue
		}
		r.order = append(r.order, &member{id: uuid.NewString(), name: name, external: true, state: StateStarted})
	}
	if len(r.order) > lambda.MaxExtensions {
		r.fail(&Failure{Extension: r.order[lambda.MaxExtensions].name, Type: FailureLaunch, Message: limitReached()})
	}
	r.settle()
	return r
}

func limitReached() string { return fmt.Sprintf("Extension limit (%d) reached", lambda.MaxExtensions) }

// Register takes an extension in and gives it its identifier. A name that NewRegistry did not know is an internal
// extension. The error is an [*Error].
func (r *Registry) Register(name string, events []string, acceptAccountID bool) (string, Registration, error) {
	if name == "" {
		return "", Registration{}, refused("Extension.InvalidExtensionName", "Empty extension name")
	}
	if len(name) > maxNameBytes {
		return "", Registration{}, refused("Extension.InvalidExtensionName", "Extension name is too long")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.byName(name)
	if err := r.checkEvents(m == nil || !m.external, events); err != nil {
		return "", Registration{}, err
	}
	m, err := r.admit(m, name)
	if err != nil {
		return "", Registration{}, err
	}
	m.state = StateRegistered
	m.invoke = slices.Contains(events, EventInvoke)
	m.shutdown = slices.Contains(events, EventShutdown)
	if m.invoke {
		r.invokers = append(r.invokers, m)
	}
	r.settle()
	reply := Registration{FunctionName: r.info.FunctionName, FunctionVersion: r.info.FunctionVersion, Handler: r.info.Handler}
	if acceptAccountID {
		reply.AccountID = r.info.AccountID
	}
	return m.id, reply, nil
}

// checkEvents refuses subscriptions that cannot be.
func (r *Registry) checkEvents(internal bool, events []string) error {
	for _, e := range events {
		reason := ""
		switch {
		case e == EventShutdown && internal:
			reason = "ShutdownEventNotSupportedForInternalExtension"
		case e == EventInvoke && r.info.MultiConcurrency, e != EventInvoke && e != EventShutdown:
			reason = "ErrorInvalidEventType"
		}
		if reason != "" {
			return refused("Extension.InvalidEventType", clip(e)+": "+reason)
		}
	}
	return nil
}

// admit gives the member that registers under name: m if the name is known, else a new internal one.
func (r *Registry) admit(m *member, name string) (*member, error) {
	switch {
	case m != nil && m.external && m.state != StateStarted:
		return nil, notAllowed(m.state, StateRegistered, name)
	case r.closed:
		return nil, refused("Extension.RegistrationClosed", "Extension registration closed already")
	case m != nil && m.external:
		return m, nil
	case len(r.order) >= lambda.MaxExtensions:
		return nil, refused("Extension.TooManyExtensions", limitReached())
	case m != nil:
		return nil, refused("Extension.InvalidExtensionState", "Extension with this name already registered")
	}
	m = &member{id: uuid.NewString(), name: name, state: StateStarted}
	r.order = append(r.order, m)
	return m, nil
}

func notAllowed(from, to State, who string) *Error {
	return refused("Extension.InvalidExtensionState",
		fmt.Sprintf("State transition from %s to %s failed for extension %s. Error: State transition is not allowed", from, to, who))
}

// Name gives the name behind an identifier, or the [*Error] that a call with this identifier gets.
func (r *Registry) Name(id string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.byID(id)
	if err != nil {
		return "", err
	}
	return m.name, nil
}

// CloseRegistration ends the time in which extensions may register. The owner calls it at the runtime's first next.
func (r *Registry) CloseRegistration() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.settle()
}

// Registered gives a channel that is closed when all external extensions have registered; at once if there are none.
func (r *Registry) Registered() <-chan struct{} { return r.registered.ch }

// Ready gives a channel that is closed when registration is over and all extensions have called event/next once.
func (r *Registry) Ready() <-chan struct{} { return r.ready.ch }

// Failed gives a channel that is closed at the first failure, which [Registry.Err] then tells. The channels of Ready
// and Idle may then stay open for ever.
func (r *Registry) Failed() <-chan struct{} { return r.failed.ch }

// Err gives the first failure, or nil.
func (r *Registry) Err() *Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// HasInternal says whether an internal extension has registered, which gives the runtime a SIGTERM before its end.
func (r *Registry) HasInternal() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.order, func(m *member) bool { return !m.external })
}

// ShutdownSubscribers names the live external extensions that get a SHUTDOWN event; the others get SIGTERM instead.
func (r *Registry) ShutdownSubscribers() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, m := range r.order {
		if m.external && m.shutdown && !m.state.final() {
			names = append(names, m.name)
		}
	}
	return names
}

// Extensions gives all extensions in order of appearance, external ones first.
func (r *Registry) Extensions() []Extension {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Extension, 0, len(r.order))
	for _, m := range r.order {
		list = append(list, m.snapshot())
	}
	return list
}

// External gives the external extensions alone.
func (r *Registry) External() []Extension {
	return slices.DeleteFunc(r.Extensions(), func(e Extension) bool { return !e.External })
}

func (m *member) snapshot() Extension {
	e := Extension{Name: m.name, External: m.external, State: m.state, ErrorType: m.errorType, Events: []string{}}
	if m.invoke {
		e.Events = append(e.Events, EventInvoke)
	}
	if m.shutdown {
		e.Events = append(e.Events, EventShutdown)
	}
	return e
}

// final says whether an extension in this state takes part no more.
func (s State) final() bool {
	return s == StateInitError || s == StateExitError || s == StateLaunchError || s == StateExited
}

// settle opens the gates whose condition holds now.
func (r *Registry) settle() {
	registered, ready := true, r.closed
	for _, m := range r.order {
		if m.external && m.state == StateStarted {
			registered = false
		}
		ready = ready && m.everReady
	}
	if registered && r.failure == nil {
		r.registered.open()
	}
	if registered && ready && r.failure == nil {
		r.ready.open()
	}
	if !slices.ContainsFunc(r.invokers, func(m *member) bool { return m.busy }) {
		r.idle.open()
	}
}

func (r *Registry) byName(name string) *member {
	i := slices.IndexFunc(r.order, func(m *member) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	return r.order[i]
}

func (r *Registry) byID(id string) (*member, error) {
	if id == "" {
		return nil, refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return nil, refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
	}
	known := parsed.String()
	i := slices.IndexFunc(r.order, func(m *member) bool { return m.id == known })
	if i < 0 || r.order[i].state == StateStarted {
		return nil, refused("Extension.UnknownExtensionIdentifier", "Unknown extension "+known)
	}
	return r.order[i], nil
}
