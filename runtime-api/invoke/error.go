package invoke

// Error is a refusal of the Runtime API as the runtime gets it.
type Error struct {
	// Status is the HTTP status that the API defines for it.
	Status int
	// Type is the errorType member.
	Type string
	// Message is the errorMessage member.
	Message string
}

// Error gives type and message.
func (e *Error) Error() string { return e.Type + ": " + e.Message }
