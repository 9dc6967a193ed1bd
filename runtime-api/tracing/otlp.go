package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of OTLP, of which only the members that our spans have are written. The numbers are those of
// opentelemetry/proto/{collector/trace,trace,resource,common}/v1 at https://github.com/open-telemetry/opentelemetry-proto.

// request is an ExportTraceServiceRequest for spans of one provider and one scope, as all of ours are.
func request(spans []sdktrace.ReadOnlySpan) []byte {
	var resource, scoped []byte
	for i, s := range spans {
		if i == 0 {
			resource = attributes(nil, 1, s.Resource().Attributes())
			scoped = message(scoped, 1, text(nil, 1, s.InstrumentationScope().Name))
		}
		scoped = message(scoped, 2, span(s))
	}
	return message(nil, 1, message(message(nil, 1, resource), 2, scoped))
}

// span is a Span.
func span(s sdktrace.ReadOnlySpan) []byte {
	own, parent := s.SpanContext(), s.Parent()
	id, spanID, parentID := own.TraceID(), own.SpanID(), parent.SpanID()
	b := message(nil, 1, id[:])
	b = message(b, 2, spanID[:])
	if parent.HasSpanID() {
		b = message(b, 4, parentID[:])
	}
	b = text(b, 5, s.Name())
	b = number(b, 6, uint64(s.SpanKind())) //nolint:gosec // kinds are small and have the same numbers on both sides
	b = fixed(b, 7, uint64(s.StartTime().UnixNano()))
	b = fixed(b, 8, uint64(s.EndTime().UnixNano()))
	b = attributes(b, 9, s.Attributes())
	return message(b, 15, status(s.Status()))
}

// status is a Status, in which error and success have changed places.
func status(s sdktrace.Status) []byte {
	switch s.Code {
	case codes.Error:
		return number(text(nil, 2, s.Description), 3, 2)
	case codes.Ok:
		return number(nil, 3, 1)
	default:
		return nil
	}
}

// attributes appends KeyValues as members with the given number.
func attributes(b []byte, member protowire.Number, all []attribute.KeyValue) []byte {
	for _, a := range all {
		b = message(b, member, message(text(nil, 1, string(a.Key)), 2, value(a.Value)))
	}
	return b
}

// value is an AnyValue. Ours are strings; what else may come from OTEL_RESOURCE_ATTRIBUTES is written as one.
func value(v attribute.Value) []byte { return text(nil, 1, v.String()) }

func message(b []byte, member protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, member, protowire.BytesType), content)
}

func text(b []byte, member protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, member, protowire.BytesType), s)
}

func number(b []byte, member protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, member, protowire.VarintType), n)
}

func fixed(b []byte, member protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, member, protowire.Fixed64Type), n)
}
