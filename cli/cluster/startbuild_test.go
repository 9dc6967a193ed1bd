package cluster_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pipelines "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

func configured(text string) *corev1.ConfigMap {
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: platform.Namespace, Name: platform.ConfigMap}}
	kept.Data = map[string]string{platform.Key: text, platform.ReleaseKey: "images: {runtime: run, builder: build}"}
	return kept
}

// orders is a function that is built from a repository.
func orders() *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: meta("orders")}
	fn.UID = "1"
	fn.Spec.Runtime, fn.Spec.Handler = "nodejs22.x", "index.handler"
	fn.Spec.Code.Source = &v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://git.example/orders", Revision: "v1"}}
	return fn
}

func TestStartBuild(t *testing.T) {
	c, _ := newCluster(t, interceptor.Funcs{}, configured("registry: {prefix: r.example/fn, pushSecret: push}"), orders())
	for range 2 { // two builds are two
		name, err := c.StartBuild(t.Context(), orders(), []v1alpha1.Blob{{SHA256: "aa", Size: 1}})
		if err != nil || !strings.HasPrefix(name, "orders-only-") {
			t.Fatalf("%q, %v", name, err)
		}
	}
	all, err := c.Builds(t.Context(), "orders")
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	run := new(pipelines.TaskRun)
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: all[0].Name}, run); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"image": "r.example/fn/shop/orders:build-only", "store": "r.example/fn/shop", "git-url": "https://git.example/orders", "git-revision": "v1", "architecture": "x86_64", "handler": "index.handler", "registry-secret": "push"}
	got := map[string]string{}
	for _, p := range run.Spec.Params {
		if want[p.Name] != "" {
			got[p.Name] = p.Value.StringVal
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(run.OwnerReferences) != 1 || run.OwnerReferences[0].UID != "1" || run.OwnerReferences[0].Controller != nil {
		t.Errorf("owners %+v: want the function, which does not control it", run.OwnerReferences)
	}
	account := new(corev1.ServiceAccount)
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "lambkin-build"}, account); err != nil || *account.AutomountServiceAccountToken {
		t.Errorf("account %+v, %v", account, err)
	}
}

func TestStartBuildFails(t *testing.T) {
	old := orders()
	old.Spec.Runtime = "cobol"
	docker := orders()
	docker.Spec.Runtime, docker.Spec.Handler, docker.Spec.Code.Source.Dockerfile = "", "", "Dockerfile"
	for name, tc := range map[string]struct {
		config string
		fn     *v1alpha1.Function
		want   string
	}{
		"NoRegistry": {"", orders(), "lambkin install --registry"},
		"Broken":     {"registri: {}", orders(), "registri"},
		"Much":       {"registry: {prefix: r/x}\nbuild: {cpu: much}", orders(), "build.cpu"},
		"NoRuntime":  {"registry: {prefix: r/x}", old, "cobol"},
		"Dockerfile": {"registry: {prefix: r/x}", docker, ""},
	} {
		c, _ := newCluster(t, interceptor.Funcs{}, configured(tc.config))
		if _, err := c.StartBuild(t.Context(), tc.fn, nil); (err != nil) != (tc.want != "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}
