package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

const text = `apiVersion: apps/v1
kind: Deployment
metadata: {name: lambkin-controller, namespace: lambkin-system}
spec:
  replicas: 2
  selector: {matchLabels: {app: controller}}
  template:
    metadata: {labels: {app: controller}}
    spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: lambkin-config, namespace: lambkin-system}
data:
  release.yaml: |
    images: {runtime: run, builder: build}
  _example: |
    - words
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: lambkin-build-go, namespace: lambkin-system}
spec: {steps: []}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: functions.lambkin.dev}
spec: {group: lambkin.dev, scope: Namespaced, names: {plural: functions, kind: Function}, versions: []}
---
apiVersion: v1
kind: Namespace
metadata: {name: lambkin-system}
`

func manifest(t *testing.T) []*Object {
	t.Helper()
	objects, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// world is a cluster in memory with what runs on it: kinds are served and Deployments get their pods at once.
type world struct {
	client client.Client
	mu     sync.Mutex
	lines  []string
	doing  []string
	tekton bool
	// pods is how many of the pods of a Deployment work.
	pods int32
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{pods: 2}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{Get: w.get}).Build()
	return w
}

func (w *world) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if gvk := obj.GetObjectKind().GroupVersionKind(); gvk.Group == "tekton.dev" && !w.tekton {
		return &meta.NoKindMatchError{GroupKind: gvk.GroupKind()}
	}
	if err := c.Get(ctx, key, obj, opts...); err != nil {
		return err
	}
	switch o := obj.(type) {
	case *appsv1.Deployment:
		o.Status = appsv1.DeploymentStatus{ObservedGeneration: o.Generation, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: w.pods}
	case *Object:
		if o.GetKind() == "CustomResourceDefinition" {
			o.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}}
		}
	}
	return nil
}

func (w *world) installer(s Settings) *Installer {
	return &Installer{
		Client: w.client, Settings: s, Patience: time.Minute,
		Tell: func(format string, args ...any) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lines = append(w.lines, fmt.Sprintf(format, args...))
		},
		Doing: func(what string) { w.doing = append(w.doing, what) },
	}
}

func TestInstall(t *testing.T) {
	w := newWorld(t)
	if err := w.installer(Settings{Registry: "r.example/x"}).Run(t.Context(), manifest(t)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"namespace/lambkin-system created", "customresourcedefinition/functions.lambkin.dev created",
		"deployment/lambkin-controller created", "configmap/lambkin-config created",
		"task/lambkin-build-go left out: the cluster has no Tekton Pipelines; install them and run this again to build code from source",
	}
	if diff := cmp.Diff(want, w.lines); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	kept := new(corev1.ConfigMap)
	key := client.ObjectKey{Namespace: platform.Namespace, Name: platform.ConfigMap}
	if err := w.client.Get(t.Context(), key, kept); err != nil {
		t.Fatal(err)
	}
	c, err := platform.Read(kept.Data)
	if err != nil || c.Registry.Prefix != "r.example/x" || c.Images.Builder != "build" {
		t.Errorf("configuration %+v, %v", c, err)
	}
	kept.Data[platform.Key] += "scaling: {maxScale: 7} # mine\n"
	if err := w.client.Update(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	w.lines = nil
	if err := w.installer(Settings{}).Run(t.Context(), manifest(t)); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Get(t.Context(), key, kept); err != nil {
		t.Fatal(err)
	}
	if got := kept.Data[platform.Key]; got != "registry:\n  prefix: r.example/x\nscaling: {maxScale: 7} # mine\n" {
		t.Errorf("the operator's own settings became %q", got)
	}
	for _, line := range w.lines {
		if strings.HasSuffix(line, "created") {
			t.Errorf("the second time: %s", line)
		}
	}
}

func TestInstallTakesTasks(t *testing.T) {
	w := newWorld(t)
	w.tekton = true
	if err := w.installer(Settings{Registry: "r.example/x"}).Run(t.Context(), manifest(t)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(w.lines, "\n"), "task/lambkin-build-go created") {
		t.Errorf("told %q", w.lines)
	}
}

func TestInstallFails(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "lambkin-system", errors.New("no"))
	cases := map[string]struct {
		reason string
		change func(w *world, in *Installer) []*Object
		want   []string
	}{
		"NoRegistry": {"nothing is written before everything is known", func(w *world, in *Installer) []*Object { in.Settings = Settings{}; return nil }, []string{"--registry"}},
		"Forbidden": {"", func(w *world, in *Installer) []*Object {
			in.Client = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{ //nolint:forcetypeassert // the fake is one
				Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
					return forbidden
				},
			})
			return nil
		}, []string{"namespace/lambkin-system", "cluster administrator"}},
		"ForeignKind": {"a kind that is not Tekton's and not there is a fault", func(w *world, in *Installer) []*Object {
			in.Client = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{ //nolint:forcetypeassert // the fake is one
				Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
					return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "x.example", Kind: "Y"}}
				},
			})
			return nil
		}, []string{"namespace/lambkin-system", "Y"}},
		"Patience": {"", func(w *world, in *Installer) []*Object { w.pods, in.Patience = 1, time.Nanosecond; return nil },
			[]string{"lambkin.dev", "it does not work after 1ns"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := w.installer(Settings{Registry: "r.example/x"})
			tc.change(w, in)
			if name == "Patience" {
				in.Client = slowKinds(w)
			}
			err := in.Run(t.Context(), manifest(t))
			if err == nil {
				t.Fatalf("%s: no error", tc.reason)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q in it", tc.reason, err, want)
				}
			}
			if name == "NoRegistry" && len(w.lines) > 0 {
				t.Errorf("%s: %q", tc.reason, w.lines)
			}
		})
	}
}

// slowKinds never serves a kind.
func slowKinds(w *world) client.Client {
	return interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{ //nolint:forcetypeassert // the fake is one
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, obj, opts...)
			if o, ok := obj.(*Object); ok {
				delete(o.Object, "status")
			}
			return err
		},
	})
}

// TestWhatADeploymentLacks goes through what keeps pods from working.
func TestWhatADeploymentLacks(t *testing.T) {
	pod := func(change func(*corev1.Pod)) client.Object {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "lambkin-system", Name: "c-1", Labels: map[string]string{"app": "controller"}}}
		change(p)
		return p
	}
	waiting := func(reason, message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
		}
	}
	for name, tc := range map[string]struct {
		pod  client.Object
		pods int32
		want string
	}{
		"Nothing":  {pod(func(*corev1.Pod) {}), 2, ""},
		"Half":     {pod(func(*corev1.Pod) {}), 1, "1 of 2 pods are available"},
		"Image":    {pod(waiting("ImagePullBackOff", "no such image")), 0, "0 of 2 pods are available; pod c-1: ImagePullBackOff: no such image"},
		"Starting": {pod(waiting("ContainerCreating", "")), 0, "0 of 2 pods are available"},
		"Nowhere": {pod(func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "no node"}}
		}), 0, "0 of 2 pods are available; pod c-1: no node"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.pod)
			w.pods = tc.pods
			in := w.installer(Settings{})
			if err := in.applyOne(t.Context(), ordered(manifest(t))[2]); err != nil {
				t.Fatal(err)
			}
			got, err := in.lacks(t.Context(), ordered(manifest(t))[2])
			if err != nil || got != tc.want {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestWaitEnds(t *testing.T) {
	w := newWorld(t)
	w.pods = 0
	in := w.installer(Settings{})
	deployment := ordered(manifest(t))[2]
	if err := in.wait(t.Context(), []*Object{deployment}); !apierrors.IsNotFound(err) {
		t.Errorf("what was never applied: %v", err)
	}
	if err := in.applyOne(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.wait(ctx, []*Object{deployment}); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
}
