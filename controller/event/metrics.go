package event

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of events and records, beside the conditions of package delivery.
const (
	outcomeDelivered = "delivered"
	outcomeGivenUp   = "given_up"
)

// Metrics count how events and records end. Its zero value counts nothing.
type Metrics struct {
	events, records *prometheus.CounterVec
}

// NewMetrics makes them.
func NewMetrics() *Metrics {
	return &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lambkin_events_total", Help: "Asynchronous events that are done with, by how they ended: Success, RetriesExhausted or EventAgeExceeded.",
		}, []string{"outcome"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lambkin_records_total", Help: "Records and dead letters that were sent to URLs and services, by how they ended: delivered or given_up.",
		}, []string{"outcome"}),
	}
}

// Register has a registry show them.
func (m *Metrics) Register(r prometheus.Registerer) error {
	return errors.Join(r.Register(m.events), r.Register(m.records))
}

func (m *Metrics) event(outcome string) {
	if m != nil && m.events != nil {
		m.events.WithLabelValues(outcome).Inc()
	}
}

func (m *Metrics) record(outcome string) {
	if m != nil && m.records != nil {
		m.records.WithLabelValues(outcome).Inc()
	}
}
