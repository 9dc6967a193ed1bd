package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// statusOf is the status of any of our objects that the controller brings about; nil for others.
func statusOf(obj v1alpha1.Object) any {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return &o.Status
	case *v1alpha1.Version:
		return &o.Status
	case *v1alpha1.Alias:
		return &o.Status
	case *v1alpha1.FunctionURLConfig:
		return &o.Status
	case *v1alpha1.ResourcePolicy:
		return &o.Status
	default:
		return nil
	}
}

func conditionsOf(obj v1alpha1.Object) []metav1.Condition {
	switch s := statusOf(obj).(type) {
	case *v1alpha1.FunctionStatus:
		return s.Conditions
	case *v1alpha1.AliasStatus:
		return s.Conditions
	case *v1alpha1.FunctionURLConfigStatus:
		return s.Conditions
	case *v1alpha1.ResourcePolicyStatus:
		return s.Conditions
	default:
		return nil
	}
}

// copyStatus gives to the status of from, an object of the same kind.
func copyStatus(to, from v1alpha1.Object) {
	switch s := statusOf(to).(type) {
	case *v1alpha1.FunctionStatus:
		f, _ := statusOf(from).(*v1alpha1.FunctionStatus)
		f.DeepCopyInto(s)
	case *v1alpha1.AliasStatus:
		f, _ := statusOf(from).(*v1alpha1.AliasStatus)
		f.DeepCopyInto(s)
	case *v1alpha1.FunctionURLConfigStatus:
		f, _ := statusOf(from).(*v1alpha1.FunctionURLConfigStatus)
		f.DeepCopyInto(s)
	case *v1alpha1.ResourcePolicyStatus:
		f, _ := statusOf(from).(*v1alpha1.ResourcePolicyStatus)
		f.DeepCopyInto(s)
	}
}
