package gateway

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// eventSourceInput is CreateEventSourceMappingRequest and UpdateEventSourceMappingRequest. What is not looked into is kept
// as it is: no mapping is ever made.
type eventSourceInput struct {
	FunctionName                   *string
	EventSourceArn                 *string
	BatchSize                      *int32
	MaximumBatchingWindowInSeconds *int32
	ParallelizationFactor          *int32
	StartingPosition               *string
	MaximumRecordAgeInSeconds      *int32
	MaximumRetryAttempts           *int32
	TumblingWindowInSeconds        *int32
	FunctionResponseTypes          []string
	DestinationConfig              *struct{ OnSuccess, OnFailure json.RawMessage }
	FilterCriteria                 *struct {
		Filters []struct{ Pattern *string }
	}
	SelfManagedEventSource     json.RawMessage
	SourceAccessConfigurations json.RawMessage
	Tags                       map[string]string

	Enabled                             json.RawMessage
	StartingPositionTimestamp           json.RawMessage
	BisectBatchOnFunctionError          json.RawMessage
	Topics                              json.RawMessage
	Queues                              json.RawMessage
	AmazonManagedKafkaEventSourceConfig json.RawMessage
	SelfManagedKafkaEventSourceConfig   json.RawMessage
	ScalingConfig                       json.RawMessage
	DocumentDBEventSourceConfig         json.RawMessage
	KMSKeyArn                           json.RawMessage
	MetricsConfig                       json.RawMessage
	LoggingConfig                       json.RawMessage
	ProvisionedPollerConfig             json.RawMessage
}

const shownEventSource = shownPublisher // any ARN

var eventSourceForm = regexp.MustCompile(`^arn:aws[a-zA-Z0-9-]*:([a-zA-Z0-9-]+):([a-z]{2}[a-z0-9-]*-\d)?:(\d{12})?:.*$`)

// check notes what breaks the model's constraints.
func (in *eventSourceInput) check(f *faults) {
	f.pattern(in.EventSourceArn, "eventSourceArn", eventSourceForm, shownEventSource)
	f.within(in.BatchSize, "batchSize", 1, 10000)
	f.within(in.MaximumBatchingWindowInSeconds, "maximumBatchingWindowInSeconds", 0, 300)
	f.within(in.ParallelizationFactor, "parallelizationFactor", 1, 10)
	f.within(in.MaximumRecordAgeInSeconds, "maximumRecordAgeInSeconds", -1, 604800)
	f.within(in.MaximumRetryAttempts, "maximumRetryAttempts", -1, 10000)
	f.within(in.TumblingWindowInSeconds, "tumblingWindowInSeconds", 0, 900)
	if in.StartingPosition != nil {
		f.enum(*in.StartingPosition, "startingPosition", "LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")
	}
	for _, kind := range in.FunctionResponseTypes {
		if kind != "ReportBatchItemFailures" {
			f.add(list(in.FunctionResponseTypes), "functionResponseTypes", "Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures], Member must not be null]")
			break
		}
	}
}

// checkSource refuses sources that are none, in the service's own order.
func (in *eventSourceInput) checkSource() error {
	if in.DestinationConfig != nil && len(in.DestinationConfig.OnSuccess) > 0 {
		return invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
	}
	if len(in.SelfManagedEventSource) > 0 {
		if len(in.SourceAccessConfigurations) == 0 {
			return invalid("Required 'sourceAccessConfigurations' parameter is missing.")
		}
		return nil
	}
	if in.EventSourceArn == nil {
		return invalid("Unrecognized event source.")
	}
	return in.checkService(eventSourceForm.FindStringSubmatch(*in.EventSourceArn)[1])
}

// checkService refuses what does not go with the service that the events come from.
func (in *eventSourceInput) checkService(service string) error {
	if !slices.Contains([]string{"sqs", "kinesis", "dynamodb", "kafka", "mq", "rds"}, service) {
		return invalid("Unrecognized event source.")
	}
	if service == "kinesis" || service == "dynamodb" {
		if in.StartingPosition == nil {
			return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
		}
		if service == "dynamodb" && *in.StartingPosition == "AT_TIMESTAMP" {
			return invalid("Unsupported starting position for arn type: %s", *in.EventSourceArn)
		}
	}
	if service == "sqs" && deref(in.BatchSize) > 10 && deref(in.MaximumBatchingWindowInSeconds) == 0 {
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	return nil
}

// checkFilters refuses patterns that are no JSON objects.
func (in *eventSourceInput) checkFilters() error {
	if in.FilterCriteria == nil {
		return nil
	}
	for _, filter := range in.FilterCriteria.Filters {
		var pattern map[string]any
		if json.Unmarshal([]byte(deref(filter.Pattern)), &pattern) != nil {
			return invalid("Invalid filter pattern definition.")
		}
	}
	return nil
}

// createEventSource does CreateEventSourceMapping as far as it can be done: a request that the service would refuse is
// refused in its words, any other because nothing here asks queues and streams for their events.
func (g *gateway) createEventSource(c *call) (any, error) {
	var in eventSourceInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	if in.FunctionName == nil {
		f.missing("functionName")
	}
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	ref, err := lambda.ParseReference(*in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := in.checkSource(); err != nil {
		return nil, err
	}
	if err := in.checkFilters(); err != nil {
		return nil, err
	}
	if err := g.reachable(ref); err != nil {
		return nil, err
	}
	_, err = g.resolve(c.r.Context(), ref)
	if isNotFound(err) {
		return nil, invalid("Function does not exist")
	}
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return nil, lambda.Errorf(lambda.CodeNotImplemented, "Event source mappings are not served here: nothing polls %s. "+
		"Connect it with a trigger of the cluster, such as a Knative source, or call Invoke from where the events are.", in.source())
}

// source names where the events would come from.
func (in *eventSourceInput) source() string {
	if in.EventSourceArn == nil {
		return "a self-managed event source"
	}
	return *in.EventSourceArn
}

func noEventSource() error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "The resource you requested does not exist.")
}

// noMapping does GetEventSourceMapping and DeleteEventSourceMapping: there is none under any id.
func (g *gateway) noMapping(*call) (any, error) { return nil, noEventSource() }

// updateEventSource does UpdateEventSourceMapping: what is asked for may be wrong, but there is nothing to change.
func (g *gateway) updateEventSource(c *call) (any, error) {
	var in eventSourceInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if in.FunctionName != nil {
		if _, err := lambda.ParseReference(*in.FunctionName); err != nil {
			return nil, err
		}
	}
	return nil, noEventSource()
}

// listEventSourceOutput is ListEventSourceMappingsResponse.
type listEventSourceOutput struct {
	EventSourceMappings []struct{}
}

// listEventSources does ListEventSourceMappings: a page of none.
func (g *gateway) listEventSources(c *call) (any, error) {
	if _, err := c.page(10000); err != nil {
		return nil, err
	}
	if name := c.query("FunctionName"); name != "" {
		ref, err := lambda.ParseReference(name)
		if err != nil {
			return nil, err
		}
		if err := g.reachable(ref); err != nil {
			return nil, err
		}
	}
	if arn := c.query("EventSourceArn"); arn != "" {
		var f faults
		f.pattern(&arn, "eventSourceArn", eventSourceForm, shownEventSource)
		if err := f.err(); err != nil {
			return nil, err
		}
	}
	return listEventSourceOutput{EventSourceMappings: []struct{}{}}, nil
}
