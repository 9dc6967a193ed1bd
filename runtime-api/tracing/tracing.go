// Package tracing makes an OpenTelemetry span of every invocation and hands the trace on to the function, whose own
// spans then hang below it.
//
// It is configured by the variables of the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/): OTEL_EXPORTER_OTLP_ENDPOINT says
// where spans go, and without it nothing is started. The package sends OTLP over HTTP itself, as the official exporter
// would make the binary of every pod half as large again.
//
// Traces come in and go on as X-Ray trace headers (see package event, which also reads W3C's). A caller that has
// decided whether its trace is recorded is obeyed, unless OTEL_TRACES_SAMPLER says otherwise; for one that has not, a
// Handler at the door lets the sampler decide.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// scope names the maker of the spans.
const scope = "github.com/lambkin-dev/lambkin"

// Config says whose spans they are.
type Config struct {
	// Service is the service.name of the spans unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES give one.
	Service string
	// Identity completes the ARNs of functions.
	Identity lambda.Identity
	// Log is told of spans that could not be sent; nil tells nobody.
	Log *slog.Logger
}

// Tracer makes spans. A nil Tracer is one that is switched off: it changes nothing and costs nothing.
type Tracer struct {
	cfg      Config
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// Start starts a Tracer if getenv, which is the environment of this process, names an endpoint for traces, and gives
// nil if it does not. It fails if the environment asks for what is not supported. Stop ends it.
func Start(getenv func(string) string, cfg Config) (*Tracer, error) {
	e, err := exporterFrom(getenv, cfg.Log)
	if err != nil || e == nil {
		return nil, err
	}
	return newTracer(cfg, sdktrace.WithBatcher(e))
}

func newTracer(cfg Config, export sdktrace.TracerProviderOption) (*Tracer, error) {
	own := resource.NewSchemaless(attribute.String("service.name", cfg.Service))
	res, err := resource.Merge(own, resource.Environment())
	if err != nil {
		return nil, fmt.Errorf("describe the service of the spans: %w", err)
	}
	p := sdktrace.NewTracerProvider(export, sdktrace.WithResource(res), sdktrace.WithIDGenerator(ids{}))
	return &Tracer{cfg: cfg, provider: p, tracer: p.Tracer(scope)}, nil
}

// Stop sends what has not been sent, as long as ctx allows.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx) //nolint:wrapcheck // the exporter tells its own log
}

// Handler notes which requests come with a trace whose recording nobody has decided yet. It belongs around the handler
// that makes invocations of requests, for an Invoker of the same Tracer to see it.
func (t *Tracer) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !decided(r.Header) {
			r = r.WithContext(context.WithValue(r.Context(), undecided{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// undecided marks the context of a request that does not say whether its trace is recorded.
type undecided struct{}

// decided reads headers in the order of event.TraceOf.
func decided(h http.Header) bool {
	if v := h[event.TraceHeader]; len(v) > 0 {
		if _, ok := event.ParseTrace(v[0]); ok {
			return strings.Contains(v[0], "Sampled=0") || strings.Contains(v[0], "Sampled=1")
		}
	}
	if v := h[event.TraceparentHeader]; len(v) > 0 {
		_, ok := event.ParseTraceparent(v[0])
		return ok
	}
	return false
}

// Invoker makes a span of each invocation of next.
func (t *Tracer) Invoker(next lambda.Invoker) lambda.Invoker {
	if t == nil {
		return next
	}
	return lambda.InvokerFunc(func(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
		ctx, span := t.start(ctx, in)
		defer span.End()
		traced := *in
		traced.Trace = handOn(in.Trace, span.SpanContext())
		res, err := next.Invoke(ctx, &traced)
		record(span, res, err)
		return res, err
	})
}

// start begins the span below the caller's, or as the first of its trace. Where the caller has left the decision open,
// only a first span makes samplers decide anew.
func (t *Tracer) start(ctx context.Context, in *lambda.Invocation) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("faas.name", string(in.Function.Name)),
			attribute.String("cloud.resource_id", in.Function.ARN(t.cfg.Identity)),
		),
	}
	parent := contextOf(in.Trace)
	if open, _ := ctx.Value(undecided{}).(bool); open || !parent.HasSpanID() {
		ctx = context.WithValue(ctx, traceID{}, parent.TraceID())
		options = append(options, trace.WithNewRoot())
	}
	return t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parent), string(in.Function.Name), options...)
}

// contextOf is an X-Ray trace header in OpenTelemetry's terms; empty if it is malformed.
func contextOf(header string) trace.SpanContext {
	t, ok := event.ParseTrace(header)
	if !ok {
		return trace.SpanContext{}
	}
	var flags trace.TraceFlags
	id, _ := trace.TraceIDFromHex(strings.ToLower(t.Root[2:10] + t.Root[11:])) // invalid ones stay zero
	span, _ := trace.SpanIDFromHex(strings.ToLower(t.Parent))                  // same
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: flags.WithSampled(t.Sampled), Remote: true})
}

// handOn is the trace header for the function: the caller's, with our span as the parent if it is recorded.
func handOn(header string, span trace.SpanContext) string {
	t, _ := event.ParseTrace(header) // a malformed one is replaced
	id := span.TraceID().String()
	t.Root, t.Sampled = "1-"+id[:8]+"-"+id[8:], span.IsSampled()
	if t.Sampled || t.Parent == "" {
		t.Parent = span.SpanID().String()
	}
	return t.String()
}

// record notes how the invocation ended. What the function said is not for spans.
func record(span trace.Span, res *lambda.Result, err error) {
	failure := ""
	switch {
	case errors.Is(err, context.Canceled):
		failure = "cancelled"
	case err != nil:
		failure = string(lambda.CodeOf(err))
	default:
		span.SetAttributes(attribute.String("faas.invocation_id", res.RequestID), attribute.String("faas.version", res.ExecutedVersion))
		if res.FunctionError != "" {
			failure = res.ErrorType
			if failure == "" {
				failure = res.FunctionError
			}
		}
	}
	if failure != "" {
		span.SetAttributes(attribute.String("error.type", failure))
		span.SetStatus(codes.Error, failure)
	}
}
