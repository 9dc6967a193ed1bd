package deploy

import (
	"context"
	"fmt"

	"k8s.io/utils/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/resources"
)

// provisioned is how far a deployment's provisioned concurrency has come; nil if none is asked for. Until the Revision that
// keeps as many pods serves, it is what the one before has.
func (d *Deployer) provisioned(ctx context.Context, s *Subject, v verdict) (*v1alpha1.ProvisionedStatus, error) {
	w := &s.Workload
	if w.Provisioned == 0 {
		return nil, nil
	}
	if !v.ready {
		return carried(s.Status.Provisioned, w.Provisioned), nil
	}
	rev := new(servingv1.Revision)
	name := v.service.Status.LatestReadyRevisionName
	if err := d.Client.Get(ctx, client.ObjectKey{Namespace: v.service.Namespace, Name: name}, rev); err != nil {
		return carried(s.Status.Provisioned, w.Provisioned), client.IgnoreNotFound(wrapRead(name, err))
	}
	return counted(w, rev), nil
}

func wrapRead(name string, err error) error { return fmt.Errorf("read revision %q: %w", name, err) }

// carried is a status from before, measured by what is asked for now.
func carried(was *v1alpha1.ProvisionedStatus, asked int32) *v1alpha1.ProvisionedStatus {
	st := &v1alpha1.ProvisionedStatus{Requested: asked}
	if was != nil {
		st.Allocated, st.Available = min(was.Allocated, asked), min(was.Available, asked)
	}
	return st
}

// counted is what the pods of a Revision hold. Those that scaling.maxScale or reserved concurrency leave no room for never
// come, which is told.
func counted(w *resources.Workload, rev *servingv1.Revision) *v1alpha1.ProvisionedStatus {
	each := int32(w.EnvironmentsPerPod()) //nolint:gosec // at most 100
	st := &v1alpha1.ProvisionedStatus{
		Requested: w.Provisioned,
		Allocated: min(ptr.Deref(rev.Status.DesiredReplicas, 0)*each, w.Provisioned),
		Available: min(ptr.Deref(rev.Status.ActualReplicas, 0)*each, w.Provisioned),
	}
	st.Allocated = max(st.Allocated, st.Available)
	if room := w.LeastEnvironments(); room < int64(w.Provisioned) {
		st.Message = fmt.Sprintf("Only %d of %d environments may be kept: raise scaling.maxScale or concurrency.reserved.", room, w.Provisioned)
	}
	return st
}
