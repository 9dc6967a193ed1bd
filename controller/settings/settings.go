// Package settings keeps what the operator of the cluster has decided: our own configuration, and the features of Knative
// that are on. Both are ConfigMaps, and both may change while the controller runs.
package settings

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/controller/resources"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// reasonInvalid is the reason of the event about a ConfigMap that cannot be read.
const reasonInvalid = "InvalidConfiguration"

// Settings are the settings of the moment. It reconciles the ConfigMaps that they are in, and is safe for concurrent use.
type Settings struct {
	// Client reads ConfigMaps.
	Client client.Reader
	// Events takes the event about a ConfigMap that cannot be read.
	Events events.EventRecorder
	// Changed is called after the settings have changed.
	Changed func(ctx context.Context)
	// Valid is 1 for each ConfigMap that could be read and 0 for one that could not, whose last good state holds on.
	Valid *prometheus.GaugeVec

	mu       sync.RWMutex
	platform *platform.Config
	features resources.Features
}

// NewValid makes the metric for [Settings].
func NewValid() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lambkin_configuration_valid",
		Help: "Whether a ConfigMap with settings could be read (1); if not (0), its last good state holds on.",
	}, []string{"configmap"})
}

// Keys are the ConfigMaps that settings are in.
func Keys() []client.ObjectKey { return []client.ObjectKey{platformKey(), featuresKey()} }

func platformKey() client.ObjectKey {
	return client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}
}

func featuresKey() client.ObjectKey {
	return client.ObjectKey{Namespace: resources.KnativeNamespace, Name: resources.FeaturesConfigMap}
}

// Platform is the operator's configuration. It must not be changed.
func (s *Settings) Platform() *platform.Config {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.platform == nil {
		c := platform.Default()
		return &c
	}
	return s.platform
}

// Features are what Knative lets pods have.
func (s *Settings) Features() resources.Features {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.features
}

// Load reads all settings for the first time. What cannot be read for its content has its defaults, which are told.
func (s *Settings) Load(ctx context.Context, live client.Reader) error {
	features, err := resources.FeaturesFrom(nil)
	if err != nil {
		return err
	}
	s.features = features
	for _, key := range Keys() {
		if _, err := s.read(ctx, live, key); err != nil {
			return err
		}
	}
	return nil
}

// Reconcile takes over a ConfigMap that has changed.
func (s *Settings) Reconcile(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
	changed, err := s.read(ctx, s.Client, r.NamespacedName)
	if changed {
		s.Changed(ctx)
	}
	return reconcile.Result{}, err
}

// read takes over a ConfigMap. One that has gone leaves its last good state behind, like one that makes no sense.
func (s *Settings) read(ctx context.Context, from client.Reader, key client.ObjectKey) (changed bool, err error) {
	m := new(corev1.ConfigMap)
	err = from.Get(ctx, key, m)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read ConfigMap %q: %w", key, err)
	}
	changed, fault := s.take(key, m.Data)
	valid := 1.0
	if fault != nil {
		valid = 0
		s.Events.Eventf(m, nil, corev1.EventTypeWarning, reasonInvalid, "Configure", "%v; what held before holds on", fault)
	}
	s.Valid.WithLabelValues(key.String()).Set(valid)
	return changed, nil
}

// take reads a ConfigMap's data, and reports whether the settings are others now.
func (s *Settings) take(key client.ObjectKey, data map[string]string) (changed bool, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == featuresKey() {
		features, err := resources.FeaturesFrom(data)
		if err != nil {
			return false, err
		}
		changed = features != s.features
		s.features = features
		return changed, nil
	}
	config, err := platform.Read(data)
	if err != nil {
		return false, err
	}
	changed = s.platform == nil || !reflect.DeepEqual(*s.platform, config)
	s.platform = &config
	return changed, nil
}
