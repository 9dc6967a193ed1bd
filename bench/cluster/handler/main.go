// Handler is the program of the benchmark on a cluster, function and HTTP server in one: where there is a Lambda Runtime
// API it serves that with AWS's own client, elsewhere it listens on $PORT.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(function)
		return
	}
	srv := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: http.HandlerFunc(server), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, srv.ListenAndServe())
	os.Exit(1)
}

// greet is what both do.
func greet(asked []byte) ([]byte, error) {
	var in struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(asked, &in); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"greeting": "Hello, " + in.Name})
}

func function(_ context.Context, in events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	out, err := greet([]byte(in.Body))
	if err != nil {
		return events.LambdaFunctionURLResponse{StatusCode: http.StatusBadRequest}, nil //nolint:nilerr // the caller's fault, and told as such
	}
	return events.LambdaFunctionURLResponse{
		StatusCode: http.StatusOK, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(out),
	}, nil
}

func server(w http.ResponseWriter, r *http.Request) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	out, err := greet(asked)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(out)
}
