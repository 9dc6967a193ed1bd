package knative_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/enginetest"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
)

// cluster is the one to test on, on which this version of Lambkin is installed.
func cluster(t *testing.T) *rest.Config {
	t.Helper()
	path := os.Getenv("LAMBKIN_E2E_KUBECONFIG")
	if path == "" && os.Getenv("LAMBKIN_E2E") == "1" {
		path = os.Getenv("KUBECONFIG")
	}
	if path == "" {
		t.Skip("no cluster to test on: set LAMBKIN_E2E_KUBECONFIG to the kubeconfig of one with Knative and this version of Lambkin")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// newNamespace makes a namespace for a test, and deletes it afterwards. Its pods do not get the time that they have to end:
// it is the next test's, which needs the room on the node.
func newNamespace(t *testing.T, core typedcorev1.CoreV1Interface) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("engine-%08x", rand.Uint32())}}
	if _, err := core.Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := core.Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("delete namespace: %v", err)
		}
		atOnce := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
		if err := core.Pods(ns.Name).DeleteCollection(ctx, atOnce, metav1.ListOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("delete pods: %v", err)
		}
	})
	return ns.Name
}

// TestEngine runs the suite on a real cluster, as a laptop sees it: objects and logs at the API server, code and calls through
// the gateway.
func TestEngine(t *testing.T) {
	cfg := cluster(t)
	core, err := typedcorev1.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Run(t,
		func(t *testing.T) engine.Engine {
			e, err := knative.NewForConfig(cfg, newNamespace(t, core))
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		enginetest.WithPatience(5*time.Minute, 200*time.Millisecond),
		enginetest.WithSlowScaling(8),
		enginetest.WithEagerInit(),
		enginetest.WithSpec(func(s *v1alpha1.FunctionSpec) {
			eight := int32(8)
			s.Scaling = &v1alpha1.Scaling{MaxScale: &eight}
		}),
		enginetest.WithSecrets(func(t *testing.T, e engine.Engine, name, key, value string) {
			namespace := e.(*knative.Engine).Namespace
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{key: value}}
			if _, err := core.Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}),
		enginetest.WithMailboxFunction(func(fn *v1alpha1.Function) string {
			return "http://" + v1alpha1.FunctionServiceName(fn.LambdaName()) + "." + fn.Namespace + ".svc.cluster.local/"
		}),
	)
}
