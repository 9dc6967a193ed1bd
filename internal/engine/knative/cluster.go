package knative

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// Settings are the operator's configuration as it was read from its ConfigMap.
type Settings struct {
	platform.Config

	// UID is the ConfigMap's. It is the same for all who read it, and another in each cluster.
	UID string
}

// Cluster is a cluster seen from the inside: by the gateway, which calls functions at their cluster-local addresses.
// [Cluster.Run] must run while it is used.
type Cluster struct {
	// Keys are the cluster's access keys, and Reviews ask about tokens.
	Keys    *Keys
	Reviews *Reviews

	conn      *connection
	cache     cache.Cache
	informers []cache.Informer
	transport http.RoundTripper
	domain    string
	log       *slog.Logger
	backlog   Backlog
}

// ClusterConfig says which cluster, and what it is like.
type ClusterConfig struct {
	// Kubeconfig is a file that says where the API server is. Empty: that of the pod's own cluster.
	Kubeconfig string
	// Domain ends cluster-local names; cluster.local if empty.
	Domain string
	// Log takes what happens on the way; nil discards it.
	Log *slog.Logger
}

// OpenCluster connects to a cluster. changed is called with the operator's configuration as soon as it is known and after
// each change that makes sense, by one goroutine.
func OpenCluster(ctx context.Context, c ClusterConfig, changed func(Settings)) (*Cluster, error) {
	cfg, err := restConfig(c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return openCluster(ctx, cfg, c, changed)
}

func openCluster(ctx context.Context, cfg *rest.Config, c ClusterConfig, changed func(Settings)) (*Cluster, error) {
	conn, err := newConnection(cfg)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	ctrllog.SetLogger(logr.FromSlogHandler(c.Log.Handler())) //nolint:forbidigo // watches tell their troubles nowhere else; the first one counts
	shared := true                                           // what is read is never changed
	objects, err := cache.New(cfg, cache.Options{
		HTTPClient: conn.http, Scheme: conn.client.Scheme(), Mapper: conn.client.RESTMapper(), DefaultUnsafeDisableDeepCopy: &shared,
		ReaderFailOnMissingInformer: true, DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}: inOurNamespace("metadata.name", platform.ConfigMap),
			&corev1.Secret{}:    inOurNamespace("type", access.SecretType),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make a cache of objects: %w", err)
	}
	reviews, err := conn.reviews()
	if err != nil {
		return nil, err
	}
	keys := &Keys{log: c.Log, byID: map[string]*access.Issued{}, bySaved: map[string]string{}}
	cl := &Cluster{Keys: keys, Reviews: reviews, conn: conn, cache: objects, transport: NewTransport(), domain: c.Domain, log: c.Log}
	if err := objects.IndexField(ctx, &v1alpha1.FunctionURLConfig{}, indexURL, urlIDs); err != nil {
		return nil, fmt.Errorf("index function URLs: %w", err)
	}
	for _, obj := range []client.Object{
		&v1alpha1.Function{}, &v1alpha1.Version{}, &v1alpha1.Alias{}, &v1alpha1.FunctionURLConfig{}, &v1alpha1.ResourcePolicy{},
		&corev1.Secret{}, &corev1.ConfigMap{},
	} {
		informer, err := objects.GetInformer(ctx, obj, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch %T: %w", obj, err)
		}
		cl.informers = append(cl.informers, informer)
	}
	if err := keys.watch(cl.informers[len(cl.informers)-2]); err != nil {
		return nil, err
	}
	if err := cl.watchSettings(cl.informers[len(cl.informers)-1], changed); err != nil {
		return nil, err
	}
	return cl, nil
}

// indexURL finds function URLs by their ids.
const indexURL = "urlID"

func urlIDs(obj client.Object) []string {
	u, ok := obj.(*v1alpha1.FunctionURLConfig)
	if !ok {
		return nil
	}
	return []string{u.URLID()}
}

// URLNamespace finds the namespace that has the function URL of an id; empty if none has, as far as is known here.
func (c *Cluster) URLNamespace(ctx context.Context, id string) (string, error) {
	var found v1alpha1.FunctionURLConfigList
	if err := c.cache.List(ctx, &found, client.MatchingFields{indexURL: id}); err != nil {
		return "", fmt.Errorf("find the function URL %q: %w", id, err)
	}
	if len(found.Items) == 0 {
		return "", nil
	}
	return found.Items[0].Namespace, nil
}

// inOurNamespace restricts what is watched to objects of our own namespace with one value of a field.
func inOurNamespace(field, value string) cache.ByObject {
	return cache.ByObject{Namespaces: map[string]cache.Config{platform.Namespace: {FieldSelector: fields.OneTermEqualSelector(field, value)}}}
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		cfg, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("this is no pod of a cluster: name a file with --kubeconfig, or set KUBECONFIG")
		}
		if err != nil {
			return nil, fmt.Errorf("find the cluster of this pod: %w", err)
		}
		return cfg, nil
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %q: %w", kubeconfig, err)
	}
	return cfg, nil
}

// watchSettings has changed called for each state of the ConfigMap that can be read.
func (c *Cluster) watchSettings(informer cache.Informer, changed func(Settings)) error {
	take := func(obj any) {
		m, ok := obj.(*corev1.ConfigMap)
		if !ok {
			return
		}
		config, err := platform.Read(m.Data)
		if err != nil {
			c.log.Error("the configuration cannot be read; what held before holds on", "error", err)
			return
		}
		changed(Settings{Config: config, UID: string(m.UID)})
	}
	_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: take, UpdateFunc: func(_, obj any) { take(obj) },
		DeleteFunc: func(any) { c.log.Warn("the configuration was deleted; what held before holds on") },
	})
	if err != nil {
		return fmt.Errorf("watch the configuration: %w", err)
	}
	return nil
}

// Run keeps what is cached up to date until ctx ends.
func (c *Cluster) Run(ctx context.Context) error {
	if err := c.cache.Start(ctx); err != nil {
		return fmt.Errorf("watch the cluster: %w", err)
	}
	return nil
}

// Synced reports whether everything that is cached has been read once.
func (c *Cluster) Synced() bool {
	for _, i := range c.informers {
		if !i.HasSynced() {
			return false
		}
	}
	return true
}

// Doors makes what calls functions under an identity.
func (c *Cluster) Doors(settings Settings) *Doors {
	return &Doors{
		Objects: c.conn.client, Cache: c.cache, Identity: settings.Identity.Lambda(), ClusterDomain: c.domain, Transport: c.transport,
	}
}

// Engine is a namespace of the cluster, with code and ways to call functions from elsewhere.
func (c *Cluster) Engine(namespace string, settings Settings, code engine.Code, invoker lambda.Invoker) *Engine {
	return &Engine{
		Client: c.conn.client, Namespace: namespace, Identity: settings.Identity.Lambda(), Code: code, Invoker: invoker, Pods: c.conn.pods,
		Cache: c.cache, Backlog: &c.backlog,
	}
}
