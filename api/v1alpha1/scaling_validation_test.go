package v1alpha1

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestScalingValidate(t *testing.T) {
	number := func(n int32) *int32 { return &n }
	window := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	cases := map[string]struct {
		reason string
		with   Scaling
		want   []fault
	}{
		"Nothing":   {reason: "Everything has a default."},
		"Bounds":    {reason: "Least and most.", with: Scaling{MinScale: number(1), MaxScale: number(1), Target: number(10), Window: window(6 * time.Second)}},
		"Unbounded": {reason: "A greatest number of 0 is none.", with: Scaling{MinScale: number(3), MaxScale: number(0)}},
		"Crossed": {
			reason: "The least cannot be more than the most.", with: Scaling{MinScale: number(3), MaxScale: number(2)},
			want: []fault{{field.ErrorTypeInvalid, "spec.scaling.minScale"}},
		},
		"Window": {
			reason: "Knative takes whole seconds from 6 on.", with: Scaling{Window: window(1500 * time.Millisecond)},
			want: []fault{{field.ErrorTypeInvalid, "spec.scaling.window"}},
		},
		"Target": {
			reason: "No pod can have less than one.", with: Scaling{Target: number(0)},
			want: []fault{{field.ErrorTypeInvalid, "spec.scaling.target"}},
		},
		"Class": {
			reason: "Only Knative's own autoscalers.", with: Scaling{Class: "mine.example"},
			want: []fault{{field.ErrorTypeNotSupported, "spec.scaling.class"}},
		},
		"CPU":  {reason: "The HPA counts cpu.", with: Scaling{Class: ClassHPA, Metric: "cpu"}},
		"RPS":  {reason: "The KPA, which is the default, counts requests per second.", with: Scaling{Metric: "rps"}},
		"Both": {reason: "The KPA cannot count cpu.", with: Scaling{Metric: "cpu"}, want: []fault{{field.ErrorTypeNotSupported, "spec.scaling.metric"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := sampleFunction(func(f *Function) { f.Spec.Scaling = &tc.with })
			checkFaults(t, tc.reason, fn.Validate(), tc.want)
		})
	}
}

func TestPodValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		with   Pod
		want   []fault
	}{
		"Everything": {reason: "All members in their form.", with: Pod{
			ServiceAccountName: "orders", RuntimeClassName: "gvisor", NodeSelector: map[string]string{"disk.example/kind": "ssd"}, ImagePullSecrets: []string{"pull"},
		}},
		"Names": {
			reason: "Names of objects are DNS subdomains.", with: Pod{ServiceAccountName: "A", RuntimeClassName: "_", ImagePullSecrets: []string{"ok", ""}},
			want: []fault{
				{field.ErrorTypeInvalid, "spec.pod.serviceAccountName"}, {field.ErrorTypeInvalid, "spec.pod.runtimeClassName"},
				{field.ErrorTypeInvalid, "spec.pod.imagePullSecrets[1]"},
			},
		},
		"NodeSelector": {
			reason: "Labels have a form.", with: Pod{NodeSelector: map[string]string{"a b": "c d"}},
			want: []fault{{field.ErrorTypeInvalid, "spec.pod.nodeSelector[a b]"}, {field.ErrorTypeInvalid, "spec.pod.nodeSelector[a b]"}},
		},
		"TooManySecrets": {
			reason: "Sixteen are the most.", with: Pod{ImagePullSecrets: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"}},
			want: []fault{{field.ErrorTypeTooMany, "spec.pod.imagePullSecrets"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := sampleFunction(func(f *Function) { f.Spec.Pod = &tc.with })
			checkFaults(t, tc.reason, fn.Validate(), tc.want)
		})
	}
}
