package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

func TestHolds(t *testing.T) {
	type m = map[string]any
	cases := map[string]struct {
		reason       string
		live, wanted any
		want         bool
	}{
		"Same":      {"Equal values.", m{"a": int64(1)}, m{"a": int64(1)}, true},
		"More":      {"Others may have added to an object.", m{"a": "x", "b": "y"}, m{"a": "x"}, true},
		"Less":      {"A missing value is a difference.", m{}, m{"a": "x"}, false},
		"Other":     {"Another value is a difference.", m{"a": "y"}, m{"a": "x"}, false},
		"Deep":      {"Also below.", m{"a": m{"b": []any{m{"c": "x", "d": "y"}}}}, m{"a": m{"b": []any{m{"c": "x"}}}}, true},
		"DeepOther": {"Also below.", m{"a": m{"b": []any{m{"c": "z"}}}}, m{"a": m{"b": []any{m{"c": "x"}}}}, false},
		"Longer":    {"A list is owned as a whole.", m{"a": []any{"x", "y"}}, m{"a": []any{"x"}}, false},
		"Order":     {"In a list the order counts.", m{"a": []any{"y", "x"}}, m{"a": []any{"x", "y"}}, false},
		"Kinds":     {"An object is no list.", m{"a": []any{}}, m{"a": m{"b": "x"}}, false},
		"NoList":    {"A text is no list.", m{"a": "x"}, m{"a": []any{"x"}}, false},
		"Zero":      {"False that is wanted is not the same as nothing.", m{}, m{"a": false}, false},
	}
	for name, tc := range cases {
		if got := holds(tc.live, tc.wanted); got != tc.want {
			t.Errorf("%s: got %v, want %v: %s", name, got, tc.want, tc.reason)
		}
	}
}

func TestDraft(t *testing.T) {
	d, err := draftOf(service("u1"))
	if err != nil {
		t.Fatal(err)
	}
	delete(d.object.Object["metadata"].(map[string]any), "annotations")
	want := map[string]any{
		"apiVersion": "serving.knative.dev/v1",
		"kind":       "Service",
		"metadata": map[string]any{
			"name": "orders", "namespace": "shop",
			"labels":          map[string]any{"lambkin.dev/function": "orders"},
			"ownerReferences": []any{map[string]any{"apiVersion": "lambkin.dev/v1alpha1", "kind": "Function", "name": "orders", "uid": "u1", "controller": true}},
		},
		"spec": map[string]any{"template": map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{"scale": "1"}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "user-container", "image": "one", "resources": map[string]any{}}}},
		}},
	}
	if diff := cmp.Diff(want, d.object.Object); diff != "" {
		t.Errorf("what is not set must not be applied. - want, + got:\n%s", diff)
	}
}

func TestDigests(t *testing.T) {
	digest := func(s *servingv1.Service) string {
		t.Helper()
		d, err := draftOf(s)
		if err != nil {
			t.Fatal(err)
		}
		return d.object.GetAnnotations()[AnnotationApplied]
	}
	one := digest(service("u1"))
	if one == "" || one != digest(service("u1")) {
		t.Errorf("the same object has the digests %q and %q", one, digest(service("u1")))
	}
	status := service("u1")
	status.Status.LatestReadyRevisionName = "orders-00001"
	if digest(status) != one {
		t.Error("status changes the digest")
	}
	if digest(service("u1", func(s *servingv1.Service) { s.Spec.Template.Annotations["scale"] = "2" })) == one {
		t.Error("a change does not change the digest")
	}
}

// TestPruneKeepsMeaning holds that an empty object in a list stays: as a peer it means all pods of the namespace.
func TestPruneKeepsMeaning(t *testing.T) {
	p := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
			From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}},
		}}},
	}
	d, err := draftOf(p)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{"from": []any{map[string]any{"podSelector": map[string]any{}}}}}
	if diff := cmp.Diff(want, d.object.Object["spec"].(map[string]any)["ingress"]); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}
