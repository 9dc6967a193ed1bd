// Command http is a Lambda function that answers plain HTTP requests (function URL, HTTP API) in payload format 2.0.
package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type order struct {
	Quantity int `json:"quantity"`
}

type answer struct {
	Method   string `json:"method"`
	Path     string `json:"path"`
	Quantity int    `json:"quantity"`
}

func handle(_ context.Context, in events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	var o order
	if in.Body != "" {
		if err := json.Unmarshal([]byte(in.Body), &o); err != nil {
			return reply(http.StatusBadRequest, map[string]string{"error": "the body is not an order"})
		}
	}
	return reply(http.StatusCreated, answer{Method: in.RequestContext.HTTP.Method, Path: in.RawPath, Quantity: o.Quantity})
}

func reply(status int, v any) (events.APIGatewayV2HTTPResponse, error) {
	body, err := json.Marshal(v)
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers:    map[string]string{"content-type": "application/json"},
		Body:       string(body),
	}, err
}

func main() { lambda.Start(handle) }
