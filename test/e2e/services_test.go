package e2e

import (
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lambkin-dev/lambkin/internal/messaging"
	"github.com/lambkin-dev/lambkin/internal/messaging/double"
)

// startServices gives a script queues and event buses, which check signatures, before its server. GET $SERVICES lists what they
// have taken.
func startServices(ts *testscript.TestScript, _ bool, _ []string) {
	s := httptest.NewServer(new(double.Services))
	ts.Defer(s.Close)
	ts.Setenv("SERVICES", s.URL)
}

// messages sends to the script's services; nil if it has none.
func messages(ts *testscript.TestScript) *messaging.Client {
	at := messaging.Endpoint{URL: ts.Getenv("SERVICES")}
	if at.URL == "" {
		return nil
	}
	return &messaging.Client{
		Endpoints: func() messaging.Endpoints { return messaging.Endpoints{SQS: at, EventBridge: at} },
		Credentials: func() (messaging.Credentials, error) {
			return messaging.Credentials{AccessKeyID: double.KeyID, SecretAccessKey: double.Secret}, nil
		},
	}
}
