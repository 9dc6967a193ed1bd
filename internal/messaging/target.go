package messaging

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Kind is a kind of places that take messages, by the name of its service.
type Kind string

// The kinds.
const (
	Queue Kind = "SQS"
	Topic Kind = "SNS"
	Bus   Kind = "EventBridge"
)

// Target is where a message goes.
type Target struct {
	Kind Kind
	// ARN is the whole; Region, Account and Name are its parts. A bus has its name without event-bus/.
	ARN, Region, Account, Name string
}

// Parse reads an ARN. It reports false if it names no queue, topic or event bus.
func Parse(arn string) (Target, bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[3] == "" || parts[4] == "" {
		return Target{}, false
	}
	t := Target{ARN: arn, Region: parts[3], Account: parts[4], Name: parts[5]}
	found := true
	switch parts[2] {
	case "sqs":
		t.Kind = Queue
	case "sns":
		t.Kind = Topic
	case "events":
		t.Kind = Bus
		t.Name, found = strings.CutPrefix(t.Name, "event-bus/")
	default:
		return Target{}, false
	}
	if !found || t.Name == "" || strings.Contains(t.Name, ":") {
		return Target{}, false
	}
	return t, true
}

// Endpoint is where a service is.
type Endpoint struct {
	// URL is its address, with http or https and without a path; empty: there is none.
	URL string
	// Region is what requests are signed for; that of the ARN if empty.
	Region string
}

// Endpoints are those of all services.
type Endpoints struct {
	SQS, SNS, EventBridge Endpoint
	// Hint says to whoever lacks one where it is set.
	Hint string
}

// Of gives the endpoint of a kind.
func (e Endpoints) Of(kind Kind) Endpoint {
	switch kind {
	case Queue:
		return e.SQS
	case Topic:
		return e.SNS
	case Bus:
		return e.EventBridge
	default:
		return Endpoint{}
	}
}

// Check says why nothing can be sent to where an ARN says: its service has no endpoint. It is nil for whatever is no ARN of
// a queue, topic or event bus.
func (e Endpoints) Check(arn string) error {
	t, ok := Parse(arn)
	if !ok || e.Of(t.Kind).URL != "" {
		return nil
	}
	return fmt.Errorf("there is no endpoint for %s, so nothing can be sent to %s%s", t.Kind, arn, e.hint())
}

func (e Endpoints) hint() string {
	if e.Hint == "" {
		return ""
	}
	return "; " + e.Hint
}

// Validate finds endpoints that are none.
func (e Endpoints) Validate() error {
	var faults []error
	for _, kind := range []Kind{Queue, Topic, Bus} {
		location := e.Of(kind).URL
		if location == "" {
			continue
		}
		u, err := url.Parse(location)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			faults = append(faults, fmt.Errorf("the endpoint for %s must be http://HOST[:PORT] or https://HOST[:PORT]", kind))
		}
	}
	return errors.Join(faults...)
}
