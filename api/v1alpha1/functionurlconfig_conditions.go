package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MarkReady notes that the URL answers with this generation's policy.
func (s *FunctionURLConfigStatus) MarkReady(generation int64, url string) {
	s.ObservedGeneration, s.URL = generation, url
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionTrue, Failure{ReasonReady, ""}, generation)
}

// MarkFailed notes that the URL cannot answer. The reason is that of the [Failure] in err's chain, InternalError if
// there is none.
func (s *FunctionURLConfigStatus) MarkFailed(generation int64, err error) {
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionFalse, *failureOf(err), generation)
}
