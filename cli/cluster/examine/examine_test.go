package examine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/cluster/examine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// scene is a cluster on which everything is as it should be. Tests break one thing each.
type scene struct {
	version   string
	served    []string
	settings  map[string]map[string]string // ConfigMaps by namespace/name
	available map[string]int32             // pods of Deployments by namespace/name
	kinds     map[string]string            // versions of kinds
	namespace string
	denied    func(a authorizationv1.ResourceAttributes) bool
	forbidden string // a ConfigMap or Deployment that may not be read
	store     store
	lookup    error
	down      error
}

func healthy() *scene {
	return &scene{
		version: "v1.35.4", namespace: "shop",
		served: []string{"serving.knative.dev/v1", "tekton.dev/v1", "lambkin.dev/v1alpha1"},
		settings: map[string]map[string]string{
			"knative-serving/config-network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
			"knative-serving/config-domain":  {"_example": "words", "fn.example": ""},
			"knative-serving/config-features": {"kubernetes.podspec-nodeselector": "enabled", "kubernetes.podspec-runtimeclassname": "Allowed",
				"kubernetes.podspec-persistent-volume-claim": "enabled", "kubernetes.podspec-persistent-volume-write": "enabled"},
			"knative-serving/config-defaults":  {"max-revision-timeout-seconds": "1200"},
			"tekton-pipelines/pipelines-info":  {"version": "v1.12.0"},
			"lambkin-system/lambkin-config":    {"config.yaml": "registry: {prefix: r.example/x}", "release.yaml": "images: {runtime: run, builder: build}"},
			"knative-serving/config-gc":        {},
			"knative-serving/config-autoscale": {},
		},
		available: map[string]int32{"knative-serving/net-kourier-controller": 1, "lambkin-system/lambkin-controller": 1, "lambkin-system/lambkin-gateway": 1},
		kinds:     map[string]string{"services.serving.knative.dev": "1.23.0"},
		denied:    func(authorizationv1.ResourceAttributes) bool { return false },
	}
}

// store keeps code in memory.
type store struct {
	kept []byte
	err  error
	bad  bool // it gives something else back
}

func (s *store) PutCode(_ context.Context, r io.Reader, _ int64) (v1alpha1.Blob, error) {
	var err error
	s.kept, err = io.ReadAll(r)
	if s.err != nil {
		err = s.err
	}
	return v1alpha1.Blob{Size: int64(len(s.kept))}, err
}

func (s *store) OpenCode(context.Context, v1alpha1.Blob) (io.ReadCloser, error) {
	if s.bad {
		return io.NopCloser(strings.NewReader("other")), nil
	}
	return io.NopCloser(bytes.NewReader(s.kept)), nil
}

func (s *scene) objects() []client.Object {
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
	at := func(key string) metav1.ObjectMeta {
		namespace, name, _ := strings.Cut(key, "/")
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	for key, data := range s.settings {
		objects = append(objects, &corev1.ConfigMap{ObjectMeta: at(key), Data: data})
	}
	for key, pods := range s.available {
		d := &appsv1.Deployment{ObjectMeta: at(key)}
		d.Status.AvailableReplicas = pods
		objects = append(objects, d)
	}
	return objects
}

func (s *scene) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if kind, ok := obj.(*metav1.PartialObjectMetadata); ok {
		version, there := s.kinds[key.Name]
		if !there {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "customresourcedefinitions"}, key.Name, nil)
		}
		kind.Labels = map[string]string{"app.kubernetes.io/version": version}
		return nil
	}
	if s.forbidden != "" && strings.HasSuffix(s.forbidden, key.Name) {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, key.Name, nil)
	}
	return c.Get(ctx, key, obj, opts...)
}

func (s *scene) create(_ context.Context, _ client.WithWatch, obj client.Object, _ ...client.CreateOption) error {
	review, ok := obj.(*authorizationv1.SelfSubjectAccessReview)
	if !ok {
		return errors.New("the doctor writes something")
	}
	review.Status.Allowed = !s.denied(*review.Spec.ResourceAttributes)
	return nil
}

// examine gives the findings by what they are about, all that are not fine.
func (s *scene) examine(t *testing.T) []examine.Finding {
	t.Helper()
	scheme, err := cluster.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	apis := &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{}, FakedServerVersion: &version.Info{GitVersion: s.version}}
	for _, gv := range s.served {
		apis.Resources = append(apis.Resources, &metav1.APIResourceList{GroupVersion: gv})
	}
	if s.down != nil {
		apis.PrependReactor("*", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, s.down })
	}
	x := &examine.Examiner{
		Cluster: &cluster.Cluster{
			Place:  cluster.Place{Namespace: s.namespace, Server: "https://cluster.example"},
			Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(s.objects()...).WithInterceptorFuncs(interceptor.Funcs{Get: s.get, Create: s.create}).Build(),
			APIs:   apis,
		},
		Code:   &s.store,
		Lookup: func(_ context.Context, host string) ([]string, error) { return []string{"127.0.0.1"}, s.lookup },
	}
	return x.Run(t.Context())
}

func TestHealthy(t *testing.T) {
	findings := healthy().examine(t)
	for _, f := range findings {
		if f.State != examine.Fine || f.WayOut != "" || f.State.Mark() != "✓" {
			t.Errorf("%+v", f)
		}
	}
	if len(findings) != 18 || examine.Failed(findings) {
		t.Errorf("%d findings: %+v", len(findings), findings)
	}
}

func TestEveryTrouble(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(s *scene)
		what   string
		state  examine.State
		says   string // of the detail and the way out
	}{
		"Down":       {"nothing else can be looked at", func(s *scene) { s.down = errors.New("refused") }, "cluster", examine.Broken, "refused"},
		"OldServer":  {"", func(s *scene) { s.version = "v1.28.2" }, "cluster", examine.Broken, "1.29 or newer"},
		"Namespace":  {"", func(s *scene) { s.namespace = "none" }, "namespace", examine.Broken, "kubectl create namespace none"},
		"NoServing":  {"", func(s *scene) { s.served = s.served[1:] }, "Knative Serving", examine.Broken, "knative.dev/docs/install"},
		"OldServing": {"", func(s *scene) { s.kinds["services.serving.knative.dev"] = "1.10.2" }, "Knative Serving", examine.Differs, "1.23"},
		"NoTekton":   {"zips do without", func(s *scene) { s.served = slices.Delete(s.served, 1, 2) }, "Tekton Pipelines", examine.Missing, "--local-build"},
		"OldTekton":  {"", func(s *scene) { s.settings["tekton-pipelines/pipelines-info"]["version"] = "v0.50.1" }, "Tekton Pipelines", examine.Differs, "1.12"},
		"NoIngress":  {"", func(s *scene) { delete(s.available, "knative-serving/net-kourier-controller") }, "ingress", examine.Broken, "ingress-class"},
		"DefaultIngress": {"Knative's own default is Istio, which few have", func(s *scene) { s.settings["knative-serving/config-network"] = nil }, "ingress", examine.Broken,
			"net-istio-controller"},
		"OldIngressKey": {"", func(s *scene) {
			s.settings["knative-serving/config-network"] = map[string]string{"ingress.class": "contour.ingress.networking.knative.dev"}
		}, "ingress", examine.Broken, "net-contour-controller"},
		"NoDomain": {"", func(s *scene) { s.settings["knative-serving/config-domain"] = map[string]string{"_example": "x"} }, "domain", examine.Missing, "config-domain"},
		"InnerDomain": {"", func(s *scene) {
			s.settings["knative-serving/config-domain"] = map[string]string{"svc.cluster.local": ""}
		}, "domain", examine.Missing, "outside"},
		"OtherDomain": {"a domain for some is none for all", func(s *scene) {
			s.settings["knative-serving/config-domain"] = map[string]string{"x.example": "selector: {a: b}"}
		}, "domain", examine.Missing, "outside"},
		"NoDNS": {"", func(s *scene) { s.lookup = errors.New("no such host") }, "domain", examine.Missing, "*.fn.example"},
		"Feature": {"", func(s *scene) {
			s.settings["knative-serving/config-features"]["kubernetes.podspec-volumes-emptydir"] = "disabled"
		}, "features", examine.Missing, "ephemeralStorage"},
		"Defaults":     {"four features are off by default", func(s *scene) { s.settings["knative-serving/config-features"] = nil }, "features", examine.Missing, "nodeselector"},
		"Timeout":      {"", func(s *scene) { s.settings["knative-serving/config-defaults"] = nil }, "longest request", examine.Missing, "max-revision-timeout-seconds"},
		"Unreadable":   {"who may not look is not told lies", func(s *scene) { s.forbidden = "knative-serving/config-defaults" }, "longest request", examine.Missing, "you may not read"},
		"NoSettings":   {"", func(s *scene) { delete(s.settings, "knative-serving/config-domain") }, "domain", examine.Broken, "config-domain"},
		"NotInstalled": {"", func(s *scene) { s.served = s.served[:2] }, "Lambkin", examine.Broken, "lambkin install --registry"},
		"NoController": {"", func(s *scene) { delete(s.available, "lambkin-system/lambkin-controller") }, "controller", examine.Broken, "no Deployment"},
		"DeadGateway":  {"", func(s *scene) { s.available["lambkin-system/lambkin-gateway"] = 0 }, "gateway", examine.Broken, "kubectl -n lambkin-system describe"},
		"Configuration": {"", func(s *scene) { s.settings["lambkin-system/lambkin-config"]["config.yaml"] = "registri: {}" }, "configuration", examine.Broken,
			"registri"},
		"NoRegistry": {"", func(s *scene) { s.settings["lambkin-system/lambkin-config"]["config.yaml"] = "" }, "configuration", examine.Broken, "registry.prefix"},
		"NoImages":   {"", func(s *scene) { s.settings["lambkin-system/lambkin-config"]["release.yaml"] = "" }, "configuration", examine.Broken, "images.runtime"},
		"Unsigned": {"", func(s *scene) {
			s.settings["lambkin-system/lambkin-config"]["config.yaml"] += "\nawsAPI: {allowUnsigned: true}"
		}, "configuration", examine.Differs, "without a signature"},
		"Push":       {"", func(s *scene) { s.store.err = lambda.Errorf(lambda.CodeService, "denied") }, "registry", examine.Broken, "set registry-auth"},
		"NoGateway":  {"that is another finding's trouble", func(s *scene) { s.store.err = lambda.Errorf(lambda.CodeAccessDenied, "no") }, "registry", examine.Missing, "you may not use the gateway"},
		"OtherBytes": {"", func(s *scene) { s.store.bad = true }, "registry", examine.Broken, "not what was stored"},
		"Functions": {"", func(s *scene) {
			s.denied = func(a authorizationv1.ResourceAttributes) bool { return a.Resource == "aliases" && a.Verb == "update" }
		}, "rights to functions", examine.Broken, "update aliases in namespace \"shop\""},
		"Gateway": {"the gateway is in another namespace", func(s *scene) {
			s.denied = func(a authorizationv1.ResourceAttributes) bool {
				return a.Namespace == "lambkin-system" && a.Verb == "create"
			}
		}, "rights to the gateway", examine.Broken, "create services/proxy in namespace \"lambkin-system\""},
		"Logs": {"", func(s *scene) {
			s.denied = func(a authorizationv1.ResourceAttributes) bool { return a.Subresource == "log" }
		}, "rights to logs", examine.Missing, "get pods/log"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			tc.change(s)
			findings := s.examine(t)
			i := slices.IndexFunc(findings, func(f examine.Finding) bool { return f.What == tc.what && f.State != examine.Fine })
			if i < 0 {
				t.Fatalf("%s: no finding about %s: %+v", tc.reason, tc.what, findings)
			}
			f := findings[i]
			if f.State != tc.state || !strings.Contains(f.Detail+f.WayOut, tc.says) {
				t.Errorf("%s: %+v, want %s and %q", tc.reason, f, tc.state, tc.says)
			}
			if tc.state == examine.Broken != examine.Failed(findings) {
				t.Errorf("%s: failed is %v", tc.reason, examine.Failed(findings))
			}
			if f.State.Mark() == "✓" {
				t.Errorf("%s: the mark of trouble is %s", tc.reason, f.State.Mark())
			}
		})
	}
}

func TestWhatDependsIsLeftOut(t *testing.T) {
	s := healthy()
	s.version = "v1.20.0"
	if got := s.examine(t); len(got) != 1 {
		t.Errorf("a server that is too old: %+v", got)
	}
	s = healthy()
	s.served = s.served[:2]
	for _, f := range s.examine(t) {
		if slices.Contains([]string{"gateway", "controller", "registry"}, f.What) {
			t.Errorf("nothing is installed: %+v", f)
		}
	}
	s = healthy()
	s.kinds = nil
	for _, f := range s.examine(t) {
		if f.What == "Knative Serving" && (f.State != examine.Fine || f.Detail == "") {
			t.Errorf("a version that may not be seen is no fault: %+v", f)
		}
	}
}

func ExampleState_Mark() {
	for _, s := range []examine.State{examine.Fine, examine.Missing, examine.Differs, examine.Broken} {
		fmt.Print(s.Mark(), " ")
	}
	// Output: ✓ ! ! ✗
}
