package command_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// TestOutputs goes through everything that prints an object: each gives one document or names, and nothing else.
func TestOutputs(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.ok("deploy", dir, "--alias", "live")
	f.ok("layer", "publish", "tools", dir)
	f.write(filepath.Join(dir, "more.yaml"), "apiVersion: lambkin.dev/v1alpha1\nkind: Alias\nspec: {functionName: app, name: more, functionVersion: \"1\"}\n")
	for line, want := range map[string]string{
		"get":                                    "function/app\n",
		"get app":                                "function/app\n",
		"get all":                                "function/app\nversion/app.1\nalias/app.live\nlayerversion/tools.1\n",
		"get all app":                            "function/app\nversion/app.1\nalias/app.live\n",
		"get versions app":                       "version/app.1\n",
		"get alias app.live":                     "alias/app.live\n",
		"get layers tools":                       "layerversion/tools.1\n",
		"describe app":                           "function/app\n",
		"deploy app " + dir:                      "function/app\n",
		"deploy app " + dir + " --dry":           "function/app\n",
		"versions list app":                      "version/app.1\n",
		"alias list app":                         "alias/app.live\n",
		"alias update app live 1":                "alias/app.live\n",
		"traffic app live":                       "alias/app.live\n",
		"traffic app live --to 1=100%":           "alias/app.live\n",
		"apply --dry -f " + dir + "/more.yaml":   "alias/app.more\n",
		"layer list":                             "layerversion/tools.1\n",
		"new --list":                             "",
		"config endpoint":                        "",
		"version":                                "",
		"invoke app":                             "",
		"doctor --addr 127.0.0.1:0 --data-dir .": "",
	} {
		t.Run(line, func(t *testing.T) {
			f := *f
			f.t = t
			args := strings.Fields(line)
			if out := f.ok(append(args, "-o", "json")...); !json.Valid([]byte(out)) {
				t.Errorf("-o json printed %q", out)
			}
			var doc any
			if out := f.ok(append(args, "-o", "yaml")...); yaml.Unmarshal([]byte(out), &doc) != nil || json.Valid([]byte(out)) {
				t.Errorf("-o yaml printed %q", out)
			}
			if want == "" {
				return
			}
			if out := f.ok(append(args, "-o", "name")...); out != want {
				t.Errorf("-o name printed %q, want %q", out, want)
			}
		})
	}
	for _, line := range []string{"versions publish app", "layer publish tools " + dir} { // what they print depends on how often
		if out := f.ok(append(strings.Fields(line), "-o", "json")...); !json.Valid([]byte(out)) {
			t.Errorf("%s -o json printed %q", line, out)
		}
	}
	for line, want := range map[string]string{"layer delete tools:1": "layerversion/tools.1\n", "alias delete app live": "alias/app.live\n", "delete app": "function/app\n"} {
		if out := f.ok(append(strings.Fields(line), "-o", "name")...); out != want {
			t.Errorf("%s -o name printed %q, want %q", line, out, want)
		}
	}
}

func TestGetAll(t *testing.T) {
	f := newFixture(t)
	if code, out, told := f.run("get", "all"); code != 0 || out != "" || !strings.Contains(told, "lambkin new") {
		t.Errorf("nothing at all: %d %q %q", code, out, told)
	}
	f.ok("deploy", f.script("app"), "--alias", "live")
	f.ok("deploy", f.script("other"))
	out := f.ok("get", "all")
	for _, want := range []string{"NAME ", "app ", "other ", "FUNCTION   VERSION", "FUNCTION   ALIAS"} {
		if !strings.Contains(out, "\n"+want) && !strings.HasPrefix(out, want) {
			t.Errorf("get all leaves out %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "LAYER") {
		t.Errorf("get all shows a table with nothing in it:\n%s", out)
	}
	if out := f.ok("get", "all", "other"); strings.Contains(out, "app") {
		t.Errorf("get all other shows another's:\n%s", out)
	}
}

func TestApply(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.write(filepath.Join(dir, "all.yaml"), `apiVersion: lambkin.dev/v1alpha1
kind: Function
metadata: {name: app}
spec: {memorySize: 256}
---
apiVersion: lambkin.dev/v1alpha1
kind: FunctionURLConfig
spec: {functionName: app, authType: NONE}
`)
	if out := f.ok("apply", "-f", dir); out != "function/app created\nfunctionurlconfig/app created\n" {
		t.Errorf("apply printed %q", out)
	}
	if out := f.ok("apply", "-f", dir); out != "function/app unchanged\nfunctionurlconfig/app unchanged\n" {
		t.Errorf("apply again printed %q", out)
	}
	f.stdin = strings.ReplaceAll(f.ok("get", "app", "-o", "yaml"), "memorySize: 256", "memorySize: 512")
	f.ok("deploy", "app", dir, "--timeout", "9") // somebody else was quicker
	if out := f.ok("apply", "-f", "-"); out != "function/app configured\n" {
		t.Errorf("apply of what was printed before printed %q", out)
	}
	if got := f.function("app").Spec; got.MemorySize != 512 || got.Timeout != 3 {
		t.Errorf("memory %d, timeout %d: want what the manifest says", got.MemorySize, got.Timeout)
	}
	if out := f.ok("delete", "-f", dir); out != "functionurlconfig/app deleted\nfunction/app deleted\n" {
		t.Errorf("delete -f printed %q", out)
	}
}

func TestApplyTellsTheFaultsOfAll(t *testing.T) {
	f := newFixture(t)
	manifest := filepath.Join(t.TempDir(), "faulty.yaml")
	const object = "apiVersion: lambkin.dev/v1alpha1\nkind: Alias\nspec: {functionName: %, name: live, functionVersion: zero}\n"
	f.write(manifest, strings.ReplaceAll(object, "%", "one")+"---\n"+strings.ReplaceAll(object, "%", "two"))
	code, _, told := f.run("apply", "-f", manifest)
	if code != 1 || strings.Count(told, "refused") != 2 || !strings.Contains(told, `"one.live"`) || !strings.Contains(told, `"two.live"`) {
		t.Errorf("exit code %d: %s", code, told)
	}
	if out := f.ok("get", "all", "-o", "name"); out != "" {
		t.Errorf("written were %q", out)
	}
	f.engine.OnWrite = func(obj v1alpha1.Object) error {
		if obj.GetName() == "one.live" {
			return lambda.Errorf(lambda.CodeResourceConflict, "busy now")
		}
		return nil
	}
	f.write(manifest, strings.ReplaceAll(strings.ReplaceAll(object, "%", "one")+"---\n"+strings.ReplaceAll(object, "%", "two"), "zero", "\"1\""))
	code, out, told := f.run("apply", "-f", manifest)
	if code != 1 || out != "alias/two.live created\n" || !strings.Contains(told, "busy now") {
		t.Errorf("one of two refused by the server: exit code %d, printed %q, told %q", code, out, told)
	}
}

func TestDeviationsAreTold(t *testing.T) {
	f := newFixture(t)
	f.engine.OnReady = func(fn *v1alpha1.Function) { fn.Status.MarkReady(fn.Generation, "It runs on another version.") }
	dir := f.script("app")
	code, out, told := f.run("deploy", dir)
	if code != 0 || !strings.Contains(told, "app: It runs on another version.") || strings.Contains(out, "another") {
		t.Errorf("exit code %d, printed %q, told %q", code, out, told)
	}
	if out := f.ok("describe", "app"); !strings.Contains(out, "False Approximated: It runs on another version.") {
		t.Errorf("describe says\n%s", out)
	}
	if _, _, told := f.run("deploy", dir, "--wait=false"); strings.Contains(told, "another") {
		t.Errorf("without waiting it tells of a state that may be old: %q", told)
	}
}

func TestDescribeShowsFailures(t *testing.T) {
	f := newFixture(t)
	for range 7 {
		f.engine.Log = append(f.engine.Log, "REPORT RequestId: r-1\tDuration: 3.00 ms\tStatus: error\tError Type: Function.Boom")
	}
	f.ok("deploy", f.script("app"))
	out := f.ok("describe", "app")
	if !strings.Contains(out, "Last failures:\nREQUEST") || strings.Count(out, "r-1       error    Function.Boom   3.00 ms") != 5 {
		t.Errorf("describe says\n%s", out)
	}
}

func TestMissingThingsHaveAWayOut(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"), "--alias", "live")
	f.engine.OnInvoke = func(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", in.Function)
	}
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"get nobody":                  `there is no function "nobody": "lambkin get" lists`,
		"describe nobody":             `"lambkin deploy nobody" makes one`,
		"delete nobody":               `there is no function "nobody"`,
		"logs nobody":                 `there is no function "nobody"`,
		"versions list nobody":        "There are no versions of nobody",
		"invoke nobody":               `there is no function "nobody"`,
		"invoke app:next":             `function "app" has no version or alias "next": "lambkin describe app" lists them`,
		"alias create app x 7":        `function "app" has no version 7: "lambkin versions list app" lists`,
		"alias update app x 1":        `"lambkin alias create app x VERSION"`,
		"traffic app live --to 7=10%": `function "app" has no version 7`,
		"delete app:1":                `alias "live" points to: move it with "lambkin alias update app live VERSION" first`,
		"deploy nothing":              `there is no file or folder "nothing", and in this folder: "."`,
		"deploy -f nowhere.yaml":      "no such file",
	} {
		code, _, told := f.run(strings.Fields(line)...)
		if !strings.Contains(told, want) || (code != 1 && !strings.HasPrefix(line, "versions list")) {
			t.Errorf("lambkin %s: exit code %d: %s\nwant %q", line, code, told, want)
		}
	}
}

func TestDeployFromServerlessYAML(t *testing.T) {
	f := newFixture(t)
	dir := f.script("hello")
	file := filepath.Join(filepath.Dir(dir), "serverless.yaml")
	f.write(file, "service: shop\nfunctions:\n  a: {source: hello}\n  b: {source: hello, events: [{schedule: {rate: x}}]}\n")
	code, out, told := f.run("deploy", "-f", filepath.Dir(dir))
	if code != 0 || !strings.Contains(out, "function/shop-a created") || !strings.Contains(out, "function/shop-b created") ||
		!strings.Contains(told, "shop-b: schedules and events need triggers") || strings.Contains(told, "shop-a:") {
		t.Errorf("exit code %d, printed %q, told %q", code, out, told)
	}
	if out := f.ok("deploy", "b", "shop-a", "-f", file); strings.Count(out, "unchanged") != 2 {
		t.Errorf("named functions: %q", out)
	}
	if out := f.ok("delete", "a", "-f", file); out != "function/shop-a deleted\n" {
		t.Errorf("delete a -f printed %q", out)
	}
	f.engine.OnWrite = func(obj v1alpha1.Object) error {
		if obj.GetName() == "shop-a" {
			return lambda.Errorf(lambda.CodeResourceConflict, "busy now")
		}
		return nil
	}
	code, out, told = f.run("deploy", "-f", file)
	if code != 1 || !strings.Contains(out, "function/shop-b unchanged") || !strings.Contains(told, "busy now") || !strings.Contains(told, "1 of 2 functions were not deployed") {
		t.Errorf("one of two refused: exit code %d, printed %q, told %q", code, out, told)
	}
}

func TestOldFlags(t *testing.T) {
	f := newFixture(t)
	dir := f.script("app")
	f.ok("deploy", "service", "app", "-f", dir, "--build-argument", "HANDLER=index.other", "--concurrency", "2")
	if got := f.function("app").Spec; got.Handler != "index.other" || got.Concurrency.EnvironmentsPerPod != 2 {
		t.Errorf("handler %q, concurrency %+v", got.Handler, got.Concurrency)
	}
	for line, want := range map[string]int{
		"deploy service app -f " + dir + " --revision main": 1, "deploy service app -f https://git.example/a/b": 1,
		"deploy service app -f git@git.example:a/b": 1, "deploy service -f " + dir: 2, "deploy service a b": 2,
		"deploy task x": 1, "get channels": 1, "delete task x": 1, "describe pipelineresource x": 1, "set git-auth": 1, "push": 1,
		"get --config kube": 1, "get --registry-skip-tls": 1,
	} {
		if code, _, told := f.run(strings.Fields(line)...); code != want {
			t.Errorf("lambkin %s: exit code %d, want %d: %s", line, code, want, told)
		}
	}
}

func TestWordsAreCompleted(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"), "--alias", "live")
	for line, want := range map[string]string{
		"get ":                   "app functions versions aliases layers urls policies codesigningconfigs all",
		"get versions ":          "app",
		"get versions app ":      "",
		"alias update ":          "app",
		"alias update app ":      "live",
		"alias update app live ": "1 $LATEST",
		"traffic app ":           "live",
		"delete ":                "app",
		"delete app ":            "",
		"describe app ":          "",
		"get -o ":                "json yaml name wide",
		"new --template ":        "error hello http layer s3 schedule sqs stream",
		"logs ":                  "app",
	} {
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		lines := strings.Split(strings.TrimSpace(f.ok(args...)), "\n")
		if diff := cmp.Diff(want, strings.Join(lines[:len(lines)-1], " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
	for _, line := range []string{"deploy --runtime ", "dev --runtime ", "new --runtime "} {
		if out := f.ok(append([]string{"__complete"}, strings.Split(line, " ")...)...); !strings.Contains(out, "python3.13\n") {
			t.Errorf("%q gave %q", line, out)
		}
	}
	f.env["LAMBKIN_ENDPOINT"] = "nonsense"
	if out := f.ok("__complete", "alias", "update", "app", ""); !strings.HasPrefix(out, ":") {
		t.Errorf("without a server: %q", out)
	}
}

func TestDoctorTellsWhatIsBroken(t *testing.T) {
	f := newFixture(t)
	f.ok("deploy", f.script("app"))
	out := f.ok("doctor", "--data-dir", t.TempDir())
	for _, want := range []string{"CHECK ", "Node.js ", "namespaces ", "cgroup ", "server       ok        URL, 1 function\n", "data         ok"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor leaves out %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "address") {
		t.Errorf("a server runs, but doctor tries its address:\n%s", out)
	}
	f.env["LAMBKIN_ENDPOINT"] = "http://127.0.0.1:1"
	file := filepath.Join(t.TempDir(), "file")
	f.write(file, "")
	code, out, told := f.run("doctor", "--addr", strings.TrimPrefix(f.url, "http://"), "--data-dir", file+"/below")
	if code != 1 || told != "" || !strings.Contains(out, "address      broken") || !strings.Contains(out, "data         broken") || !strings.Contains(out, "→ choose another with --addr") {
		t.Errorf("exit code %d, told %q, printed\n%s", code, told, out)
	}
	if code, _, _ := f.run("doctor", "-o", "name"); code != 2 {
		t.Errorf("doctor -o name: exit code %d", code)
	}
}

func TestServeRefuses(t *testing.T) {
	f := newFixture(t)
	for line, want := range map[string]int{
		"serve --addr " + strings.TrimPrefix(f.url, "http://") + " --data-dir " + t.TempDir(): 1, // taken
		"serve --addr nonsense --data-dir " + t.TempDir():                                     1,
		"serve extra":     2,
		"serve -o json":   2,
		"serve --dry":     2,
		"serve --grace x": 2,
	} {
		if code, _, told := f.run(strings.Fields(line)...); code != want {
			t.Errorf("lambkin %s: exit code %d, want %d: %s", line, code, want, told)
		}
	}
}

// TestServeUntilInterrupted runs the server as a person does, and stops it as a person does.
func TestServeUntilInterrupted(t *testing.T) {
	f := newFixture(t)
	f.env["AWS_ENDPOINT_URL_S3"], f.env["XDG_DATA_HOME"] = "http://s3.example", t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	served, said := f.begin(ctx, "serve", "--addr", "127.0.0.1:0", "--grace", "1s")
	f.env["LAMBKIN_ENDPOINT"] = said("export LAMBKIN_ENDPOINT=")
	if code, _, told := f.run("get"); code != 0 || !strings.Contains(told, "There are no functions") {
		t.Errorf("get: %d %s", code, told)
	}
	stop()
	if code := <-served; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if code, _, _ := f.run("get"); code != 4 {
		t.Errorf("get after the end: exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(f.env["XDG_DATA_HOME"], "lambkin")); err != nil {
		t.Errorf("the data is not where it belongs: %v", err)
	}
}
