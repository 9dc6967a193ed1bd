package tracing

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// traceID is the key under which a context holds the id that the next trace begun in it shall have: the one that the
// caller was told.
type traceID struct{}

// ids makes the ids of traces and spans. Those of traces begin with the time, as X-Ray asks for.
type ids struct{}

// NewIDs gives the ids of a trace's first span.
func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(traceID{}).(trace.TraceID)
	if !ok || !id.IsValid() {
		binary.BigEndian.PutUint32(id[:], uint32(time.Now().Unix())) //nolint:gosec // X-Ray's format has 32 bits for the time
		binary.BigEndian.PutUint32(id[4:], rand.Uint32())
		binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID gives the id of a further span.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], max(1, rand.Uint64()))
	return id
}
