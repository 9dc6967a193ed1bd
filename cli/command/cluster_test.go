package command_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pipelines "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/command"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// clusterFixture is a command line with a cluster in memory: the engine is the double, everything else is in a fake API
// server.
type clusterFixture struct {
	*fixture
	api  client.Client
	logs map[string]string
	asks cluster.Options // what was last asked for
	read func(container string)
}

const configText = "registry: {prefix: registry.example/fn, pushSecret: push}\nruntimes: {}\n"

func onCluster(t *testing.T, objects ...client.Object) *clusterFixture {
	t.Helper()
	f := &clusterFixture{fixture: atHome(t), logs: map[string]string{}, read: func(string) {}}
	f.engine = &double.Engine{Log: []string{"hello"}}
	f.engine.OnReady = func(fn *v1alpha1.Function) {
		fn.Status.MarkReady(fn.Generation)
		fn.Status.URL = "http://" + fn.Name + ".shop.example"
	}
	f.engine.OnWrite = func(obj v1alpha1.Object) error {
		switch o := obj.(type) {
		case *v1alpha1.Alias:
			o.Status.MarkReady(1<<40, "http://"+o.Name+".shop.example")
		case *v1alpha1.Version:
			o.Status.MarkReady(1 << 40)
		}
		return nil
	}
	scheme, err := cluster.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: platform.Namespace, Name: platform.ConfigMap}}
	kept.Data = map[string]string{platform.Key: configText, platform.ReleaseKey: "images: {runtime: run, builder: build}"}
	f.api = fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(objects, kept)...).Build()
	f.open = func(o cluster.Options) (*command.Connection, error) {
		f.asks = o
		c := &cluster.Cluster{
			Place: cluster.Place{Context: "dev", Server: "https://127.0.0.1:1", Namespace: "shop"}, Client: f.api,
			PodLogs: func(_ context.Context, pod string, o *corev1.PodLogOptions) (io.ReadCloser, error) {
				f.read(o.Container)
				return io.NopCloser(strings.NewReader(f.logs[pod+"/"+o.Container])), nil
			},
		}
		return &command.Connection{Cluster: c, Engine: f.engine}, nil
	}
	f.ok("config", "use", "cluster")
	return f
}

// spec is what the last deployment wrote.
func (f *clusterFixture) spec(name string) v1alpha1.FunctionSpec { return f.function(name).Spec }

func TestDeployElsewhere(t *testing.T) {
	cases := map[string]struct {
		line    string
		want    v1alpha1.Code
		runtime string
		handler string
	}{
		"Image":    {"hello --image r.example/a:1", v1alpha1.Code{Image: &v1alpha1.Image{URI: "r.example/a:1"}}, "", ""},
		"Protocol": {"hello --image r.example/a:1 --protocol http", v1alpha1.Code{Image: &v1alpha1.Image{URI: "r.example/a:1", Protocol: "http"}}, "", ""},
		"Named":    {"--image r.example/x/hello:1", v1alpha1.Code{Image: &v1alpha1.Image{URI: "r.example/x/hello:1"}}, "", ""},
		"Digest":   {"--image r.example/x/hello@sha256:00", v1alpha1.Code{Image: &v1alpha1.Image{URI: "r.example/x/hello@sha256:00"}}, "", ""},
		"Git": {"--git https://git.example/a/hello.git --runtime go --revision v1 --path fn --git-secret key",
			v1alpha1.Code{Source: &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.example/a/hello.git", Revision: "v1", SecretName: "key"}, Path: "fn"}}, "provided.al2023", "bootstrap"},
		"SSH":        {"--git git@git.example:a/hello --runtime nodejs22.x --handler index.handler", v1alpha1.Code{Source: &v1alpha1.Source{Git: &v1alpha1.Git{URL: "git@git.example:a/hello"}}}, "nodejs22.x", "index.handler"},
		"Dockerfile": {"--git https://git.example/a/hello --dockerfile deploy/Dockerfile", v1alpha1.Code{Source: &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.example/a/hello"}, Dockerfile: "deploy/Dockerfile"}}, "", ""},
		"Test": {"--git https://git.example/a/hello --runtime rust --test true --build-env A=b",
			v1alpha1.Code{Source: &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.example/a/hello"}, Test: "true", Env: map[string]string{"A": "b"}}}, "rust", "bootstrap"},
		"URL":      {"--url https://x.example/hello.zip --runtime python3.13 --handler app.handler", v1alpha1.Code{URL: &v1alpha1.RemoteArchive{Location: "https://x.example/hello.zip"}}, "python3.13", "app.handler"},
		"Archive":  {"hello --url https://x.example/a.tgz --build --runtime go", v1alpha1.Code{Source: &v1alpha1.Source{Archive: &v1alpha1.RemoteArchive{Location: "https://x.example/a.tgz"}}}, "provided.al2023", "bootstrap"},
		"OldGit":   {"service hello -f https://git.example/a --runtime go --revision main --build-argument A=b", v1alpha1.Code{Source: &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.example/a", Revision: "main"}, Env: map[string]string{"A": "b"}}}, "provided.al2023", "bootstrap"},
		"OldImage": {"service hello -f r.example/a:1 --registry-secret pull", v1alpha1.Code{Image: &v1alpha1.Image{URI: "r.example/a:1"}}, "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := onCluster(t)
			out := f.ok(append([]string{"deploy"}, strings.Fields(tc.line)...)...)
			got := f.spec("hello")
			if diff := cmp.Diff(tc.want, got.Code); diff != "" || got.Runtime != tc.runtime || got.Handler != tc.handler {
				t.Errorf("runtime %q, handler %q, code (-want +got):\n%s", got.Runtime, got.Handler, diff)
			}
			if !strings.HasSuffix(out, "\nhttp://hello.shop.example\n") {
				t.Errorf("it does not end with the URL: %q", out)
			}
			if name == "OldImage" && (got.Pod == nil || len(got.Pod.ImagePullSecrets) != 1) {
				t.Errorf("pod %+v", got.Pod)
			}
		})
	}
}

func TestDeployElsewhereRefuses(t *testing.T) {
	f := onCluster(t)
	for line, want := range map[string]string{
		"a --image r/a --git https://g/a":               "none of the others can be",
		"a --image r/a --handler x":                     "brings its own runtime",
		"a --image r/a --path x":                        "deployed as it is",
		"a --image r/a --test x":                        "here nothing is",
		"a --git https://g/a":                           "which runtime",
		"a --git https://g/a --runtime nodejs22.x":      "--handler",
		"a --git https://g/a --protocol http":           "--protocol is for --image",
		"a --url https://x/a.zip --path x --runtime go": "--build",
		"a b --image r/a":                               "got 2 arguments",
		"--git https://g/a.b.c/ --runtime go":           "",
		"a --sha256 x":                                  "--sha256 is for --url",
		"a --path x":                                    "--path is for --git and --url",
		"a . --tag x":                                   "--tag is for --no-traffic",
		"channel x":                                     "channels are Knative's",
		"a --image r/a --registry-host elsewhere":       "",
	} {
		code, _, told := f.run(append([]string{"deploy"}, strings.Fields(line)...)...)
		if want != "" && (code != 2 && code != 1 || !strings.Contains(told, want)) {
			t.Errorf("deploy %s: exit code %d: %s", line, code, told)
		}
	}
	local := newFixture(t)
	for _, line := range []string{"a --git https://g/a --runtime go", "a --url https://x/a.tgz --build --runtime go", "a --build-only", "a --local-build", "service a -f https://g/a"} {
		if code, _, told := local.run(append([]string{"deploy"}, strings.Fields(line)...)...); code != 1 || !strings.Contains(told, "cluster") {
			t.Errorf("deploy %s on one machine: exit code %d: %s", line, code, told)
		}
	}
	serverless := filepath.Join(t.TempDir(), "serverless.yaml")
	local.write(serverless, "service: s\nfunctions: {f: {source: \"https://git.example/a\", runtime: go}}")
	if code, _, told := local.run("deploy", "-f", serverless); code != 1 || !strings.Contains(told, "git repositories are built on a cluster only") {
		t.Errorf("exit code %d: %s", code, told)
	}
}

// folder makes a folder with files, given as NAME, CONTENT pairs.
func (f *fixture) folder(name string, pairs ...string) string {
	f.t.Helper()
	dir := filepath.Join(f.t.TempDir(), name)
	for i := 0; i+1 < len(pairs); i += 2 {
		file := filepath.Join(dir, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			f.t.Fatal(err)
		}
		f.write(file, pairs[i+1])
	}
	return dir
}

func TestDeployFolders(t *testing.T) {
	python := "def handler(event, context):\n    return 1\n"
	cases := map[string]struct {
		reason  string
		files   []string
		args    string
		source  bool
		path    string
		runtime string
		told    string
	}{
		"Plain":       {"nothing has to be built", []string{"app.py", python}, "", false, "", "python3.13", ""},
		"Needs":       {"", []string{"app.py", python, "requirements.txt", "six\n"}, "", true, "", "python3.13", "because of its requirements.txt"},
		"Asked":       {"the person may insist", []string{"app.py", python}, "--build", true, "", "python3.13", "--build"},
		"Go":          {"", []string{"go.mod", "module x", "main.go", "package main\nfunc main() {}"}, "", true, "", "provided.al2023", "go.mod"},
		"Rust":        {"", []string{"Cargo.toml", "[package]"}, "", true, "", "rust", "Cargo.toml"},
		"Dockerfile":  {"", []string{"Dockerfile", "FROM scratch"}, "", true, "", "", "Dockerfile"},
		"Named":       {"", []string{"app.py", python, "a.Dockerfile", "FROM scratch"}, "--dockerfile a.Dockerfile", true, "", "", "a.Dockerfile"},
		"BuiltHere":   {"", []string{"app.py", python, "requirements.txt", "\n"}, "--local-build", false, "", "python3.13", ""},
		"RuntimeWins": {"", []string{"app.py", python, "Dockerfile", "FROM scratch"}, "--runtime python3.12", false, "", "python3.12", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := onCluster(t)
			code, _, told := f.run(append([]string{"deploy", "app", f.folder("app", tc.files...)}, strings.Fields(tc.args)...)...)
			if code != 0 || !strings.Contains(told, tc.told) {
				t.Fatalf("%s: exit code %d: %s", tc.reason, code, told)
			}
			got := f.spec("app")
			if (got.Code.Source != nil) != tc.source || (got.Code.Zip != nil) == tc.source || got.Runtime != tc.runtime {
				t.Errorf("%s: runtime %q, code %+v", tc.reason, got.Runtime, got.Code)
			}
			blob := got.Code.Zip
			if tc.source {
				blob = got.Code.Source.Upload
			}
			r, err := f.engine.OpenCode(t.Context(), *blob)
			if err != nil {
				t.Fatalf("%s: the code was not uploaded: %v", tc.reason, err)
			}
			_ = r.Close()
		})
	}
}

func TestSettingsOfPods(t *testing.T) {
	f := onCluster(t)
	f.ok("deploy", "app", f.folder("app", "app.py", "def handler(event, context):\n    return 1\n"),
		"--min-scale", "1", "--max-scale", "5", "--target", "7", "--scale-metric", "rps", "--scale-window", "10s", "--scale-class", "kpa",
		"--service-account", "robot", "--runtime-class", "gvisor", "--node-selector", "disk=fast", "--pull-secret", "pull", "--cluster-local",
		"--provisioned-concurrency", "2", "--env-from-secret", "AA=s/k", "--env-secret", "BB=s/l", "--env-configmap", "CC=m/k")
	got := f.spec("app")
	one, five, seven, two := int32(1), int32(5), int32(7), int32(2)
	scaling := &v1alpha1.Scaling{MinScale: &one, MaxScale: &five, Target: &seven, Metric: "rps", Window: &metav1.Duration{Duration: 10 * time.Second}, Class: v1alpha1.ClassKPA}
	pod := &v1alpha1.Pod{ServiceAccountName: "robot", RuntimeClassName: "gvisor", NodeSelector: map[string]string{"disk": "fast"}, ImagePullSecrets: []string{"pull"}}
	from := []v1alpha1.VariableFrom{
		{Name: "AA", SecretKeyRef: &v1alpha1.KeyRef{Name: "s", Key: "k"}}, {Name: "BB", SecretKeyRef: &v1alpha1.KeyRef{Name: "s", Key: "l"}},
		{Name: "CC", ConfigMapKeyRef: &v1alpha1.KeyRef{Name: "m", Key: "k"}},
	}
	if diff := cmp.Diff(scaling, got.Scaling) + cmp.Diff(pod, got.Pod) + cmp.Diff(from, got.Environment.VariablesFrom) + cmp.Diff(&two, got.Concurrency.Provisioned); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.HTTP.Visibility != v1alpha1.VisibilityClusterLocal {
		t.Errorf("visibility %q", got.HTTP.Visibility)
	}
	f.ok("deploy", "app", f.folder("app", "app.py", "def handler(event, context):\n    return 2\n"), "--max-scale", "0", "--node-selector", "disk-", "--cluster-local=false")
	got = f.spec("app")
	if *got.Scaling.MaxScale != 0 || *got.Scaling.MinScale != 1 || len(got.Pod.NodeSelector) != 0 || got.HTTP.Visibility != v1alpha1.VisibilityPublic {
		t.Errorf("scaling %+v, pod %+v", got.Scaling, got.Pod)
	}
	out := f.ok("describe", "app")
	for _, want := range []string{"Scaling:         at least 1, at most 0, target 7, by rps, over 10s\n", "Service account: robot\n", "Runtime class:   gvisor\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("describe leaves out %q:\n%s", want, out)
		}
	}
}

// build is a TaskRun of function app.
func build(name string, status corev1.ConditionStatus, steps ...string) *pipelines.TaskRun {
	r := &pipelines.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{v1alpha1.LabelFunction: "app"}}}
	r.CreationTimestamp = metav1.NewTime(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	start, end := r.CreationTimestamp, metav1.NewTime(r.CreationTimestamp.Add(90*time.Second))
	r.Status.StartTime, r.Status.CompletionTime, r.Status.PodName = &start, &end, name+"-pod"
	r.Status.Conditions = append(r.Status.Conditions, apis.Condition{Type: "Succeeded", Status: status, Reason: "Because", Message: "so it is"})
	for _, step := range steps {
		s := pipelines.StepState{Name: step, Container: "step-" + step}
		s.Terminated = &corev1.ContainerStateTerminated{StartedAt: start, FinishedAt: end}
		r.Status.Steps = append(r.Status.Steps, s)
	}
	return r
}

func TestDeployShowsTheBuild(t *testing.T) {
	f := onCluster(t, build("app-b1", corev1.ConditionTrue, "fetch", "build"))
	f.logs = map[string]string{"app-b1-pod/step-fetch": "from an upload\n", "app-b1-pod/step-build": "go build\n"}
	done := false
	f.engine.OnReady = func(fn *v1alpha1.Function) {
		fn.Status.MarkProgressing(fn.Generation, "Build app-b1: step build is running.")
		fn.Status.LastBuild = &v1alpha1.BuildStatus{Name: "app-b1", Generation: fn.Generation, Succeeded: metav1.ConditionUnknown}
		if done {
			fn.Status.MarkReady(fn.Generation)
			fn.Status.URL = "http://app.example"
		}
	}
	f.read = func(container string) { // the controller is done as soon as the last step is
		if done = container == "step-build"; !done {
			return
		}
		if err := f.engine.Update(context.Background(), f.function("app")); err != nil {
			t.Error(err)
		}
	}
	code, out, told := f.run("deploy", "app", f.folder("app", "go.mod", "module x", "main.go", "package main\nfunc main() {}"))
	if code != 0 || !strings.HasSuffix(out, "\nhttp://app.example\n") {
		t.Errorf("exit code %d: %s %s", code, out, told)
	}
	if !strings.Contains(told, "[fetch] from an upload\n[build] go build\n") {
		t.Errorf("told\n%s", told)
	}
}

func TestDeployTellsWhyItFailed(t *testing.T) {
	f := onCluster(t, build("app-b1", corev1.ConditionFalse, "build"))
	f.logs = map[string]string{"app-b1-pod/step-build": "undefined: nothing\n"}
	f.engine.OnReady = func(fn *v1alpha1.Function) {
		fn.Status.MarkFailed(fn.Generation, v1alpha1.Failf(v1alpha1.ReasonBuildFailed, "step build failed"))
		fn.Status.LastBuild = &v1alpha1.BuildStatus{Name: "app-b1", Generation: fn.Generation, Succeeded: metav1.ConditionFalse}
	}
	code, _, told := f.run("deploy", "app", f.folder("app", "go.mod", "module x", "main.go", "package main\nfunc main() {}"))
	if code != 1 || !strings.Contains(told, "[build] undefined: nothing") || !strings.Contains(told, "BuildFailed: step build failed") {
		t.Errorf("exit code %d: %s", code, told)
	}
	if code, out, told := f.run("deploy", "app", f.folder("app", "go.mod", "module y", "main.go", "package main\nfunc main() {}"), "--no-wait"); code != 0 || strings.Contains(told, "[build]") {
		t.Errorf("--no-wait: exit code %d: %s %s", code, out, told)
	}
}

func TestBuildsByName(t *testing.T) {
	f := onCluster(t, build("app-b1", corev1.ConditionTrue, "fetch"), build("app-b2", corev1.ConditionFalse, "fetch", "build"))
	f.logs = map[string]string{"app-b1-pod/step-fetch": "first\n", "app-b2-pod/step-fetch": "second\n", "app-b2-pod/step-build": "oh\n"}
	out := f.ok("get", "builds", "app")
	lines := strings.Split(out, "\n")
	if !strings.HasPrefix(lines[0], "NAME     FUNCTION   RESULT      REASON") || !strings.Contains(lines[1], "app-b1   app        succeeded") || !strings.Contains(lines[2], "failed") || !strings.Contains(lines[1], "90.0s") {
		t.Errorf("get builds printed\n%s", out)
	}
	for _, line := range []string{"get builds", "get build app", "get taskruns", "list taskrun app"} {
		if out := f.ok(append(strings.Fields(line), "-o", "name")...); out != "build/app-b1\nbuild/app-b2\n" {
			t.Errorf("%s printed %q", line, out)
		}
	}
	if code, out, told := f.run("get", "builds", "other"); code != 0 || out != "" || !strings.Contains(told, "There are no builds of other") {
		t.Errorf("%d %q %q", code, out, told)
	}
	out = f.ok("describe", "build", "app-b2")
	if !strings.Contains(out, "Result:          failed\n") || !strings.Contains(out, "Message:         so it is\n") || !strings.Contains(out, "build   Succeeded   0           90.0s") {
		t.Errorf("describe build printed\n%s", out)
	}
	var doc cluster.Build
	if err := yaml.Unmarshal([]byte(f.ok("describe", "build", "app-b1", "-o", "yaml")), &doc); err != nil || doc.Function != "app" {
		t.Errorf("%+v, %v", doc, err)
	}
	if out := f.ok("logs", "build", "app-b1"); out != "[fetch] first\n" {
		t.Errorf("logs build printed %q", out)
	}
	if code, out, told := f.run("logs", "build", "app"); code != 1 || out != "[fetch] second\n[build] oh\n" || !strings.Contains(told, `build "app-b2" failed: so it is`) {
		t.Errorf("logs of a function's last build: %d %q %q", code, out, told)
	}
	if out := f.ok("delete", "build", "app-b1", "--dry-run"); out != "build/app-b1 would be deleted\n" {
		t.Errorf("%q", out)
	}
	if out := f.ok("delete", "build", "app-b1"); out != "build/app-b1 deleted\n" {
		t.Errorf("%q", out)
	}
	for _, line := range []string{"describe build app-b1", "logs build app-b1", "delete build app-b1"} {
		if code, _, told := f.run(strings.Fields(line)...); code != 1 || !strings.Contains(told, `There is no build "app-b1"`) {
			t.Errorf("%s: exit code %d: %s", line, code, told)
		}
	}
	local := newFixture(t)
	for _, line := range []string{"get builds", "describe build x", "logs build x", "delete build x"} {
		if code, _, told := local.run(strings.Fields(line)...); code != 1 || !strings.Contains(told, "nothing is built on one machine") {
			t.Errorf("%s on one machine: exit code %d: %s", line, code, told)
		}
	}
}

func TestNoTraffic(t *testing.T) {
	for name, f := range map[string]*fixture{"Cluster": onCluster(t).fixture, "Local": newFixture(t)} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			f.engine.OnWrite = func(obj v1alpha1.Object) error {
				switch o := obj.(type) {
				case *v1alpha1.Alias:
					o.Status.MarkReady(1<<40, "http://"+o.Name+".shop.example")
				case *v1alpha1.Version:
					o.Status.MarkReady(1 << 40)
				}
				return nil
			}
			dir := f.folder("app", "app.py", "def handler(event, context):\n    return 1\n")
			if code, _, told := f.run("deploy", "app", dir, "--no-traffic"); code != 1 || !strings.Contains(told, "without --no-traffic first") {
				t.Errorf("a function that is not there: exit code %d: %s", code, told)
			}
			f.ok("deploy", "app", dir, "--alias", "live")
			before := f.function("app").Spec
			out := f.ok("deploy", "app", dir, "--no-traffic", "--memory", "512")
			if !strings.HasPrefix(out, "version/app:2 published (python3.13, app.handler, ") || !strings.Contains(out, "alias v2, no traffic)\nhttp://app.v2.shop.example\n") {
				t.Errorf("it said %q", out)
			}
			if diff := cmp.Diff(before, f.function("app").Spec); diff != "" {
				t.Errorf("the function itself has changed:\n%s", diff)
			}
			v := new(v1alpha1.Version)
			if err := f.engine.Get(t.Context(), "app.2", v); err != nil || v.Spec.Function.MemorySize != 512 {
				t.Errorf("version %+v, %v", v.Spec, err)
			}
			if out := f.ok("deploy", "app", dir, "--no-traffic", "--memory", "1024", "--tag", "next", "-o", "name"); out != "version/app.3\n" {
				t.Errorf("%q", out)
			}
			if out := f.ok("traffic", "app", "next"); out != "3=100%\n" {
				t.Errorf("the tag's calls: %q", out)
			}
			if out := f.ok("traffic", "app", "live"); out != "1=100%\n" {
				t.Errorf("live calls: %q", out)
			}
		})
	}
}

func TestBuildAgain(t *testing.T) {
	f := onCluster(t)
	number := 0
	f.engine.OnReady = func(fn *v1alpha1.Function) {
		fn.Status.MarkReady(fn.Generation)
		if fn.Annotations["lambkin.dev/rebuild"] != "" || number == 0 {
			number++
		}
		fn.Status.LastBuild = &v1alpha1.BuildStatus{Name: fmt.Sprintf("app-b%d", number), Generation: fn.Generation, Succeeded: metav1.ConditionTrue}
	}
	line := []string{"deploy", "app", "--git", "https://git.example/app", "--runtime", "go", "--revision"}
	f.ok(append(line, "main")...)
	if out := f.ok(append(line, "main")...); !strings.HasPrefix(out, "function/app rebuilt (") || number != 2 {
		t.Errorf("a branch may have moved: %q, %d builds", out, number)
	}
	sha := strings.Repeat("0a", 20)
	f.ok(append(line, sha)...)
	if got := f.function("app").Annotations["lambkin.dev/rebuild"]; number < 2 || got == "" {
		t.Errorf("annotation %q", got)
	}
	builds := f.function("app").Annotations["lambkin.dev/rebuild"]
	f.ok(append(line, sha)...)
	if got := f.function("app").Annotations["lambkin.dev/rebuild"]; got != builds {
		t.Errorf("a commit never moves, and was built again: %q, %q", got, builds)
	}
}

func TestBuildOnly(t *testing.T) {
	f := onCluster(t)
	dir := f.folder("app", "go.mod", "module x", "main.go", "package main\nfunc main() {}")
	out := f.ok("deploy", "app", dir, "--build-only", "--no-wait", "-o", "name")
	runs := new(pipelines.TaskRunList)
	if err := f.api.List(t.Context(), runs); err != nil || len(runs.Items) != 1 || out != "build/"+runs.Items[0].Name+"\n" {
		t.Fatalf("%q, %d builds, %v", out, len(runs.Items), err)
	}
	run := runs.Items[0]
	if run.Namespace != "shop" || run.Labels[v1alpha1.LabelFunction] != "app" || run.Spec.ServiceAccountName != "lambkin-build" {
		t.Errorf("%+v", run.ObjectMeta)
	}
	for _, p := range run.Spec.Params {
		if p.Name == "image" && p.Value.StringVal != "registry.example/fn/shop/app:build-only" {
			t.Errorf("image %q", p.Value.StringVal)
		}
	}
	if err := f.api.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "lambkin-build"}, new(corev1.ServiceAccount)); err != nil {
		t.Error(err)
	}
	if code, _, _ := f.run("get", "app"); code != 1 {
		t.Error("the function was deployed")
	}
	if code, _, told := f.run("deploy", "app", f.folder("app", "app.py", "def handler(event, context):\n    return 1\n"), "--build-only"); code != 1 || !strings.Contains(told, "nothing has to be built") {
		t.Errorf("exit code %d: %s", code, told)
	}
	if code, _, told := f.run("deploy", "app", dir, "--build-only", "--build-timeout", "1ms"); code != 1 || !strings.Contains(told, "not ready after 1ms: \"lambkin logs build app-only-") {
		t.Errorf("exit code %d: %s", code, told)
	}
}

func TestDryRunOnCluster(t *testing.T) {
	f := onCluster(t)
	for _, flag := range []string{"--dry-run", "--dry", "--dry-run=client"} {
		out := f.ok("deploy", "app", "--image", "r.example/a:1", flag, "-o", "yaml")
		want := "apiVersion: lambkin.dev/v1alpha1\nkind: Function\nmetadata:\n  name: app\nspec:\n  code:\n    image:\n      uri: r.example/a:1\n  functionName: app\nstatus: {}\n"
		if diff := cmp.Diff(want, out); diff != "" {
			t.Errorf("%s: what was asked for and nothing else (-want +got):\n%s", flag, diff)
		}
	}
	dir := f.folder("manifests", "web.yaml", "apiVersion: lambkin.dev/v1alpha1\nkind: Function\nmetadata: {name: web}\nspec: {code: {image: {uri: r.example/a:1}}}\n")
	if out := f.ok("apply", "-f", filepath.Join(dir, "web.yaml"), "--dry-run"); strings.Contains(out, "timeout") {
		t.Errorf("apply: it was not asked for all of\n%s", out)
	}
	if code, _, _ := f.run("get", "app"); code != 1 {
		t.Error("it was deployed")
	}
	if code, _, told := f.run("deploy", "app", "--image", "r.example/a:1", "--dry-run=server"); code != 2 || !strings.Contains(told, "want nothing, client or none") {
		t.Errorf("exit code %d: %s", code, told)
	}
	f.ok("deploy", "app", "--image", "r.example/a:1", "--dry-run=none")
	f.function("app")
}

func TestOldFlagsOnCluster(t *testing.T) {
	f := onCluster(t)
	config := filepath.Join(f.env["HOME"], ".kube", "config")
	f.ok("--config", config, "get")
	if f.asks.Kubeconfig != config {
		t.Errorf("--config asked for %+v", f.asks)
	}
	f.ok("deploy", "app", "--image", "r.example/a", "--registry-host", "registry.example")
	f.ok("deploy", "app", "--image", "r.example/a", "--registry-host", "registry.example/fn")
	for line, want := range map[string]string{
		"deploy app --image r.example/a --registry-host other.example": `go to "registry.example/fn"`,
		"deploy app --image r.example/a --registry-skip-tls":           "--plain-http registry.example",
		"get --registry-host registry.example":                         "has no meaning",
		"get tasks":                                                    "tasks are Tekton's",
		"push":                                                         "nothing listens for git pushes",
	} {
		if code, _, told := f.run(strings.Fields(line)...); code == 0 || !strings.Contains(told, want) {
			t.Errorf("%s: exit code %d: %s", line, code, told)
		}
	}
	local := newFixture(t)
	for _, line := range []string{"get --config x", "get --registry-host x", "deploy a --registry-secret x"} {
		if code, _, told := local.run(strings.Fields(line)...); code != 1 || !strings.Contains(told, "nothing of that exists here") {
			t.Errorf("%s on one machine: exit code %d: %s", line, code, told)
		}
	}
}
