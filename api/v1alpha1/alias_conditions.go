package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MarkReady notes that calls to the alias reach the versions of this generation, and where plain HTTP requests go.
// Deviations are sentences about what the alias asks for and does not get here; they are the message of Ready.
func (s *AliasStatus) MarkReady(generation int64, url string, deviations ...string) {
	s.ObservedGeneration, s.URL = generation, url
	why := Failure{ReasonReady, strings.Join(deviations, " ")}
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionTrue, why, generation)
}

// MarkFailed notes that the alias cannot be followed. The reason is that of the [Failure] in err's chain, InternalError
// if there is none.
func (s *AliasStatus) MarkFailed(generation int64, err error) {
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionFalse, *failureOf(err), generation)
}

// MarkProgressing notes that the alias is being brought up; the sentences say what is awaited.
func (s *AliasStatus) MarkProgressing(generation int64, doing ...string) {
	why := Failure{ReasonCreating, strings.Join(append([]string{"The alias is being created."}, doing...), " ")}
	if s.URL != "" {
		why = Failure{ReasonUpdating, strings.Join(append([]string{"The alias is being updated."}, doing...), " ")}
	}
	s.ObservedGeneration = generation
	setCondition(&s.Conditions, ConditionReady, metav1.ConditionUnknown, why, generation)
}
