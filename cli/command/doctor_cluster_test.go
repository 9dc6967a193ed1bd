package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/command"
)

// TestDoctorOnCluster has a cluster with nothing on it; what each check finds is examine's to test.
func TestDoctorOnCluster(t *testing.T) {
	f := onCluster(t)
	open := f.open
	f.open = func(o cluster.Options) (*command.Connection, error) {
		c, err := open(o)
		apis := &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{}, FakedServerVersion: &version.Info{GitVersion: "v1.35.0"}}
		apis.Resources = []*metav1.APIResourceList{{GroupVersion: "lambkin.dev/v1alpha1"}}
		c.APIs = apis
		return c, err
	}
	code, out, _ := f.run("doctor")
	if code != 1 || !strings.HasPrefix(out, "CHECK ") {
		t.Fatalf("%d\n%s", code, out)
	}
	for _, want := range []string{"\ncluster                 ✓       https://127.0.0.1:1 (context \"dev\"", "\nKnative Serving         ✗       the cluster does not have it\n", "\n                                → install it with an ingress", "\nTekton Pipelines        !  "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	f.name = "kn-lambkin"
	if _, out, _ := f.run("doctor"); !strings.Contains(out, `then run "kn lambkin install" again`) {
		t.Errorf("the plugin of kn says\n%s", out)
	}
	code, out, _ = f.run("doctor", "-o", "json")
	var findings []map[string]string
	if err := json.Unmarshal([]byte(out), &findings); err != nil || code != 1 || findings[0]["state"] != "ok" {
		t.Errorf("%d %s %v", code, out, err)
	}
	if code, _, told := f.run("doctor", "-o", "name"); code != 2 || !strings.Contains(told, "no meaning") {
		t.Errorf("%d %q", code, told)
	}
}
