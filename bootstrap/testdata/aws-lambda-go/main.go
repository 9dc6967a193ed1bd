// The functions of the protocol suite over aws-lambda-go; package protocoltest says what each has to do.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

var calls int

func main() {
	functions := map[string]any{
		"echo":    func(event json.RawMessage) (json.RawMessage, error) { return event, nil },
		"nothing": func() error { return nil },
		"fail":    func() error { return errors.New("boom") },
		"panic":   func() error { panic("boom") },
		"large":   func(e struct{ Size int }) (string, error) { return strings.Repeat("x", e.Size), nil },
		"context": facts,
		"trace":   func() (string, error) { return os.Getenv("_X_AMZN_TRACE_ID"), nil },
		"count":   func() (int, error) { calls++; return calls, nil },
		"binary":  func() (io.Reader, error) { return bytes.NewReader(allBytes()), nil },
		"log":     func(e struct{ Text string }) error { log.Print(e.Text); return nil },
		"meet":    meet,
		"exit":    func() error { os.Exit(3); return nil },
		"stream":  func() (io.Reader, error) { return words(), nil },
		"prelude": prelude,
		"midfail": func() (io.Reader, error) { return io.MultiReader(strings.NewReader("one"), failing{}), nil },
		"prefail": func() (io.Reader, error) { return nil, errors.New("boom") },
	}
	lambda.Start(functions[os.Getenv("_HANDLER")])
}

func facts(ctx context.Context) (map[string]any, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"requestId": lc.AwsRequestID,
		"arn":       lc.InvokedFunctionArn,
		"name":      lambdacontext.FunctionName,
		"version":   lambdacontext.FunctionVersion,
		"memory":    strconv.Itoa(lambdacontext.MemoryLimitInMB),
		"group":     lambdacontext.LogGroupName,
		"stream":    lambdacontext.LogStreamName,
		"tenant":    lc.TenantID,
		"remaining": time.Until(deadline).Milliseconds(),
		"custom":    lc.ClientContext.Custom["k"],
		"identity":  lc.Identity.CognitoIdentityID,
	}, nil
}

func meet(ctx context.Context, e struct{ Mine, Peer string }) (string, error) {
	if err := os.WriteFile(e.Mine, nil, 0o600); err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(e.Peer); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	return lc.AwsRequestID, nil
}

func prelude() (*events.LambdaFunctionURLStreamingResponse, error) {
	return &events.LambdaFunctionURLStreamingResponse{StatusCode: 201, Body: words()}, nil
}

func words() io.Reader { return strings.NewReader("onetwothree") }

func allBytes() []byte {
	all := make([]byte, 256)
	for n := range all {
		all[n] = byte(n)
	}
	return all
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("boom") }
