package gateway

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// annotationAsyncModified is when a function's event invoke config last changed, which has no member of its own.
const annotationAsyncModified = v1alpha1.Group + "/async-last-modified"

// shownDestination is the constraint that AWS quotes for a destination.
const shownDestination = `$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:` +
	`((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`

var destinationForm = regexp.MustCompile(`^(|kafka://.{1,249}|https?://[^\s]+|arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9\-]+:([a-z]{2}[a-z-]*-\d)?:(\d{12})?:.*)$`)

// eventInvokeInput is PutFunctionEventInvokeConfigRequest and UpdateFunctionEventInvokeConfigRequest.
type eventInvokeInput struct {
	MaximumRetryAttempts     *int32
	MaximumEventAgeInSeconds *int32
	DestinationConfig        *destinationConfig
}

// destinationConfig is DestinationConfig of the API's model. Both members are always in replies.
type destinationConfig struct {
	OnSuccess destinationMember
	OnFailure destinationMember
}

type destinationMember struct {
	Destination string `json:",omitempty"`
}

// eventInvokeConfig is FunctionEventInvokeConfig of the API's model.
type eventInvokeConfig struct {
	LastModified             float64 // seconds since 1970
	FunctionArn              string
	MaximumRetryAttempts     *int32 `json:",omitempty"`
	MaximumEventAgeInSeconds *int32 `json:",omitempty"`
	DestinationConfig        destinationConfig
}

func (in *eventInvokeInput) check() error {
	var f faults
	f.within(in.MaximumRetryAttempts, "maximumRetryAttempts", 0, 2)
	f.within(in.MaximumEventAgeInSeconds, "maximumEventAgeInSeconds", 60, 21600)
	if d := in.DestinationConfig; d != nil {
		f.pattern(&d.OnSuccess.Destination, "destinationConfig.onSuccess.destination", destinationForm, shownDestination)
		f.pattern(&d.OnFailure.Destination, "destinationConfig.onFailure.destination", destinationForm, shownDestination)
	}
	if err := f.err(); err != nil {
		return err
	}
	if in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil && in.DestinationConfig == nil {
		return invalid("You must specify at least one of error handling or destination setting.")
	}
	return nil
}

// putEventInvokeConfig does PutFunctionEventInvokeConfig: what is left out is unset.
func (g *gateway) putEventInvokeConfig(c *call) (any, error) {
	return g.writeEventInvokeConfig(c, func(*v1alpha1.Async) *v1alpha1.Async { return &v1alpha1.Async{} })
}

// updateEventInvokeConfig does UpdateFunctionEventInvokeConfig: what is left out stays.
func (g *gateway) updateEventInvokeConfig(c *call) (any, error) {
	return g.writeEventInvokeConfig(c, func(old *v1alpha1.Async) *v1alpha1.Async { return old })
}

// writeEventInvokeConfig changes what base makes of the config that is there; nil means that there must be one.
func (g *gateway) writeEventInvokeConfig(c *call, base func(old *v1alpha1.Async) *v1alpha1.Async) (any, error) {
	ref, err := g.eventInvokeTarget(c)
	if err != nil {
		return nil, err
	}
	var in eventInvokeInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if err := g.checkDestinations(ctx, ref.Name, in.DestinationConfig); err != nil {
		return nil, err
	}
	fn, err := g.adjust(ctx, ref, func(fn *v1alpha1.Function) error {
		async := base(fn.Spec.Async)
		if async == nil {
			return g.noEventInvokeConfig(ref)
		}
		in.apply(async)
		fn.Spec.Async = async
		if fn.Annotations == nil {
			fn.Annotations = make(map[string]string, 1)
		}
		fn.Annotations[annotationAsyncModified] = g.Clock().UTC().Format(time.RFC3339Nano)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return g.eventInvokeConfig(fn), nil
}

func (in *eventInvokeInput) apply(a *v1alpha1.Async) {
	if in.MaximumRetryAttempts != nil {
		a.MaximumRetryAttempts = in.MaximumRetryAttempts
	}
	if in.MaximumEventAgeInSeconds != nil {
		a.MaximumEventAgeInSeconds = in.MaximumEventAgeInSeconds
	}
	if d := in.DestinationConfig; d != nil {
		a.OnSuccess, a.OnFailure = destination(d.OnSuccess.Destination), destination(d.OnFailure.Destination)
	}
}

// eventInvokeTarget reads the function of a request. Versions and aliases have no config of their own here.
func (g *gateway) eventInvokeTarget(c *call) (lambda.Reference, error) {
	ref, err := g.reference(c)
	if err != nil {
		return ref, err
	}
	if ref.Qualifier != "" && ref.Qualifier != lambda.LatestVersion {
		if c.r.Method == http.MethodGet || c.r.Method == http.MethodDelete {
			return ref, g.noEventInvokeConfig(ref)
		}
		return ref, invalid("Event invoke configurations of versions and aliases are not supported here: leave the qualifier %q out.", ref.Qualifier)
	}
	ref.Qualifier = lambda.LatestVersion
	return ref, nil
}

func (g *gateway) noEventInvokeConfig(ref lambda.Reference) error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "The function %s doesn't have an EventInvokeConfig", g.arn(ref.Name, ref.Qualifier))
}

// checkDestinations refuses destinations that records cannot go to.
func (g *gateway) checkDestinations(ctx context.Context, name lambda.Name, d *destinationConfig) error {
	if d == nil {
		return nil
	}
	for _, target := range []string{d.OnSuccess.Destination, d.OnFailure.Destination} {
		if !takesRecords(target) {
			return invalid("The provided destination config %s is invalid.", d.shown())
		}
		if err := checkDestination(target); err != nil {
			return err
		}
		if !strings.HasPrefix(target, "arn:") {
			continue
		}
		ref, err := lambda.ParseReference(target)
		if err != nil {
			return err
		}
		if ref.Name == name {
			return invalid("You can't specify the function as a destination for itself.")
		}
		if _, err := g.resolve(ctx, ref); err != nil || g.reachable(ref) != nil {
			return invalid("The destination ARN %s is invalid.", target)
		}
	}
	return nil
}

// takesRecords reports whether a destination is of a service that can take records on AWS, or no ARN at all.
func takesRecords(target string) bool {
	if !strings.HasPrefix(target, "arn:") {
		return true
	}
	parts := strings.SplitN(target, ":", 4)
	return len(parts) == 4 && slices.Contains([]string{"lambda", "sqs", "sns", "events", "s3"}, parts[2])
}

// shown is the config as AWS shows it.
func (d *destinationConfig) shown() string {
	show := func(kind, target string) string {
		if target == "" {
			return "null"
		}
		return kind + "(destination=" + target + ")"
	}
	return "DestinationConfig(onSuccess=" + show("OnSuccess", d.OnSuccess.Destination) + ", onFailure=" + show("OnFailure", d.OnFailure.Destination) + ")"
}

// checkDestination refuses kinds of destinations that there are none of here: functions and URLs take records.
func checkDestination(target string) error {
	if target == "" {
		return nil
	}
	if u, err := url.Parse(target); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return nil
	}
	if ref, err := lambda.ParseReference(target); err == nil && strings.HasPrefix(target, "arn:") && ref.Name != "" {
		return nil
	}
	return invalid("The destination %s is not supported here: give the ARN of a function, or an http or https URL that takes POST requests.", target)
}

// getEventInvokeConfig does GetFunctionEventInvokeConfig.
func (g *gateway) getEventInvokeConfig(c *call) (any, error) {
	fn, err := g.configuredFunction(c)
	if err != nil {
		return nil, err
	}
	return g.eventInvokeConfig(fn), nil
}

// configuredFunction gets the function of a request, which must have an event invoke config.
func (g *gateway) configuredFunction(c *call) (*v1alpha1.Function, error) {
	ref, err := g.eventInvokeTarget(c)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), ref)
	if isNotFound(err) || err == nil && fn.Spec.Async == nil {
		return nil, g.noEventInvokeConfig(ref)
	}
	return fn, err
}

// deleteEventInvokeConfig does DeleteFunctionEventInvokeConfig.
func (g *gateway) deleteEventInvokeConfig(c *call) (any, error) {
	fn, err := g.configuredFunction(c)
	if err != nil {
		return nil, err
	}
	_, err = g.adjust(c.r.Context(), lambda.Reference{Name: nameOf(fn)}, func(fn *v1alpha1.Function) error {
		fn.Spec.Async = nil
		delete(fn.Annotations, annotationAsyncModified)
		return nil
	})
	return nil, err
}

// listEventInvokeOutput is ListFunctionEventInvokeConfigsResponse.
type listEventInvokeOutput struct {
	FunctionEventInvokeConfigs []eventInvokeConfig
	NextMarker                 string `json:",omitempty"`
}

// listEventInvokeConfigs does ListFunctionEventInvokeConfigs. A function has at most one.
func (g *gateway) listEventInvokeConfigs(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	page, err := c.page(50)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), lambda.Reference{Name: ref.Name})
	if isNotFound(err) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The function doesn't exist.")
	}
	if err != nil {
		return nil, err
	}
	all := []eventInvokeConfig{}
	if fn.Spec.Async != nil {
		all = append(all, g.eventInvokeConfig(fn))
	}
	shown, next := paginate(all, page, func(e eventInvokeConfig) string { return e.FunctionArn })
	return listEventInvokeOutput{FunctionEventInvokeConfigs: shown, NextMarker: next}, nil
}

// eventInvokeConfig makes the API's form of what happens to a function's events.
func (g *gateway) eventInvokeConfig(fn *v1alpha1.Function) eventInvokeConfig {
	a := fn.Spec.Async
	out := eventInvokeConfig{
		LastModified: seconds(asyncModified(fn)), FunctionArn: g.arn(nameOf(fn), lambda.LatestVersion),
		MaximumRetryAttempts: a.MaximumRetryAttempts, MaximumEventAgeInSeconds: a.MaximumEventAgeInSeconds,
	}
	if a.OnSuccess != nil {
		out.DestinationConfig.OnSuccess.Destination = a.OnSuccess.Destination
	}
	if a.OnFailure != nil {
		out.DestinationConfig.OnFailure.Destination = a.OnFailure.Destination
	}
	return out
}

// asyncModified is when the config changed; for one that was not made through the API, when the function did.
func asyncModified(fn *v1alpha1.Function) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, fn.Annotations[annotationAsyncModified]); err == nil {
		return t
	}
	return modified(snapshotOf(fn, ""))
}

// seconds is a time as the API gives it in numbers.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
