package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

// function is what the front door opens to.
type function interface {
	lambda.Invoker
	// Start begins to initialize and returns at once.
	Start()
	// Ready is nil if the function can be called, else it says why not. It waits for the first init until ctx ends.
	Ready(ctx context.Context) error
	// GivenUp gets the reason if the function will never be ready; nil if there is no giving up.
	GivenUp() <-chan error
	// Shutdown refuses new invocations and returns when the accepted ones have ended, or all is over with ctx.
	Shutdown(ctx context.Context) error
}

// function makes what the settings ask for.
func (s *settings) function(environ []string, out io.Writer, logger *slog.Logger, observer pod.Observer) (function, error) {
	if s.throttle {
		return throttled{observer}, nil
	}
	cfg, err := s.pod(environ)
	if err != nil {
		s.giveUp(logger, &initFailure{kind: "Runtime.InvalidEntrypoint", message: err.Error()})
		return nil, err
	}
	cfg.Output, cfg.Logger, cfg.Observer = out, logger, observer
	p := &podFunction{Pod: pod.New(cfg), over: make(chan struct{})}
	if s.failOnInit {
		p.givenUp = make(chan error, 1)
	}
	return p, nil
}

// podFunction is a function that runs in a pod.
type podFunction struct {
	*pod.Pod
	over    chan struct{} // closed by Shutdown
	givenUp chan error    // nil where a function is never given up

	watch sync.WaitGroup
	once  sync.Once
}

// Start starts the pod. If the function may be given up it is watched until its first init is over.
func (f *podFunction) Start() {
	f.Pod.Start()
	if f.givenUp == nil {
		return
	}
	f.watch.Go(func() {
		select {
		case <-f.FirstInit():
		case <-f.over:
			return
		}
		if err := f.Ready(context.Background()); err != nil { // which has nothing to wait for any more
			f.givenUp <- err
		}
	})
}

// Ready says whether the pod has an environment that has initialized, or why not.
func (f *podFunction) Ready(ctx context.Context) error {
	select {
	case <-f.FirstInit(): // after Pod.Ready, if it went well
	case <-f.over:
	case <-ctx.Done():
	}
	select {
	case <-f.Pod.Ready():
		return nil
	default:
	}
	if failure := f.InitFailure(); failure != nil {
		return &initFailure{kind: failure.Type, message: saidBy(failure.Payload, failure.Message)}
	}
	return errors.New("no execution environment has initialized yet")
}

// GivenUp gets the failure of the first init.
func (f *podFunction) GivenUp() <-chan error { return f.givenUp }

// Shutdown ends the pod.
func (f *podFunction) Shutdown(ctx context.Context) error {
	f.once.Do(func() { close(f.over) })
	f.watch.Wait()
	return f.Pod.Shutdown(ctx)
}

// throttled is a function whose reserved concurrency is 0: it is never started, and every call is one too many.
type throttled struct {
	observer pod.Observer
}

// retryAfter is when callers of a throttled function are told to come again.
const retryAfter = time.Second

// Invoke refuses.
func (t throttled) Invoke(context.Context, *lambda.Invocation) (*lambda.Result, error) {
	t.observer.Refused("reserved")
	return nil, lambda.Throttled(lambda.ReasonReservedConcurrency, retryAfter)
}

// Start has nothing to start.
func (throttled) Start() {}

// Ready: there is nothing to wait for.
func (throttled) Ready(context.Context) error { return nil }

// GivenUp is never.
func (throttled) GivenUp() <-chan error { return nil }

// Shutdown has nothing to end.
func (throttled) Shutdown(context.Context) error { return nil }

// initFailure is why init failed.
type initFailure struct{ kind, message string }

// Error gives type and message.
func (f *initFailure) Error() string { return "init failed: " + f.kind + ": " + f.message }

// saidBy is the sentence of a failure: that of the runtime's report to /init/error, which is about the code and not about
// any event, or ours if it has none.
func saidBy(payload []byte, ours string) string {
	var report struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(payload, &report); err != nil || report.ErrorMessage == "" {
		return ours
	}
	return report.ErrorMessage
}

// maxTermination bounds the last words of a container in bytes; Kubernetes keeps twice as many.
const maxTermination = 2 << 10

// line is the failure in one line of at most maxTermination bytes.
func (f *initFailure) line() string {
	text := f.kind + ": " + f.message
	text = strings.ToValidUTF8(text[:min(len(text), maxTermination)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// giveUp leaves the failure where Kubernetes looks for a container's last words, if the function may be given up. What
// cannot be written is left out: the log has it too.
func (s *settings) giveUp(logger *slog.Logger, failure *initFailure) {
	if !s.failOnInit {
		return
	}
	file, err := os.OpenFile(s.terminationLog, os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = file.WriteString(failure.line())
		err = errors.Join(err, file.Close())
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		logger.Warn("the failure of init is told in the log alone", "error", err)
	}
}
