package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// asked is the function's event.
type asked struct {
	Tell string // where
	Work int    // in ms
	Fail bool   // always
}

// errTold is the failure of those events that are to fail.
var errTold = errors.New("told to fail")

// serve is the function.
func serve() {
	lambda.Start(func(ctx context.Context, in asked) error {
		about, ok := lambdacontext.FromContext(ctx)
		if !ok {
			return errors.New("there is no request id")
		}
		if err := tell(ctx, in.Tell+"/began/"+about.AwsRequestID); err != nil {
			return err
		}
		time.Sleep(time.Duration(in.Work) * time.Millisecond)
		if in.Fail {
			return errTold
		}
		return tell(ctx, in.Tell+"/ended/"+about.AwsRequestID)
	})
}

func tell(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client().Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the collector answers %s", resp.Status)
	}
	return resp.Body.Close()
}
