// Command sqs is a Lambda function that works off a batch of SQS messages. Only those that failed are reported, so only
// they come again.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type order struct {
	Order    int `json:"order"`
	Quantity int `json:"quantity"`
}

func work(message string) error {
	var o order
	if err := json.Unmarshal([]byte(message), &o); err != nil {
		return fmt.Errorf("not an order: %w", err)
	}
	log.Printf("order %d, quantity %d", o.Order, o.Quantity)
	return nil
}

func handle(_ context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, m := range batch.Records {
		if err := work(m.Body); err != nil {
			log.Printf("message %s failed: %v", m.MessageId, err)
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return out, nil
}

func main() { lambda.Start(handle) }
