package local

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/runtime-api/pod"
)

// Config says where an engine keeps its data and how much it may use. Zero values take the defaults given.
type Config struct {
	// DataDir is the one directory that the engine writes to; required. It is made with mode 0700.
	DataDir string
	// Identity is the region and account of all functions; us-east-1 and 000000000000 by default.
	Identity lambda.Identity
	// Logger takes what the engine itself has to say; nil discards it.
	Logger *slog.Logger
	// IdleTimeout is how long an execution environment without work is kept, 5 minutes by default.
	IdleTimeout time.Duration
	// MaxEnvironments is the most execution environments of one function version, by default 4 per CPU.
	MaxEnvironments int
	// Concurrency is the most synchronous and asynchronous invocations of all functions together, 1,000 by default.
	Concurrency int
	// QueueDepth is how many invocations of one version may wait for an environment, 1,000 by default.
	QueueDepth int
	// Sandbox lets functions see their code, layers and temporary files at /var/task, /opt and /tmp. This program must
	// call process.MaybeHelper, and the machine must allow it (process.Supports).
	Sandbox bool
	// Cgroup is a directory from process.Delegate in which the kernel enforces functions' memory; without one, memory is
	// watched.
	Cgroup string
	// AllowFileURLs lets code be fetched from file URLs, which gives whoever may write objects the engine's right to read.
	AllowFileURLs bool
	// Environ are variables for all functions as NAME=VALUE, such as AWS credentials. A function's own win.
	Environ []string
	// Program is a program with the sub-commands of bootstrap/runner, which serve the runtimes go1.x and exec; they are
	// unavailable without it. A program that has them itself names itself as runner.Self.
	Program string
	// RetryDelay is how long an asynchronous event waits after its first failure; it waits twice as long after the
	// second. 1 minute by default.
	RetryDelay time.Duration
	// MaxEvents is how many asynchronous events may wait, 100,000 by default.
	MaxEvents int
	// SweepInterval is how often the engine removes code that nobody names any more, 10 minutes by default; uploads
	// are kept for SweepGrace, 1 hour by default, before an object must name them.
	SweepInterval, SweepGrace time.Duration
	// URL gives the address for plain HTTP requests to a function or an alias, for the status of objects; nil: none.
	URL func(fn lambda.Name, qualifier string) string
	// FunctionURL gives the address at which a function URL is served, with its policies, or a [v1alpha1.Failure] that says why
	// it is not; nil: none has an address.
	FunctionURL func(u *v1alpha1.FunctionURLConfig) (string, error)
	// Observe gives the observer of one function version's pod; nil: none.
	Observe func(fn lambda.Name, version string) pod.Observer
	// Transport fetches code and takes records for HTTP destinations; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Messages sends records to queues, topics and event buses; nil: nobody may name one as a destination.
	Messages *messaging.Client
}

func (c Config) withDefaults() (Config, error) {
	if c.DataDir == "" {
		return c, errors.New("no data directory given")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("data directory %q: %w", c.DataDir, err)
	}
	c.DataDir = dir
	c.Identity.Region = or(c.Identity.Region, "us-east-1")
	c.Identity.Account = or(c.Identity.Account, "000000000000")
	c.IdleTimeout = or(c.IdleTimeout, 5*time.Minute)
	c.MaxEnvironments = or(c.MaxEnvironments, 4*runtime.NumCPU())
	c.Concurrency = or(c.Concurrency, 1000)
	c.QueueDepth = or(c.QueueDepth, 1000)
	c.RetryDelay = or(c.RetryDelay, time.Minute)
	c.SweepInterval = or(c.SweepInterval, 10*time.Minute)
	c.SweepGrace = or(c.SweepGrace, time.Hour)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.URL == nil {
		c.URL = func(lambda.Name, string) string { return "" }
	}
	if c.FunctionURL == nil {
		c.FunctionURL = func(*v1alpha1.FunctionURLConfig) (string, error) { return "", nil }
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return c, nil
}

// or is v, or the default if v is zero.
func or[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}
