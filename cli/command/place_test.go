package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const kubeconfigText = `apiVersion: v1
kind: Config
current-context: dev
clusters:
- {name: dev, cluster: {server: "https://127.0.0.1:1"}}
- {name: prod, cluster: {server: "https://127.0.0.1:2"}}
contexts:
- {name: dev, context: {cluster: dev, user: me}}
- {name: prod, context: {cluster: prod, user: me, namespace: shop}}
users:
- {name: me, user: {token: secret}}
`

// atHome is a command line of somebody with a kubeconfig and no server.
func atHome(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, env: map[string]string{"HOME": t.TempDir()}}
	if err := os.Mkdir(filepath.Join(f.env["HOME"], ".kube"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.write(filepath.Join(f.env["HOME"], ".kube", "config"), kubeconfigText)
	return f
}

// current is what "config current" says, as JSON members that are not empty.
func (f *fixture) current(args ...string) map[string]string {
	f.t.Helper()
	var got map[string]string
	if err := json.Unmarshal([]byte(f.ok(append([]string{"config", "current", "-o", "json"}, args...)...)), &got); err != nil {
		f.t.Fatal(err)
	}
	return got
}

// TestWhichEngine goes through everything that decides, one on top of the other.
func TestWhichEngine(t *testing.T) {
	f := atHome(t)
	expect := func(engine, from string, args ...string) map[string]string {
		t.Helper()
		got := f.current(args...)
		if got["engine"] != engine || !strings.Contains(got["from"], from) {
			t.Errorf("with %q the engine is %s (from %s), want %s (from %s)", args, got["engine"], got["from"], engine, from)
		}
		return got
	}
	expect("local", "default")
	expect("cluster", "--context", "--context", "prod")
	f.name = "/usr/local/bin/kubectl-lambkin"
	expect("cluster", "kubectl-lambkin")
	if out := f.ok("config", "use", "local"); out != "local\n" {
		t.Errorf("config use local printed %q", out)
	}
	expect("local", "config.yaml")
	f.name = ""
	if out := f.ok("config", "use", "cluster", "-n", "mine"); out != "cluster, context dev, namespace mine\n" {
		t.Errorf("config use cluster printed %q", out)
	}
	expect("cluster", "config.yaml")
	f.env["LAMBKIN_ENDPOINT"] = "http://127.0.0.1:3"
	expect("local", "LAMBKIN_ENDPOINT")
	expect("cluster", "--kubeconfig", "--kubeconfig", filepath.Join(f.env["HOME"], ".kube", "config"))
	expect("local", "--endpoint", "--endpoint", "http://127.0.0.1:4")
	if code, _, told := f.run("config", "use", "cluster"); code != 0 || !strings.Contains(told, "LAMBKIN_ENDPOINT goes before it") {
		t.Errorf("exit code %d: %s", code, told)
	}
	if code, _, told := f.run("get", "--endpoint", "http://x", "--context", "prod"); code != 2 || !strings.Contains(told, "--endpoint is for a server") {
		t.Errorf("both: exit code %d: %s", code, told)
	}
}

func TestWhichCluster(t *testing.T) {
	f := atHome(t)
	expect := func(context, namespace string, args ...string) {
		t.Helper()
		if got := f.current(args...); got["context"] != context || got["namespace"] != namespace {
			t.Errorf("with %q it is context %s, namespace %s; want %s, %s", args, got["context"], got["namespace"], context, namespace)
		}
	}
	f.ok("config", "use", "cluster")
	expect("dev", "default")
	expect("prod", "shop", "--context", "prod")
	expect("prod", "mine", "--context", "prod", "-n", "mine")
	f.ok("config", "use", "cluster", "--context", "prod")
	expect("prod", "shop")
	expect("dev", "default", "--context", "dev")
	f.ok("config", "use", "cluster", "-n", "kept")
	expect("prod", "kept")
	f.ok("config", "use", "cluster", "-n", "", "--context", "")
	expect("dev", "default")

	other := filepath.Join(t.TempDir(), "other")
	f.write(other, strings.ReplaceAll(kubeconfigText, "dev", "test"))
	f.ok("config", "use", "cluster", "--kubeconfig", other)
	expect("test", "default")
	f.env["KUBECONFIG"] = filepath.Join(f.env["HOME"], ".kube", "config")
	expect("dev", "default")
	if got := f.current(); got["kubeconfig"] != f.env["KUBECONFIG"] || got["server"] != "https://127.0.0.1:1" {
		t.Errorf("%v", got)
	}
	if out := f.ok("config", "view"); !strings.Contains(out, "Context:         dev\n") || !strings.Contains(out, "Settings:        "+f.env["HOME"]) {
		t.Errorf("config view printed\n%s", out)
	}
	if out := f.ok("config", "current", "-o", "name"); out != "cluster\n" {
		t.Errorf("config current -o name printed %q", out)
	}
}

func TestConfigUseRefuses(t *testing.T) {
	f := atHome(t)
	for line, want := range map[string]struct {
		code int
		told string
	}{
		"config use":                            {2, "usage: lambkin config use"},
		"config use moon":                       {2, "want cluster or local"},
		"config use local -n shop":              {2, "--namespace is for clusters"},
		"config use cluster --context nowhere":  {1, `"nowhere"`},
		"config use cluster --kubeconfig /none": {1, "/none"},
	} {
		code, _, told := f.run(strings.Fields(line)...)
		if code != want.code || !strings.Contains(told, want.told) {
			t.Errorf("%s: exit code %d: %s", line, code, told)
		}
	}
	if got := f.current(); got["engine"] != "local" {
		t.Errorf("what was refused was kept: %v", got)
	}
	f.ok("config", "use", "cluster")
	f.write(filepath.Join(f.env["HOME"], ".config", "lambkin", "config.yaml"), "engine: moon\n")
	if code, _, told := f.run("get"); code != 1 || !strings.Contains(told, `engine is "moon"`) {
		t.Errorf("exit code %d: %s", code, told)
	}
}

func TestSilentCluster(t *testing.T) {
	f := atHome(t)
	f.ok("config", "use", "cluster")
	for _, line := range []string{"get", "describe app", "invoke app", "logs app", "get builds", "set git-auth --username me --password x"} {
		code, _, told := f.run(strings.Fields(line)...)
		if code != 4 || !strings.Contains(told, `no cluster answers at https://127.0.0.1:1 (context "dev" of `) || !strings.Contains(told, "refused") {
			t.Errorf("%s: exit code %d: %s", line, code, told)
		}
	}
	if code, out, _ := f.run("doctor"); code != 1 || !strings.Contains(out, "✗") || strings.Contains(out, "Go ") {
		t.Errorf("doctor: exit code %d:\n%s", code, out)
	}
	if code, out, _ := f.run("doctor", "-o", "json"); code != 1 || !json.Valid([]byte(out)) {
		t.Errorf("doctor -o json: exit code %d: %s", code, out)
	}
}

func TestPluginNames(t *testing.T) {
	f := atHome(t)
	for _, name := range []string{"kubectl", "kn"} {
		f.name = "/opt/" + name + "-lambkin"
		out := f.ok("rollout", "--help")
		if !strings.Contains(out, name+" lambkin rollout NAME [ALIAS] --to VERSION") || !strings.Contains(out, "  "+name+" lambkin rollout orders --to 4") {
			t.Errorf("help of the plugin of %s:\n%s", name, out)
		}
		if strings.Contains(strings.ReplaceAll(out, name+" lambkin", ""), "lambkin ") {
			t.Errorf("help of the plugin of %s speaks of another command:\n%s", name, out)
		}
		if code, _, told := f.run("rollout", "orders"); code != 2 || !strings.Contains(told, `"`+name+` lambkin versions list orders"`) || !strings.Contains(told, `Run "`+name+` lambkin rollout --help"`) {
			t.Errorf("exit code %d: %s", code, told)
		}
	}
	f.name = "kubectl-lambkin"
	if code, _, told := f.run("get"); code != 4 || !strings.Contains(told, "no cluster answers") {
		t.Errorf("a plugin without settings: exit code %d: %s", code, told)
	}
}
