// Package url says where a FunctionURLConfig is served. If pods answer as it asks, that is the address of the function, or of
// the alias. What pods do not do, such as to verify signatures, the gateway does, at an address of its own.
package url

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/family"
	"github.com/lambkin-dev/lambkin/controller/report"
	"github.com/lambkin-dev/lambkin/internal/platform"
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
	specs, address, err := r.target(ctx, u, fn)
	if err != nil {
		return err
	}
	if address == "" {
		u.Status.MarkProgressing(u.Generation, "What it leads to is not ready yet.")
		return nil
	}
	if fn.Status.Protocol == v1alpha1.ProtocolHTTP {
		return servePlain(u, specs, address)
	}
	if reason := beyondPods(u, specs); reason != "" {
		u.Status.MarkReady(u.Generation, "", "The gateway serves it, at "+platform.NamespacesPath+u.Namespace+u.URLPath()+" of its own address, because "+reason+".")
		return nil
	}
	u.Status.MarkReady(u.Generation, address)
	return nil
}

// servePlain is for containers that answer HTTP themselves, as they like: the gateway does not call them.
func servePlain(u *v1alpha1.FunctionURLConfig, specs []*v1alpha1.FunctionSpec, address string) error {
	if u.Spec.AuthType == v1alpha1.AuthTypeIAM || u.Spec.CORS != nil {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "authType AWS_IAM and cors are the gateway's, which calls Lambda functions and not "+
			"containers that answer HTTP themselves; use NONE without cors, and an ingress that does this")
	}
	var deviations []string
	if clusterLocal(specs) {
		deviations = []string{"The URL can be reached inside the cluster alone, because http.visibility is ClusterLocal."}
	}
	u.Status.MarkReady(u.Generation, address, deviations...)
	return nil
}

// beyondPods says why the pods' own address is not the URL's; empty if it is.
func beyondPods(u *v1alpha1.FunctionURLConfig, specs []*v1alpha1.FunctionSpec) string {
	switch {
	case u.Spec.AuthType == v1alpha1.AuthTypeIAM:
		return "authType is AWS_IAM and pods verify no signatures"
	case u.Spec.CORS != nil:
		return "pods know no cors"
	case clusterLocal(specs):
		return "http.visibility of the function is ClusterLocal"
	}
	for _, spec := range specs {
		if spec.HTTP.InvokeMode != u.Spec.InvokeMode {
			return fmt.Sprintf("the function's pods answer as its http.invokeMode says, which is %s", spec.HTTP.InvokeMode)
		}
		if spec.HTTP.EventFormat != v1alpha1.EventFormatV2 {
			return fmt.Sprintf("the function's pods make events of http.eventFormat %s", spec.HTTP.EventFormat)
		}
	}
	return ""
}

func clusterLocal(specs []*v1alpha1.FunctionSpec) bool {
	return slices.ContainsFunc(specs, func(s *v1alpha1.FunctionSpec) bool { return s.HTTP.Visibility == v1alpha1.VisibilityClusterLocal })
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
