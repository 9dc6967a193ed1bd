package settings

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/controller/resources"
)

func configMap(key client.ObjectKey, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: data}
}

type world struct {
	t *testing.T
	*Settings
	client   client.Client
	recorder *events.FakeRecorder
	changes  int
	fault    error
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	s := runtime.NewScheme()
	if err := corev1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, recorder: events.NewFakeRecorder(10)}
	w.client = fake.NewClientBuilder().WithScheme(s).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if w.fault != nil {
				return w.fault
			}
			return c.Get(ctx, key, obj, opts...)
		},
	}).Build()
	w.Settings = &Settings{Client: w.client, Events: w.recorder, Changed: func(context.Context) { w.changes++ }, Valid: NewValid()}
	return w
}

// set writes a ConfigMap and has it reconciled; it gives the event, if there is one.
func (w *world) set(key client.ObjectKey, data map[string]string) string {
	w.t.Helper()
	m := configMap(key, data)
	if err := w.client.Update(w.t.Context(), m); err != nil {
		if err := w.client.Create(w.t.Context(), m); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		w.t.Fatal(err)
	}
	select {
	case e := <-w.recorder.Events:
		return e
	default:
		return ""
	}
}

func TestDefaults(t *testing.T) {
	w := newWorld(t)
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if p := w.Platform(); p.Identity.Region != "us-east-1" || p.Scaling.MaxScale != 100 {
		t.Errorf("got %+v", p)
	}
	if f := w.Features(); f != (resources.Features{EmptyDir: true}) {
		t.Errorf("got %+v", f)
	}
}

func TestLoad(t *testing.T) {
	w := newWorld(t,
		configMap(platformKey(), map[string]string{"config.yaml": "identity: {region: eu-west-1, account: '1'}"}),
		configMap(featuresKey(), map[string]string{"kubernetes.podspec-nodeselector": "enabled"}),
	)
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if p := w.Platform(); p.Identity.Region != "eu-west-1" {
		t.Errorf("got %+v", p)
	}
	if !w.Features().NodeSelector {
		t.Errorf("got %+v", w.Features())
	}
	w.fault = errors.New("down")
	if err := w.Load(t.Context(), w.client); !errors.Is(err, w.fault) {
		t.Errorf("got %v", err)
	}
}

func TestChanges(t *testing.T) {
	w := newWorld(t)
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		reason  string
		key     client.ObjectKey
		data    map[string]string
		changes int
		event   string
		region  string
		valid   float64
	}{
		{"The first word of the operator.", platformKey(), map[string]string{"config.yaml": "identity: {region: eu-west-1}"}, 1, "", "eu-west-1", 1},
		{"The same words again.", platformKey(), map[string]string{"config.yaml": "identity: {region: eu-west-1} # x"}, 0, "", "eu-west-1", 1},
		{"A slip of the pen.", platformKey(), map[string]string{"config.yaml": "identity: {regoin: eu-west-2}"}, 0, "Warning InvalidConfiguration", "eu-west-1", 0},
		{"Put right.", platformKey(), map[string]string{"config.yaml": "identity: {region: eu-west-2}"}, 1, "", "eu-west-2", 1},
		{"The release's own part.", platformKey(), map[string]string{"release.yaml": "images: {runtime: r, builder: b}", "config.yaml": "identity: {region: eu-west-2}"}, 1, "", "eu-west-2", 1},
		{"Knative's features.", featuresKey(), map[string]string{"kubernetes.podspec-nodeselector": "enabled"}, 1, "", "eu-west-2", 1},
		{"Features that are no concern.", featuresKey(), map[string]string{"kubernetes.podspec-nodeselector": "enabled", "multi-container": "disabled"}, 0, "", "eu-west-2", 1},
	}
	for _, step := range steps {
		w.changes = 0
		event := w.set(step.key, step.data)
		if w.changes != step.changes || !strings.HasPrefix(event, step.event) || step.event == "" && event != "" {
			t.Errorf("%s: %d changes and event %q, want %d and %q", step.reason, w.changes, event, step.changes, step.event)
		}
		if got := w.Platform().Identity.Region; got != step.region {
			t.Errorf("%s: region %q, want %q", step.reason, got, step.region)
		}
		if got := valid(t, w.Valid, step.key); got != step.valid {
			t.Errorf("%s: the metric is %v, want %v", step.reason, got, step.valid)
		}
	}
	if w.Platform().Images.Runtime != "r" || !w.Features().NodeSelector {
		t.Errorf("got %+v, %+v", w.Platform(), w.Features())
	}
	before := w.Platform()
	if err := w.client.Delete(t.Context(), configMap(platformKey(), nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: platformKey()}); err != nil || w.Platform() != before {
		t.Errorf("after it was deleted: %v, %+v", err, w.Platform())
	}
}

// valid reads the metric of a ConfigMap.
func valid(t *testing.T, metric prometheus.Collector, key client.ObjectKey) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	if err := r.Register(metric); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == key.String() {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric of %s", key)
	return 0
}
