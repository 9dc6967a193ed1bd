package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	netfake "knative.dev/networking/pkg/client/clientset/versioned/fake"

	"net/http"
	"net/http/httptest"
)

const class = "ours"

func ingress(name, class, host string) *v1alpha1.Ingress {
	return &v1alpha1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: name, Generation: 3, Annotations: map[string]string{networking.IngressClassAnnotationKey: class},
		},
		Spec: v1alpha1.IngressSpec{Rules: []v1alpha1.IngressRule{{
			Hosts: []string{host}, HTTP: &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{{Splits: []v1alpha1.IngressBackendSplit{*split()}}}},
		}}},
	}
}

func split() *v1alpha1.IngressBackendSplit {
	return &v1alpha1.IngressBackendSplit{Percent: 100, IngressBackend: v1alpha1.IngressBackend{
		ServiceNamespace: "ns", ServiceName: "hello", ServicePort: intstr.FromInt32(80),
	}}
}

func service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "hello"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
}

func endpoints(ips ...string) *corev1.Endpoints { //nolint:staticcheck // Serving tells the data plane through Endpoints
	e := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "hello"}} //nolint:staticcheck // see above
	if len(ips) == 0 {
		return e
	}
	subset := corev1.EndpointSubset{Ports: []corev1.EndpointPort{{Name: "http", Port: 8012}}} //nolint:staticcheck // see above
	for _, ip := range ips {
		subset.Addresses = append(subset.Addresses, corev1.EndpointAddress{IP: ip})
	}
	e.Subsets = append(e.Subsets, subset)
	return e
}

type cluster struct {
	*controller
	kube *kubefake.Clientset
	net  *netfake.Clientset
}

func start(t *testing.T, core []runtime.Object, ingresses ...runtime.Object) cluster {
	t.Helper()
	kube, net := kubefake.NewClientset(core...), netfake.NewSimpleClientset(ingresses...)
	o := options{class: class, publicService: "public", localService: "local"}
	c, err := newController(t.Context(), o, kube, net, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return cluster{c, kube, net}
}

func seen(t *testing.T, c cluster, name string) *v1alpha1.Ingress {
	t.Helper()
	i, err := c.net.NetworkingV1alpha1().Ingresses("ns").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func code(c cluster, host string) int {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	w := httptest.NewRecorder()
	ctx, cancel := context.WithCancel(r.Context())
	cancel() // nobody waits for a backend
	c.public.ServeHTTP(w, r.WithContext(ctx))
	return w.Code
}

func TestSyncServesAndSaysSo(t *testing.T) {
	c := start(t, nil, ingress("ours", class, "ours.test"), ingress("theirs", "istio", "theirs.test"))
	if got := code(c, "ours.test"); got != http.StatusNotFound {
		t.Errorf("before the first sync: %d, want 404", got)
	}
	if err := c.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	i := seen(t, c, "ours")
	got := i.Status
	if !i.IsReady() || got.ObservedGeneration != 3 {
		t.Errorf("status of ours = %+v, want ready in generation 3", got)
	}
	if diff := cmp.Diff([]v1alpha1.LoadBalancerIngressStatus{{DomainInternal: "public"}}, got.PublicLoadBalancer.Ingress); diff != "" {
		t.Errorf("public door (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]v1alpha1.LoadBalancerIngressStatus{{DomainInternal: "local"}}, got.PrivateLoadBalancer.Ingress); diff != "" {
		t.Errorf("local door (-want +got):\n%s", diff)
	}
	if theirs := seen(t, c, "theirs").Status; len(theirs.Conditions) != 0 {
		t.Errorf("another class's ingress was given the status %+v", theirs)
	}
	for host, want := range map[string]int{"ours.test": http.StatusServiceUnavailable, "theirs.test": http.StatusNotFound} {
		if got := code(c, host); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}

// What is ready already is not written again: each write would come back as a change.
func TestSyncComesToRest(t *testing.T) {
	c := start(t, nil, ingress("ours", class, "ours.test"))
	go c.run(t.Context())
	c.poke()
	writes := func() (n int) {
		for _, a := range c.net.Actions() {
			if a.GetVerb() == "update" {
				n++
			}
		}
		return n
	}
	deadline := time.Now().Add(10 * time.Second)
	for seen(t, c, "ours").Status.ObservedGeneration == 0 {
		if time.Now().After(deadline) {
			t.Fatal("never written")
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if n := writes(); n != 1 {
		t.Errorf("status was written %d times, want once", n)
	}
}

func TestFailedStatusIsTriedAgain(t *testing.T) {
	c := start(t, nil, ingress("ours", class, "ours.test"))
	failures := 2
	c.net.PrependReactor("update", "ingresses", func(clienttesting.Action) (bool, runtime.Object, error) {
		failures--
		return failures >= 0, nil, errors.New("the API server is away")
	})
	go c.run(t.Context())
	c.poke()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if seen(t, c, "ours").IsReady() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the status was not written after failures")
		}
	}
}

func TestResolve(t *testing.T) {
	c := start(t, []runtime.Object{service(), endpoints("10.0.0.1")})
	target, err := c.resolve(t.Context(), split())
	if diff := cmp.Diff([]string{"10.0.0.1:8012"}, target.Addresses); diff != "" || err != nil {
		t.Errorf("resolve: %v (-want +got):\n%s", err, diff)
	}
}

// An ingress may be seen before the Service and the Endpoints it leads to: requests wait for them.
func TestResolveWaits(t *testing.T) {
	c := start(t, nil)
	resolved := make(chan []string, 1)
	go func() {
		target, err := c.resolve(t.Context(), split())
		if err != nil {
			t.Error(err)
		}
		resolved <- target.Addresses
	}()
	core := c.kube.CoreV1()
	if _, err := core.Services("ns").Create(t.Context(), service(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := core.Endpoints("ns").Create(t.Context(), endpoints(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := core.Endpoints("ns").Update(t.Context(), endpoints("10.0.0.7"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"10.0.0.7:8012"}, <-resolved); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestResolveEndsWithItsRequest(t *testing.T) {
	c := start(t, []runtime.Object{service(), endpoints()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.resolve(ctx, split()); !errors.Is(err, context.Canceled) {
		t.Errorf("resolve = %v, want %v", err, context.Canceled)
	}
}

func TestResolveLosesPatience(t *testing.T) {
	c := start(t, []runtime.Object{service(), endpoints()})
	lister := controller{services: c.services, endpoints: c.controller.endpoints}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := lister.resolve(t.Context(), split())
		if err == nil || !strings.Contains(err.Error(), "no endpoint is ready") || time.Since(begin) != patience {
			t.Errorf("resolve = %v after %s, want to give up after %s", err, time.Since(begin), patience)
		}
	})
}

func TestFlags(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if err := run(t.Context(), []string{"-nonsense"}, log); err == nil || !strings.Contains(err.Error(), "flags") {
		t.Errorf("unknown flag: %v", err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if err := run(t.Context(), nil, log); err == nil || !strings.Contains(err.Error(), "not in a cluster") {
		t.Errorf("outside of a cluster: %v", err)
	}
}

func TestServeDrains(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	began, finish := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = w.Write([]byte("done"))
	})
	address := free(t)
	served := make(chan error, 1)
	go func() { served <- serve(ctx, address, h) }()
	answer := make(chan int, 1)
	go func() {
		for {
			resp, err := http.Get("http://" + address)
			if err != nil {
				time.Sleep(5 * time.Millisecond) // it does not listen yet
				continue
			}
			_ = resp.Body.Close()
			answer <- resp.StatusCode
			return
		}
	}()
	<-began
	stop()
	close(finish)
	if got := <-answer; got != http.StatusOK {
		t.Errorf("request under way: %d, want 200", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve = %v", err)
	}
}

func free(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(nil)
	defer s.Close()
	return s.Listener.Addr().String()
}

func TestHealthy(t *testing.T) {
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/": http.StatusNotFound} {
		w := httptest.NewRecorder()
		healthy(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}
