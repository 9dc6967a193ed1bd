// Package url says at which address a FunctionURLConfig is served. On a cluster that is the address of the function, or of
// the alias, and what answers there is the pod; so a policy that pods do not know is not kept, and the object says so
// rather than having an address.
package url

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
)

// Reconciler reconciles FunctionURLConfigs.
type Reconciler struct {
	// Client reads from a cache with the indexes of family.Index, and writes the objects' metadata.
	Client client.Client
	// Reporter writes status and events.
	Reporter *report.Reporter
}

// Reconcile tells of one FunctionURLConfig where it is served. One that has gone, or is going, is served nowhere.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	was := new(v1alpha1.FunctionURLConfig)
	if err := r.Client.Get(ctx, q.NamespacedName, was); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read function URL %q: %w", q.NamespacedName, err)
	}
	if !was.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	fn, err := family.Function(ctx, r.Client, was.Namespace, was.Spec.FunctionName)
	if err == nil {
		err = family.Adopt(ctx, r.Client, was, fn)
	}
	is := was.DeepCopy()
	is.Default()
	if err == nil {
		err = r.serve(ctx, is, fn)
	}
	failure := new(v1alpha1.Failure)
	if errors.As(err, &failure) {
		is.Status.URL = "" // where it no longer is what it should be
		is.Status.MarkFailed(is.Generation, err)
		err = nil // there is an event for all that could mend it
	}
	return report.Result(0, err, r.Reporter.Report(ctx, was, is))
}

// serve finds the address.
func (r *Reconciler) serve(ctx context.Context, u *v1alpha1.FunctionURLConfig, fn *v1alpha1.Function) error {
	if faults := u.Validate(); len(faults) > 0 {
		return v1alpha1.Failf(v1alpha1.ReasonSpecInvalid, "%v", faults.ToAggregate())
	}
	if err := unsupported(u); err != nil {
		return err
	}
	specs, address, err := r.target(ctx, u, fn)
	if err != nil {
		return err
	}
	var deviations []string
	for _, spec := range specs {
		if err := mismatch(u, spec, fn.Status.Protocol); err != nil {
			return err
		}
		if spec.HTTP.Visibility == v1alpha1.VisibilityClusterLocal {
			deviations = []string{"The URL can be reached inside the cluster alone, because http.visibility is ClusterLocal."}
		}
	}
	if address == "" {
		u.Status.MarkProgressing(u.Generation, "What it leads to is not ready yet.")
		return nil
	}
	u.Status.MarkReady(u.Generation, address, deviations...)
	return nil
}

// unsupported says what no pod can do.
func unsupported(u *v1alpha1.FunctionURLConfig) error {
	if u.Spec.AuthType == v1alpha1.AuthTypeIAM {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "authType AWS_IAM: signatures are not verified on a cluster yet; "+
			"use NONE, and an ingress that checks who calls")
	}
	if u.Spec.CORS != nil {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "cors: a URL on a cluster leads straight to the function, which has to answer browsers itself; "+
			"remove cors, and answer OPTIONS requests in the function or at the ingress")
	}
	return nil
}

// mismatch says where pods answer in another way than the URL asks for: all requests reach them by one door, which is as
// the function says. Containers that answer HTTP themselves do as they like.
func mismatch(u *v1alpha1.FunctionURLConfig, spec *v1alpha1.FunctionSpec, protocol v1alpha1.Protocol) error {
	if protocol == v1alpha1.ProtocolHTTP {
		return nil
	}
	if mode := spec.HTTP.InvokeMode; mode != u.Spec.InvokeMode {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "invokeMode %s: the function's pods answer as its http.invokeMode says, which is %s; set both alike",
			u.Spec.InvokeMode, mode)
	}
	if format := spec.HTTP.EventFormat; format != v1alpha1.EventFormatV2 {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "a function URL makes events of format %s, and the function's http.eventFormat is %s; "+
			"set that to %[1]s, or use the function's own URL", v1alpha1.EventFormatV2, format)
	}
	return nil
}

// target finds the specs of what the URL leads to, with their defaults, and the address; empty if it has none yet.
func (r *Reconciler) target(ctx context.Context, u *v1alpha1.FunctionURLConfig, fn *v1alpha1.Function) (specs []*v1alpha1.FunctionSpec, address string, err error) {
	if u.Spec.Qualifier == "" {
		fn = fn.DeepCopy()
		fn.Default()
		return []*v1alpha1.FunctionSpec{&fn.Spec}, fn.Status.URL, nil
	}
	a := new(v1alpha1.Alias)
	err = r.Client.Get(ctx, client.ObjectKey{Namespace: u.Namespace, Name: v1alpha1.AliasObjectName(u.Spec.FunctionName, u.Spec.Qualifier)}, a)
	if apierrors.IsNotFound(err) {
		return nil, "", v1alpha1.Failf(v1alpha1.ReasonAliasNotFound, "function %q has no alias %q", u.Spec.FunctionName, u.Spec.Qualifier)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read alias %q: %w", u.Spec.Qualifier, err)
	}
	for _, version := range family.Targets(&a.Spec) {
		spec, err := r.specOf(ctx, fn, version)
		if err != nil {
			return nil, "", err
		}
		if spec != nil {
			specs = append(specs, spec)
		}
	}
	return specs, a.Status.URL, nil
}

// specOf is the spec of a version of the function, with its defaults; nil if there is no such version, which is the
// alias's concern.
func (r *Reconciler) specOf(ctx context.Context, fn *v1alpha1.Function, version string) (*v1alpha1.FunctionSpec, error) {
	name := family.TargetName(fn.LambdaName(), version)
	if name == fn.Name {
		fn = fn.DeepCopy()
		fn.Default()
		return &fn.Spec, nil
	}
	v := new(v1alpha1.Version)
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: fn.Namespace, Name: name}, v)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // no version is no fault of the URL
	}
	if err != nil {
		return nil, fmt.Errorf("read version %q: %w", name, err)
	}
	v.Default()
	return &v.Spec.Function, nil
}
