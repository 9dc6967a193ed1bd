// Package examine looks at a cluster for everything that Lambkin and its user need there, and says of each thing what it
// found and how to get what is missing.
package examine

// Finding is what one check found.
type Finding struct {
	What   string `json:"what"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	// WayOut says what to do about it; empty if there is nothing to do.
	WayOut string `json:"wayOut,omitempty"`
}

// Found makes a finding; wayOut may be empty.
func Found(what string, state State, detail, wayOut string) Finding {
	return Finding{What: what, State: state, Detail: detail, WayOut: wayOut}
}

// State says how good a finding is. Only Broken is a failure.
type State string

// The states.
const (
	Fine    State = "ok"
	Missing State = "missing" // something works less well, or not at all, without it
	Differs State = "differs" // something works, but not as its name says
	Broken  State = "broken"
)

// Mark is the state as one sign.
func (s State) Mark() string {
	switch s {
	case Fine:
		return "✓"
	case Broken:
		return "✗"
	default:
		return "!"
	}
}

// Failed reports whether any finding is a failure.
func Failed(all []Finding) bool {
	for _, f := range all {
		if f.State == Broken {
			return true
		}
	}
	return false
}
