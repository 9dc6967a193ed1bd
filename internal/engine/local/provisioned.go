package local

import (
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// observe fills in how far an object's provisioned concurrency has come. That is looked at when somebody asks rather than
// written down, because it changes with every process that starts or dies.
func (e *Engine) observe(obj v1alpha1.Object) {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		o.Status.Provisioned = e.provisionedOf(o.LambdaName(), lambda.LatestVersion)
	case *v1alpha1.Version:
		o.Status.Provisioned = e.provisionedOf(o.Spec.FunctionName, strconv.FormatInt(o.Spec.Version, 10))
	}
}

// observeAll is observe for a list.
func (e *Engine) observeAll(list runtime.Object) {
	switch l := list.(type) {
	case *v1alpha1.FunctionList:
		for i := range l.Items {
			e.observe(&l.Items[i])
		}
	case *v1alpha1.VersionList:
		for i := range l.Items {
			e.observe(&l.Items[i])
		}
	}
}

// provisionedOf is how far a version's provisioned concurrency has come; nil if none is asked for.
func (e *Engine) provisionedOf(fn, label string) *v1alpha1.ProvisionedStatus {
	s := e.slotOf(fn, label)
	if s == nil {
		return nil
	}
	return s.provisioned()
}

// provisioned is how many environments are to be kept, and how many there are. Those of a run that began before any were
// asked for do not count: it is about to be replaced.
func (s *slot) provisioned() *v1alpha1.ProvisionedStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warm == 0 {
		return nil
	}
	st := &v1alpha1.ProvisionedStatus{Requested: int32(s.warm)} //nolint:gosec // it comes from numbers of 32 bits
	if s.run == nil || s.run.unit.pod.Min == 0 {
		return st
	}
	live, serving := s.run.runner.Environments()
	st.Allocated, st.Available = int32(min(live, s.warm)), int32(min(serving, s.warm)) //nolint:gosec // as above
	return st
}
