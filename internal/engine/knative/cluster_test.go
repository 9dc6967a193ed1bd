package knative

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine/remote/double"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// watched is an API server that lists and watches: what is sent is an event for all who watch that resource.
type watched struct {
	lists map[string]string // by resource: the JSON of its list

	mu       sync.Mutex
	watchers map[string][]chan string
	closing  chan struct{}
}

func (a *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	list, known := a.lists[resource]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("sendInitialEvents") != "" { // what an older API server does not know: then it is asked for a list
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		return
	}
	if r.URL.Query().Get("watch") == "" {
		fmt.Fprint(w, list)
		return
	}
	events := make(chan string, 10)
	a.mu.Lock()
	a.watchers[resource] = append(a.watchers[resource], events)
	a.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	for {
		select {
		case e := <-events:
			fmt.Fprintln(w, e)
			_ = flusher.Flush()
		case <-r.Context().Done():
			return
		case <-a.closing:
			return
		}
	}
}

// send waits for a watcher and sends it an event.
func (a *watched) send(t *testing.T, resource, kind string, obj runtime.Object) {
	t.Helper()
	text, err := json.Marshal(obj)
	must(t, err)
	eventually(t, "somebody to watch "+resource, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, to := range a.watchers[resource] {
			to <- fmt.Sprintf(`{"type":%q,"object":%s}`, kind, text)
		}
		return len(a.watchers[resource]) > 0
	})
}

func list(kind, version string, items ...runtime.Object) string {
	text, err := json.Marshal(map[string]any{
		"kind": kind, "apiVersion": version, "metadata": map[string]any{"resourceVersion": "5"}, "items": items,
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func configMap(revision, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: platform.ConfigMap, Namespace: platform.Namespace, UID: "cm", ResourceVersion: revision},
		Data:       map[string]string{platform.Key: text},
	}
}

func readyFunction(name string) *v1alpha1.Function {
	fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, ResourceVersion: "5"}, Spec: v1alpha1.FunctionSpec{FunctionName: name}}
	fn.Kind, fn.APIVersion = "Function", v1alpha1.GroupVersion().String()
	fn.Status.MarkReady(0)
	return fn
}

// keySecret is a Secret with an access key.
func keySecret(t *testing.T, id string) *corev1.Secret {
	t.Helper()
	text, _ := access.Named(access.PolicyFull)
	k := access.Key{ID: id, Secret: strings.Repeat("s", 40), Namespace: "shop", Name: "ci", Policy: text}
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: platform.Namespace, Name: access.SecretName(id), UID: types.UID(id), ResourceVersion: "9"},
		Type:       access.SecretType, Data: k.Data(),
	}
}

// TestCluster reads the configuration and the functions, and follows both.
func TestCluster(t *testing.T) {
	group := v1alpha1.GroupVersion().String()
	knownURL := &v1alpha1.FunctionURLConfig{ObjectMeta: metav1.ObjectMeta{Name: "f", Namespace: "shop", UID: "u1", ResourceVersion: "5"}}
	now := metav1.Now()
	leaving := &v1alpha1.FunctionURLConfig{ObjectMeta: metav1.ObjectMeta{
		Name: "g", Namespace: "shop", UID: "u2", ResourceVersion: "5", DeletionTimestamp: &now, Finalizers: []string{"example.com/x"},
	}}
	api := &watched{watchers: map[string][]chan string{}, closing: make(chan struct{}), lists: map[string]string{
		"functions":          list("FunctionList", group, readyFunction("f")),
		"versions":           list("VersionList", group),
		"aliases":            list("AliasList", group),
		"functionurlconfigs": list("FunctionURLConfigList", group, knownURL, leaving),
		"resourcepolicies":   list("ResourcePolicyList", group),
		"secrets":            list("SecretList", "v1", keySecret(t, "LKIAAAAAAAAAAAAAAAAA"), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Type: access.SecretType}),
		"configmaps":         list("ConfigMapList", "v1", configMap("5", "registry: {prefix: first.example/x}")),
	}}
	srv := httptest.NewServer(api)
	defer srv.Close()
	defer close(api.closing)
	changes := make(chan Settings, 10)
	ctx, cancel := context.WithCancel(t.Context())
	c, err := openCluster(ctx, &rest.Config{Host: srv.URL}, ClusterConfig{Domain: "example.internal"}, func(s Settings) { changes <- s })
	must(t, err)
	if c.Synced() {
		t.Error("nothing has been read yet")
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	if s := <-changes; s.Registry.Prefix != "first.example/x" || s.UID != "cm" || s.Identity.Region != "us-east-1" {
		t.Errorf("settings %+v", s)
	}
	eventually(t, "everything to be read", c.Synced)
	for id, want := range map[string]string{knownURL.URLID(): "shop", strings.Repeat("0", v1alpha1.FunctionURLIDLength): ""} {
		if found, err := c.URLNamespace(ctx, id); err != nil || found != want {
			t.Errorf("the function URL %s is in namespace %q, %v; want %q", id, found, err, want)
		}
	}
	lookup := func(id string) lambda.Code {
		_, err := c.Keys.Lookup(ctx, id)
		return lambda.CodeOf(err)
	}
	eventually(t, "the key", func() bool { return lookup("LKIAAAAAAAAAAAAAAAAA") == "" })
	api.send(t, "secrets", "ADDED", keySecret(t, "LKIABBBBBBBBBBBBBBBB"))
	eventually(t, "another key", func() bool { return lookup("LKIABBBBBBBBBBBBBBBB") == "" })
	api.send(t, "secrets", "DELETED", keySecret(t, "LKIAAAAAAAAAAAAAAAAA"))
	eventually(t, "the end of the key", func() bool { return lookup("LKIAAAAAAAAAAAAAAAAA") == lambda.CodeUnrecognizedClient })
	api.send(t, "configmaps", "MODIFIED", configMap("6", "registry: {prefix: no, such: member}"))
	api.send(t, "configmaps", "MODIFIED", configMap("7", "identity: {region: eu-west-1}"))
	s := <-changes
	if s.Identity.Region != "eu-west-1" || s.Registry.Prefix != "" {
		t.Errorf("settings %+v; those that cannot be read must not count", s)
	}

	doors := c.Doors(s)
	r := router{namespace: namespace, identity: doors.Identity}
	to, err := doors.route(t.Context(), r, doors.Cache, reference(t, "f"))
	if err != nil || to.service != "f" || doors.address(namespace, to.service) != "http://f.shop.svc.example.internal" {
		t.Errorf("route %+v, %v to %s", to, err, doors.address(namespace, "f"))
	}
	api.send(t, "functions", "ADDED", readyFunction("g"))
	eventually(t, "the new function to be known", func() bool {
		_, err := r.find(t.Context(), doors.Cache, reference(t, "g"))
		return err == nil
	})
	e := c.Engine("shop", s, new(double.Engine), doors.In("shop"))
	if e.Namespace != "shop" || e.Identity.Region != "eu-west-1" {
		t.Errorf("engine %+v", e)
	}
	testRecent(t, e, func(p *v1alpha1.ResourcePolicy) { api.send(t, "resourcepolicies", "ADDED", p) })
	cancel()
	must(t, <-ended)
}

// testRecent reads what was there and what comes, from an API server that answers no request for a single object.
func testRecent(t *testing.T, e *Engine, add func(*v1alpha1.ResourcePolicy)) {
	t.Helper()
	u := new(v1alpha1.FunctionURLConfig)
	must(t, e.GetRecent(t.Context(), "f", u))
	if u.UID != "u1" || u.Kind != "FunctionURLConfig" {
		t.Errorf("the function URL is %+v", u)
	}
	wantCode(t, "one that is being deleted", e.GetRecent(t.Context(), "g", u), lambda.CodeResourceNotFound)
	var all v1alpha1.FunctionURLConfigList
	must(t, e.ListRecent(t.Context(), &all, nil))
	if len(all.Items) != 1 || all.Items[0].Name != "f" {
		t.Errorf("the function URLs are %+v", all.Items)
	}
	wantCode(t, "a policy that is not there", e.GetRecent(t.Context(), "f", new(v1alpha1.ResourcePolicy)), lambda.CodeResourceNotFound)
	p := &v1alpha1.ResourcePolicy{ObjectMeta: metav1.ObjectMeta{Name: "f", Namespace: "shop", UID: "p1", ResourceVersion: "8"}}
	p.Kind, p.APIVersion = "ResourcePolicy", v1alpha1.GroupVersion().String()
	add(p)
	eventually(t, "the policy", func() bool { return e.GetRecent(t.Context(), "f", new(v1alpha1.ResourcePolicy)) == nil })
}

func TestOpenClusterSaysWhere(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := OpenCluster(t.Context(), ClusterConfig{}, func(Settings) {})
	if err == nil || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("outside a cluster: %v", err)
	}
	_, err = OpenCluster(t.Context(), ClusterConfig{Kubeconfig: "/nowhere"}, func(Settings) {})
	if err == nil || !strings.Contains(err.Error(), `"/nowhere"`) {
		t.Errorf("no such file: %v", err)
	}
}

func TestCallsOfNobody(t *testing.T) {
	_, api := newEngine(t)
	d := new(clusterNet).open(t, api)
	_, err := d.In(namespace).Invoke(t.Context(), &lambda.Invocation{Function: reference(t, "f")})
	wantCode(t, "nobody is there", err, lambda.CodeResourceNotFound)
}
