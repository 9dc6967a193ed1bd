package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/engine/knative"
)

// ClusterConfig says where the gateway of a cluster listens, and for which cluster. Only Addr is needed in a pod.
type ClusterConfig struct {
	// Addr is the address to listen on, such as :8080.
	Addr string
	// Kubeconfig is a file that says where the API server is. Empty: that of the pod's own cluster.
	Kubeconfig string
	// Domain ends cluster-local names; cluster.local if empty.
	Domain string
	// AllowHosts are further names under which the Lambda API may be called, such as that of an ingress.
	AllowHosts []string
	// TLS serves HTTPS with a certificate and its key.
	TLS TLSFiles
	// URLDomain makes function URLs of the form ID.lambda-url.REGION.URLDomain; see [gateway.Config].
	URLDomain string
	// TempDir is where uploads lie until their digest is known; the system's own if empty.
	TempDir string
	// Buckets is where code comes from that the Lambda API names by bucket and key; nil refuses it.
	Buckets *bucket.Store
	// Linger is how long Close goes on as before: those who balance load are told only then that this replica goes.
	Linger time.Duration
	// Log takes what the gateway has to say; nil discards it.
	Log *slog.Logger
}

// ClusterServer is a running gateway. Replicas of it share nothing but the cluster and its registry.
type ClusterServer struct {
	// URL is where it is reached on this machine.
	URL string

	linger  time.Duration
	gate    *gate
	serving *serving
	failed  chan error
	stop    context.CancelFunc // ends the watches
}

// StartCluster begins to serve. The gateway is ready once it has read the operator's configuration and the functions. The
// caller must Close it.
func StartCluster(ctx context.Context, c ClusterConfig) (*ClusterServer, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	serving, err := listen(ctx, c.Addr, c.TLS, c.Log)
	if err != nil {
		return nil, err
	}
	g := &gate{log: c.Log, audit: c.Log, urlDomain: c.URLDomain, tempDir: c.TempDir, buckets: c.Buckets, allowHosts: append(gatewayNames(c.Domain), c.AllowHosts...)}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	cluster, err := knative.OpenCluster(watching, knative.ClusterConfig{Kubeconfig: c.Kubeconfig, Domain: c.Domain, Log: c.Log}, g.configure)
	if err != nil {
		stop()
		return nil, errors.Join(err, serving.drop())
	}
	g.synced, g.engines, g.urls, g.keys, g.reviews = cluster.Synced, enginesOf(cluster), cluster.URLNamespace, cluster.Keys, cluster.Reviews
	s := &ClusterServer{URL: serving.url, linger: c.Linger, gate: g, serving: serving, failed: make(chan error, 2), stop: stop}
	go func() {
		if err := cluster.Run(watching); err != nil {
			s.failed <- err
		}
	}()
	serving.begin(g, c.Log)
	go func() { s.failed <- <-serving.failed }()
	return s, nil
}

// enginesOf makes the engines of a cluster. Calls are counted over all configurations with one identity.
func enginesOf(cluster *knative.Cluster) func(knative.Settings) engines {
	var doors *knative.Doors
	return func(s knative.Settings) engines {
		if doors == nil || doors.Identity != s.Identity.Lambda() {
			doors = cluster.Doors(s)
		}
		current := doors
		return func(namespace string, code engine.Code, direct bool) engine.Engine {
			invoker := current.In(namespace)
			if direct {
				invoker = current.Directly(namespace)
			}
			return cluster.Engine(namespace, s, code, invoker)
		}
	}
}

// Failed gives the error that ended serving before Close.
func (s *ClusterServer) Failed() <-chan error { return s.failed }

// Close says that the gateway is not ready any more, lingers, and then lets those requests that run come to their end
// until ctx ends.
func (s *ClusterServer) Close(ctx context.Context) error {
	defer s.stop()
	s.gate.leaving.Store(true)
	select {
	case <-ctx.Done():
	case <-time.After(s.linger):
	}
	stopped := s.serving.end(ctx)
	if err := s.gate.close(ctx); err != nil {
		return errors.Join(fmt.Errorf("close the gateway: %w", err), stopped)
	}
	return stopped
}
