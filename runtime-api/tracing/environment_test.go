package tracing

import (
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spansOf gives one finished span.
func spansOf(t *testing.T) []sdktrace.ReadOnlySpan {
	t.Helper()
	tracer, spans := inMemory(t)
	_, _, _ = call(t.Context(), tracer, "", succeed)
	return spans.GetSpans().Snapshots()
}

func TestEnvironment(t *testing.T) {
	cases := map[string]struct {
		reason    string
		variables string // NAME=VALUE by spaces
		url       string // empty: off
		faults    string // words of the error
	}{
		"Nothing":     {"nothing asked for", "", "", ""},
		"Base":        {"one endpoint for all signals", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "http://c:4318/v1/traces", ""},
		"BasePath":    {"perhaps below a path", "OTEL_EXPORTER_OTLP_ENDPOINT=https://c/otlp/", "https://c/otlp/v1/traces", ""},
		"Own":         {"one for traces is taken as it is", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c/x OTEL_EXPORTER_OTLP_ENDPOINT=http://d", "http://c/x", ""},
		"Disabled":    {"off is off", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_SDK_DISABLED=TRUE", "", ""},
		"None":        {"same", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_TRACES_EXPORTER=none", "", ""},
		"NoURL":       {"gRPC's way to write it", "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317", "", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"NoTracesURL": {"the variable at fault is named", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=/x", "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		"AllAtOnce": {"every fault is told", "OTEL_EXPORTER_OTLP_ENDPOINT=x OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TIMEOUT=soon OTEL_EXPORTER_OTLP_HEADERS=secret " +
			"OTEL_TRACES_EXPORTER=zipkin OTEL_EXPORTER_OTLP_COMPRESSION=zstd OTEL_EXPORTER_OTLP_CERTIFICATE=/c OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=/k", "",
			"ENDPOINT PROTOCOL TIMEOUT HEADERS OTEL_TRACES_EXPORTER COMPRESSION CERTIFICATE CLIENT_KEY"},
		"ZeroTimeout": {"no time at all", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_TIMEOUT=0", "", "TIMEOUT"},
		"BadEscape":   {"values may be secrets", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_HEADERS=k=secret%zz", "", "HEADERS"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			values := make(map[string]string)
			for v := range strings.FieldsSeq(tc.variables) {
				name, value, _ := strings.Cut(v, "=")
				values[name] = value
			}
			e, err := exporterFrom(func(name string) string { return values[name] }, nil)
			if (err != nil) != (tc.faults != "") {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			for word := range strings.FieldsSeq(tc.faults) {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v does not name %s", tc.reason, err, word)
				}
			}
			if err != nil && strings.Contains(err.Error(), "secret%") {
				t.Errorf("%s: %v", tc.reason, err)
			}
			url := ""
			if e != nil {
				url = e.url
			}
			if url != tc.url {
				t.Errorf("%s: spans go to %q, want %q", tc.reason, url, tc.url)
			}
		})
	}
}
