package pod

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// The variables of an execution environment are those of
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime.

// place says where an environment's API is and what it may use.
type place struct {
	api       string // host:port
	logStream string
	tmp       string // a directory of its own, if /tmp is not
	index     int
}

// runtimeEnv is the complete environment of the runtime process.
func (c Config) runtimeEnv(p place) []string {
	env := slices.Clone(c.Env)
	env = c.withPlaces(env)
	env = setAll(env, c.commonEnv(p))
	env = set(env, "_HANDLER", c.Handler)
	env = set(env, "BOOTSTRAP_INDEX", strconv.Itoa(p.index)) // known to handlers from Knative Lambda Runtime
	return env
}

// forRuntimeAlone says whether AWS gives a variable to the runtime and not to extensions.
func forRuntimeAlone(name string) bool {
	switch name {
	case "_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
		"LD_LIBRARY_PATH", "NODE_PATH", "PYTHONPATH", "GEM_PATH", "GEM_HOME", "RUBYLIB":
		return true
	default:
		return false
	}
}

// extensionEnv is the complete environment of an external extension.
func (c Config) extensionEnv(p place) []string {
	env := c.runtimeEnv(p)
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return forRuntimeAlone(name)
	})
}

// commonEnv are the platform's own variables, which win over all others.
func (c Config) commonEnv(p place) []string {
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + p.api,
		"AWS_LAMBDA_FUNCTION_NAME=" + string(c.Function),
		"AWS_LAMBDA_FUNCTION_VERSION=" + c.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(c.Memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE=" + c.initializationType(p.index),
		"AWS_LAMBDA_LOG_GROUP_NAME=" + c.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + p.logStream,
	}
	if c.PerEnvironment > 1 {
		env = append(env, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(c.PerEnvironment))
	}
	if c.LogFormat == "JSON" {
		env = append(env, "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL="+or(c.ApplicationLogLevel, "INFO"))
	}
	if p.tmp != "" {
		env = append(env, "TMPDIR="+p.tmp)
	}
	return env
}

// withPlaces adds the variables that say where things are, unless the image or the user has set them.
func (c Config) withPlaces(env []string) []string {
	for _, v := range []string{
		"AWS_REGION=" + c.Identity.Region,
		"AWS_DEFAULT_REGION=" + c.Identity.Region,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"LANG=en_US.UTF-8",
		"LAMBDA_TASK_ROOT=/var/task",
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ=:UTC",
	} {
		name, _, _ := strings.Cut(v, "=")
		if lookup(env, name) == nil {
			env = append(env, v)
		}
	}
	return env
}

// initializationType is why an environment is initialized, by its index.
func (c Config) initializationType(index int) string {
	switch {
	case c.SnapStart:
		return "snap-start"
	case c.PerEnvironment > 1:
		return "lambda-managed-instances"
	case c.provisioned(index):
		return "provisioned-concurrency"
	default:
		return "on-demand"
	}
}

// provisioned says whether an environment is kept by wish rather than for a call.
func (c Config) provisioned(index int) bool { return c.Provisioned && index < c.Min }

// initLimit is how long an environment may take to initialize outside an invocation.
func (c Config) initLimit(index int) time.Duration {
	if c.provisioned(index) {
		return max(lambda.ProvisionedInitTimeout, c.Timeout)
	}
	return c.InitTimeout
}

// lookup finds a variable; nil if it is not set. The last setting counts.
func lookup(env []string, name string) *string {
	for _, v := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return &value
		}
	}
	return nil
}

// set replaces all settings of a variable by one.
func set(env []string, name, value string) []string {
	env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return append(env, name+"="+value)
}

func setAll(env, settings []string) []string {
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		env = set(env, name, value)
	}
	return env
}

// logStreamName is the name that AWS would give: date, version and a random id.
func logStreamName(date, version, id string) string {
	return fmt.Sprintf("%s/[%s]%s", date, version, id)
}
