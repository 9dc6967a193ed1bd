package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// fieldOwner is who the objects' fields belong to in the eyes of server-side apply.
const fieldOwner = "lambkin-test-cluster"

// Client talks to the API server of a test cluster.
type Client struct {
	config  *rest.Config
	dynamic dynamic.Interface
}

// NewClient makes a client as a kubeconfig file says.
func NewClient(kubeconfig string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %q: %w", kubeconfig, err)
	}
	config.QPS, config.Burst = 200, 400
	// Serving's data plane is told through Endpoints; the API server warns about them each time.
	config.WarningHandler = rest.NoWarnings{}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client of %q: %w", kubeconfig, err)
	}
	return &Client{config: config, dynamic: dyn}, nil
}

// phase orders objects: what others stand on comes first, webhooks, which judge others, last.
func phase(u *unstructured.Unstructured) int {
	switch u.GetKind() {
	case "CustomResourceDefinition", "Namespace":
		return 0
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		return 3
	case "Deployment", "StatefulSet", "DaemonSet":
		return 2
	}
	return 1
}

// Apply brings all objects to the API server, by phases, and waits in between until new kinds are served.
func (c *Client) Apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	for p := range 4 {
		now := slices.DeleteFunc(slices.Clone(objects), func(u *unstructured.Unstructured) bool { return phase(u) != p })
		if err := c.applyAll(ctx, now); err != nil {
			return err
		}
		if p > 0 {
			continue
		}
		if err := c.awaitKinds(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	disco, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return fmt.Errorf("kinds of the API server: %w", err)
	}
	groups, err := restmapper.GetAPIGroupResources(disco)
	if err != nil {
		return fmt.Errorf("kinds of the API server: %w", err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	for _, u := range objects {
		work.Go(func() error { return c.apply(ctx, mapper, u) })
	}
	return work.Wait()
}

func (c *Client) apply(ctx context.Context, mapper meta.RESTMapper, u *unstructured.Unstructured) error {
	gvk := u.GroupVersionKind()
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return fmt.Errorf("%s %q: %w", u.GetKind(), u.GetName(), err)
	}
	var client dynamic.ResourceInterface = c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		client = c.dynamic.Resource(mapping.Resource).Namespace(u.GetNamespace())
	}
	if _, err := client.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: fieldOwner, Force: true}); err != nil {
		return fmt.Errorf("%s %q: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

// awaitKinds waits until every CustomResourceDefinition is established.
func (c *Client) awaitKinds(ctx context.Context) error {
	crds := c.dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	for {
		list, err := crds.List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("custom resource definitions: %w", err)
		}
		waiting := slices.IndexFunc(list.Items, func(u unstructured.Unstructured) bool { return !isTrue(u, "Established") })
		if waiting < 0 {
			return nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("custom resource definition %q is not established: %w", list.Items[waiting].GetName(), err)
		}
	}
}

// isTrue says whether an object has a condition with status True.
func isTrue(u unstructured.Unstructured, condition string) bool {
	conditions, _, err := unstructured.NestedSlice(u.Object, "status", "conditions")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(conditions, func(c any) bool {
		m, ok := c.(map[string]any)
		return ok && m["type"] == condition && m["status"] == "True"
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// AwaitAPI waits until the API server says that it is ready.
func (c *Client) AwaitAPI(ctx context.Context) error {
	disco, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := disco.RESTClient().Get().AbsPath("/readyz").DoRaw(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctxErr := sleep(ctx, 100*time.Millisecond); ctxErr != nil {
			return errors.Join(fmt.Errorf("the API server is not ready: %w", err), ctxErr)
		}
	}
}
