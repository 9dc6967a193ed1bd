package manifest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"

	"github.com/lambkin-dev/lambkin/test/cluster/component"
	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

const published = `# a comment with ko://nothing
apiVersion: apps/v1
kind: Deployment
metadata:
  name: webhook
  labels: {app.kubernetes.io/version: "devel"}
spec:
  template:
    spec:
      affinity: {podAntiAffinity: {}}
      containers:
      - name: webhook
        image: ko://example.test/cmd/webhook
        command: [/sbin/tini, "--", /ko-app/webhook]
        resources: {limits: {cpu: 1}}
        readinessProbe: {initialDelaySeconds: 20, httpGet: {port: 1}}
        livenessProbe: {httpGet: {port: 1}}
      - name: plain
        image: ko://example.test/cmd/webhook-extra
        command: [/ko-app/x]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: webhook}
---
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: config
  namespace: ns
  labels:
    version: devel
data: {kept: "yes", changed: before}
---
apiVersion: v1
kind: Service
metadata: {name: skipped}
`

func rewriter() Rewrite {
	return Rewrite{
		Version: "v1.2.3",
		Images:  map[string]string{"ko://example.test/cmd/webhook": "reg/webhook", "ko://example.test/cmd/webhook-extra": "reg/extra"},
		CPU:     map[string]string{"plain": "70m"},
		Skip:    []string{"HorizontalPodAutoscaler", "Service/skipped"},
		Config:  map[string]map[string]string{"ns/config": {"changed": "after", "new": "1"}},
	}
}

func TestRewrite(t *testing.T) {
	objects, err := rewriter().Documents([]byte(published))
	if err != nil {
		t.Fatal(err)
	}
	small := map[string]any{"requests": map[string]any{"cpu": "5m", "memory": "20Mi"}}
	want := []map[string]any{
		{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"name": "webhook", "labels": map[string]any{"app.kubernetes.io/version": "v1.2.3"}},
			"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{
				map[string]any{
					"name": "webhook", "image": "reg/webhook", "command": []any{"/ko-app/webhook"}, "resources": small,
					"readinessProbe": map[string]any{
						"initialDelaySeconds": int64(0), "periodSeconds": int64(1), "failureThreshold": int64(30),
						"httpGet": map[string]any{"port": int64(1)},
					},
				},
				map[string]any{"name": "plain", "image": "reg/extra", "command": []any{"/ko-app/x"}, "resources": map[string]any{
					"requests": map[string]any{"cpu": "70m", "memory": "20Mi"},
				}},
			}}}},
		},
		{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "config", "namespace": "ns", "labels": map[string]any{"version": "v1.2.3"}},
			"data":     map[string]any{"kept": "yes", "changed": "after", "new": "1"},
		},
	}
	got := make([]map[string]any, len(objects))
	for i, u := range objects {
		got[i] = u.Object
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestRewriteFaults(t *testing.T) {
	tests := map[string]struct{ reason, doc, want string }{
		"unknown image": {
			reason: "a pod that can never start is told at once", want: "ko://",
			doc: "kind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{image: ko://other}]}}}",
		},
		"no YAML":       {reason: "upstream's files are YAML", doc: "a: [", want: "YAML"},
		"no containers": {reason: "a shape that is not expected is told, not passed", doc: "kind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: 7}}}", want: "containers"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := rewriter().Documents([]byte(tc.doc))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Documents = %v, want an error about %q: %s", err, tc.want, tc.reason)
			}
		})
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add([]byte(published))
	f.Add([]byte("a: ["))
	f.Add([]byte("kind: Deployment\nspec: {template: {spec: {containers: [1, {command: []}]}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := rewriter().Documents(data)
		if err != nil {
			return
		}
		for _, u := range objects {
			if u.GetKind() == "HorizontalPodAutoscaler" {
				t.Errorf("an object to skip is there: %v", u.Object)
			}
		}
	})
}

func TestFilesAreReadInOrder(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"b.yaml": "kind: B", "a/z.yaml": "kind: A", "c.txt": "kind: C"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := Rewrite{}.Files(dir)
	if err != nil || len(objects) != 2 || objects[0].GetKind() != "A" || objects[1].GetKind() != "B" {
		t.Errorf("Files = %v, %v, want A and B", objects, err)
	}
	if _, err := (Rewrite{}).Files(filepath.Join(dir, "gone")); err == nil {
		t.Error("a folder that is not there gives no error")
	}
}

func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	for _, u := range objects {
		if u.GetKind() == kind && u.GetName() == name {
			return u
		}
	}
	return nil
}

func TestOurs(t *testing.T) {
	objects, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	ip, _, err := unstructured.NestedString(find(objects, "Service", "ingress").Object, "spec", "clusterIP")
	if err != nil || ip != layout.IngressIP {
		t.Errorf("address of the ingress = %q, %v, want %q", ip, err, layout.IngressIP)
	}
	for _, url := range []string{layout.GoProxyURL, layout.GitURL, layout.NPMURL, layout.PipURL, layout.GemURL, "http://" + layout.Registry} {
		name, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ".")
		if find(objects, "Service", name) == nil || find(objects, "EndpointSlice", name+"-node") == nil {
			t.Errorf("nothing serves %s", url)
		}
	}
	for _, u := range objects {
		if strings.Contains(u.GetName(), "{{") {
			t.Errorf("%s %q is not filled in", u.GetKind(), u.GetName())
		}
	}
}

// Every component's image must have the name that is pushed.
func TestImagesOfComponents(t *testing.T) {
	r := rewrite()
	if got := r.Images["ko://knative.dev/serving/cmd/activator"]; got != layout.Registry+"/system/serving-activator:1" {
		t.Errorf("image of the activator = %q", got)
	}
	for _, g := range component.ImageGroups() {
		for _, pkg := range g.Packages {
			if r.Images["ko://"+pkg] != layout.Registry+"/"+component.Image(g.Name, pkg) {
				t.Errorf("image of %s = %q", pkg, r.Images["ko://"+pkg])
			}
		}
	}
}

func TestIdle(t *testing.T) {
	objects, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	if err := Idle(objects, "kube-system"); err != nil {
		t.Fatal(err)
	}
	if n, found, err := unstructured.NestedInt64(find(objects, "Deployment", "coredns").Object, "spec", "replicas"); n != 0 || !found || err != nil {
		t.Errorf("replicas of what is idle = %d, %v, %v, want 0", n, found, err)
	}
	if err := Idle(objects, "knative-evening"); err == nil || !strings.Contains(err.Error(), "knative-eventing") {
		t.Errorf("Idle in a namespace that is none of ours = %v, want an error that names those that are", err)
	}
}

func TestRenderNamesWhatIsMissing(t *testing.T) {
	modules := map[string]component.Module{"knative.dev/serving": {Dir: t.TempDir(), Version: "v1"}}
	if _, err := Render(modules); err == nil || !strings.Contains(err.Error(), "config/core") {
		t.Errorf("Render without files = %v, want an error that names the folder", err)
	}
}

func object(gvk schema.GroupVersionKind, ns, name string, rest map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: rest}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(ns)
	u.SetName(name)
	return u
}

func conditions(kind, status string) []any {
	return []any{map[string]any{"type": kind, "status": status}}
}

func deployment(ns, name, available string, generation, observed int64) *unstructured.Unstructured {
	u := object(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, ns, name, map[string]any{
		"status": map[string]any{"conditions": conditions("Available", available), "observedGeneration": observed},
	})
	u.SetGeneration(generation)
	u.SetLabels(map[string]string{"app.kubernetes.io/version": "v9"})
	return u
}

func node(ready string) *unstructured.Unstructured {
	return object(schema.GroupVersionKind{Version: "v1", Kind: "Node"}, "", "node", map[string]any{
		"status": map[string]any{"conditions": conditions("Ready", ready), "nodeInfo": map[string]any{"kubeletVersion": "v1.35.4"}},
	})
}

func client(objects ...runtime.Object) *Client {
	return &Client{dynamic: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		{Version: "v1", Resource: "nodes"}:                      "NodeList",
		{Group: "apps", Version: "v1", Resource: "deployments"}: "DeploymentList",
	}, objects...)}
}

func TestComponents(t *testing.T) {
	c := client(node("True"),
		deployment("knative-serving", "webhook", "True", 1, 1),
		deployment("knative-serving", "activator", "False", 1, 1),
		deployment("kube-system", "coredns", "True", 2, 1),
		deployment("default", "users", "False", 1, 1))
	got, err := c.Components(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Component{
		{Name: "node", Version: "v1.35.4", Ready: true},
		{Namespace: "knative-serving", Name: "activator", Version: "v9"},
		{Namespace: "knative-serving", Name: "webhook", Version: "v9", Ready: true},
		{Namespace: "kube-system", Name: "coredns", Version: "v9"}, // what is ready is its old form
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if got := list(notReady(got)); got != "knative-serving/activator, kube-system/coredns" {
		t.Errorf("not ready: %q", got)
	}
}

func TestAwait(t *testing.T) {
	var reported []string
	c := client(node("True"), deployment("knative-serving", "webhook", "True", 1, 1))
	if err := c.Await(t.Context(), func(ns string) { reported = append(reported, ns) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Namespaces(), reported); diff != "" {
		t.Errorf("reported namespaces (-want +got):\n%s", diff)
	}
}

func TestAwaitTellsWhatIsMissing(t *testing.T) {
	c := client(node("False"), deployment("knative-serving", "webhook", "False", 1, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := c.Await(ctx, func(string) {})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "knative-serving/webhook, node") {
		t.Errorf("Await = %v, want the deadline, and what is not ready", err)
	}
}

func TestPhases(t *testing.T) {
	last := -1
	for _, kind := range []string{"CustomResourceDefinition", "ConfigMap", "Deployment", "ValidatingWebhookConfiguration"} {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": kind}}
		if p := phase(u); p <= last || p > 3 {
			t.Errorf("%s is applied in phase %d, after one of phase %d", kind, p, last)
		} else {
			last = p
		}
	}
}

func TestNewClientNamesItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if _, err := NewClient(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("NewClient = %v, want an error that names the file", err)
	}
}
