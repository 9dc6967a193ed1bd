package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

// lease is what the controller that works holds.
const lease = "lambkin-controller"

// metrics are what a program tells of itself, by name.
type metrics map[string]*dto.MetricFamily

func parseMetrics(text []byte) (metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(bytes.NewReader(text))
}

// sum adds up the values of a metric that have these labels.
func (m metrics) sum(name string, labels map[string]string) float64 {
	total := 0.0
	for _, one := range m[name].GetMetric() {
		if matches(one, labels) {
			total += one.GetCounter().GetValue() + one.GetGauge().GetValue() + one.GetUntyped().GetValue()
		}
	}
	return total
}

func matches(m *dto.Metric, labels map[string]string) bool {
	found := 0
	for _, l := range m.GetLabel() {
		if v, ok := labels[l.GetName()]; ok && v == l.GetValue() {
			found++
		}
	}
	return found == len(labels)
}

// state is how the controller fares at a moment.
type state struct {
	cpu        time.Duration // used since it started
	live       float64       // bytes of objects in use, as the last garbage collection found them
	collected  time.Time     // when that was
	resident   float64       // bytes of memory of the process
	reconciled float64       // how often it has looked at an object
	waiting    float64       // objects that wait to be looked at
}

func stateOf(m metrics) state {
	return state{
		cpu:        time.Duration(m.sum("process_cpu_seconds_total", nil) * float64(time.Second)),
		live:       m.sum("go_gc_heap_live_bytes", nil),
		collected:  time.UnixMilli(int64(m.sum("go_memstats_last_gc_time_seconds", nil) * 1000)),
		resident:   m.sum("process_resident_memory_bytes", nil),
		reconciled: m.sum("controller_runtime_reconcile_total", nil),
		waiting:    m.sum("workqueue_depth", nil),
	}
}

// controller asks the controller that works how it fares.
func (b *bench) controller(ctx context.Context) (state, error) {
	held := new(coordinationv1.Lease)
	if err := b.client.Get(ctx, client.ObjectKey{Namespace: platform.Namespace, Name: lease}, held); err != nil {
		return state{}, err
	}
	if held.Spec.HolderIdentity == nil {
		return state{}, fmt.Errorf("nobody holds the lease %q", lease)
	}
	pod, _, _ := strings.Cut(*held.Spec.HolderIdentity, "_")
	c, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		return state{}, err
	}
	text, err := c.CoreV1().Pods(platform.Namespace).ProxyGet("http", pod, "8080", "metrics", nil).DoRaw(ctx)
	if err != nil {
		return state{}, err
	}
	m, err := parseMetrics(text)
	return stateOf(m), err
}

// dispatched is how many requests the API server has let through by a flow schema.
func (b *bench) dispatched(ctx context.Context, schema string) (float64, error) {
	c, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		return 0, err
	}
	text, err := c.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	m, err := parseMetrics(text)
	return m.sum("apiserver_flowcontrol_dispatched_requests_total", map[string]string{"flow_schema": schema}), err
}
