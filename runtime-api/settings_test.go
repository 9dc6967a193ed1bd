package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambkin-dev/lambkin/internal/event"
)

// defaults are the settings of no flags and no variables.
func defaults() settings {
	return settings{
		addr: ":8080", name: "function", version: "$LATEST", region: "us-east-1", account: "000000000000", memory: 128,
		timeout: seconds(3 * time.Second), initTimeout: seconds(10 * time.Second), grace: seconds(30 * time.Second),
		environments: 1, concurrency: 1, queueDepth: 100, logFormat: "Text", extensions: "/opt/extensions", clients: filepath.Join(os.TempDir(), "lambkin-clients"),
		terminationLog: "/dev/termination-log",
	}
}

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason  string
		args    []string
		environ []string
		want    func(*settings)
	}{
		"Nothing": {reason: "everything has a default"},
		"Command": {reason: "what follows the flags is the runtime's", args: []string{"-memory", "256", "--", "/bin/x", "-memory", "1"},
			want: func(s *settings) { s.memory, s.command = 256, []string{"/bin/x", "-memory", "1"} }},
		"FlagWins": {reason: "over its variable", args: []string{"-timeout", "5"}, environ: []string{"LAMBKIN_TIMEOUT=7"},
			want: func(s *settings) { s.timeout = seconds(5 * time.Second) }},
		"FirstVariableWins": {reason: "of those of one flag", environ: []string{"NAME=c", "K_SERVICE=b", "AWS_LAMBDA_FUNCTION_NAME=a"},
			want: func(s *settings) { s.name = "a" }},
		"EmptyIsUnset": {reason: "as manifests leave them", environ: []string{"K_SERVICE=", "NAME=c", "PORT="},
			want: func(s *settings) { s.name = "c" }},
		"LastSettingWins": {reason: "of one variable, as exec does it", environ: []string{"PORT=1", "PORT=2"}, want: func(s *settings) { s.addr = ":2" }},
		"Address":         {reason: "a whole one is taken as it is", environ: []string{"LAMBKIN_ADDR=127.0.0.1:1"}, want: func(s *settings) { s.addr = "127.0.0.1:1" }},
		"Lambda": {reason: "what AWS's images have in their environment", environ: []string{
			"AWS_LAMBDA_FUNCTION_NAME=fn", "AWS_LAMBDA_FUNCTION_VERSION=7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_DEFAULT_REGION=eu-west-1",
			"_HANDLER=index.handler", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=WARN", "AWS_LAMBDA_MAX_CONCURRENCY=8"},
			want: func(s *settings) {
				s.name, s.version, s.memory, s.region, s.handler, s.logFormat, s.logLevel, s.concurrency = "fn", "7", 512, "eu-west-1", "index.handler", "JSON", "WARN", 8
			}},
		"Own": {reason: "what only we know", environ: []string{
			"LAMBKIN_RUNTIME=nodejs22.x", "LAMBKIN_ACCOUNT=123456789012", "LAMBKIN_INIT_TIMEOUT=1m", "LAMBKIN_GRACE=0.5", "LAMBKIN_ENVIRONMENTS=2",
			"LAMBKIN_QUEUE_DEPTH=5", "LAMBKIN_EVENT_FORMAT=alb", "LAMBKIN_INVOKE_MODE=response_stream", "LAMBKIN_MAX_REQUEST=10", "LAMBKIN_SYSTEM_LOG_LEVEL=DEBUG",
			"LAMBKIN_EXTENSIONS=/x", "LAMBKIN_TMP_DIR=/t", "LAMBKIN_CLIENTS=/c", "LAMBKIN_METRICS_ADDR=:9"},
			want: func(s *settings) {
				s.runtime, s.account, s.initTimeout, s.grace, s.environments = "nodejs22.x", "123456789012", seconds(time.Minute), seconds(time.Second/2), 2
				s.queueDepth, s.format, s.stream, s.maxRequest, s.systemLogLevel = 5, event.FormatALB, true, 10, "DEBUG"
				s.extensions, s.tmpDir, s.metricsAddr, s.clients = "/x", "/t", ":9", "/c"
			}},

		"Cluster": {reason: "what a cluster's pods are told", environ: []string{"LAMBKIN_FAIL_ON_INIT=true", "LAMBKIN_TERMINATION_LOG=/l", "LAMBKIN_THROTTLE=true"},
			want: func(s *settings) { s.failOnInit, s.terminationLog, s.throttle = true, "/l", true }},
		"HandlerOfCommand": {reason: "an image's CMD, after its entry point", args: []string{"--", "/lambda-entrypoint.sh", "app.handler"},
			want: func(s *settings) {
				s.command, s.handler = []string{"/lambda-entrypoint.sh", "app.handler"}, "app.handler"
			}},
		"HandlerBesideCommand": {reason: "one that is given counts", args: []string{"--", "/e", "app.handler"}, environ: []string{"_HANDLER=other.handler"},
			want: func(s *settings) { s.command, s.handler = []string{"/e", "app.handler"}, "other.handler" }},

		// The settings of Knative Lambda Runtime.
		"INVOKER_COUNT":                  {environ: []string{"INVOKER_COUNT=4"}, want: func(s *settings) { s.environments = 4 }},
		"FUNCTION_TTL as number":         {reason: "up to v1.17", environ: []string{"FUNCTION_TTL=10"}, want: func(s *settings) { s.timeout = seconds(10 * time.Second) }},
		"FUNCTION_TTL as duration":       {reason: "since", environ: []string{"FUNCTION_TTL=1m30s"}, want: func(s *settings) { s.timeout = seconds(90 * time.Second) }},
		"REQUEST_SIZE_LIMIT":             {reason: "millions of bytes", environ: []string{"REQUEST_SIZE_LIMIT=5"}, want: func(s *settings) { s.maxRequest = 5_000_000 }},
		"REQUEST_SIZE_LIMIT is older":    {environ: []string{"REQUEST_SIZE_LIMIT=5", "LAMBKIN_MAX_REQUEST=7"}, want: func(s *settings) { s.maxRequest = 7 }},
		"INTERNAL_API_PORT":              {reason: "each environment has its own", environ: []string{"INTERNAL_API_PORT=80"}},
		"PORT":                           {environ: []string{"PORT=8081"}, want: func(s *settings) { s.addr = ":8081" }},
		"EXTERNAL_API_PORT":              {environ: []string{"EXTERNAL_API_PORT=8081"}, want: func(s *settings) { s.addr = ":8081" }},
		"PORT is newer":                  {environ: []string{"EXTERNAL_API_PORT=1", "PORT=2"}, want: func(s *settings) { s.addr = ":2" }},
		"RESPONSE_FORMAT=API_GATEWAY":    {environ: []string{"RESPONSE_FORMAT=API_GATEWAY"}, want: func(s *settings) { s.format = event.FormatV1 }},
		"RESPONSE_FORMAT=CLOUDEVENTS":    {environ: []string{"RESPONSE_FORMAT=CLOUDEVENTS"}, want: func(s *settings) { s.format = event.FormatRaw }},
		"RESPONSE_WRAPPER":               {environ: []string{"RESPONSE_WRAPPER=API_GATEWAY"}, want: func(s *settings) { s.format = event.FormatV1 }},
		"EVENT_TYPE":                     {environ: []string{"EVENT_TYPE=API_GATEWAY"}, want: func(s *settings) { s.format = event.FormatV1 }},
		"EVENT":                          {reason: "as tm generates it", environ: []string{"EVENT=API_GATEWAY"}, want: func(s *settings) { s.format = event.FormatV1 }},
		"CE_OVERRIDES":                   {environ: []string{"CE_OVERRIDES_TYPE=t", "CE_OVERRIDES_SOURCE=s", "CE_OVERRIDES_SUBJECT=u"}, want: func(s *settings) { s.reply = event.Reply{Type: "t", Source: "s", Subject: "u"} }},
		"CE_TYPE":                        {environ: []string{"CE_TYPE=t"}, want: func(s *settings) { s.reply = event.Reply{Type: "t"} }},
		"CE_FUNCTION_RESPONSE_MODE":      {environ: []string{"CE_FUNCTION_RESPONSE_MODE=event"}, want: func(s *settings) { s.reply = event.Reply{Event: true} }},
		"CE_FUNCTION_RESPONSE_MODE=data": {environ: []string{"CE_FUNCTION_RESPONSE_MODE=data"}},
		"K_SINK":                         {environ: []string{"K_SINK=http://broker"}, want: func(s *settings) { s.sink = "http://broker" }},
		"METRICS_PROMETHEUS_PORT":        {environ: []string{"METRICS_PROMETHEUS_PORT=9092"}, want: func(s *settings) { s.metricsAddr = ":9092" }},
		"NAME":                           {environ: []string{"NAME=fn"}, want: func(s *settings) { s.name = "fn" }},
		"BOOTSTRAP_INDEX":                {reason: "is ours to set", environ: []string{"BOOTSTRAP_INDEX=3"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var usage bytes.Buffer
			got, err := read(tc.args, tc.environ, &usage)
			if err != nil || usage.Len() > 0 {
				t.Fatalf("%s: %v, printed %q", tc.reason, err, &usage)
			}
			want := defaults()
			if tc.want != nil {
				tc.want(&want)
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(settings{}), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, d)
			}
		})
	}
}

func TestReadTellsAllFaultsAtOnce(t *testing.T) {
	_, err := read([]string{"-memory", "0", "-function-name", "a b", "-log-format", "xml"}, []string{
		"INVOKER_COUNT=many", "FUNCTION_TTL=soon", "LAMBKIN_QUEUE_DEPTH=0", "AWS_LAMBDA_MAX_CONCURRENCY=1001", "EVENT=x", "LAMBKIN_INVOKE_MODE=x",
		"REQUEST_SIZE_LIMIT=x", "CE_FUNCTION_RESPONSE_MODE=x",
	}, &bytes.Buffer{})
	if err == nil {
		t.Fatal("all is well")
	}
	for _, want := range []string{`INVOKER_COUNT="many"`, `FUNCTION_TTL="soon"`, "-queue-depth is 0", "-max-concurrency is 1001", "-memory is 0", `-function-name is "a b"`,
		`-log-format is "xml"`, `EVENT="x"`, `LAMBKIN_INVOKE_MODE="x"`, "REQUEST_SIZE_LIMIT", "CE_FUNCTION_RESPONSE_MODE"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s:\n%v", want, err)
		}
	}
}

func TestReadBounds(t *testing.T) {
	cases := map[string]struct {
		flag, value string
		fine        bool
	}{
		"No time":           {"-timeout", "0", false},
		"Longest":           {"-timeout", "900", true},
		"Longer":            {"-timeout", "900.001", false},
		"Negative":          {"-timeout", "-1s", false},
		"Endless":           {"-timeout", "Inf", false},
		"No number":         {"-timeout", "NaN", false},
		"No environment":    {"-environments", "0", false},
		"Most environments": {"-environments", "1000", true},
		"Long name":         {"-function-name", strings.Repeat("x", 64), true},
		"Longer name":       {"-function-name", strings.Repeat("x", 65), false},
		"Unknown flag":      {"-nonsense", "", false},
		"Format":            {"-event-format", "3.0", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var usage bytes.Buffer
			_, err := read([]string{tc.flag, tc.value}, nil, &usage)
			if (err == nil) != tc.fine {
				t.Errorf("%s %s: %v", tc.flag, tc.value, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.flag) || usage.Len() > 0) {
				t.Errorf("%s %s: %q does not name the flag, or it printed %q beside", tc.flag, tc.value, err, &usage)
			}
		})
	}
}

func TestHandlerIn(t *testing.T) {
	cases := map[string]struct {
		reason, command, want string
	}{
		"Python":     {"module and function", "/lambda-entrypoint.sh app.handler", "app.handler"},
		"Folders":    {"of a module", "npx aws-lambda-ric src/api-v2/index.handler", "src/api-v2/index.handler"},
		"Ruby":       {"a method of a class", "aws_lambda_ric app.LambdaFunction::Handler.process", "app.LambdaFunction::Handler.process"},
		"Java":       {"class and method", "java -cp x com.amazonaws.Client com.example.Hello::handle", "com.example.Hello::handle"},
		"DotNet":     {"assembly, class, method", "/lambda-entrypoint.sh My_App::My.App.Function::Run", "My_App::My.App.Function::Run"},
		"Nothing":    {"no command", "", ""},
		"Alone":      {"the program is no handler", "app.handler", ""},
		"Bootstrap":  {"Go's images name their program only", "/main", ""},
		"Path":       {"an absolute one", "node /var/task/app.handler", ""},
		"Option":     {"of the program", "node --import=x.y", ""},
		"Word":       {"no dot, no handler", "aws-lambda-ric handler", ""},
		"Sentence":   {"a script in one word", "sh\x00a.b; exec c.d", ""},
		"Number":     {"an address or a version", "serve 127.0.0.1", ""},
		"NotTheLast": {"a handler comes last", "run app.handler --verbose", ""},
		"TooLong":    {"for the Lambda API", "run a." + strings.Repeat("x", 127), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			command := strings.FieldsFunc(tc.command, func(r rune) bool { return r == ' ' && !strings.Contains(tc.command, "\x00") || r == 0 })
			if got := handlerIn(command); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// TestInitializationType holds that a pod knows why it was started, as its manifest says.
func TestInitializationType(t *testing.T) {
	for kind, want := range map[string]struct{ provisioned, snapStart bool }{
		"": {}, "on-demand": {}, "provisioned-concurrency": {provisioned: true}, "snap-start": {snapStart: true},
	} {
		s, err := read([]string{"--", "/bin/sh"}, nil, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := s.pod([]string{"AWS_LAMBDA_INITIALIZATION_TYPE=" + kind, "LAMBDA_TASK_ROOT=" + t.TempDir()})
		if err != nil || cfg.Provisioned != want.provisioned || cfg.SnapStart != want.snapStart {
			t.Errorf("%q: provisioned %t, snap start %t, %v", kind, cfg.Provisioned, cfg.SnapStart, err)
		}
	}
}

func TestHomeOf(t *testing.T) {
	dir := t.TempDir()
	cases := map[string]struct{ reason, home, want string }{
		"Kept":    {"it can be written", dir, dir},
		"Unset":   {"many programs need one", "", os.TempDir()},
		"Missing": {"it is not there", filepath.Join(dir, "none"), os.TempDir()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := homeOf(environment([]string{"HOME=" + tc.home})); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestUsageNamesEveryFlagAndVariable(t *testing.T) {
	var usage bytes.Buffer
	if _, err := read([]string{"-help"}, nil, &usage); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("got %v", err)
	}
	for name, from := range variables() {
		for _, want := range append(from, "  -"+name) {
			if !strings.Contains(usage.String(), want) {
				t.Errorf("the usage does not name %s", want)
			}
		}
	}
	var s settings
	s.flags().VisitAll(func(f *flag.Flag) {
		if len(variables()[f.Name]) == 0 {
			t.Errorf("-%s has no variable", f.Name)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("-timeout\x001e300", "PORT=1")
	f.Add("--\x00x", "FUNCTION_TTL=1h")
	f.Fuzz(func(t *testing.T, args, environ string) {
		s, err := read(strings.Split(args, "\x00"), strings.Split(environ, "\x00"), &bytes.Buffer{})
		if err == nil && (s.timeout <= 0 || s.environments < 1 || s.grace < 0) {
			t.Errorf("accepted %+v", s)
		}
	})
}
