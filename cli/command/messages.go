package command

import (
	"strings"

	"github.com/lambkin-dev/lambkin/internal/messaging"
)

// The variables that say where records of asynchronous invocations can be sent to, as AWS's tools know them.
const (
	endpointSQS         = "AWS_ENDPOINT_URL_SQS"
	endpointSNS         = "AWS_ENDPOINT_URL_SNS"
	endpointEventBridge = "AWS_ENDPOINT_URL_EVENTBRIDGE"
)

// messages sends to where the environment says, with its credentials. An address that is none is an error, as records would
// wait for it in vain.
func (a *App) messages() (*messaging.Client, error) {
	at := func(name string) messaging.Endpoint {
		return messaging.Endpoint{URL: strings.TrimSpace(a.getenv(name))}
	}
	endpoints := messaging.Endpoints{
		SQS: at(endpointSQS), SNS: at(endpointSNS), EventBridge: at(endpointEventBridge),
		Hint: "start the server with " + endpointSQS + ", " + endpointSNS + " or " + endpointEventBridge,
	}
	if err := endpoints.Validate(); err != nil {
		return nil, usagef("%v (%s, %s, %s)", err, endpointSQS, endpointSNS, endpointEventBridge)
	}
	known := messaging.CredentialsFrom(a.getenv)
	return &messaging.Client{
		Endpoints:   func() messaging.Endpoints { return endpoints },
		Credentials: func() (messaging.Credentials, error) { return known, nil },
	}, nil
}
