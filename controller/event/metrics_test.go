package event

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestMetrics holds that each end of an event and of its record is counted once.
func TestMetrics(t *testing.T) {
	new(Metrics).event("ignored")
	var none *Metrics
	none.record("ignored")
	m, registry := NewMetrics(), prometheus.NewRegistry()
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	m.event("Success")
	m.record(outcomeDelivered)
	m.record(outcomeGivenUp)
	families, err := registry.Gather()
	if err != nil || len(families) != 2 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	total := 0.0
	for _, f := range families {
		for _, sample := range f.GetMetric() {
			total += sample.GetCounter().GetValue()
		}
	}
	if total != 3 {
		t.Errorf("counted %v, want 3", total)
	}
}
