package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// statusError is an answer of a server that was not what was asked for.
type statusError struct {
	code   int
	status string
}

// Error says what the server answered.
func (e *statusError) Error() string { return fmt.Sprintf("the server answers %s", e.status) }

// temporary says that the same could work later although nobody changes anything: a registry, or the server of a source,
// does not answer, or says that it cannot just now. A name that does not exist is taken for a slip of the pen.
func temporary(err error) bool {
	if image.KindOf(err) != "" {
		return image.Temporary(err)
	}
	if unexpected := new(plumbing.UnexpectedError); errors.As(err, &unexpected) { // which has no Unwrap
		return temporary(unexpected.Err)
	}
	answer, gitAnswer := new(statusError), new(githttp.Err)
	switch {
	case errors.As(err, &answer):
		return busy(answer.code)
	case errors.As(err, &gitAnswer):
		return busy(gitAnswer.StatusCode())
	}
	if name := new(net.DNSError); errors.As(err, &name) {
		return !name.IsNotFound
	}
	var network net.Error
	return errors.As(err, new(*net.OpError)) || errors.As(err, &network) && network.Timeout() ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// busy says that a server could not answer, rather than that it would not.
func busy(code int) bool {
	return code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= http.StatusInternalServerError
}
