package command_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap/runner"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/command"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/process"
)

func TestMain(m *testing.M) {
	process.MaybeHelper()
	runner.MaybeRun()
	os.Exit(m.Run())
}

// fixture is a command line with an engine in memory behind HTTP.
type fixture struct {
	t      *testing.T
	engine *double.Engine
	url    string
	env    map[string]string
	stdin  string
	typing bool   // standard input is a terminal
	name   string // what the program is called by
	open   func(cluster.Options) (*command.Connection, error)
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	e := &double.Engine{Log: []string{"START", "hello", "END"}}
	srv := httptest.NewServer(e.Server())
	t.Cleanup(srv.Close)
	return &fixture{t: t, engine: e, url: srv.URL, env: map[string]string{"LAMBKIN_ENDPOINT": srv.URL, "HOME": t.TempDir()}}
}

// run runs one command line.
func (f *fixture) run(args ...string) (code int, out, told string) {
	f.t.Helper()
	var stdout, stderr bytes.Buffer
	app := &command.App{
		IO:        &terminal.Streams{In: strings.NewReader(f.stdin), Out: &stdout, Err: &stderr, InTerminal: f.typing},
		Getenv:    func(name string) string { return f.env[name] },
		Now:       func() time.Time { return time.Date(2026, 1, 31, 0, 5, 0, 0, time.UTC) },
		Name:      f.name,
		OnCluster: f.open,
	}
	code = command.Run(f.t.Context(), app, args)
	out, told = stdout.String(), stderr.String()
	if f.url != "" {
		out, told = strings.ReplaceAll(out, f.url, "URL"), strings.ReplaceAll(told, f.url, "URL")
	}
	return code, out, told
}

// begin starts a command line that goes on until ctx ends. said waits for a line of its output and gives what follows
// prefix.
func (f *fixture) begin(ctx context.Context, args ...string) (ended <-chan int, said func(prefix string) string) {
	f.t.Helper()
	r, w := io.Pipe()
	return f.start(ctx, r, w, io.Discard, w, args)
}

// beginTelling is begin for what goes to standard error.
func (f *fixture) beginTelling(ctx context.Context, args ...string) (ended <-chan int, told func(prefix string) string) {
	f.t.Helper()
	r, w := io.Pipe()
	return f.start(ctx, r, io.Discard, w, w, args)
}

func (f *fixture) start(ctx context.Context, r *io.PipeReader, out, err io.Writer, end *io.PipeWriter, args []string) (<-chan int, func(string) string) {
	env := maps.Clone(f.env) // the test goes on to change its own
	app := &command.App{
		IO:     &terminal.Streams{In: strings.NewReader(""), Out: out, Err: err},
		Getenv: func(name string) string { return env[name] },
	}
	codes := make(chan int, 1)
	go func() {
		codes <- command.Run(ctx, app, args)
		_ = end.Close()
	}()
	lines := make(chan string, 1000)
	go func() { // ends with the command
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			select {
			case lines <- strings.TrimSpace(s.Text()):
			default: // nobody waits for it
			}
		}
	}()
	return codes, func(prefix string) string {
		for line := range lines {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		}
		f.t.Errorf("%q never said %q", args, prefix)
		return ""
	}
}

// ok runs a command line that must succeed and gives what it printed.
func (f *fixture) ok(args ...string) string {
	f.t.Helper()
	code, out, told := f.run(args...)
	if code != 0 {
		f.t.Fatalf("lambkin %s: exit code %d: %s", strings.Join(args, " "), code, told)
	}
	return out
}

func (f *fixture) function(name string) *v1alpha1.Function {
	f.t.Helper()
	fn := new(v1alpha1.Function)
	if err := f.engine.Get(f.t.Context(), name, fn); err != nil {
		f.t.Fatal(err)
	}
	return fn
}

// script makes a folder with a function, and gives its path.
func (f *fixture) script(name string) string {
	f.t.Helper()
	dir := filepath.Join(f.t.TempDir(), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	f.write(filepath.Join(dir, "index.mjs"), "export const handler = async () => 1")
	return dir
}

func (f *fixture) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func TestDeployKeepsWhatIsNotNamed(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.ok("deploy", dir, "--memory", "512", "--env", "STAGE=dev", "--env", "GONE=1", "--reserved-concurrency", "0", "--label", "team=one",
		"--env-secret", "TOKEN=secrets/token", "--http-format", "1.0", "--tmp", "1024")
	out := f.ok("deploy", "app", dir, "--timeout", "30", "--env", "GONE-", "--layer", "tools:3", "--http-stream")
	if !strings.HasPrefix(out, "function/app configured (nodejs22.x, index.handler, ") || !strings.Contains(out, "URL/_url/app/") {
		t.Errorf("deploy said %q", out)
	}
	got := f.function("app")
	zero := int32(0)
	want := v1alpha1.FunctionSpec{
		FunctionName: "app", Runtime: "nodejs22.x", Handler: "index.handler", MemorySize: 512, Timeout: 30,
		Code:             got.Spec.Code,
		Architectures:    got.Spec.Architectures,
		EphemeralStorage: &v1alpha1.EphemeralStorage{Size: 1024},
		Environment: &v1alpha1.Environment{
			Variables:     map[string]string{"STAGE": "dev"},
			VariablesFrom: []v1alpha1.VariableFrom{{Name: "TOKEN", SecretKeyRef: &v1alpha1.KeyRef{Name: "secrets", Key: "token"}}},
		},
		Layers:      []string{"arn:aws:lambda:us-east-1:000000000000:layer:tools:3"},
		Concurrency: &v1alpha1.Concurrency{Reserved: &zero},
		HTTP:        &v1alpha1.HTTP{EventFormat: "1.0", InvokeMode: v1alpha1.InvokeModeStream},
	}
	defaulted := &v1alpha1.Function{Spec: want}
	defaulted.Default()
	if diff := cmp.Diff(defaulted.Spec, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if got.Labels["team"] != "one" {
		t.Errorf("labels = %v", got.Labels)
	}
	if out := f.ok("deploy", "app", dir); !strings.HasPrefix(out, "function/app unchanged") {
		t.Errorf("deploying again said %q", out)
	}
}

func TestManifestIsTheWholeTruth(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.ok("deploy", dir, "--memory", "512")
	f.write(filepath.Join(dir, "function.yaml"), "apiVersion: lambkin.dev/v1alpha1\nkind: Function\nmetadata: {name: app}\nspec: {timeout: 9}\n")
	f.ok("deploy", dir)
	if got := f.function("app").Spec; got.MemorySize != 128 || got.Timeout != 9 || got.Runtime != "nodejs22.x" {
		t.Errorf("memory %d, timeout %d, runtime %q: want what the manifest says, and defaults", got.MemorySize, got.Timeout, got.Runtime)
	}
	f.ok("deploy", "other", dir)
	if got := f.function("other").Spec; got.FunctionName != "other" || got.Timeout != 9 {
		t.Errorf("a name on the command line goes before the manifest's: %+v", got)
	}
}

func TestDeployTellsAllFaultsAtOnce(t *testing.T) {
	f := newFixture(t)
	code, _, told := f.run("deploy", f.script("app"), "--memory", "1", "--timeout", "1000")
	if code != 1 || !strings.Contains(told, "  - spec.memorySize: ") || !strings.Contains(told, "  - spec.timeout: ") {
		t.Errorf("exit code %d: %s", code, told)
	}
	if out, _, _ := f.run("get", "-o", "name"); out != 0 {
		t.Errorf("get failed")
	}
	if f.ok("get", "-o", "name") != "" {
		t.Error("something was written")
	}
}

func TestDeployWaits(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.engine.OnReady = func(fn *v1alpha1.Function) {
		fn.Status.MarkFailed(fn.Generation, v1alpha1.Failf(v1alpha1.ReasonRuntimeUnavailable, "node is not installed"))
	}
	code, _, told := f.run("deploy", dir)
	if code != 1 || !strings.Contains(told, "RuntimeUnavailable: node is not installed") {
		t.Errorf("exit code %d: %s", code, told)
	}
	f.engine.OnReady = func(fn *v1alpha1.Function) { fn.Status.MarkProgressing(fn.Generation) }
	code, _, told = f.run("deploy", dir, "--memory", "256", "--build-timeout", "20ms")
	if code != 1 || !strings.Contains(told, "not ready after 20ms") {
		t.Errorf("exit code %d: %s", code, told)
	}
	f.ok("deploy", dir, "--memory", "300", "--wait=false")
}

func TestGet(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	f.ok("deploy", f.script("Upper_Case"))
	f.ok("versions", "publish", "app")
	out := f.ok("get")
	lines := strings.Split(out, "\n")
	if !strings.HasPrefix(lines[0], "NAME ") || !strings.HasPrefix(lines[1], "app ") || !strings.Contains(lines[1], " 5m") || !strings.HasPrefix(lines[2], "Upper_Case ") {
		t.Errorf("get printed\n%s", out)
	}
	cases := map[string]struct {
		args []string
		want string
	}{
		"Names":      {[]string{"get", "functions", "-o", "name"}, "function/app\nfunction/upper-case-"},
		"OldWords":   {[]string{"list", "services", "-o", "name"}, "function/app"},
		"Wide":       {[]string{"get", "-o", "wide"}, "HANDLER"},
		"JSONList":   {[]string{"get", "-o", "json"}, `"kind": "List"`},
		"JSONOne":    {[]string{"get", "app", "-o", "json"}, "\"kind\": \"Function\""},
		"YAML":       {[]string{"get", "function", "app", "-o", "yaml"}, "apiVersion: lambkin.dev/v1alpha1"},
		"Versions":   {[]string{"get", "versions", "app"}, "app        1 "},
		"VersionOne": {[]string{"get", "version", "app.1", "-o", "name"}, "version/app.1"},
		"Revisions":  {[]string{"get", "revision", "app", "-o", "name"}, "version/app.1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := *f
			f.t = t
			if out := f.ok(tc.args...); !strings.Contains(out, tc.want) {
				t.Errorf("printed %q, want %q in it", out, tc.want)
			}
		})
	}
	for _, empty := range []string{"aliases", "layers", "urls"} {
		if code, out, told := f.run("get", empty); code != 0 || out != "" || !strings.Contains(told, "There are no "+empty) {
			t.Errorf("get %s: %d %q %q", empty, code, out, told)
		}
	}
}

func TestInvoke(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	event := filepath.Join(t.TempDir(), "event.json")
	f.write(event, `{"from":"file"}`)
	f.stdin = `{"from":"stdin"}`
	for want, args := range map[string][]string{
		"{\"from\":\"stdin\"}\n": {"invoke", "app"},
		"{\"from\":\"file\"}\n":  {"invoke", "app", "-d", "@" + event},
		"{\"from\":\"flag\"}\n":  {"invoke", "app:live", "-d", `{"from":"flag"}`},
	} {
		if out := f.ok(args...); out != want {
			t.Errorf("%q printed %q, want %q", args, out, want)
		}
	}
	if out := f.ok("invoke", "app", "--event", "sqs"); !strings.Contains(out, "aws:sqs") {
		t.Errorf("a sample event gave %q", out)
	}
	if out := f.ok("invoke", "--list-events"); !strings.Contains(out, "apigateway\n") {
		t.Errorf("the sample events are %q", out)
	}
	f.ok("invoke", "app", "--async", "-d", "7")
	if diff := cmp.Diff([]string{"7"}, f.engine.Queued()); diff != "" {
		t.Error(diff)
	}
	f.stdin = ""
	if out := f.ok("invoke", "app"); out != "{}\n" {
		t.Errorf("no event gave %q", out)
	}
}

func TestInvokeTellsFailures(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	f.engine.OnInvoke = func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		if string(in.Payload) == `"busy"` {
			return nil, lambda.Throttled(lambda.ReasonConcurrency, 0)
		}
		return &lambda.Result{FunctionError: lambda.Unhandled, ErrorType: "Boom", Payload: []byte(`{"errorType":"Boom"}`), LogTail: []byte("last words\n")}, nil
	}
	code, out, told := f.run("invoke", "app", "-d", "1", "--log")
	if code != 3 || out != "{\"errorType\":\"Boom\"}\n" || !strings.Contains(told, "last words") || !strings.Contains(told, "the function failed: Boom") {
		t.Errorf("exit code %d, printed %q, told %q", code, out, told)
	}
	code, _, told = f.run("invoke", "app", "-d", `"busy"`)
	if code != 1 || !strings.Contains(told, "Rate Exceeded.") {
		t.Errorf("exit code %d, told %q", code, told)
	}
}

func TestExitCodes(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	for _, tc := range []struct {
		code int
		line string
	}{
		{0, "version"}, {0, "version -o json"}, {0, ""}, {0, "help deploy"}, {0, "alias"}, {0, "new --list"}, {0, "completion bash"},
		{1, "get nobody"}, {1, "describe nobody"}, {1, "logs nobody"}, {1, "delete nobody"}, {1, "deploy /nowhere/at/all"}, {1, "apply -f /nowhere"},
		{1, "set registry-auth x"}, {1, "push"}, {1, "get tasks"}, {1, "deploy channel x"}, {1, "--registry-host r get"}, {1, "layer delete x:1"},
		{2, "nonsense"}, {2, "alias nonsense"}, {2, "get a b c"}, {2, "get nokind x"}, {2, "get -o xml"}, {2, "get --nonsense"}, {2, "-n prod get"},
		{2, "invoke"}, {2, "invoke app -d nojson"}, {2, "invoke app --event nothing"}, {2, "invoke a/b"}, {2, "invoke app:1 -q 2"},
		{2, "logs app --since yesterday"}, {2, "logs app --tail -1"}, {2, "apply"}, {2, "delete"}, {2, "new"}, {2, "new x --runtime cobol"},
		{2, "deploy a b c"}, {2, "alias create app live x"}, {2, "traffic app live --to 3"}, {2, "layer delete x"},
		{2, "deploy app " + f.script("app") + " --env X"}, {2, "deploy app " + f.script("app") + " --env-secret X=y"},
		{2, "get --dry"}, {2, "logs app -o json"}, {2, "config endpoint nonsense"}, {2, "deploy --build-argument X=1"},
	} {
		if code, _, told := f.run(strings.Fields(tc.line)...); code != tc.code {
			t.Errorf("lambkin %s: exit code %d, want %d: %s", tc.line, code, tc.code, told)
		}
	}
	f.env["LAMBKIN_ENDPOINT"] = "http://127.0.0.1:1"
	if code, _, told := f.run("get"); code != 4 || !strings.Contains(told, "lambkin serve") {
		t.Errorf("without a server: exit code %d: %s", code, told)
	}
}

func TestReleases(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.ok("deploy", dir, "--publish")
	steps := []struct{ line, want string }{
		{"alias create app live 1", "alias app:live created (1=100%)"},
		{"deploy app " + dir + " --memory 256 --alias next", "version 2"},
		{"traffic app live --to 2=12.5%", "1=87.5% 2=12.5%"},
		{"traffic app live", "1=87.5% 2=12.5%"},
		{"traffic app live --to 2=12.5%", "unchanged"},
		{"traffic app live --to 2=0%", "(1=100%)"},
		{"traffic app live --to 2=100%", "(2=100%)"},
		{"alias update app live 1 --description back", "alias app:live configured (1=100%)"},
		{"alias list app -o name", "alias/app.live\nalias/app.next"},
		{"versions list app -o name", "version/app.1\nversion/app.2"},
		{"versions publish app", "version app:2 unchanged"},
		{"delete app:next", "alias/app.next deleted"},
		{"alias delete app live", "alias app:live deleted"},
		{"delete app:1", "version/app.1 deleted"},
	}
	for _, s := range steps {
		if out := f.ok(strings.Fields(s.line)...); !strings.Contains(out, s.want) {
			t.Errorf("lambkin %s printed %q, want %q in it", s.line, out, s.want)
		}
	}
	if code, _, told := f.run("traffic", "app", "live"); code != 1 || !strings.Contains(told, "lambkin alias create app live") {
		t.Errorf("no such alias: %d %s", code, told)
	}
}

func TestLayers(t *testing.T) {
	f := newFixture(t)
	dir := f.script("content")
	for n := 1; n <= 2; n++ {
		want := fmt.Sprintf("arn:aws:lambda:us-east-1:000000000000:layer:tools:%d", n)
		if out := f.ok("layer", "publish", "tools", dir, "--description", "handy"); !strings.Contains(out, want) {
			t.Errorf("publish printed %q, want %q in it", out, want)
		}
	}
	f.ok("layer", "delete", "tools:1")
	if out := f.ok("layer", "list", "tools", "-o", "name"); out != "layerversion/tools.2\n" {
		t.Errorf("list printed %q", out)
	}
}

func TestDescribeHidesValues(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"), "--env", "PASSWORD=hunter2", "--description", "does things", "--publish")
	out := f.ok("describe", "function", "app")
	for _, want := range []string{"does things", "PASSWORD", "index.handler", "128 MB", "True", "Versions:"} {
		if !strings.Contains(out, want) {
			t.Errorf("describe leaves out %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "hunter2") {
		t.Error("describe shows a value")
	}
}

func TestLogs(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	if out := f.ok("logs", "app", "--since", "10m", "--tail", "2"); out != "hello\nEND\n" {
		t.Errorf("logs printed %q", out)
	}
}

func TestDryWritesNothing(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	if out := f.ok("deploy", dir, "--dry"); !strings.Contains(out, "kind: Function") || !strings.Contains(out, "memorySize: 128") {
		t.Errorf("deploy --dry printed\n%s", out)
	}
	f.ok("deploy", dir)
	f.ok("delete", "app", "--dry")
	if out := f.ok("get", "-o", "name"); out != "function/app\n" {
		t.Errorf("left are %q", out)
	}
	f.env["LAMBKIN_ENDPOINT"] = "http://127.0.0.1:1"
	f.ok("deploy", dir, "--dry")
}

func TestEndpointIsFoundInOrder(t *testing.T) {
	f := newFixture(t)
	f.env = map[string]string{"HOME": t.TempDir()}
	show := func(want string, extra ...string) {
		t.Helper()
		if out := f.ok(append([]string{"config", "endpoint"}, extra...)...); out != want+"\n" {
			t.Errorf("endpoint = %q, want %q", out, want)
		}
	}
	show("http://127.0.0.1:9000")
	f.ok("config", "endpoint", "http://kept.example")
	show("http://kept.example")
	f.env["LAMBKIN_ENDPOINT"] = "http://env.example"
	show("http://env.example")
	show("http://flag.example", "--endpoint", "http://flag.example")
	delete(f.env, "LAMBKIN_ENDPOINT")
	f.ok("config", "endpoint", "")
	show("http://127.0.0.1:9000")
	f.write(filepath.Join(f.env["HOME"], ".config", "lambkin", "config.yaml"), "endpiont: x\n")
	if code, _, told := f.run("get"); code != 1 || !strings.Contains(told, "endpiont") {
		t.Errorf("a broken file: %d %s", code, told)
	}
}

func TestNamesAreCompleted(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	if out := f.ok("__complete", "invoke", ""); !strings.HasPrefix(out, "app\n") {
		t.Errorf("completion gave %q", out)
	}
	if out := f.ok("__complete", "invoke", "app", "--event", "s"); !strings.Contains(out, "sqs\n") {
		t.Errorf("completion of events gave %q", out)
	}
	f.env["LAMBKIN_ENDPOINT"] = "http://127.0.0.1:1"
	if out := f.ok("__complete", "invoke", ""); strings.Contains(out, "app") {
		t.Errorf("completion without a server gave %q", out)
	}
}

func TestNew(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "orders")
	f.ok("new", dir, "--runtime", "go", "--template", "sqs")
	for name, want := range map[string]string{"go.mod": "module orders\n", "function.yaml": "name: orders\n", "main.go": "package main", "event.json": "Records"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s = %q, %v; want %q in it", name, text, err, want)
		}
	}
	if code, _, _ := f.run("new", dir); code != 1 {
		t.Error("a folder that is not empty was written to")
	}
	other := filepath.Join(t.TempDir(), "py")
	f.ok("generate", "python3.11", other)
	if text, err := os.ReadFile(filepath.Join(other, "function.yaml")); err != nil || !strings.Contains(string(text), "runtime: python3.11") {
		t.Errorf("function.yaml = %s, %v", text, err)
	}
}

func TestDebugShowsCauses(t *testing.T) {
	f := newFixture(t)
	f.engine.OnWrite = func(v1alpha1.Object) error {
		return &lambda.Error{Code: lambda.CodeResourceConflict, Message: "busy now"}
	}
	_, _, plain := f.run("deploy", f.script("app"))
	_, _, debug := f.run("deploy", f.script("app"), "--debug")
	if strings.Contains(plain, "ResourceConflictException") || !strings.Contains(plain, "busy now") {
		t.Errorf("told %q", plain)
	}
	if !strings.Contains(debug, "ResourceConflictException") {
		t.Errorf("told with --debug %q", debug)
	}
}

func TestAliasObjectsCarryNames(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"), "--alias", "Live_1")
	list := new(v1alpha1.AliasList)
	if err := f.engine.List(t.Context(), list, nil); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d aliases, %v", len(list.Items), err)
	}
	want := v1alpha1.AliasSpec{FunctionName: "app", Name: "Live_1", FunctionVersion: "1"}
	if diff := cmp.Diff(want, list.Items[0].Spec); diff != "" {
		t.Error(diff)
	}
	if got := list.Items[0].ObjectMeta; got.Name != v1alpha1.AliasObjectName("app", "Live_1") || got.CreationTimestamp == (metav1.Time{}) {
		t.Errorf("metadata = %+v", got)
	}
}
