// Command hello is a Lambda function that greets.
package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
)

type request struct {
	Name string `json:"name"`
}

type response struct {
	Greeting string `json:"greeting"`
}

func handle(_ context.Context, in request) (response, error) {
	if in.Name == "" {
		in.Name = "world"
	}
	return response{Greeting: fmt.Sprintf("Hello, %s, from Go!", in.Name)}, nil
}

func main() { lambda.Start(handle) }
