// Handler is the function of this package's tests: an ordinary Go Lambda function that does what its event says.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do string `json:"do"`
	N  int    `json:"n"`
}

var calls int

func handle(ctx context.Context, e event) (any, error) {
	calls++
	switch e.Do {
	case "error":
		return nil, errors.New("handled")
	case "panic":
		panic("unhandled")
	case "exit":
		os.Exit(e.N)
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "sleep":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "allocate":
		hold(e.N << 20)
	case "grandchild":
		return nil, exec.Command("sleep", "3600").Start()
	case "print":
		fmt.Println("printed by the function")
	case "big":
		return strings.Repeat("x", e.N), nil
	case "env":
		return os.Environ(), nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{"context": lc, "deadline": deadline.UnixMilli(), "now": time.Now().UnixMilli()}, nil
	case "tmp":
		return os.MkdirTemp("", "kept")
	}
	return map[string]any{"calls": calls, "pid": os.Getpid()}, nil
}

var held [][]byte

func hold(n int) {
	block := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		block[i] = 1
	}
	held = append(held, block)
	time.Sleep(time.Hour)
}

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	case "once":
		failOnce()
	}
	lambda.Start(func(ctx context.Context, raw json.RawMessage) (any, error) {
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			return raw, nil
		}
		return handle(ctx, e)
	})
}

// failOnce makes the first init fail, and leaves a mark so that the next one does not.
func failOnce() {
	mark := os.Getenv("MARK")
	if _, err := os.Stat(mark); err != nil {
		_ = os.WriteFile(mark, nil, 0o600)
		os.Exit(1)
	}
}
