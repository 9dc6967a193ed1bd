package tracing

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	root   = "1-5759e988-bd862e3fe1be46a994272793"
	rootID = "5759e988bd862e3fe1be46a994272793"
	parent = "53995c3f42cd8ad8"
)

// inMemory is a Tracer whose spans stay here.
func inMemory(t *testing.T) (*Tracer, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tracer, err := newTracer(Config{Service: "svc", Identity: lambda.Identity{Region: "eu-west-1", Account: "123456789012"}}, sdktrace.WithSyncer(spans))
	if err != nil {
		t.Fatal(err)
	}
	return tracer, spans
}

// call is an invocation of fn:prod and what its function saw of the trace.
func call(ctx context.Context, tracer *Tracer, header string, end lambda.InvokerFunc) (seen string, res *lambda.Result, err error) {
	in := &lambda.Invocation{ID: "id", Function: lambda.Reference{Name: "fn", Qualifier: "prod"}, Trace: header}
	res, err = tracer.Invoker(lambda.InvokerFunc(func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		seen = in.Trace
		return end(ctx, in)
	})).Invoke(ctx, in)
	return seen, res, err
}

func succeed(_ context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	return &lambda.Result{RequestID: in.ID, ExecutedVersion: "7"}, nil
}

func TestSpanOfOutcome(t *testing.T) {
	always := map[string]string{"faas.name": "fn", "cloud.resource_id": "arn:aws:lambda:eu-west-1:123456789012:function:fn:prod"}
	ran := map[string]string{"faas.invocation_id": "id", "faas.version": "7"}
	result := func(functionError, errorType string) lambda.InvokerFunc {
		return func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
			return &lambda.Result{RequestID: "id", ExecutedVersion: "7", FunctionError: functionError, ErrorType: errorType, Payload: []byte("secret")}, nil
		}
	}
	fail := func(err error) lambda.InvokerFunc {
		return func(context.Context, *lambda.Invocation) (*lambda.Result, error) { return nil, err }
	}
	cases := map[string]struct {
		reason string
		end    lambda.InvokerFunc
		code   codes.Code
		failed string
		ran    bool
	}{
		"Success":       {"no status, as nobody knows what the answer means", succeed, codes.Unset, "", true},
		"FunctionError": {"the type, not the message", result("Unhandled", "Sandbox.Timedout"), codes.Error, "Sandbox.Timedout", true},
		"Untyped":       {"there is always a type", result("Unhandled", ""), codes.Error, "Unhandled", true},
		"Throttled":     {"never ran", fail(lambda.Throttled(lambda.ReasonConcurrency, 0)), codes.Error, "TooManyRequestsException", false},
		"Internal":      {"the detail is for the log", fail(errors.New("secret")), codes.Error, "ServiceException", false},
		"Cancelled":     {"the caller left", fail(context.Canceled), codes.Error, "cancelled", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tracer, spans := inMemory(t)
			_, _, _ = call(t.Context(), tracer, "Root="+root+";Parent="+parent+";Sampled=1", tc.end)
			got := spans.GetSpans()
			if len(got) != 1 {
				t.Fatalf("%s: %d spans", tc.reason, len(got))
			}
			want := make(map[string]string)
			maps.Copy(want, always)
			if tc.ran {
				maps.Copy(want, ran)
			}
			if tc.failed != "" {
				want["error.type"] = tc.failed
			}
			if d := cmp.Diff(want, asMap(got[0].Attributes)); d != "" {
				t.Errorf("%s: attributes (-want +got):\n%s", tc.reason, d)
			}
			if s := got[0]; s.Name != "fn" || s.SpanKind != trace.SpanKindServer || s.Status.Code != tc.code || s.Status.Description != tc.failed {
				t.Errorf("%s: %q of kind %v ended with %+v", tc.reason, s.Name, s.SpanKind, s.Status)
			}
			if s := got[0]; s.SpanContext.TraceID().String() != rootID || s.Parent.SpanID().String() != parent || !s.Parent.IsRemote() {
				t.Errorf("%s: the span hangs at %v in %v", tc.reason, s.Parent.SpanID(), s.SpanContext.TraceID())
			}
		})
	}
}

func asMap(all []attribute.KeyValue) map[string]string {
	m := make(map[string]string)
	for _, a := range all {
		m[string(a.Key)] = a.Value.String()
	}
	return m
}

// TestHandOn has requests come through the door, and looks at the span and at what the function is told.
func TestHandOn(t *testing.T) {
	cases := map[string]struct {
		reason  string
		sampler string
		header  http.Header
		span    bool
		parent  string // of the span
		root    string // of the trace; empty: a new one
		rest    string // of what the function is told
	}{
		"Sampled": {reason: "below the caller's span", header: http.Header{event.TraceHeader: {"Root=" + root + ";Parent=" + parent + ";Sampled=1;Lineage=a:0"}},
			span: true, parent: parent, root: root, rest: ";Sampled=1;Lineage=a:0"},
		"Unsampled": {reason: "the caller has decided", header: http.Header{event.TraceHeader: {"Root=" + root + ";Parent=" + parent + ";Sampled=0"}},
			root: root, rest: ";Sampled=0"},
		"UnsampledButAll": {reason: "the operator overrules", sampler: "always_on", header: http.Header{event.TraceHeader: {"Root=" + root + ";Parent=" + parent + ";Sampled=0"}},
			span: true, parent: parent, root: root, rest: ";Sampled=1"},
		"SampledButNone": {reason: "both ways", sampler: "always_off", header: http.Header{event.TraceHeader: {"Root=" + root + ";Parent=" + parent + ";Sampled=1"}},
			root: root, rest: ";Sampled=0"},
		"W3C": {reason: "the other standard", header: http.Header{event.TraceparentHeader: {"00-" + rootID + "-" + parent + "-01"}},
			span: true, parent: parent, root: root, rest: ";Sampled=1"},
		"W3CUnsampled": {reason: "same", header: http.Header{event.TraceparentHeader: {"00-" + rootID + "-" + parent + "-00"}},
			root: root, rest: ";Sampled=0"},
		"New":          {reason: "the sampler decides, by default for", header: http.Header{}, span: true, rest: ";Sampled=1"},
		"NewNone":      {reason: "or against", sampler: "parentbased_always_off", header: http.Header{}, rest: ";Sampled=0"},
		"Broken":       {reason: "is none", header: http.Header{event.TraceHeader: {"Root=x"}}, span: true, rest: ";Sampled=1"},
		"LoadBalancer": {reason: "an id without a decision", header: http.Header{event.TraceHeader: {"Root=" + root}}, span: true, root: root, rest: ";Sampled=1"},
		"Asks":         {reason: "the decision is ours", header: http.Header{event.TraceHeader: {"Root=" + root + ";Parent=" + parent + ";Sampled=?"}}, span: true, root: root, rest: ";Sampled=1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", tc.sampler)
			tracer, spans := inMemory(t)
			var seen, told string
			door := tracer.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				told = event.TraceOf(r.Header, time.Unix(1583348638, 0), strings.NewReader(strings.Repeat("r", 100)))
				seen, _, _ = call(r.Context(), tracer, told, succeed)
			}))
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header = tc.header
			door.ServeHTTP(httptest.NewRecorder(), r)
			got := spans.GetSpans()
			if (len(got) == 1) != tc.span || len(got) > 1 {
				t.Fatalf("%s: %d spans", tc.reason, len(got))
			}
			in, _ := event.ParseTrace(told)
			want := event.Trace{Root: in.Root, Parent: in.Parent}
			if tc.root != "" {
				want.Root = tc.root
			}
			if tc.span {
				want.Parent = got[0].SpanContext.SpanID().String()
				if p := got[0].Parent; p.SpanID().IsValid() != (tc.parent != "") || tc.parent != "" && p.SpanID().String() != tc.parent {
					t.Errorf("%s: the span's parent is %v, want %q", tc.reason, p.SpanID(), tc.parent)
				}
				if id := got[0].SpanContext.TraceID().String(); id != strings.ReplaceAll(want.Root[2:], "-", "") {
					t.Errorf("%s: the span is in trace %s, the function was told %s", tc.reason, id, want.Root)
				}
			}
			if full := "Root=" + want.Root + ";Parent=" + want.Parent + tc.rest; seen != full {
				t.Errorf("%s: the function was told\n%s, want\n%s", tc.reason, seen, full)
			}
		})
	}
}

func TestInvocationWithoutTrace(t *testing.T) {
	tracer, spans := inMemory(t)
	seen, res, err := call(t.Context(), tracer, "", succeed)
	if err != nil || res.RequestID != "id" {
		t.Errorf("the result did not come through: %+v, %v", res, err)
	}
	got := spans.GetSpans()
	if told, ok := event.ParseTrace(seen); !ok || len(got) != 1 || told.Parent != got[0].SpanContext.SpanID().String() || !told.Sampled {
		t.Errorf("the function was told %q, spans %v", seen, got)
	}
}

func TestInvocationIsNotChanged(t *testing.T) {
	tracer, _ := inMemory(t)
	in := &lambda.Invocation{ID: "id", Trace: "Root=" + root + ";Parent=" + parent + ";Sampled=1"}
	before := *in
	if _, err := tracer.Invoker(lambda.InvokerFunc(succeed)).Invoke(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, *in); d != "" {
		t.Errorf("invocations are immutable (-before +after):\n%s", d)
	}
}

func TestSwitchedOff(t *testing.T) {
	tracer, err := Start(func(string) string { return "" }, Config{})
	if tracer != nil || err != nil {
		t.Fatalf("got %v, %v; want nothing", tracer, err)
	}
	header := "Root=" + root + ";Sampled=0"
	if seen, _, _ := call(t.Context(), tracer, header, succeed); seen != header {
		t.Errorf("the trace was changed to %q", seen)
	}
	next := http.NewServeMux()
	if tracer.Handler(next) != http.Handler(next) {
		t.Error("the handler was wrapped")
	}
	if err := tracer.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func FuzzHandOn(f *testing.F) {
	f.Add("Root=" + root + ";Parent=" + parent + ";Sampled=1;Lineage=a:0|b:1")
	f.Add("Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=1")
	f.Add("Root=1-5759E988-BD862E3FE1BE46A994272793;Parent=53995C3F42CD8AD8")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		spans := tracetest.NewInMemoryExporter()
		tracer, err := newTracer(Config{}, sdktrace.WithSyncer(spans))
		if err != nil {
			t.Fatal(err)
		}
		seen, _, _ := call(t.Context(), tracer, header, succeed)
		told, ok := event.ParseTrace(seen)
		if !ok {
			t.Fatalf("%q became %q, which is no trace", header, seen)
		}
		if got := spans.GetSpans(); told.Sampled != (len(got) == 1) {
			t.Errorf("%q became %q with %d spans", header, seen, len(got))
		}
	})
}
