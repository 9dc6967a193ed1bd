package manifest

import (
	"bytes"
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lambkin-dev/lambkin/test/cluster/component"
	"github.com/lambkin-dev/lambkin/test/cluster/layout"
)

//go:embed base
var base embed.FS

// Modules are the modules that Render wants.
func Modules() []string {
	var modules []string
	for _, f := range folders() {
		if !slices.Contains(modules, f.module) {
			modules = append(modules, f.module)
		}
	}
	return modules
}

// folder is where a module has manifests.
type folder struct {
	module string
	path   string
}

func folders() []folder {
	return []folder{
		{"knative.dev/serving", "config/core"},
		// In Serving's repository these two are symbolic links, and a module has none.
		{"knative.dev/networking", "config"},
		{"knative.dev/caching", "config"},
		{"knative.dev/eventing", "config/core"},
		{"knative.dev/eventing", "config/channels/in-memory-channel"},
		{"knative.dev/eventing", "config/brokers/mt-channel-broker"},
		// Eventing's controller takes its environment from these.
		{"knative.dev/eventing", "third_party/eventing-integrations-latest"},
		{"github.com/tektoncd/pipeline", "config"},
	}
}

// Render gives all objects of the cluster. modules says where the files of Modules are.
func Render(modules map[string]component.Module) ([]*unstructured.Unstructured, error) {
	objects, err := ours()
	if err != nil {
		return nil, err
	}
	r := rewrite()
	for _, f := range folders() {
		m := modules[f.module]
		r.Version = m.Version
		published, err := r.Files(filepath.Join(m.Dir, filepath.FromSlash(f.path)))
		if err != nil {
			return nil, err
		}
		objects = append(objects, published...)
	}
	return objects, nil
}

// Idle takes the pods of a namespace's Deployments away.
func Idle(objects []*unstructured.Unstructured, namespace string) error {
	found := false
	for _, u := range objects {
		if u.GetKind() != "Deployment" || u.GetNamespace() != namespace {
			continue
		}
		found = true
		if err := unstructured.SetNestedField(u.Object, int64(0), "spec", "replicas"); err != nil {
			return fmt.Errorf("replicas of %s/%s: %w", namespace, u.GetName(), err)
		}
	}
	if !found {
		return fmt.Errorf("no Deployment of the cluster is in namespace %q; there are %s", namespace, strings.Join(Namespaces(), ", "))
	}
	return nil
}

func rewrite() Rewrite {
	images := map[string]string{
		// Tekton's shell for `script:` steps.
		"cgr.dev/chainguard/busybox@sha256:19f02276bf8dbdd62f069b922f10c65262cc34b710eea26ff928129a736be791": layout.Registry + "/test/busybox:1",
	}
	for _, g := range component.ImageGroups() {
		for _, pkg := range g.Packages {
			images["ko://"+pkg] = layout.Registry + "/" + component.Image(g.Name, pkg)
		}
	}
	// Each controller of a component keeps a lease, and there are dozens that nobody else wants.
	election := map[string]string{"retry-period": "30s"}
	return Rewrite{
		Images: images,
		// It is in the way of requests, so it must have its turn when the machine is busy.
		CPU: map[string]string{"activator": "50m"},
		// One of each is enough; request-reply wants a secret of its own.
		Skip: []string{"HorizontalPodAutoscaler", "PodDisruptionBudget", "StatefulSet/request-reply", "Deployment/request-reply"},
		Config: map[string]map[string]string{
			"knative-serving/config-network": {"ingress-class": layout.IngressClass},
			"knative-serving/config-domain":  {layout.Domain: ""},

			"knative-serving/config-leader-election":                      election,
			"knative-eventing/config-leader-election":                     election,
			"tekton-pipelines/config-leader-election-controller":          election,
			"tekton-pipelines/config-leader-election-events":              election,
			"tekton-pipelines/config-leader-election-webhook":             election,
			"tekton-pipelines-resolvers/config-leader-election-resolvers": election,

			// A node of two processors holds many functions, most of which wait: 25m for each queue-proxy would fill it.
			"knative-serving/config-deployment": {"queue-sidecar-cpu-request": "2m"},
			// Tests wait for pods to go; upstream's are 30 s and 60 s.
			"knative-serving/config-autoscaler": {"scale-to-zero-grace-period": "5s", "stable-window": "10s"},
			// AWS's longest timeout is 900 s.
			"knative-serving/config-defaults": {"max-revision-timeout-seconds": "920"},
			"knative-serving/config-features": {
				"kubernetes.podspec-affinity":         "enabled",
				"kubernetes.podspec-nodeselector":     "enabled",
				"kubernetes.podspec-runtimeclassname": "enabled",
				"kubernetes.podspec-securitycontext":  "enabled",
				"kubernetes.podspec-tolerations":      "enabled",
				"kubernetes.podspec-volumes-emptydir": "enabled",

				"kubernetes.podspec-persistent-volume-claim": "enabled",
				"kubernetes.podspec-persistent-volume-write": "enabled",
				"secure-pod-defaults":                        "enabled",
			},
		},
	}
}

// ours gives the objects of folder base.
func ours() ([]*unstructured.Unstructured, error) {
	t, err := template.ParseFS(base, "base/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("our manifests: %w", err)
	}
	var objects []*unstructured.Unstructured
	for _, t := range t.Templates() {
		var doc bytes.Buffer
		err := t.Execute(&doc, map[string]string{
			"Registry": layout.Registry, "RegistryPort": layout.RegistryPort, "FilesPort": layout.FilesPort,
			"NodeIP": layout.NodeIP, "DNSIP": layout.DNSIP, "IngressIP": layout.IngressIP, "IngressClass": layout.IngressClass,
		})
		if err != nil {
			return nil, fmt.Errorf("our manifest %q: %w", t.Name(), err)
		}
		more, err := Rewrite{}.Documents(doc.Bytes())
		if err != nil {
			return nil, fmt.Errorf("our manifest %q: %w", t.Name(), err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}
