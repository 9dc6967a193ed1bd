package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MarkReady notes that this generation of the policy holds.
func (s *ResourcePolicyStatus) MarkReady(generation int64) {
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionTrue, Failure{Reason: ReasonReady}, generation)
}

// MarkFailed notes that the policy cannot be kept. The reason is that of the [Failure] in err's chain, InternalError if
// there is none.
func (s *ResourcePolicyStatus) MarkFailed(generation int64, err error) {
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionFalse, *failureOf(err), generation)
}
