package v1alpha1

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Decided reports whether the status says of a generation that the URL answers or that it cannot.
func (s *FunctionURLConfigStatus) Decided(generation int64) bool {
	return s.ObservedGeneration == generation && !meta.IsStatusConditionPresentAndEqual(s.Conditions, ConditionReady, metav1.ConditionUnknown)
}

// MarkReady notes that the URL answers with this generation's policy; url is empty where that follows from the gateway's
// address, which only those know who call it. Deviations are sentences about what it asks for and does not get here; they are
// the message of Ready.
func (s *FunctionURLConfigStatus) MarkReady(generation int64, url string, deviations ...string) {
	s.ObservedGeneration, s.URL = generation, url
	why := Failure{ReasonReady, strings.Join(deviations, " ")}
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionTrue, why, generation)
}

// MarkProgressing notes that the URL does not answer yet; the sentences say what is awaited.
func (s *FunctionURLConfigStatus) MarkProgressing(generation int64, doing ...string) {
	s.ObservedGeneration = generation
	why := Failure{ReasonCreating, strings.Join(append([]string{"The URL is being created."}, doing...), " ")}
	if s.URL != "" {
		why = Failure{ReasonUpdating, strings.Join(append([]string{"The URL is being updated."}, doing...), " ")}
	}
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionUnknown, why, generation)
}

// MarkFailed notes that the URL cannot answer. The reason is that of the [Failure] in err's chain, InternalError if
// there is none.
func (s *FunctionURLConfigStatus) MarkFailed(generation int64, err error) {
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionFalse, *failureOf(err), generation)
}
