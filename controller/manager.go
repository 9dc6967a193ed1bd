package main

import (
	"fmt"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/apply"
	"github.com/lambkin-dev/lambkin/controller/deploy"
	"github.com/lambkin-dev/lambkin/controller/event"
	"github.com/lambkin-dev/lambkin/controller/resources"
	"github.com/lambkin-dev/lambkin/controller/settings"
)

// lease is the name of the lease that the controller that works holds.
const lease = "lambkin-controller"

// stopTimeout is how long what is under way may take when the controller is told to stop; a pod has 30 seconds.
const stopTimeout = 25 * time.Second

// newScheme knows all kinds that the controller reads or writes.
func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, v1alpha1.AddToScheme, servingv1.AddToScheme, tektonv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("put together the kinds: %w", err)
		}
	}
	return s, nil
}

// managerOptions say how the manager works.
func managerOptions(o options) (ctrl.Options, error) {
	scheme, err := newScheme()
	if err != nil {
		return ctrl.Options{}, err
	}
	cached, err := cacheOptions()
	if err != nil {
		return ctrl.Options{}, err
	}
	return ctrl.Options{
		Scheme:                  scheme,
		Cache:                   cached,
		Client:                  clientOptions(),
		Metrics:                 metricsserver.Options{BindAddress: o.metricsAddr},
		HealthProbeBindAddress:  o.healthAddr,
		LeaderElection:          o.elect,
		LeaderElectionID:        lease,
		LeaderElectionNamespace: o.electNamespace,
		// The next one need not wait for the lease to end, since the process ends with its manager.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(stopTimeout),
	}, nil
}

// newManager makes the manager for a cluster.
func newManager(cfg *rest.Config, o ctrl.Options) (manager.Manager, error) {
	m, err := ctrl.NewManager(cfg, o)
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := m.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := m.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return m, nil
}

// cacheOptions say what of the cluster is kept in memory: our own objects; of all others those with our label, which
// leaves out what is not ours. Kinds that may be missing must not be named here: the cache would ask for them.
func cacheOptions() (cache.Options, error) {
	ours, err := labels.NewRequirement(v1alpha1.LabelFunction, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("choose what is cached: %w", err)
	}
	configs := make(map[string]cache.Config)
	for _, key := range settings.Keys() {
		configs[key.Namespace] = cache.Config{
			LabelSelector: labels.Everything(),
			FieldSelector: fields.OneTermEqualSelector("metadata.name", key.Name),
		}
	}
	all := cache.ByObject{Label: labels.Everything()}
	return cache.Options{
		DefaultLabelSelector: labels.NewSelector().Add(*ours),
		DefaultTransform:     cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			new(v1alpha1.Function):          all,
			new(v1alpha1.Version):           all,
			new(v1alpha1.Alias):             all,
			new(v1alpha1.LayerVersion):      all,
			new(v1alpha1.FunctionURLConfig): all,
			new(v1alpha1.ResourcePolicy):    all,
			new(v1alpha1.CodeSigningConfig): all,
			new(v1alpha1.AsyncInvocation):   {Label: labels.Everything(), Transform: event.Slim},
			new(corev1.Pod):                 {Transform: deploy.StripPod},
			new(corev1.ConfigMap):           {Namespaces: configs},
			new(networkingv1.NetworkPolicy): {Label: labels.SelectorFromSet(labels.Set{resources.LabelManagedBy: resources.ManagedBy})},
		},
	}, nil
}

// clientOptions say what is never cached: reading one of these must not make the controller keep all of the cluster's.
func clientOptions() client.Options {
	return client.Options{
		FieldOwner: apply.Manager,
		Cache: &client.CacheOptions{DisableFor: []client.Object{
			new(corev1.Secret), new(corev1.ServiceAccount), new(corev1.Namespace), new(corev1.PersistentVolumeClaim),
		}},
	}
}
