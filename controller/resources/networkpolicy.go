package resources

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// NetworkPolicyName is the name of the policy in each namespace with functions.
const NetworkPolicyName = "lambkin-functions"

// ingressNamespaces are where Knative's ingresses run when they are installed as their own manuals say.
func ingressNamespaces() []string {
	return []string{KnativeNamespace, "contour-external", "contour-internal", "istio-system", "kourier-system"}
}

// MakeNetworkPolicy makes the policy that lets only Knative and its ingress, and pods of the namespace itself, reach the
// pods of functions. Policies add up: an operator who wants others in, such as a Prometheus, writes one more.
func MakeNetworkPolicy(namespace string) *networkingv1.NetworkPolicy {
	knative := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: ingressNamespaces()},
	}}
	ingress := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "networking.knative.dev/ingress-provider", Operator: metav1.LabelSelectorOpExists},
	}}
	return &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Name: NetworkPolicyName, Namespace: namespace,
			Labels: map[string]string{LabelManagedBy: ManagedBy},
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: v1alpha1.LabelFunction, Operator: metav1.LabelSelectorOpExists},
			}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
				{PodSelector: &metav1.LabelSelector{}},
				{NamespaceSelector: knative},
				{NamespaceSelector: ingress},
			}}},
		},
	}
}
