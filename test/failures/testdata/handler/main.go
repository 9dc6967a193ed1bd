// Handler is the function of the tests of failures: an ordinary Go Lambda function that does what its event says.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// event says what to do. Text is what nobody but the caller may see.
type event struct {
	Do   string
	N    int
	Text string
}

func main() {
	for file := os.Getenv("WAIT_FOR"); file != ""; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			break
		}
	}
	lambda.Start(handle)
}

func handle(_ context.Context, e event) (any, error) {
	switch e.Do {
	case "error":
		return nil, errors.New("handled" + strings.Repeat("!", e.N))
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
	case "grandchild":
		return leaveChild()
	case "big":
		return strings.Repeat("x", e.N), nil
	case "stream":
		return &zeros{left: e.N}, nil
	case "pid":
		return os.Getpid(), nil
	case "place":
		time.Sleep(time.Duration(e.N) * time.Millisecond)
		return map[string]any{"Parent": os.Getppid(), "Tmp": os.TempDir()}, nil
	}
	return e.Text, nil
}

// leaveChild starts a process that keeps this one's output open, and then ends without it.
func leaveChild() (any, error) {
	child := exec.Command("sleep", "3600")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		return nil, err
	}
	os.Exit(0)
	return nil, nil
}

// zeros is a stream of so many zeros. Without an exported member it is {} in JSON, and so is sent as it is.
type zeros struct{ left int }

// Read gives zeros until none is left.
func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	clear(p[:n])
	z.left -= n
	return n, nil
}
