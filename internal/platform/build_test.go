package platform

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lambkin-dev/lambkin/buildtemplates"
)

func TestBuildSettings(t *testing.T) {
	c, err := Parse("registry: {prefix: r/p, plainHTTP: [r], caFile: /ca, pushSecret: push}\nimages: {runtime: run, builder: build}\nbuild: {cpu: 500m, memory: \"\", timeout: 5m, cacheClaim: c, env: {A: b}}")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.BuildSettings()
	if err != nil {
		t.Fatal(err)
	}
	want := buildtemplates.Settings{
		Builder: "build", Runtime: "run", ServiceAccountName: "lambkin-build", Timeout: 5 * time.Minute, CPU: resource.MustParse("500m"),
		Disk: resource.MustParse("4Gi"), CacheClaim: "c", Env: map[string]string{"A": "b"}, PushSecret: "push", PlainHTTP: []string{"r"}, CAConfigMap: CAConfigMap,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.Build.Memory = "much"
	if _, err := c.BuildSettings(); err == nil || !strings.Contains(err.Error(), `build.memory in config.yaml of ConfigMap lambkin-system/lambkin-config is "much"`) {
		t.Errorf("error %v", err)
	}
}
