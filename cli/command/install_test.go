package command_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

const manifestText = `apiVersion: v1
kind: ConfigMap
metadata: {name: lambkin-config, namespace: lambkin-system}
data:
  release.yaml: |
    images: {runtime: run, builder: build}
`

func (f *fixture) manifest(text string) string {
	f.t.Helper()
	name := filepath.Join(f.t.TempDir(), "lambkin.yaml")
	f.write(name, text)
	return name
}

func TestInstall(t *testing.T) {
	f := onCluster(t)
	f.ok("config", "use", "local") // installing is about a cluster all the same
	more := f.manifest("apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n")
	code, out, told := f.run("install", "-f", f.manifest(manifestText), "-f", more, "--registry", "new.example/fn", "--plain-http", "new.example")
	if code != 0 || !strings.Contains(out, "lambkin doctor --context dev") || !strings.HasSuffix(told, ").\nnamespace/extra created\nconfigmap/lambkin-config configured\n") {
		t.Fatalf("%d %q %q", code, out, told)
	}
	kept := new(corev1.ConfigMap)
	if err := f.api.Get(t.Context(), client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}, kept); err != nil {
		t.Fatal(err)
	}
	want := "registry: {prefix: new.example/fn, pushSecret: push, plainHTTP: [new.example]}\nruntimes: {}\n"
	if diff := cmp.Diff(want, kept.Data[platform.Key]); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if err := f.api.Get(t.Context(), client.ObjectKey{Name: "extra"}, new(corev1.Namespace)); err != nil {
		t.Error(err)
	}
}

func TestInstallFrom(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/lambkin.yaml" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(manifestText))
	}))
	t.Cleanup(srv.Close)
	f := onCluster(t)
	f.ok("install", "-f", srv.URL+"/lambkin.yaml")
	f.stdin = manifestText
	f.ok("install", "-f", "-", "--registry-host", "old.example/fn", "--registry-skip-tls")
	if got, err := f.configText(); err != nil || !strings.Contains(got, "prefix: old.example/fn") || !strings.Contains(got, "plainHTTP: [old.example]") {
		t.Errorf("tm's flags: %s, %v", got, err)
	}
	for line, want := range map[string]string{
		"install -f " + srv.URL + "/none":          "404 Not Found",
		"install -f http://127.0.0.1:1/x":          "fetch the manifest",
		"install -f /none.yaml":                    "open the manifest",
		"install -f " + f.manifest("a: b"):         "no object",
		"install -o json":                          "no meaning",
		"install --dry-run -o json":                "a manifest is YAML",
		"install x":                                "got 1 argument",
		"install --endpoint http://x":              "--endpoint is for a server",
		"install":                                  "carries no install manifest",
		"install -f /none.yaml --registry a --dry": "open the manifest",
	} {
		if code, _, told := f.run(strings.Fields(line)...); code == 0 || code == 4 || !strings.Contains(told, want) {
			t.Errorf("%s: exit code %d: %s", line, code, told)
		}
	}
}

func (f *clusterFixture) configText() (string, error) {
	kept := new(corev1.ConfigMap)
	err := f.api.Get(f.t.Context(), client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}, kept)
	return kept.Data[platform.Key], err
}

func TestInstallAsks(t *testing.T) {
	f := onCluster(t)
	kept := new(corev1.ConfigMap)
	kept.Namespace, kept.Name = platform.Namespace, platform.ConfigMap
	if err := f.api.Delete(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	name := f.manifest(manifestText)
	if code, _, told := f.run("install", "-f", name); code != 1 || !strings.Contains(told, "--registry HOST/PATH") {
		t.Errorf("nobody to ask: %d %q", code, told)
	}
	f.typing, f.stdin = true, "typed.example/fn\n"
	if code, _, told := f.run("install", "-f", name); code != 0 || !strings.Contains(told, "Registry for code and images of functions (HOST/PATH): ") {
		t.Errorf("%d %q", code, told)
	}
	if got, err := f.configText(); err != nil || got != "registry:\n  prefix: typed.example/fn\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestInstallDryRun(t *testing.T) {
	f := atHome(t)
	out := f.ok("install", "-f", f.manifest(manifestText), "--registry", "r.example/fn", "--dry-run", "-o", "yaml")
	want := "apiVersion: v1\ndata:\n  config.yaml: |\n    registry:\n      prefix: r.example/fn\n  release.yaml: |\n    images: {runtime: run, builder: build}\n" +
		"kind: ConfigMap\nmetadata:\n  name: lambkin-config\n  namespace: lambkin-system\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if code, _, told := f.run("install", "-f", f.manifest(manifestText), "--dry-run"); code != 1 || !strings.Contains(told, "--registry") {
		t.Errorf("%d %q", code, told)
	}
}
