package cluster_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/cli/cluster"
)

// logs are what containers have printed.
type logs struct {
	mu    sync.Mutex
	texts map[string]string
	read  []string
}

func (l *logs) open(_ context.Context, pod string, o *corev1.PodLogOptions) (io.ReadCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := pod + "/" + o.Container
	l.read = append(l.read, key)
	text, ok := l.texts[key]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, pod)
	}
	if text == "fail" {
		return nil, fmt.Errorf("container %s is not there", o.Container)
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// newCluster is namespace shop of a cluster in memory.
func newCluster(t *testing.T, hooks interceptor.Funcs, objects ...client.Object) (*cluster.Cluster, *logs) {
	t.Helper()
	scheme, err := cluster.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	l := &logs{texts: map[string]string{}}
	return &cluster.Cluster{
		Place:   cluster.Place{Namespace: "shop"},
		Client:  fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(hooks).Build(),
		PodLogs: l.open,
	}, l
}
