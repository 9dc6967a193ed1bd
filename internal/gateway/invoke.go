package gateway

import (
	"context"
	"net/http"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// invokeOperations wires the operations of the data plane to the engine.
func (g *gateway) invokeOperations() awshttp.Operations {
	return awshttp.Operations{
		Invoker: g.engine,
		Async:   awshttp.AsyncInvokerFunc(g.engine.Enqueue),
		DryRun: func(ctx context.Context, fn lambda.Reference) error {
			if fn.Qualifier == "" {
				fn.Qualifier = lambda.LatestVersion // AWS shows it in the errors of this operation
			}
			_, err := g.resolve(ctx, fn)
			return err
		},
		Body: g.bodies,
	}
}

// invokeFunction does Invoke.
func (g *gateway) invokeFunction(c *call) { g.invokeWith(c, g.invoke.Invoke) }

// invokeStreamed does InvokeWithResponseStream.
func (g *gateway) invokeStreamed(c *call) { g.invokeWith(c, g.invoke.InvokeWithResponseStream) }

func (g *gateway) invokeWith(c *call, do func(http.ResponseWriter, *http.Request, lambda.Reference)) {
	ref, err := g.reference(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	if c.r.Header.Get("X-Amz-Durable-Execution-Name") != "" {
		g.fail(c, invalid("DurableExecutionName is not supported here: durable functions are not implemented."))
		return
	}
	do(c.w, c.r, ref)
}

// invokeAsync does InvokeAsync, the old operation for events. Its body is the event.
func (g *gateway) invokeAsync(c *call) {
	ref, err := g.reference(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	c.r.Header.Set("X-Amz-Invocation-Type", "Event")
	w := &acknowledged{ResponseWriter: c.w}
	g.invoke.Invoke(w, c.r, ref)
}

// acknowledged gives an accepted event the body that InvokeAsync has.
type acknowledged struct {
	http.ResponseWriter
}

// WriteHeader adds the body if the event was accepted.
func (w *acknowledged) WriteHeader(status int) {
	if status == http.StatusAccepted {
		w.Header().Set("Content-Type", "application/json")
	}
	w.ResponseWriter.WriteHeader(status)
	if status == http.StatusAccepted {
		_, _ = w.Write([]byte(`{"Status":202}`)) // a caller that has gone needs no answer
	}
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *acknowledged) Unwrap() http.ResponseWriter { return w.ResponseWriter }
