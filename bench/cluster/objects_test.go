package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

func TestPlainOf(t *testing.T) {
	memory := corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("288Mi")}}
	made := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "f", Labels: map[string]string{"a": "b"}}}
	made.Spec.Template.Annotations = map[string]string{"autoscaling.knative.dev/window": "6s", "prometheus.io/port": "9095"}
	made.Spec.Template.Labels = map[string]string{"a": "b"}
	one, thirty := int64(1), int64(30)
	made.Spec.Template.Spec = servingv1.RevisionSpec{
		ContainerConcurrency: &one, TimeoutSeconds: &thirty,
		PodSpec: corev1.PodSpec{
			Volumes:    []corev1.Volume{{Name: "tmp"}},
			Containers: []corev1.Container{{Image: "ours", Resources: memory, Env: []corev1.EnvVar{{Name: "_HANDLER"}}, ReadinessProbe: &corev1.Probe{}}},
		},
	}
	want := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}}
	want.Spec.Template.Annotations = map[string]string{"autoscaling.knative.dev/window": "6s"}
	want.Spec.Template.Spec = servingv1.RevisionSpec{
		ContainerConcurrency: &one, TimeoutSeconds: &thirty,
		PodSpec: corev1.PodSpec{Containers: []corev1.Container{{Image: "theirs", Resources: memory}}},
	}
	if diff := cmp.Diff(want, plainOf(made, "p", "theirs")); diff != "" {
		t.Errorf("what concerns queue-proxy, autoscaler and resources is the same, and nothing else: - want, + got:\n%s", diff)
	}
	if made.Spec.Template.Annotations["prometheus.io/port"] == "" {
		t.Error("the model was changed")
	}
}

func TestFunctionsAreValid(t *testing.T) {
	blob := v1alpha1.Blob{SHA256: strings.Repeat("a", 64), Size: 1}
	for _, code := range []v1alpha1.Code{asZip(blob), asSource(blob)} {
		fn := makeFunction("n", "f", code)
		fn.Default()
		if faults := fn.Validate(); len(faults) > 0 {
			t.Error(faults.ToAggregate())
		}
	}
}

func TestReadyFunction(t *testing.T) {
	cases := map[string]struct {
		reason string
		status metav1.ConditionStatus
		of     int64 // generation that the condition is of
		ready  bool
		failed bool
	}{
		"Ready":   {"It serves.", metav1.ConditionTrue, 2, true, false},
		"Before":  {"What was before does not count.", metav1.ConditionTrue, 1, false, false},
		"Failed":  {"There is nothing to wait for.", metav1.ConditionFalse, 2, false, true},
		"Old":     {"Nor does a failure of before.", metav1.ConditionFalse, 1, false, false},
		"Unknown": {"It is on its way.", metav1.ConditionUnknown, 2, false, false},
	}
	for name, tc := range cases {
		fn := &v1alpha1.Function{ObjectMeta: metav1.ObjectMeta{Name: "f", Generation: 2}}
		fn.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: tc.status, ObservedGeneration: tc.of, Reason: "X", Message: "why"}}
		ready, err := readyFunction(fn)
		if ready != tc.ready || (err != nil) != tc.failed {
			t.Errorf("%s: %s got %v, %v", name, tc.reason, ready, err)
		}
	}
	if ready, err := readyFunction(new(v1alpha1.Function)); ready || err != nil {
		t.Errorf("of a new one nothing is known: got %v, %v", ready, err)
	}
}

const sample = `# HELP process_cpu_seconds_total x
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
# TYPE go_gc_heap_live_bytes gauge
go_gc_heap_live_bytes 2e+07
# TYPE go_memstats_last_gc_time_seconds gauge
go_memstats_last_gc_time_seconds 1.7e+09
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 9e+07
# TYPE controller_runtime_reconcile_total counter
controller_runtime_reconcile_total{controller="function",result="success"} 7
controller_runtime_reconcile_total{controller="alias",result="success"} 3
# TYPE workqueue_depth gauge
workqueue_depth{name="function",priority="0"} 1
workqueue_depth{name="alias",priority="0"} 2
# TYPE apiserver_flowcontrol_dispatched_requests_total counter
apiserver_flowcontrol_dispatched_requests_total{flow_schema="a",priority_level="x"} 5
apiserver_flowcontrol_dispatched_requests_total{flow_schema="b",priority_level="x"} 6
`

func TestMetrics(t *testing.T) {
	m, err := parseMetrics([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := state{12500 * time.Millisecond, 2e7, time.Unix(1.7e9, 0), 9e7, 10, 3}
	if got := stateOf(m); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	const name = "apiserver_flowcontrol_dispatched_requests_total"
	if got := m.sum(name, map[string]string{"flow_schema": "b"}); got != 6 {
		t.Errorf("got %v requests of b, want 6", got)
	}
	if got := m.sum(name, map[string]string{"flow_schema": "c"}); got != 0 {
		t.Errorf("got %v requests of c, want 0", got)
	}
	if _, err := parseMetrics([]byte("what{")); err == nil {
		t.Error("what is no metric is refused")
	}
}

func TestStretches(t *testing.T) {
	s := stretches{first: 10, second: 90}
	s.states[0] = state{cpu: time.Second, live: 1e6}
	s.states[1] = state{cpu: 2 * time.Second, live: 2e6}
	s.states[2] = state{cpu: 20 * time.Second, live: 11e6, resident: 2e8}
	rows := s.rows(0)
	for i, want := range []struct {
		value string
		met   bool
	}{{"2.00 (200 ms : 100 ms)", false}, {"1.00 (100.0 kB : 100.0 kB)", true}, {"0", true}, {"200 MB", false}} {
		if rows[i].Value != want.value || rows[i].Met != want.met {
			t.Errorf("row %d is %+v, want %+v", i, rows[i], want)
		}
	}
	if s.rows(1)[2].Met {
		t.Error("a request in a quiet minute is one too many")
	}
}

func TestFlowsDiffer(t *testing.T) {
	seen := map[int32]bool{}
	for _, f := range flows() {
		if p := f.Spec.MatchingPrecedence; seen[p] || p >= 1000 {
			t.Errorf("%s has precedence %d, which another one has, or which comes after the cluster's own", f.Name, p)
		}
		seen[f.Spec.MatchingPrecedence] = true
	}
}
