// Command stream is a Lambda function that sends its answer line by line: a handler that returns an io.Reader streams.
package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

type request struct {
	Lines int `json:"lines"`
}

func handle(_ context.Context, in request) (io.Reader, error) {
	r, w := io.Pipe()
	go func() {
		for i := range in.Lines {
			if _, err := fmt.Fprintf(w, "line %d\n", i+1); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		_ = w.Close() // never fails
	}()
	return r, nil
}

func main() { lambda.Start(handle) }
