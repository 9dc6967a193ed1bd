package bootstrap_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/bootstrap/gorpc"
	"github.com/lambkin-dev/lambkin/bootstrap/protocoltest"
	"github.com/lambkin-dev/lambkin/bootstrap/stdio"
)

// runnerVariable makes this test binary a runner, as the sub-commands of runtime-api are.
const runnerVariable = "LAMBKIN_TEST_RUNNER"

// tableVariable names the file that gets the table of results.
const tableVariable = "LAMBKIN_CONFORMANCE_TABLE"

func TestMain(m *testing.M) {
	runner, isRunner := os.LookupEnv(runnerVariable)
	if !isRunner {
		os.Exit(m.Run())
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var err error
	switch runner {
	case "exec":
		err = stdio.Program{Argv: os.Args[1:], Environ: os.Environ(), Stderr: os.Stderr, Log: log}.Run(context.Background())
	case "gorpc":
		err = gorpc.Program{Argv: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Log: log}.Run(context.Background())
	}
	log.Error("runner ended", "reason", err)
	os.Exit(1)
}

// absent tells readers of the table what it does not tell.
const absent = `
Not run: AWS's clients for Python, Ruby, Java, .NET and Rust. Debian has no package of them, and the tests install from
npm and the Go module proxy only.
`

const heading = `# Runtime clients against the protocol suite

Made by ` + "`make conformance`" + `: every client that is to be had, through every case of ` + "`bootstrap/protocoltest`" + `.

`

// TestConformance runs the protocol suite against every client that is to be had. With LAMBKIN_CONFORMANCE_TABLE=FILE
// it writes the results there as a Markdown table.
func TestConformance(t *testing.T) {
	report := &protocoltest.Report{}
	t.Run("clients", func(t *testing.T) {
		for _, c := range clients(t) {
			t.Run(c.Name, func(t *testing.T) { protocoltest.Run(t, c, report) })
		}
	})
	path := os.Getenv(tableVariable)
	if path == "" {
		return
	}
	if err := os.WriteFile(path, []byte(heading+report.Markdown()+absent), 0o644); err != nil {
		t.Fatal(err)
	}
}

func clients(t *testing.T) []*protocoltest.Client {
	dir, err := bootstrap.Extract(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	goHandler := build(t, "aws-lambda-go")
	return []*protocoltest.Client{
		nodeClient(t, dir), pythonClient(t, dir), rubyClient(t, dir),
		gorpcClient(t, goHandler), execClient(t, build(t, "exec")),
		awsGoClient(t, goHandler), awsNodeClient(t),
	}
}

const (
	noStreams = "the language has no response streaming on Lambda"
	noBytes   = "Node.js functions give bytes by streaming"
	compiled  = "a compiled handler has nothing to load"
	ownLogs   = "the function's output is passed on as it is"
	endsOn    = "ends the process when an answer is refused; the platform starts a new one"
	reportsIt = "the runner reports the end itself, as Runtime.ExitError"
	buffered  = "the runner sends whole results"
)

func streamless(others map[string]string) map[string]string {
	all := map[string]string{
		"stream": noStreams, "stream prelude": noStreams, "stream error midway": noStreams, "stream error early": noStreams,
	}
	maps.Copy(all, others)
	return all
}

// interpreted is a client of ours in an interpreter, started the way the platform starts it.
func interpreted(t *testing.T, id, runtimeDir, fixture string) *protocoltest.Client {
	c := &protocoltest.Client{Name: "our " + fixture, Dir: testdata(t, fixture)}
	r, ok := bootstrap.Lookup(id)
	if !ok {
		t.Fatalf("runtime %q is not in the catalogue", id)
	}
	host := bootstrap.Host{TaskRoot: c.Dir, OptRoot: "/opt", RuntimeDir: runtimeDir, Interpreters: &bootstrap.Interpreters{},
		Environ: []string{"PATH=" + os.Getenv("PATH")}}
	argv, env, err := r.Command(host)
	if err != nil {
		c.Missing = err.Error()
	}
	c.Command = func(function string) ([]string, []string) {
		return argv, append([]string{"_HANDLER=" + handlerOf(function)}, env...)
	}
	return c
}

// handlerOf turns a function of the fixture into a handler string; what has a dot or is no function is one already.
func handlerOf(function string) string {
	if filepath.Ext(function) != "" || function == "nodot" {
		return function
	}
	return "fixture." + function
}

func nodeClient(t *testing.T, runtimeDir string) *protocoltest.Client {
	c := interpreted(t, "nodejs20.x", runtimeDir, "node")
	c.Traits = protocoltest.Traits{
		FailType: "RangeError", TraceField: "trace", BadEventType: "Runtime.UnmarshalError", InitTypes: nodeInitTypes(),
	}
	c.Deviations = map[string]string{"binary result": noBytes}
	return c
}

func nodeInitTypes() map[string]string {
	return map[string]string{
		"missing.handler": "Runtime.ImportModuleError", "broken.handler": "Runtime.UserCodeSyntaxError",
		"fixture.nope": "Runtime.HandlerNotFound", "nodot": "Runtime.MalformedHandlerName", "throws.handler": "RangeError",
	}
}

func pythonClient(t *testing.T, runtimeDir string) *protocoltest.Client {
	c := interpreted(t, "python3.12", runtimeDir, "python")
	c.Traits = protocoltest.Traits{
		FailType: "ValueError", TraceField: "stackTrace", BadEventType: "Runtime.UnmarshalError", BinaryType: "application/unknown",
		InitTypes: map[string]string{
			"missing.handler": "Runtime.ImportModuleError", "broken.handler": "Runtime.UserCodeSyntaxError",
			"fixture.nope": "Runtime.HandlerNotFound", "nodot": "Runtime.MalformedHandlerName", "throws.handler": "RuntimeError",
		},
	}
	c.Deviations = streamless(nil)
	return c
}

func rubyClient(t *testing.T, runtimeDir string) *protocoltest.Client {
	c := interpreted(t, "ruby3.3", runtimeDir, "ruby")
	c.Traits = protocoltest.Traits{
		FailType: "Function<RuntimeError>", TraceField: "stackTrace", BadEventType: "Runtime.UnmarshalError",
		BinaryType: "application/unknown",
		InitTypes: map[string]string{
			"missing.handler": "Init<LoadError>", "broken.handler": "Init<SyntaxError>", "fixture.nope": "Runtime.HandlerNotFound",
			"fixture.Nope.call": "Runtime.HandlerNotFound", "fixture.nope.call": "Runtime.HandlerNotFound",
			"nodot": "Runtime.MalformedHandlerName", "throws.handler": "Init<ArgumentError>",
		},
	}
	c.Deviations = streamless(nil)
	return c
}

func gorpcClient(t *testing.T, handler string) *protocoltest.Client {
	return &protocoltest.Client{
		Name: "our gorpc",
		Dir:  testdata(t, "aws-lambda-go"),
		Command: func(function string) ([]string, []string) {
			return []string{self(t), handler}, []string{runnerVariable + "=gorpc", "_HANDLER=" + function}
		},
		Traits: protocoltest.Traits{FailType: "errorString", BadEventType: "SyntaxError", BinaryType: "application/octet-stream"},
		Deviations: map[string]string{
			"init error": compiled, "logs": ownLogs, "JSON logs": ownLogs, "exit": reportsIt,
			"tenant": "net/rpc handlers know no tenants", "stream": buffered, "stream prelude": buffered,
			"stream error midway": buffered, "stream error early": buffered,
		},
	}
}

func execClient(t *testing.T, program string) *protocoltest.Client {
	return &protocoltest.Client{
		Name: "our exec",
		Dir:  testdata(t, "exec"),
		Command: func(function string) ([]string, []string) {
			return []string{self(t), program, function}, []string{runnerVariable + "=exec"}
		},
		Traits: protocoltest.Traits{
			FailType: "Runtime.ExitError", FailMessage: "exit status 1: boom", BinaryType: "application/octet-stream",
		},
		Deviations: map[string]string{
			"null": "an executable that writes nothing has an empty result", "init error": compiled, "exit": reportsIt,
			"bad event": "executables take any bytes", "reuse": "a process lives for one event", "logs": ownLogs, "JSON logs": ownLogs,
			"stream": buffered, "stream prelude": buffered, "stream error midway": buffered, "stream error early": buffered,
		},
	}
}

func awsGoClient(t *testing.T, handler string) *protocoltest.Client {
	return &protocoltest.Client{
		Name:    "aws-lambda-go",
		Dir:     testdata(t, "aws-lambda-go"),
		Command: func(function string) ([]string, []string) { return []string{handler}, []string{"_HANDLER=" + function} },
		Traits:  protocoltest.Traits{FailType: "errorString", BadEventType: "SyntaxError", BinaryType: "application/octet-stream"},
		Deviations: map[string]string{
			"init error": compiled, "logs": ownLogs, "JSON logs": ownLogs, "oversize result": endsOn, "late answer": endsOn,
		},
	}
}

func awsNodeClient(t *testing.T) *protocoltest.Client {
	script := filepath.Join(awsClients(t), "node_modules", "aws-lambda-ric", "bin", "index.mjs")
	c := &protocoltest.Client{Name: "aws-lambda-ric (Node.js)", Dir: testdata(t, "node")}
	node, err := exec.LookPath("node")
	if err != nil {
		c.Missing = "install node, on Debian with apt-get install nodejs"
	}
	if _, err := os.Stat(script); err != nil {
		c.Missing = "install AWS's client with bootstrap/testdata/install-aws-clients.sh"
	}
	c.Command = func(function string) ([]string, []string) {
		return []string{node, script, handlerOf(function)}, []string{"_HANDLER=" + handlerOf(function)}
	}
	c.Traits = protocoltest.Traits{FailType: "RangeError", TraceField: "trace", BadEventType: "SyntaxError", InitTypes: nodeInitTypes()}
	c.Deviations = map[string]string{
		"binary result": noBytes, "bad event": "its log quotes the event", "concurrency": "version 3 takes one event at a time",
		"stream error early": "opens the response before it calls the handler, so every error is in the trailers",
	}
	return c
}

// awsClients is the folder that install-aws-clients.sh fills.
func awsClients(t *testing.T) string {
	if dir := os.Getenv("LAMBKIN_AWS_CLIENTS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "lambkin", "aws-clients")
}

// build compiles a program of testdata.
func build(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-o", program, "./testdata/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return program
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
