// Package deploy brings about the Knative Service of a function or a version, and tells in the object's status what became
// of it: what serves, what is being waited for, or why it does not serve and what to do about it.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/apply"
	"github.com/lambkin-dev/lambkin/controller/code"
	"github.com/lambkin-dev/lambkin/controller/resources"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// Images gives the image of a function's code. It is called again as long as it says that something is being waited for,
// and must be quick then.
type Images interface {
	// Image gives the image, or what is being waited for. Errors are [v1alpha1.Failure] values where the reason is known.
	Image(ctx context.Context, r code.Request) (code.Result, error)
}

// Settings are what holds for all functions on the cluster.
type Settings struct {
	// Platform is the operator's configuration. It is not changed.
	Platform *platform.Config
	// Features are what Knative lets pods have.
	Features resources.Features
	// Serving says whether the cluster has Knative Serving at all.
	Serving bool
}

// Deployer deploys. It is safe for concurrent use.
type Deployer struct {
	// Client reads from the cache: Services, Revisions and pods, the latter with the index of [IndexPods].
	Client client.Client
	// Applier writes Services.
	Applier *apply.Applier
	// Images gives images.
	Images Images
	// Settings gives the settings of the moment.
	Settings func() Settings
	// Now is the time.
	Now func() time.Time
}

// Subject is what is deployed.
type Subject struct {
	// Workload says all but image, protocol, features and platform.
	Workload resources.Workload
	// Status is the object's, and filled in.
	Status *v1alpha1.FunctionStatus
	// FunctionName is the name of the Function's object.
	FunctionName string
	// Generation of the object.
	Generation int64
	// Image is the image by digest where it is settled, as in a version that was published with one.
	Image string
	// Pinned says that the code never changes: whatever image it has got it keeps.
	Pinned bool
	// CodeSigningConfig is the name of the config whose policy holds for new code; empty if there is none.
	CodeSigningConfig string
}

const (
	// codePause is how long code that is being made into an image is left alone before it is asked for again. Its end is an
	// event too; this is for the end that nobody tells of.
	codePause = 15 * time.Second
	// retryPause is how long a Revision that Knative has given up stays so before it is tried once more. What kept it from
	// starting may have been mended by then: a registry, a Secret, a quota.
	retryPause = 10 * time.Minute
)

// Outcome is what is left to do after Deploy.
type Outcome struct {
	// Again is an error that trying again could mend; nil if there is none.
	Again error
	// After is when to look again, although there may be no event; 0 is never.
	After time.Duration
}

// Deploy does what can be done now and writes into the status how far it came. What it does not mention in its outcome
// comes with an event: of the object, its Service, or a Revision or pod of that.
func (d *Deployer) Deploy(ctx context.Context, s *Subject) Outcome {
	v, err := d.deploy(ctx, s, d.Settings())
	if err == nil && v.givenUp != nil {
		v, err = d.retry(ctx, v)
	}
	if errors.Is(err, apply.ErrGoing) {
		return Outcome{}
	}
	if apierrors.IsConflict(err) {
		return Outcome{Again: err} // somebody else was quicker, which is nobody's concern
	}
	if apply.IsUnanswered(err) {
		if v1alpha1.Settled(s.Status.Conditions, s.Generation) == nil {
			s.Status.MarkProgressing(s.Generation, fmt.Sprintf("It is tried again: %v", err))
		}
		return Outcome{Again: err}
	}
	if err != nil {
		s.Status.MarkFailed(s.Generation, err)
		return Outcome{Again: again(err)}
	}
	v.tell(s)
	s.Status.Provisioned, err = d.provisioned(ctx, s, v)
	return Outcome{After: v.after, Again: err}
}

// retry has a Revision that was given up made once more, when it has been so for a while: Knative makes one anew that is
// not there. It has never been ready, so nobody is served by it.
func (d *Deployer) retry(ctx context.Context, v verdict) (verdict, error) {
	since := v.givenUp.Status.GetCondition(servingv1.RevisionConditionReady).LastTransitionTime.Inner
	if wait := retryPause - d.Now().Sub(since.Time); wait > 0 {
		v.after = wait
		return v, nil
	}
	err := d.Client.Delete(ctx, v.givenUp, client.Preconditions{UID: &v.givenUp.UID})
	if client.IgnoreNotFound(err) != nil {
		return v, fmt.Errorf("try revision %q again: %w", v.givenUp.Name, err)
	}
	return verdict{doing: fmt.Sprintf("Revision %s is tried again.", v.givenUp.Name)}, nil
}

func (d *Deployer) deploy(ctx context.Context, s *Subject, settings Settings) (verdict, error) {
	if !settings.Serving {
		return verdict{}, v1alpha1.Failf(v1alpha1.ReasonKnativeMissing, "the cluster has no Knative Serving; install it, and the function goes on")
	}
	w := &s.Workload
	w.Features, w.Platform = settings.Features, settings.Platform
	result, err := d.image(ctx, s)
	if result.Build != nil {
		s.Status.LastBuild = result.Build
	}
	if err != nil {
		return verdict{}, err
	}
	if result.Image == "" {
		return verdict{doing: result.Doing, after: codePause}, nil
	}
	if err := d.checkSigning(ctx, s, result); err != nil {
		return verdict{}, err
	}
	w.Image, w.Protocol = result.Image, result.Protocol
	if w.Role, err = d.role(ctx, w); err != nil {
		return verdict{}, err
	}
	if err := resources.Check(w); err != nil {
		return verdict{}, err
	}
	wanted := resources.MakeService(w)
	remember(wanted, s.inputs(settings.Platform), result)
	live := new(servingv1.Service)
	if err := d.Applier.Apply(ctx, w.Owner, wanted, live); err != nil {
		return verdict{}, err
	}
	v, err := d.look(ctx, live)
	v.service, v.result = live, result
	v.deviations = slices.Concat(result.Deviations, resources.Deviations(w))
	return v, err
}

// role finds the IAM role that the ServiceAccount of a workload stands for. It is read anew whenever the object is looked at; no
// cache holds accounts, and a change of an account alone wakes nobody. An account that is not there is told by Knative.
func (d *Deployer) role(ctx context.Context, w *resources.Workload) (string, error) {
	if w.Spec.Pod == nil || w.Spec.Pod.ServiceAccountName == "" {
		return "", nil
	}
	account := new(corev1.ServiceAccount)
	err := d.Client.Get(ctx, client.ObjectKey{Namespace: w.Owner.GetNamespace(), Name: w.Spec.Pod.ServiceAccountName}, account)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("read ServiceAccount %q: %w", w.Spec.Pod.ServiceAccountName, err)
	}
	return resources.RoleOf(account), nil
}

// image gives the image that was made for these inputs before, if the Service remembers one, else a new one.
func (d *Deployer) image(ctx context.Context, s *Subject) (code.Result, error) {
	live := new(servingv1.Service)
	err := d.Client.Get(ctx, client.ObjectKey{Namespace: s.Workload.Owner.GetNamespace(), Name: s.Workload.Name}, live)
	if client.IgnoreNotFound(err) != nil {
		return code.Result{}, fmt.Errorf("read Service %q: %w", s.Workload.Name, err)
	}
	if known, ok := remembered(live, s.Workload.Owner, s.inputs(s.Workload.Platform)); ok {
		return known, nil
	}
	r := code.Request{
		Owner: s.Workload.Owner, FunctionName: s.FunctionName, Spec: s.Workload.Spec,
		Generation: s.Generation, Image: s.Image, LastBuild: s.Status.LastBuild,
	}
	if s.Pinned && r.Image == "" {
		r.Image = s.Status.Image
	}
	return d.Images.Image(ctx, r)
}

// again gives an error back unless it stays until something changes that there is an event for.
func again(err error) error {
	f := new(v1alpha1.Failure)
	if errors.As(err, &f) && slices.Contains([]v1alpha1.Reason{
		v1alpha1.ReasonSpecInvalid, v1alpha1.ReasonConfigurationUnsupported, v1alpha1.ReasonKnativeMissing,
		v1alpha1.ReasonCodeInvalid, v1alpha1.ReasonCodeUntrusted, v1alpha1.ReasonCodeSigningConfigNotFound,
		v1alpha1.ReasonEntrypointInvalid, v1alpha1.ReasonImageUnsupported,
		v1alpha1.ReasonBuildUnsupported, v1alpha1.ReasonBuildFailed, v1alpha1.ReasonBuildTimeout, v1alpha1.ReasonTektonMissing,
	}, f.Reason) {
		return nil
	}
	return err
}
