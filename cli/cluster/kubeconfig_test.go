package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/cli/cluster"
)

// kubeconfig writes a file with two contexts, of which the first is current.
func kubeconfig(t *testing.T, dir, first, second string) string {
	t.Helper()
	text := strings.NewReplacer("FIRST", first, "SECOND", second).Replace(`apiVersion: v1
kind: Config
current-context: FIRST
clusters:
- {name: FIRST, cluster: {server: "https://FIRST.example:6443"}}
- {name: SECOND, cluster: {server: "https://SECOND.example:6443"}}
contexts:
- {name: FIRST, context: {cluster: FIRST, user: me}}
- {name: SECOND, context: {cluster: SECOND, user: me, namespace: shop}}
users:
- {name: me, user: {token: secret}}
`)
	name := filepath.Join(dir, "config")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFind(t *testing.T) {
	home := t.TempDir()
	ofHome := kubeconfig(t, filepath.Join(home, ".kube"), "home", "other")
	ofEnv := kubeconfig(t, t.TempDir(), "env", "prod")
	cases := map[string]struct {
		reason string
		env    string
		o      cluster.Options
		want   cluster.Place
	}{
		"Home": {"where kubectl looks without a word", "", cluster.Options{},
			cluster.Place{Context: "home", Server: "https://home.example:6443", Namespace: "default", From: ofHome}},
		"Context": {"a context brings its namespace", "", cluster.Options{Context: "other"},
			cluster.Place{Context: "other", Server: "https://other.example:6443", Namespace: "shop", From: ofHome}},
		"Namespace": {"a namespace goes before the context's", "", cluster.Options{Context: "other", Namespace: "mine"},
			cluster.Place{Context: "other", Server: "https://other.example:6443", Namespace: "mine", From: ofHome}},
		"Environment": {"KUBECONFIG goes before the home", ofEnv, cluster.Options{},
			cluster.Place{Context: "env", Server: "https://env.example:6443", Namespace: "default", From: ofEnv}},
		"List": {"the first of several files says what is current, all say what there is", ofEnv + ":" + ofHome, cluster.Options{Context: "other"},
			cluster.Place{Context: "other", Server: "https://other.example:6443", Namespace: "shop", From: ofEnv + ":" + ofHome}},
		"Named": {"a named file goes before KUBECONFIG", ofEnv, cluster.Options{Kubeconfig: ofHome},
			cluster.Place{Context: "home", Server: "https://home.example:6443", Namespace: "default", From: ofHome}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.o.Getenv = func(name string) string { return map[string]string{"HOME": home, "KUBECONFIG": tc.env}[name] }
			got, err := cluster.Find(tc.o)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			c, err := cluster.Connect(tc.o)
			if err != nil || c.Place != tc.want || c.Config.Host != tc.want.Server {
				t.Errorf("connecting: %+v, %v", c, err)
			}
		})
	}
}

func TestFindFails(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("clusters: 5"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := kubeconfig(t, t.TempDir(), "a", "b")
	for name, tc := range map[string]struct {
		o    cluster.Options
		want string
	}{
		"Nothing": {cluster.Options{}, "no cluster is known (looked at " + filepath.Join("nowhere", ".kube", "config") + ")"},
		"NoFile":  {cluster.Options{Kubeconfig: "nowhere/config"}, "nowhere/config"},
		"Broken":  {cluster.Options{Kubeconfig: broken}, broken},
		"Context": {cluster.Options{Kubeconfig: good, Context: "c"}, `"c"`},
	} {
		tc.o.Getenv = func(name string) string { return map[string]string{"HOME": "nowhere"}[name] }
		if _, err := cluster.Connect(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}

func TestPlaceString(t *testing.T) {
	if got := (cluster.Place{Server: "https://s", Context: "c", From: "f"}).String(); got != `https://s (context "c" of f)` {
		t.Error(got)
	}
	if got := (cluster.Place{Server: "https://s", From: "f"}).String(); got != "https://s" {
		t.Errorf("a pod's own cluster: %s", got)
	}
}
