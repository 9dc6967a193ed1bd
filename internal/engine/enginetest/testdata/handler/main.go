// Command handler is the function that the suite runs. The member "do" of its event says what it does.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string          `json:"do"`
	Data json.RawMessage `json:"data"`
	Text string          `json:"text"`
	N    int             `json:"n"`
}

var (
	calls       atomic.Int64
	environment = rand.Text() // tells this environment from all others, wherever they are

	mu      sync.Mutex
	letters = []letter{} // what was posted to this environment
)

// letter is an HTTP request.
type letter struct {
	Header http.Header
	Body   []byte
}

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		fmt.Println("failing as told")
		os.Exit(7)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, in json.RawMessage) (any, error) {
	calls.Add(1)
	var e event
	if in[0] != '{' || json.Unmarshal(in, &e) != nil {
		return in, nil // anything that is no object comes back as it is
	}
	if c, ok := lambdacontext.FromContext(ctx); ok && strings.HasPrefix(c.ClientContext.Custom["type"], "dev.lambkin.invocation.") {
		return keepEvent(c.ClientContext.Custom, in)
	}
	if post := new(events.LambdaFunctionURLRequest); json.Unmarshal(in, post) == nil && post.RequestContext.HTTP.Method != "" {
		return keep(post)
	}
	switch e.Do {
	case "echo":
		return e.Data, nil
	case "event":
		return in, nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		return map[string]any{"requestId": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "client": lc.ClientContext.Custom}, nil
	case "env":
		return os.Getenv(e.Text), nil
	case "version":
		text, err := os.ReadFile(filepath.Join(os.Getenv("LAMBDA_TASK_ROOT"), "version.txt"))
		return string(text), err
	case "run":
		out, err := exec.CommandContext(ctx, e.Text).Output()
		return strings.TrimSpace(string(out)), err
	case "log":
		fmt.Println(e.Text)
		return nil, nil
	default:
		return misbehave(e)
	}
}

func misbehave(e event) (any, error) {
	switch e.Do {
	case "error":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(e.N)
	case "sleep":
		began := time.Now()
		time.Sleep(time.Duration(e.N) * time.Millisecond)
		return map[string]any{"environment": environment, "began": began.UnixNano(), "ended": time.Now().UnixNano(), "calls": calls.Load()}, nil
	case "bytes":
		random := make([]byte, e.N)
		rand.Read(random)                   //nolint:errcheck // never fails
		return bytes.NewReader(random), nil // a reader that is {} in JSON is sent as it is
	case "string":
		return strings.Repeat("x", e.N), nil
	case "stream":
		return stream(e), nil
	case "allocate":
		return allocate(e.N), nil
	case "once":
		return once(e)
	case "letters":
		mu.Lock()
		defer mu.Unlock()
		return letters, nil
	}
	return nil, fmt.Errorf("nothing to do for %q", e.Do)
}

// keepEvent takes a CloudEvent in, as the request that it came with in binary form.
func keepEvent(attributes map[string]string, data []byte) (any, error) {
	header := http.Header{}
	for name, value := range attributes {
		header.Set("ce-"+name, value)
	}
	mu.Lock()
	defer mu.Unlock()
	letters = append(letters, letter{header, bytes.Clone(data)})
	return nil, nil
}

// keep takes a request in.
func keep(post *events.LambdaFunctionURLRequest) (any, error) {
	body := []byte(post.Body)
	if post.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(post.Body); err != nil {
			return nil, err
		}
	}
	header := http.Header{}
	for name, value := range post.Headers {
		header.Set(name, value)
	}
	mu.Lock()
	defer mu.Unlock()
	letters = append(letters, letter{header, body})
	return events.LambdaFunctionURLResponse{StatusCode: http.StatusOK}, nil
}

// stream gives n chunks, each after the one before has had time to travel.
func stream(e event) io.Reader {
	r, w := io.Pipe()
	go func() {
		for i := range e.N {
			fmt.Fprintf(w, "chunk %d\n", i)
			time.Sleep(10 * time.Millisecond)
		}
		if e.Text != "" {
			w.CloseWithError(errors.New(e.Text))
			return
		}
		w.Close()
	}()
	return r
}

// allocate uses n MB, for long enough to be noticed.
func allocate(n int) int {
	used := bytes.Repeat([]byte("x"), n<<20)
	time.Sleep(time.Second)
	return len(used) + int(used[len(used)-1]) - 'x'
}

// once fails until it was called n times in this environment.
func once(e event) (any, error) {
	if n := calls.Load(); n < int64(e.N) {
		return nil, fmt.Errorf("failure %d", n)
	}
	return "done", nil
}
