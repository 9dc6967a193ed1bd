package server

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// Outcomes of invocations, the values of the label outcome.
const (
	outcomeSuccess  = "success"
	outcomeFunction = "function_error" // the handler reported an error
	outcomeTimeout  = "timeout"
	outcomeCrash    = "crash" // a process could not start, ended, was killed, ran out of memory or broke off its answer
	outcomeTooLarge = "response_too_large"
)

// Metrics counts what happens in a pod, each thing as what it is:
//
//	lambkin_invocations_total{outcome}    invocations that were handed to a runtime, by how they ended (outcomes below)
//	lambkin_invocation_duration_seconds   from hand-over to the end of the response
//	lambkin_queue_duration_seconds        from acceptance to hand-over
//	lambkin_throttles_total{reason}       invocations that were never handed over: full, expired, cancelled, closed, reserved
//	lambkin_inits_total{outcome}          inits of environments, by how they ended
//	lambkin_init_duration_seconds         of successful inits
//	lambkin_environments                  execution environments now
//
// All carry the labels function and version. It is an Observer of a pod.
type Metrics struct {
	invocations, throttles, inits        *prometheus.CounterVec
	duration, queueDuration, initSeconds prometheus.Histogram
	environments                         prometheus.Gauge
}

// NewMetrics registers the metrics of one function version.
func NewMetrics(reg prometheus.Registerer, function, version string) *Metrics {
	labels := prometheus.Labels{"function": function, "version": version}
	counter := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lambkin", Name: name, Help: help, ConstLabels: labels}, []string{label})
		reg.MustRegister(c)
		return c
	}
	histogram := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "lambkin", Name: name, Help: help, ConstLabels: labels,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900}})
		reg.MustRegister(h)
		return h
	}
	m := &Metrics{
		invocations:   counter("invocations_total", "Invocations that were handed to a runtime, by outcome.", "outcome"),
		throttles:     counter("throttles_total", "Invocations that were never handed to a runtime, by reason.", "reason"),
		inits:         counter("inits_total", "Initializations of execution environments, by outcome.", "outcome"),
		duration:      histogram("invocation_duration_seconds", "Time from hand-over to the end of the response."),
		queueDuration: histogram("queue_duration_seconds", "Time from acceptance to hand-over."),
		initSeconds:   histogram("init_duration_seconds", "Duration of successful initializations."),
		environments: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "lambkin", Name: "environments",
			Help: "Execution environments now.", ConstLabels: labels}),
	}
	reg.MustRegister(m.environments)
	for _, outcome := range []string{outcomeSuccess, outcomeFunction, outcomeTimeout, outcomeCrash, outcomeTooLarge} {
		m.invocations.WithLabelValues(outcome) // so that rates exist before the first failure
	}
	return m
}

// Ended counts an invocation.
func (m *Metrics) Ended(r *lambda.Result, waited time.Duration) {
	m.invocations.WithLabelValues(outcomeOf(r.FunctionError != "", r.ErrorType)).Inc()
	m.duration.Observe(r.Duration.Seconds())
	m.queueDuration.Observe(waited.Seconds())
}

// outcomeOf bounds the label's values: runtimes may report any text as an error type.
func outcomeOf(failed bool, errorType string) string {
	switch {
	case !failed:
		return outcomeSuccess
	case errorType == invoke.TypeTimeout:
		return outcomeTimeout
	case errorType == invoke.TypeTooLarge:
		return outcomeTooLarge
	case errorType == invoke.TypeExit, errorType == invoke.TypeOutOfMemory, errorType == invoke.TypeInvalidEntrypoint,
		errorType == invoke.TypeTruncatedResponse, strings.HasPrefix(errorType, "Extension."):
		return outcomeCrash
	default:
		return outcomeFunction
	}
}

// Refused counts an invocation that was never handed over.
func (m *Metrics) Refused(reason string) { m.throttles.WithLabelValues(reason).Inc() }

// Initialized counts an init.
func (m *Metrics) Initialized(took time.Duration, errorType string) {
	outcome := outcomeOf(errorType != "", errorType)
	m.inits.WithLabelValues(outcome).Inc()
	if outcome == outcomeSuccess {
		m.initSeconds.Observe(took.Seconds())
	}
}

// Environments notes how many environments there are.
func (m *Metrics) Environments(live int) { m.environments.Set(float64(live)) }
