package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// settings are what flags and environment variables say.
type settings struct {
	addr, metricsAddr         string
	name, version             string
	handler, runtime          string
	region, account           string
	memory                    int
	timeout, initTimeout      seconds
	grace                     seconds
	environments, concurrency int
	queueDepth                int
	format                    event.Format
	reply                     event.Reply
	stream                    bool
	maxRequest                int64
	logFormat                 string
	logLevel, systemLogLevel  string
	extensions, tmpDir        string
	clients                   string
	sink                      string
	failOnInit                bool
	terminationLog            string
	throttle                  bool
	tenantIsolation           bool
	command                   []string
}

// seconds is a duration that may be written as Go does (1m30s) or as a plain number of seconds.
type seconds time.Duration

// String is the duration as Go writes it.
func (s *seconds) String() string { return time.Duration(*s).String() }

// Set reads either form.
func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(n, 'f', -1, 64) + "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a duration: write seconds (10) or a Go duration (1m30s)", text)
	}
	*s = seconds(d)
	return nil
}

// megabytes reads the old REQUEST_SIZE_LIMIT, which counts millions of bytes.
type megabytes struct{ bytes *int64 }

func (m megabytes) set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q is not a number of megabytes", text)
	}
	*m.bytes = n * 1_000_000
	return nil
}

// variables says for each flag which environment variables give it, the first that is set counting. The later ones are
// those of Knative and of Knative Lambda Runtime, whose users keep their manifests.
func variables() map[string][]string {
	return map[string][]string{
		"addr":             {"LAMBKIN_ADDR", "PORT", "EXTERNAL_API_PORT"},
		"metrics-addr":     {"LAMBKIN_METRICS_ADDR", "METRICS_PROMETHEUS_PORT"},
		"function-name":    {"AWS_LAMBDA_FUNCTION_NAME", "K_SERVICE", "NAME"},
		"function-version": {"AWS_LAMBDA_FUNCTION_VERSION"},
		"handler":          {"_HANDLER", "HANDLER"},
		"runtime":          {"LAMBKIN_RUNTIME"},
		"region":           {"AWS_REGION", "AWS_DEFAULT_REGION"},
		"account":          {"LAMBKIN_ACCOUNT"},
		"memory":           {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"},
		"timeout":          {"LAMBKIN_TIMEOUT", "FUNCTION_TTL"},
		"init-timeout":     {"LAMBKIN_INIT_TIMEOUT"},
		"grace":            {"LAMBKIN_GRACE"},
		"environments":     {"LAMBKIN_ENVIRONMENTS", "INVOKER_COUNT"},
		"max-concurrency":  {"AWS_LAMBDA_MAX_CONCURRENCY"},
		"queue-depth":      {"LAMBKIN_QUEUE_DEPTH"},
		"event-format":     {"LAMBKIN_EVENT_FORMAT", "RESPONSE_FORMAT", "RESPONSE_WRAPPER", "EVENT_TYPE", "EVENT"},
		"invoke-mode":      {"LAMBKIN_INVOKE_MODE"},
		"max-request":      {"LAMBKIN_MAX_REQUEST"},
		"log-format":       {"AWS_LAMBDA_LOG_FORMAT"},
		"log-level":        {"AWS_LAMBDA_LOG_LEVEL"},
		"system-log-level": {"LAMBKIN_SYSTEM_LOG_LEVEL"},
		"extensions":       {"LAMBKIN_EXTENSIONS"},
		"tmp-dir":          {"LAMBKIN_TMP_DIR"},
		"clients":          {"LAMBKIN_CLIENTS"},
		"sink":             {"K_SINK"},
		"fail-on-init":     {"LAMBKIN_FAIL_ON_INIT"},
		"termination-log":  {"LAMBKIN_TERMINATION_LOG"},
		"throttle":         {"LAMBKIN_THROTTLE"},
		"tenant-isolation": {"LAMBKIN_TENANT_ISOLATION"},
	}
}

// read takes the settings from flags and, where there is none, from the environment. It tells all faults of values at
// once. Asked for help it prints the usage and gives flag.ErrHelp.
func read(args, environ []string, usage io.Writer) (settings, error) {
	s := settings{timeout: seconds(3 * time.Second), initTimeout: seconds(lambda.InitTimeout), grace: seconds(30 * time.Second)}
	flags := s.flags()
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(flags, usage)
		return s, flag.ErrHelp
	}
	if err != nil {
		return s, fmt.Errorf("%w (see runtime-api -help)", err)
	}
	s.command = flags.Args()
	env := environment(environ)
	faults := []error{fromEnvironment(flags, env)}
	if s.handler == "" {
		s.handler = handlerIn(s.command)
	}
	if text := env("REQUEST_SIZE_LIMIT"); text != "" && s.maxRequest == 0 {
		if err := (megabytes{&s.maxRequest}).set(text); err != nil {
			faults = append(faults, fmt.Errorf("REQUEST_SIZE_LIMIT: %w", err))
		}
	}
	reply, err := event.ReplyFrom(env)
	s.reply = reply
	return s, errors.Join(append(faults, err, s.check())...)
}

func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet("runtime-api", flag.ContinueOnError)
	f.SetOutput(io.Discard) // faults are told once, by whoever reads the error
	f.StringVar(&s.addr, "addr", ":8080", "`address` of the front door")
	f.StringVar(&s.metricsAddr, "metrics-addr", "", "`address` of /metrics for Prometheus; none if empty")
	f.StringVar(&s.name, "function-name", "function", "the function's `name`")
	f.StringVar(&s.version, "function-version", lambda.LatestVersion, "the function's `version`")
	f.StringVar(&s.handler, "handler", "", "what the runtime calls, handed to it as _HANDLER")
	f.StringVar(&s.runtime, "runtime", "", "`id` of the runtime, such as nodejs22.x; starts its bootstrap if no COMMAND is given")
	f.StringVar(&s.region, "region", "us-east-1", "`region` in ARNs and for the function")
	f.StringVar(&s.account, "account", "000000000000", "`account` in ARNs")
	f.IntVar(&s.memory, "memory", 128, "memory of the function in `MB`; what enforces it is the container")
	f.Var(&s.timeout, "timeout", "the longest an invocation may run, in `seconds` or as a Go duration")
	f.Var(&s.initTimeout, "init-timeout", "the longest that init may take, in `seconds` or as a Go duration")
	f.Var(&s.grace, "grace", "how long accepted invocations may run on after SIGTERM, in `seconds` or as a Go duration")
	f.IntVar(&s.environments, "environments", 1, "`number` of execution environments, each with a runtime process of its own")
	f.IntVar(&s.concurrency, "max-concurrency", 1, "`number` of invocations that one runtime process takes at once")
	f.IntVar(&s.queueDepth, "queue-depth", 100, "`number` of invocations that may wait for an environment")
	f.TextVar(&s.format, "event-format", event.FormatV2, "how HTTP requests become events: 2.0, 1.0, alb, alb-multi-value or raw")
	f.Func("invoke-mode", "BUFFERED (default) or RESPONSE_STREAM, for HTTP requests", s.setInvokeMode)
	f.Int64Var(&s.maxRequest, "max-request", 0, "largest HTTP request body in `bytes` (default 6 MB)")
	f.StringVar(&s.logFormat, "log-format", "Text", "`format` of the log: Text or JSON")
	f.StringVar(&s.logLevel, "log-level", "", "least `level` of the function's JSON log lines")
	f.StringVar(&s.systemLogLevel, "system-log-level", "", "least `level` of the platform's JSON log lines")
	f.StringVar(&s.extensions, "extensions", "/opt/extensions", "`directory` of external extensions")
	f.StringVar(&s.tmpDir, "tmp-dir", "", "`directory` below which each environment gets one of its own as TMPDIR; shared /tmp if empty")
	f.StringVar(&s.clients, "clients", filepath.Join(os.TempDir(), "lambkin-clients"), "`directory` where our runtime clients are unpacked if -runtime needs one")
	f.StringVar(&s.sink, "sink", "", "`URL` that results are posted to instead of being answered")
	f.BoolVar(&s.failOnInit, "fail-on-init", false, "exit with status 1 if the first init fails, so that a cluster learns of it; init is tried again otherwise")
	f.StringVar(&s.terminationLog, "termination-log", "/dev/termination-log", "existing `file` that -fail-on-init writes the error to, in one line")
	f.BoolVar(&s.tenantIsolation, "tenant-isolation", false, "give each tenant, by X-Amz-Tenant-Id, an environment of its own; /tmp is emptied between them")
	f.BoolVar(&s.throttle, "throttle", false, "start nothing and answer every invocation with 429: a reserved concurrency of 0")
	f.Usage = func() {}
	return f
}

func printUsage(f *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "Run a Lambda function behind an HTTP front door.\n\n"+
		"  runtime-api [flags] -- COMMAND ARGS…   start COMMAND as the runtime\n"+
		"  runtime-api exec -- COMMAND ARGS…      a runtime: run COMMAND for each event, event on stdin, answer on stdout\n"+
		"  runtime-api gorpc -- HANDLER           a runtime: run a Go handler built for the go1.x runtime\n\n"+
		"A COMMAND's last word that reads like a handler (app.handler) is the handler if none is given.\n"+
		"Without a COMMAND -runtime says what is started: AWS's client or a bootstrap where the image has one (/var/runtime,\n"+
		"/var/task, /opt), else our client with the image's node, python3 or ruby.\n\nFlags:\n")
	f.SetOutput(w)
	f.PrintDefaults()
	fmt.Fprintln(w, "\nEnvironment variables for flags that are not given, first one first:")
	vars := variables()
	f.VisitAll(func(fl *flag.Flag) { fmt.Fprintf(w, "  -%-17s %s\n", fl.Name, strings.Join(vars[fl.Name], ", ")) })
}

func (s *settings) setInvokeMode(text string) error {
	switch strings.ToUpper(text) {
	case "", "BUFFERED":
		s.stream = false
	case "RESPONSE_STREAM":
		s.stream = true
	default:
		return errors.New("use BUFFERED or RESPONSE_STREAM")
	}
	return nil
}

// environment gives a lookup; the last setting of a variable counts.
func environment(environ []string) func(string) string {
	values := make(map[string]string, len(environ))
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

// fromEnvironment sets the flags that were not given.
func fromEnvironment(flags *flag.FlagSet, env func(string) string) error {
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var faults []error
	all := variables()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if given[name] {
			continue
		}
		for _, variable := range all[name] {
			value := env(variable)
			if value == "" {
				continue
			}
			if err := flags.Set(name, address(name, value)); err != nil {
				faults = append(faults, fmt.Errorf("%s=%q: %w", variable, value, err))
			}
			break
		}
	}
	return errors.Join(faults...)
}

// address makes an address of a port, which is what PORT and its like hold.
func address(flagName, value string) string {
	if !strings.HasSuffix(flagName, "addr") || strings.Contains(value, ":") {
		return value
	}
	return ":" + value
}

// check finds what no single flag can.
func (s *settings) check() error {
	var faults []error
	bound := func(name string, n, most int) {
		if n < 1 || n > most {
			faults = append(faults, fmt.Errorf("-%s is %d: use 1 to %d", name, n, most))
		}
	}
	bound("environments", s.environments, 1000)
	bound("max-concurrency", s.concurrency, 1000)
	bound("queue-depth", s.queueDepth, 100_000)
	bound("memory", s.memory, 1<<20)
	if !lambda.Name(s.name).Valid() {
		faults = append(faults, fmt.Errorf("-function-name is %q: use 1 to 64 letters, digits, hyphens and underscores", s.name))
	}
	if s.timeout <= 0 || time.Duration(s.timeout) > lambda.MaxTimeout {
		faults = append(faults, fmt.Errorf("-timeout is %v: use up to %v", time.Duration(s.timeout), lambda.MaxTimeout))
	}
	if s.logFormat != "Text" && s.logFormat != "JSON" {
		faults = append(faults, fmt.Errorf("-log-format is %q: use Text or JSON", s.logFormat))
	}
	return errors.Join(faults...)
}

// A handler as the managed runtimes write them, such as src/app.handler, com.example.Hello::handleRequest or
// Assembly::Namespace.Class::Method.
var handlerName = regexp.MustCompile(`^[A-Za-z_][\w$/-]*(?:(?:\.|::)[A-Za-z_][\w$]*)+$`)

// handlerIn is the handler in the command of an image, whose CMD is the handler's name and comes after the entry point;
// empty if there is none. AWS's own entry point takes it from there too, but extensions would not know it.
func handlerIn(command []string) string {
	if len(command) < 2 {
		return ""
	}
	last := command[len(command)-1]
	if len(last) > maxHandler || !handlerName.MatchString(last) {
		return ""
	}
	return last
}

// maxHandler is the longest handler that the Lambda API takes.
const maxHandler = 128

// homeOf is HOME as it was given, or the directory for temporary files if that cannot be written: with a user id of
// the cluster's choice it is that of nobody, and root file systems are read-only.
func homeOf(env func(string) string) string {
	if home := env("HOME"); home != "" && unix.Access(home, unix.W_OK) == nil {
		return home
	}
	return os.TempDir()
}

// taskRoot is where the function's code is: /var/task as on Lambda, or where we were started.
func taskRoot(env func(string) string) (string, error) {
	if root := env("LAMBDA_TASK_ROOT"); root != "" {
		return root, nil
	}
	if info, err := os.Stat("/var/task"); err == nil && info.IsDir() {
		return "/var/task", nil
	}
	return os.Getwd()
}
