// Handler is the function of the benchmarks, with AWS's own client: it answers with what it got, byte for byte. Started
// with the argument stream it streams as many bytes as the event's stream member says.
package main

import (
	"context"
	"io"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// echo is a handler that does without JSON, so that the client and the platform are measured and nothing else.
type echo struct{}

// Invoke gives back the event.
func (echo) Invoke(_ context.Context, event []byte) ([]byte, error) { return event, nil }

// zeros is a stream of so many bytes. Its fields are not exported because AWS's client streams only what is empty as JSON.
type zeros struct{ left int64 }

// Read gives the next ones.
func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "stream" {
		lambda.Start(func(_ context.Context, asked struct{ Stream int64 }) (any, error) { return &zeros{asked.Stream}, nil })
	}
	lambda.Start(echo{})
}
