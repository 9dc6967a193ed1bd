package route

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

const class = "ours"

func ingress(ns, name string, rules ...v1alpha1.IngressRule) *v1alpha1.Ingress {
	return &v1alpha1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Annotations: map[string]string{networking.IngressClassAnnotationKey: class}},
		Spec:       v1alpha1.IngressSpec{Rules: rules},
	}
}

func rule(visibility v1alpha1.IngressVisibility, host string, paths ...v1alpha1.HTTPIngressPath) v1alpha1.IngressRule {
	return v1alpha1.IngressRule{Hosts: []string{host}, Visibility: visibility, HTTP: &v1alpha1.HTTPIngressRuleValue{Paths: paths}}
}

func path(prefix, service string, headers ...string) v1alpha1.HTTPIngressPath {
	p := v1alpha1.HTTPIngressPath{Path: prefix, Splits: []v1alpha1.IngressBackendSplit{{
		IngressBackend: v1alpha1.IngressBackend{ServiceName: service}, Percent: 100,
	}}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		if p.Headers == nil {
			p.Headers = map[string]v1alpha1.HeaderMatch{}
		}
		p.Headers[name] = v1alpha1.HeaderMatch{Exact: value}
	}
	return p
}

func found(t *Table, host, path string, headers ...string) string {
	r := httptest.NewRequest(http.MethodGet, "http://x"+path, nil)
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		r.Header.Set(name, value)
	}
	p := t.Find(r)
	if p == nil {
		return ""
	}
	return p.Splits[0].ServiceName
}

func TestOurs(t *testing.T) {
	other := ingress("a", "other")
	other.Annotations[networking.IngressClassAnnotationKey] = "istio"
	deleted := ingress("a", "deleted")
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	b, a := ingress("b", "x"), ingress("a", "y")
	list := []*v1alpha1.Ingress{b, other, deleted, a}
	got := Ours(class, list)
	if len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("Ours = %v, want ours in order", got)
	}
	if list[1] != other {
		t.Error("the list, which belongs to a cache, was changed")
	}
}

func TestFind(t *testing.T) {
	public, local := Tables([]*v1alpha1.Ingress{
		ingress("a", "hello",
			rule(v1alpha1.IngressVisibilityExternalIP, "hello.a.example.test",
				path("", "plain"), path("", "tagged", "Knative-Serving-Tag=blue"), path("/.well-known/", "challenge"), path("/api", "api")),
			rule(v1alpha1.IngressVisibilityClusterLocal, "hello.a.svc.cluster.local", path("", "inside"))),
		ingress("a", "no-http", v1alpha1.IngressRule{Hosts: []string{"no-http"}}),
		ingress("a", "no-splits", rule("", "no-splits", v1alpha1.HTTPIngressPath{})),
	})
	tests := map[string]struct {
		reason     string
		table      *Table
		host, path string
		headers    []string
		want       string
	}{
		"plain":          {reason: "by host", table: public, host: "hello.a.example.test", path: "/", want: "plain"},
		"port":           {reason: "clients send ports that are not 80", table: public, host: "hello.a.example.test:8080", path: "/", want: "plain"},
		"case":           {reason: "names of hosts have no case", table: public, host: "Hello.A.example.TEST", path: "/", want: "plain"},
		"final dot":      {reason: "a full name may end with a dot", table: public, host: "hello.a.example.test.", path: "/", want: "plain"},
		"tag":            {reason: "a rule with a header comes before one without", table: public, host: "hello.a.example.test", path: "/", headers: []string{"knative-serving-tag=blue"}, want: "tagged"},
		"other tag":      {reason: "headers match as a whole", table: public, host: "hello.a.example.test", path: "/", headers: []string{"Knative-Serving-Tag=blues"}, want: "plain"},
		"longest path":   {reason: "the longer path says more", table: public, host: "hello.a.example.test", path: "/api/x", want: "api"},
		"challenge":      {reason: "certificates are proved under the same host", table: public, host: "hello.a.example.test", path: "/.well-known/y", want: "challenge"},
		"unknown":        {reason: "no rule, no answer", table: public, host: "other", path: "/"},
		"local outside":  {reason: "what is for the cluster cannot be reached from outside", table: public, host: "hello.a.svc.cluster.local", path: "/"},
		"local":          {reason: "inside it can", table: local, host: "hello.a.svc.cluster.local", path: "/", want: "inside"},
		"public inside":  {reason: "each door has its own rules", table: local, host: "hello.a.example.test", path: "/"},
		"rule without":   {reason: "a rule that says nothing serves nothing", table: public, host: "no-http", path: "/"},
		"without splits": {reason: "nowhere to go", table: public, host: "no-splits", path: "/"},
		"no host":        {reason: "HTTP/1.0", table: public, path: "/"},
		"empty table":    {reason: "the zero table serves nothing", table: &Table{}, host: "hello.a.example.test", path: "/"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := found(tc.table, tc.host, tc.path, tc.headers...); got != tc.want {
				t.Errorf("Find(%q, %q) = %q, want %q: %s", tc.host, tc.path, got, tc.want, tc.reason)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	public, _ := Tables([]*v1alpha1.Ingress{ingress("a", "hello", rule("", "hello.test", path("", "plain"), path("/x", "x")))})
	f.Add("hello.test:80", "/x")
	f.Add("", "")
	f.Add("[::1]", "//")
	f.Add("[", "%2e")
	f.Fuzz(func(t *testing.T, host, path string) {
		p := public.Find(&http.Request{Host: host, URL: &url.URL{Path: path}, Header: http.Header{}})
		if p != nil && !strings.HasPrefix(path, p.Path) {
			t.Errorf("%q %q goes to the rule for %q", host, path, p.Path)
		}
	})
}

func TestPick(t *testing.T) {
	split := func(name string, percent int) v1alpha1.IngressBackendSplit {
		return v1alpha1.IngressBackendSplit{IngressBackend: v1alpha1.IngressBackend{ServiceName: name}, Percent: percent}
	}
	tests := map[string]struct {
		reason string
		splits []v1alpha1.IngressBackendSplit
		want   map[string]int
	}{
		"one":        {reason: "all of it", splits: []v1alpha1.IngressBackendSplit{split("a", 100)}, want: map[string]int{"a": 100}},
		"half":       {reason: "as the percents say", splits: []v1alpha1.IngressBackendSplit{split("a", 50), split("b", 50)}, want: map[string]int{"a": 50, "b": 50}},
		"three":      {reason: "as the percents say", splits: []v1alpha1.IngressBackendSplit{split("a", 1), split("b", 98), split("c", 1)}, want: map[string]int{"a": 1, "b": 98, "c": 1}},
		"none":       {reason: "a part of 0 gets nothing", splits: []v1alpha1.IngressBackendSplit{split("a", 0), split("b", 100)}, want: map[string]int{"b": 100}},
		"incomplete": {reason: "a rest goes somewhere", splits: []v1alpha1.IngressBackendSplit{split("a", 50), split("b", 40)}, want: map[string]int{"a": 60, "b": 40}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[string]int{}
			for n := range 100 {
				got[Pick(tc.splits, n).ServiceName]++
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("of a hundred (-want +got): %s\n%s", tc.reason, diff)
			}
		})
	}
}

func TestNewTarget(t *testing.T) {
	h2c := networking.AppProtocolH2C
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "hello"},
		Spec: corev1.ServiceSpec{ClusterIP: "10.96.1.1", Ports: []corev1.ServicePort{
			{Name: "http", Port: 80}, {Name: "https", Port: 443}, {Name: "grpc", Port: 81, AppProtocol: &h2c},
		}},
	}
	endpoints := &corev1.Endpoints{Subsets: []corev1.EndpointSubset{ //nolint:staticcheck // Serving tells the data plane through Endpoints
		{
			Addresses:         []corev1.EndpointAddress{{IP: "10.0.0.1"}, {IP: "10.0.0.2"}},
			NotReadyAddresses: []corev1.EndpointAddress{{IP: "10.0.0.9"}},
			Ports:             []corev1.EndpointPort{{Name: "http", Port: 8012}, {Name: "https", Port: 8112}},
		},
		{Addresses: []corev1.EndpointAddress{{IP: "fd00::3"}}, Ports: []corev1.EndpointPort{{Name: "http", Port: 8013}, {Name: "grpc", Port: 8014}}},
	}}
	external := &corev1.Service{Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: "ingress-local.example", Ports: []corev1.ServicePort{{Name: "http2", Port: 80}},
	}}
	tests := map[string]struct {
		reason    string
		port      intstr.IntOrString
		service   *corev1.Service
		endpoints *corev1.Endpoints //nolint:staticcheck // see above
		want      Target
		fails     bool
	}{
		"ready only": {reason: "Knative says who is ready; the rest get nothing", port: intstr.FromInt32(80), service: service, endpoints: endpoints, want: Target{Addresses: []string{"10.0.0.1:8012", "10.0.0.2:8012", "[fd00::3]:8013"}}},
		"by name":    {reason: "ports have names too", port: intstr.FromString("https"), service: service, endpoints: endpoints, want: Target{Addresses: []string{"10.0.0.1:8112", "10.0.0.2:8112"}}},
		"h2c":        {reason: "the port says what it speaks", port: intstr.FromString("grpc"), service: service, endpoints: endpoints, want: Target{Addresses: []string{"[fd00::3]:8014"}, H2C: true}},
		"none yet":   {reason: "the Service may be seen before its Endpoints", port: intstr.FromInt32(80), service: service},
		"empty":      {reason: "nobody is ready", port: intstr.FromInt32(80), service: service, endpoints: &corev1.Endpoints{}}, //nolint:staticcheck // see above
		"external":   {reason: "mapped domains lead back to us", port: intstr.FromInt32(80), service: external, want: Target{Addresses: []string{"ingress-local.example:80"}}},
		"no port":    {reason: "told by name", port: intstr.FromInt32(9), service: service, endpoints: endpoints, fails: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			split := &v1alpha1.IngressBackendSplit{IngressBackend: v1alpha1.IngressBackend{ServicePort: tc.port}}
			got, err := NewTarget(split, tc.service, tc.endpoints)
			if (err != nil) != tc.fails {
				t.Fatalf("NewTarget: %v, want failure %t: %s", err, tc.fails, tc.reason)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("target (-want +got): %s\n%s", tc.reason, diff)
			}
		})
	}
}
