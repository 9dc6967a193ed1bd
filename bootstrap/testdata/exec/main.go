// The functions of the protocol suite as an executable that is started per event; package protocoltest says what each
// has to do.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(function string) error {
	event, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var e struct {
		Size             int
		Mine, Peer, Text string
	}
	_ = json.Unmarshal(event, &e) // most functions take any event
	switch function {
	case "echo":
		_, err = os.Stdout.Write(event)
	case "fail":
		return fmt.Errorf("a first line\nboom")
	case "large":
		_, err = fmt.Printf("%q", strings.Repeat("x", e.Size))
	case "context":
		err = json.NewEncoder(os.Stdout).Encode(facts())
	case "trace":
		_, err = fmt.Printf("%q", os.Getenv("_X_AMZN_TRACE_ID"))
	case "binary":
		for n := range 256 {
			os.Stdout.Write([]byte{byte(n)})
		}
	case "meet":
		return meet(e.Mine, e.Peer)
	case "endless":
		for err == nil {
			_, err = os.Stdout.Write(make([]byte, 1<<20))
		}
	}
	return err
}

func meet(mine, peer string) error {
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(peer); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	_, err := fmt.Printf("%q", os.Getenv("LAMBDA_RUNTIME_AWS_REQUEST_ID"))
	return err
}

func facts() map[string]any {
	deadline, _ := strconv.ParseInt(os.Getenv("LAMBDA_RUNTIME_DEADLINE_MS"), 10, 64)
	var mobile struct{ Custom struct{ K string } }
	_ = json.Unmarshal([]byte(os.Getenv("LAMBDA_RUNTIME_CLIENT_CONTEXT")), &mobile) // absent for most callers
	var identity struct{ CognitoIdentityID string }
	_ = json.Unmarshal([]byte(os.Getenv("LAMBDA_RUNTIME_COGNITO_IDENTITY")), &identity)
	return map[string]any{
		"requestId": os.Getenv("LAMBDA_RUNTIME_AWS_REQUEST_ID"),
		"arn":       os.Getenv("LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN"),
		"name":      os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
		"version":   os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		"memory":    os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
		"group":     os.Getenv("AWS_LAMBDA_LOG_GROUP_NAME"),
		"stream":    os.Getenv("AWS_LAMBDA_LOG_STREAM_NAME"),
		"tenant":    os.Getenv("LAMBDA_RUNTIME_AWS_TENANT_ID"),
		"remaining": time.Until(time.UnixMilli(deadline)).Milliseconds(),
		"custom":    mobile.Custom.K,
		"identity":  identity.CognitoIdentityID,
	}
}
