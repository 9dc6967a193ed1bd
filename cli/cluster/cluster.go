package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	pipelines "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// Cluster is one namespace of a cluster.
type Cluster struct {
	Place
	// Config is how the API server is reached; what else talks to it copies it.
	Config *rest.Config
	// Client reads and writes objects of the kinds in [Scheme], without a cache.
	Client client.Client
	// APIs tells which kinds the cluster has, and its version.
	APIs discovery.DiscoveryInterface
	// PodLogs opens the log of a container in Namespace.
	PodLogs PodLogs
}

// PodLogs opens the log of a pod's container.
type PodLogs func(ctx context.Context, pod string, o *corev1.PodLogOptions) (io.ReadCloser, error)

// Connect makes what is needed to talk to a cluster. It sends nothing yet.
func Connect(o Options) (*Cluster, error) {
	place, config, err := o.find()
	if err != nil {
		return nil, err
	}
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", place, err)
	}
	core, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", place, err)
	}
	apis, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", place, err)
	}
	return &Cluster{Place: place, Config: config, Client: c, APIs: apis, PodLogs: func(ctx context.Context, pod string, o *corev1.PodLogOptions) (io.ReadCloser, error) {
		return core.Pods(place.Namespace).GetLogs(pod, o).Stream(ctx)
	}}, nil
}

// Scheme holds the kinds that a [Cluster]'s Client knows.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, authorizationv1.AddToScheme, metav1.AddMetaToScheme, v1alpha1.AddToScheme, pipelines.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	return scheme, nil
}

// Platform reads the operator's configuration.
func (c *Cluster) Platform(ctx context.Context) (platform.Config, error) {
	kept := new(corev1.ConfigMap)
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}, kept)
	if err != nil {
		return platform.Config{}, fmt.Errorf("read the configuration of Lambkin, ConfigMap %s/%s: %w", platform.Namespace, platform.ConfigMap, err)
	}
	return platform.Read(kept.Data)
}

// nodesSeen is how many nodes are looked at to find the architecture of all.
const nodesSeen = 100

// Architecture is the one of all nodes. It is empty if they differ, or if we may not see them.
func (c *Cluster) Architecture(ctx context.Context) v1alpha1.Architecture {
	nodes := new(corev1.NodeList)
	if err := c.Client.List(ctx, nodes, client.Limit(nodesSeen)); err != nil {
		return ""
	}
	found := ""
	for _, n := range nodes.Items {
		if found != "" && n.Status.NodeInfo.Architecture != found {
			return ""
		}
		found = n.Status.NodeInfo.Architecture
	}
	return map[string]v1alpha1.Architecture{"amd64": v1alpha1.ArchitectureX86, "arm64": v1alpha1.ArchitectureARM}[found]
}

// Unreachable reports whether an error says that the API server did not answer, rather than what it answered.
func Unreachable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return false
	}
	request := new(url.Error)
	return errors.As(err, &request) && request.Op != "parse"
}
