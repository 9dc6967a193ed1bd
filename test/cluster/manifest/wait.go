package manifest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Namespaces are those whose Deployments make up the cluster.
func Namespaces() []string {
	return []string{"kube-system", "knative-serving", "knative-eventing", "tekton-pipelines", "tekton-pipelines-resolvers"}
}

// Component is one Deployment of the cluster, or the node, and whether it can be used.
type Component struct {
	Namespace, Name string
	Version         string // empty if it does not say
	Ready           bool
}

// FullName is NAMESPACE/NAME, or NAME of what has no namespace.
func (c Component) FullName() string { return strings.TrimPrefix(c.Namespace+"/"+c.Name, "/") }

// Components gives the node and the Deployments of Namespaces.
func (c *Client) Components(ctx context.Context) ([]Component, error) {
	var all []Component
	for _, kind := range []struct {
		gvr       schema.GroupVersionResource
		condition string
	}{
		{schema.GroupVersionResource{Version: "v1", Resource: "nodes"}, "Ready"},
		{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "Available"},
	} {
		list, err := c.dynamic.Resource(kind.gvr).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("%s of the cluster: %w", kind.gvr.Resource, err)
		}
		for _, u := range list.Items {
			if u.GetNamespace() == "" || slices.Contains(Namespaces(), u.GetNamespace()) {
				all = append(all, Component{u.GetNamespace(), u.GetName(), version(u), isTrue(u, kind.condition) && observed(u)})
			}
		}
	}
	slices.SortFunc(all, func(a, b Component) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// version is what an object says of itself: a node of its kubelet, others by label.
func version(u unstructured.Unstructured) string {
	kubelet, _, err := unstructured.NestedString(u.Object, "status", "nodeInfo", "kubeletVersion")
	if err == nil && kubelet != "" {
		return kubelet
	}
	return u.GetLabels()["app.kubernetes.io/version"]
}

// observed says whether the status speaks of the object as it is now. Nodes do not tell.
func observed(u unstructured.Unstructured) bool {
	seen, found, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return err == nil && (!found || seen >= u.GetGeneration())
}

// Await waits until all components are ready. Each namespace is reported once, when its last one is.
func (c *Client) Await(ctx context.Context, report func(namespace string)) error {
	reported := map[string]bool{}
	for {
		components, err := c.Components(ctx)
		if err != nil {
			return err
		}
		waiting := notReady(components)
		for _, ns := range Namespaces() {
			if len(waiting[ns]) == 0 && !reported[ns] {
				reported[ns] = true
				report(ns)
			}
		}
		if len(components) > 0 && len(waiting) == 0 {
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("not ready in time: %s; `cluster exec kubectl describe pods -n NAMESPACE` tells why: %w", list(waiting), err)
		}
	}
}

// notReady gives the names of what is not ready, by namespace.
func notReady(components []Component) map[string][]string {
	waiting := map[string][]string{}
	for _, c := range components {
		if !c.Ready {
			waiting[c.Namespace] = append(waiting[c.Namespace], c.FullName())
		}
	}
	return waiting
}

func list(waiting map[string][]string) string {
	var names []string
	for _, ofNamespace := range waiting {
		names = append(names, ofNamespace...)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
