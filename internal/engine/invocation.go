package engine

import (
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Draw gives the version that one call of an alias goes to. lot gives numbers from [0, 1) and is asked only where there
// is a choice.
func Draw(a *v1alpha1.AliasSpec, lot func() float64) string {
	for _, version := range slices.Sorted(maps.Keys(a.AdditionalVersionWeights)) {
		share, err := a.AdditionalVersionWeights[version].Fraction()
		if err == nil && lot() < share {
			return version
		}
	}
	return a.FunctionVersion
}

// Complete fills in what the caller left to the engine: an id, and a trace if the function wants one in any case. A nil
// spec wants none.
func Complete(in *lambda.Invocation, spec *v1alpha1.FunctionSpec) *lambda.Invocation {
	trace := in.Trace
	if traces(spec) && (trace == "" || in.TraceStarted) {
		trace = sampled(trace)
	}
	if in.ID != "" && trace == in.Trace {
		return in
	}
	full := *in
	full.Trace = trace
	if full.ID == "" {
		full.ID = uuid.NewString()
	}
	return &full
}

// sampled is a trace that is recorded: the one given, or a new one.
func sampled(trace string) string {
	t, ok := event.ParseTrace(trace)
	if !ok {
		t = event.NewTrace(time.Now(), rand.Reader)
	}
	t.Sampled = true
	return t.String()
}

// traces reports whether a trace is to be started where there is none.
func traces(spec *v1alpha1.FunctionSpec) bool {
	return spec != nil && spec.Tracing != nil && spec.Tracing.Mode == v1alpha1.TracingModeActive
}
