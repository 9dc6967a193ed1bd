package awshttp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// BenchmarkInvoke is the buffered path without the network: what the operation itself costs.
func BenchmarkInvoke(b *testing.B) {
	res := &lambda.Result{Payload: []byte(`{"ok":true}`), ExecutedVersion: "$LATEST"}
	ops := &awshttp.Operations{Invoker: lambda.InvokerFunc(func(context.Context, *lambda.Invocation) (*lambda.Result, error) { return res, nil })}
	body := strings.NewReader(`{"hello":"world"}`)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/2015-03-31/functions/f/invocations", body)
	if err != nil {
		b.Fatal(err)
	}
	fn, h := lambda.Reference{Name: "f"}, http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(`{"hello":"world"}`)
		clear(h)
		ops.Invoke(discard{h}, r, fn)
	}
}
