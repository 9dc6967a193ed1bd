package invoke

import (
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// errNoSnapStart is the reply to a restore call of a function without SnapStart: the path does not exist.
func errNoSnapStart() *Error { return &Error{Status: 404} }

// InitError takes the runtime's report that its init failed. The reported body becomes the payload of the invocations
// that this init was for.
func (s *Session) InitError(a Answer) error {
	f, err := s.initFailure(a)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case stateStarted:
		s.failInit(stateInitError, f)
	case stateRestoring:
		s.failInit(stateRestoreError, f)
	default:
		return s.refuse(stateInitError)
	}
	return nil
}

// RestoreNext releases a SnapStart runtime from its wait for the restore. There is no snapshot here, so the restore
// follows at once.
func (s *Session) RestoreNext() error {
	if !s.opts.SnapStart {
		return errNoSnapStart()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateStarted {
		return s.refuse(stateRestoreReady)
	}
	s.state = stateRestoring
	return nil
}

// RestoreError takes the runtime's report that its after-restore hooks failed.
func (s *Session) RestoreError(a Answer) error {
	if !s.opts.SnapStart {
		return errNoSnapStart()
	}
	f, err := s.initFailure(a)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateRestoring {
		return s.refuse(stateRestoreError)
	}
	s.failInit(stateRestoreError, f)
	return nil
}

// initFailure reads the report. It holds no lock: a report that never ends must not keep the session from being ended.
func (s *Session) initFailure(a Answer) (*Failure, error) {
	body, err := s.queue.read(a, lambda.MaxResponsePayload)
	if err != nil {
		return nil, errTruncated()
	}
	f := &Failure{Type: initErrorType(a.ErrorType), Message: "Runtime failed to initialize"}
	if len(body) > 0 {
		f.Payload, _ = withoutCause(body, a.ContentType)
	}
	return f, nil
}

// failInit records the failure; the caller holds the lock.
func (s *Session) failInit(to state, f *Failure) {
	s.state = to
	s.init.failure = f
	select {
	case <-s.init.done:
	default:
		close(s.init.done)
	}
}

// initErrorType is the type under which a failed init is reported. Some runtimes send only the name of an exception
// class, which is kept because it is all there is.
func initErrorType(header string) string {
	if header == "" {
		return TypeUnknown
	}
	return header
}
