package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/invoke"
)

// scrape gives the samples that a Prometheus server would see: those that are not zero, comments and buckets left out.
func scrape(t *testing.T, reg *prometheus.Registry) []string {
	t.Helper()
	s := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %d, %v", resp.StatusCode, err)
	}
	var samples []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") && !strings.HasSuffix(line, " 0") {
			samples = append(samples, line)
		}
	}
	return samples
}

func TestMetricsCountEachAsWhatItIs(t *testing.T) {
	invoked := func(outcome string) []string {
		return []string{
			`lambkin_invocation_duration_seconds_sum{function="fn",version="7"} 1.5`,
			`lambkin_invocation_duration_seconds_count{function="fn",version="7"} 1`,
			`lambkin_invocations_total{function="fn",outcome="` + outcome + `",version="7"} 1`,
			`lambkin_queue_duration_seconds_sum{function="fn",version="7"} 0.25`,
			`lambkin_queue_duration_seconds_count{function="fn",version="7"} 1`,
		}
	}
	ended := func(errorType string) func(*Metrics) {
		return func(m *Metrics) {
			r := &lambda.Result{ErrorType: errorType, Duration: 1500 * time.Millisecond, FunctionError: lambda.Unhandled}
			if errorType == "" {
				r.FunctionError = ""
			}
			m.Ended(r, 250*time.Millisecond)
		}
	}
	initialized := func(errorType string) func(*Metrics) {
		return func(m *Metrics) { m.Initialized(2*time.Second, errorType) }
	}
	inits := func(outcome string) []string {
		return []string{`lambkin_inits_total{function="fn",outcome="` + outcome + `",version="7"} 1`}
	}
	throttled := func(reason string) []string {
		return []string{`lambkin_throttles_total{function="fn",reason="` + reason + `",version="7"} 1`}
	}
	cases := map[string]struct {
		reason string
		happen func(*Metrics)
		want   []string
	}{
		"Nothing":       {"all outcomes exist, at zero", func(*Metrics) {}, nil},
		"Success":       {"an answer", ended(""), invoked("success")},
		"HandlerError":  {"the handler's own", ended("Function.Oops"), invoked("function_error")},
		"UntypedError":  {"a failure without a type is one", func(m *Metrics) { ended("x")(m) }, invoked("function_error")},
		"Timeout":       {"time was up", ended(invoke.TypeTimeout), invoked("timeout")},
		"TooLarge":      {"the answer did not fit", ended(invoke.TypeTooLarge), invoked("response_too_large")},
		"Exit":          {"the process ended", ended(invoke.TypeExit), invoked("crash")},
		"OutOfMemory":   {"or was killed", ended(invoke.TypeOutOfMemory), invoked("crash")},
		"NoEntrypoint":  {"or could not start", ended(invoke.TypeInvalidEntrypoint), invoked("crash")},
		"Truncated":     {"or broke off", ended(invoke.TypeTruncatedResponse), invoked("crash")},
		"Extension":     {"or an extension did", ended(extension.FailureCrash), invoked("crash")},
		"Full":          {"never handed over", func(m *Metrics) { m.Refused("full") }, throttled("full")},
		"Expired":       {"same", func(m *Metrics) { m.Refused("expired") }, throttled("expired")},
		"InitSuccess":   {"only those have a duration", initialized(""), append([]string{`lambkin_init_duration_seconds_sum{function="fn",version="7"} 2`, `lambkin_init_duration_seconds_count{function="fn",version="7"} 1`}, inits("success")...)},
		"InitError":     {"a module is missing", initialized("Runtime.ImportModuleError"), inits("function_error")},
		"InitTimeout":   {"it hung", initialized(invoke.TypeTimeout), inits("timeout")},
		"InitExit":      {"it crashed", initialized(invoke.TypeExit), inits("crash")},
		"InitExtension": {"an extension failed", initialized(extension.FailureInit), inits("crash")},
		"InitMadeUp":    {"any text may come", initialized("Init<LoadError> " + strings.Repeat("x", 1000)), inits("function_error")},
		"Environments":  {"the last number counts", func(m *Metrics) { m.Environments(3); m.Environments(2) }, []string{`lambkin_environments{function="fn",version="7"} 2`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			tc.happen(NewMetrics(reg, "fn", "7"))
			if d := cmp.Diff(tc.want, scrape(t, reg)); d != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, d)
			}
		})
	}
}
