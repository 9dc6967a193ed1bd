// Handler is the function of the benchmarks, with AWS's own client: it answers with what it got, byte for byte. An event that
// begins with the member tell has it work for as many milliseconds as the member work says, and then tell the URL when it
// began and ended, in nanoseconds since 1970. Started with the argument stream it streams as many bytes as the event's
// stream member says.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// echo is a handler that does without JSON, so that the client and the platform are measured and nothing else.
type echo struct{}

// Invoke gives back the event.
func (echo) Invoke(_ context.Context, event []byte) ([]byte, error) {
	if bytes.HasPrefix(event, []byte(`{"tell":`)) {
		return event, work(event)
	}
	return event, nil
}

// work takes its time and tells of it, while the next event may already be worked on.
func work(event []byte) error {
	began := time.Now()
	var asked struct {
		Tell string
		Work int
	}
	if err := json.Unmarshal(event, &asked); err != nil {
		return err
	}
	time.Sleep(time.Duration(asked.Work) * time.Millisecond)
	ended := time.Now()
	go func() {
		client := http.Client{Timeout: time.Minute}
		resp, err := client.Post(fmt.Sprintf("%s?began=%d&ended=%d", asked.Tell, began.UnixNano(), ended.UnixNano()), "", http.NoBody)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		_ = resp.Body.Close() // it is empty
	}()
	return nil
}

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
