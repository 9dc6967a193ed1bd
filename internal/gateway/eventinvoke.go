package gateway

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// annotationAsyncModified is when an event invoke config last changed, which has no member of its own.
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
	target, err := g.changeEventInvoke(ctx, ref, func(t *eventTarget) error {
		async := base(*t.async)
		if async == nil {
			return g.noEventInvokeConfig(ref)
		}
		in.apply(async)
		*t.async = async
		annotate(t.object, annotationAsyncModified, g.Clock())
		return nil
	})
	if isNotFound(err) && !errors.Is(err, errNoEventInvokeConfig) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The function doesn't exist.")
	}
	if err != nil {
		return nil, err
	}
	return g.eventInvokeConfig(ref.Name, target), nil
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

// eventTarget is what events may name: a function, which stands for $LATEST, a version or an alias.
type eventTarget struct {
	object    v1alpha1.Object
	async     **v1alpha1.Async // the object's member
	qualifier string
}

// eventInvokeTarget reads what a request is about. Without a qualifier it is $LATEST.
func (g *gateway) eventInvokeTarget(c *call) (lambda.Reference, error) {
	ref, err := g.reference(c)
	if ref.Qualifier == "" {
		ref.Qualifier = lambda.LatestVersion
	}
	return ref, err
}

// eventTarget finds a function, version or alias.
func (g *gateway) eventTarget(ctx context.Context, ref lambda.Reference) (*eventTarget, error) {
	fn, err := g.function(ctx, ref)
	if err != nil {
		return nil, err
	}
	if ref.Qualifier == lambda.LatestVersion {
		return functionEvents(fn), nil
	}
	if isVersion(ref.Qualifier) {
		v, err := g.version(ctx, ref, ref.Qualifier)
		return versionEvents(v), err
	}
	alias, err := g.alias(ctx, ref)
	return aliasEvents(alias), err
}

func functionEvents(fn *v1alpha1.Function) *eventTarget {
	return &eventTarget{object: fn, async: &fn.Spec.Async, qualifier: lambda.LatestVersion}
}

func versionEvents(v *v1alpha1.Version) *eventTarget {
	if v == nil {
		return nil
	}
	return &eventTarget{object: v, async: &v.Spec.Async, qualifier: number(v)}
}

func aliasEvents(a *v1alpha1.Alias) *eventTarget {
	if a == nil {
		return nil
	}
	return &eventTarget{object: a, async: &a.Spec.Async, qualifier: a.Spec.Name}
}

// changeEventInvoke changes what happens to the events of a function, version or alias.
func (g *gateway) changeEventInvoke(ctx context.Context, ref lambda.Reference, change func(*eventTarget) error) (*eventTarget, error) {
	for range maxRaces {
		t, err := g.eventTarget(ctx, ref)
		if err != nil {
			return nil, err
		}
		if err := change(t); err != nil {
			return nil, err
		}
		if err := g.engine.Update(ctx, t.object); !isStale(err) {
			return t, err
		}
	}
	return nil, g.inProgress(ref.Name)
}

// errNoEventInvokeConfig tells a config that is not there from a function that is not.
var errNoEventInvokeConfig = errors.New("no event invoke config")

func (g *gateway) noEventInvokeConfig(ref lambda.Reference) error {
	return &lambda.Error{
		Code: lambda.CodeResourceNotFound, Err: errNoEventInvokeConfig,
		Message: fmt.Sprintf("The function %s doesn't have an EventInvokeConfig", g.arn(ref.Name, ref.Qualifier)),
	}
}

// getEventInvokeConfig does GetFunctionEventInvokeConfig.
func (g *gateway) getEventInvokeConfig(c *call) (any, error) {
	ref, err := g.eventInvokeTarget(c)
	if err != nil {
		return nil, err
	}
	t, err := g.eventTarget(c.r.Context(), ref)
	if isNotFound(err) || err == nil && *t.async == nil {
		return nil, g.noEventInvokeConfig(ref)
	}
	if err != nil {
		return nil, err
	}
	return g.eventInvokeConfig(ref.Name, t), nil
}

// deleteEventInvokeConfig does DeleteFunctionEventInvokeConfig.
func (g *gateway) deleteEventInvokeConfig(c *call) (any, error) {
	ref, err := g.eventInvokeTarget(c)
	if err != nil {
		return nil, err
	}
	_, err = g.changeEventInvoke(c.r.Context(), ref, func(t *eventTarget) error {
		if *t.async == nil {
			return g.noEventInvokeConfig(ref)
		}
		*t.async = nil
		annotations := t.object.GetAnnotations()
		delete(annotations, annotationAsyncModified)
		t.object.SetAnnotations(annotations)
		return nil
	})
	if isNotFound(err) {
		return nil, g.noEventInvokeConfig(ref)
	}
	return nil, err
}

// listEventInvokeOutput is ListFunctionEventInvokeConfigsResponse.
type listEventInvokeOutput struct {
	FunctionEventInvokeConfigs []eventInvokeConfig
	NextMarker                 string `json:",omitempty"`
}

// listEventInvokeConfigs does ListFunctionEventInvokeConfigs: the function's, then those of its versions and aliases.
func (g *gateway) listEventInvokeConfigs(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	page, err := c.page(50)
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	fn, err := g.function(ctx, lambda.Reference{Name: ref.Name})
	if isNotFound(err) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The function doesn't exist.")
	}
	if err != nil {
		return nil, err
	}
	targets, err := g.eventTargets(ctx, fn)
	if err != nil {
		return nil, err
	}
	all := []eventInvokeConfig{}
	for _, t := range targets {
		if *t.async != nil {
			all = append(all, g.eventInvokeConfig(ref.Name, t))
		}
	}
	shown, next := paginate(all, page, func(e eventInvokeConfig) string { return e.FunctionArn })
	return listEventInvokeOutput{FunctionEventInvokeConfigs: shown, NextMarker: next}, nil
}

// eventTargets are a function, its versions and its aliases.
func (g *gateway) eventTargets(ctx context.Context, fn *v1alpha1.Function) ([]*eventTarget, error) {
	versions, err := engine.Versions(ctx, g.engine, fn.LambdaName())
	if err != nil {
		return nil, err
	}
	aliases, err := g.aliases(ctx, nameOf(fn))
	if err != nil {
		return nil, err
	}
	all := []*eventTarget{functionEvents(fn)}
	for i := range versions {
		all = append(all, versionEvents(&versions[i]))
	}
	for i := range aliases {
		all = append(all, aliasEvents(&aliases[i]))
	}
	return all, nil
}

// eventInvokeConfig makes the API's form of what happens to events.
func (g *gateway) eventInvokeConfig(name lambda.Name, t *eventTarget) eventInvokeConfig {
	a := *t.async
	out := eventInvokeConfig{
		LastModified: seconds(asyncModified(t)), FunctionArn: g.arn(name, t.qualifier),
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

// asyncModified is when the config changed; for a function's that was not made through the API, when the function did.
func asyncModified(t *eventTarget) time.Time {
	fn, ok := t.object.(*v1alpha1.Function)
	if ok && fn.Annotations[annotationAsyncModified] == "" {
		return modified(snapshotOf(fn, ""))
	}
	return annotated(t.object, annotationAsyncModified)
}

// seconds is a time as the API gives it in numbers.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
