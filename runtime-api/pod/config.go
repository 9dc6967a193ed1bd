package pod

import (
	"io"
	"log/slog"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

// Config says what a pod runs and how. Zero values take the defaults given.
type Config struct {
	// Function is the function's name and Version its version ("$LATEST" by default); with Identity they make its ARN.
	Function lambda.Name
	Version  string
	Identity lambda.Identity
	// Runtime is the runtime's id, such as "nodejs22.x", for the log; empty where nobody knows.
	Runtime string
	// Handler is handed to the runtime as _HANDLER.
	Handler string
	// Memory is the memory of one environment in MB, 128 by default. EnforceMemory makes the pod kill an environment
	// that uses more; without it the container's limit is trusted to.
	Memory        int
	EnforceMemory bool
	// Cgroup is a directory from process.Delegate where Memory is enforced by the kernel; memory is watched without one.
	Cgroup string
	// Timeout is what an invocation is given, 3 s by default.
	Timeout time.Duration
	// Command is the runtime process: an executable's path and its arguments.
	Command []string
	// Dir is its working directory.
	Dir string
	// Env holds its variables as NAME=VALUE. The platform's own are added and win, except for those that say where
	// things lie (PATH, LD_LIBRARY_PATH, LANG, TZ), where the given ones win.
	Env []string
	// Extensions is the directory of external extensions, such as /opt/extensions; it may be missing.
	Extensions string
	// TmpDir is where environments get directories of their own for temporary files. Empty: they share /tmp.
	TmpDir string
	// Sandbox says where the function's directories are to be seen; its Tmp is set per environment.
	Sandbox process.Sandbox

	// Min environments are kept initialized, Max is the most there may be (Min or 1 by default), and those above Min are
	// retired when they had nothing to do for Idle (5 min by default).
	Min, Max int
	Idle     time.Duration
	// Provisioned says that the Min environments are provisioned concurrency, which they are told and which gives them
	// lambda.ProvisionedInitTimeout or Timeout, the longer one, to initialize.
	Provisioned bool
	// PerEnvironment is how many invocations one runtime process takes at once; 1 by default.
	PerEnvironment int
	// QueueDepth is how many invocations may wait, 100 by default, and QueueTimeout for how long: Timeout plus
	// InitTimeout by default.
	QueueDepth   int
	QueueTimeout time.Duration
	// InitTimeout is how long an environment on demand may take to initialize, 10 s by default.
	InitTimeout time.Duration
	// TenantIsolation gives each tenant environments of its own: every invocation must name one, and an environment serves
	// the tenant of its first invocation until it ends. Scratch is a directory that environments share otherwise, such as
	// /tmp, to be emptied whenever one comes or goes; there must be one environment at most then. Empty: there is none.
	TenantIsolation bool
	Scratch         string
	// SnapStart makes the runtime believe in SnapStart, for its hooks to be run.
	SnapStart bool

	// Output takes the function's log stream, framed; nil discards it. LogFormat is "Text" (default) or "JSON"; the
	// levels apply to JSON only.
	Output              io.Writer
	LogFormat           string
	ApplicationLogLevel string
	SystemLogLevel      string
	LogGroup            string
	// Logger takes what the pod itself has to say; nil discards it.
	Logger *slog.Logger
	// Observer is told what happens, for metrics; nil is not.
	Observer Observer
}

// Observer is told what happens in a pod. Its methods are called from many goroutines and must not block.
type Observer interface {
	// Ended is called once for every invocation that was handed to a runtime, with the time it had waited.
	Ended(r *lambda.Result, waited time.Duration)
	// Refused is called for every invocation that was not, with the reason: "full", "expired", "cancelled" or "closed".
	Refused(reason string)
	// Initialized is called for every init with its duration and, if it failed, the error type.
	Initialized(took time.Duration, errorType string)
	// Environments is called when their number changes.
	Environments(live int)
}

// unobserved is the Observer of a pod without one.
type unobserved struct{}

func (unobserved) Ended(*lambda.Result, time.Duration) {}
func (unobserved) Refused(string)                      {}
func (unobserved) Initialized(time.Duration, string)   {}
func (unobserved) Environments(int)                    {}

func (c Config) withDefaults() Config {
	c.Version = or(c.Version, lambda.LatestVersion)
	c.Memory = or(c.Memory, 128)
	c.Timeout = or(c.Timeout, 3*time.Second)
	c.Max = max(c.Max, c.Min, 1)
	c.Idle = or(c.Idle, 5*time.Minute)
	c.PerEnvironment = max(c.PerEnvironment, 1)
	c.QueueDepth = or(c.QueueDepth, 100)
	c.InitTimeout = or(c.InitTimeout, lambda.InitTimeout)
	c.QueueTimeout = or(c.QueueTimeout, c.Timeout+c.InitTimeout)
	c.LogFormat = or(c.LogFormat, "Text")
	c.LogGroup = or(c.LogGroup, "/aws/lambda/"+string(c.Function))
	c.Identity.Region = or(c.Identity.Region, "us-east-1")
	c.Identity.Account = or(c.Identity.Account, "000000000000")
	if c.Output == nil {
		c.Output = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
	return c
}

// or is v, or the default if v is zero.
func or[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}
