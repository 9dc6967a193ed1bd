package v1alpha1

import (
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The autoscaler classes of Knative.
const (
	ClassKPA = "kpa.autoscaling.knative.dev"
	ClassHPA = "hpa.autoscaling.knative.dev"
)

// Bounds of scaling.window, which are Knative's.
const (
	leastWindow = 6 * time.Second
	mostWindow  = time.Hour
)

const maxPullSecrets = 16

func (s *Scaling) validate(at *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	faults := validateOptional(s.MinScale, 0, maxInvocations, at.Child("minScale"))
	faults = append(faults, validateOptional(s.MaxScale, 0, maxInvocations, at.Child("maxScale"))...)
	faults = append(faults, validateOptional(s.Target, 1, maxInvocations, at.Child("target"))...)
	if s.MinScale != nil && s.MaxScale != nil && *s.MaxScale != 0 && *s.MinScale > *s.MaxScale {
		faults = append(faults, field.Invalid(at.Child("minScale"), *s.MinScale, "must not be greater than maxScale"))
	}
	if s.Window != nil && (s.Window.Duration < leastWindow || s.Window.Duration > mostWindow || s.Window.Duration%time.Second != 0) {
		faults = append(faults, field.Invalid(at.Child("window"), s.Window.Duration.String(), "must be whole seconds from 6s to 1h"))
	}
	if s.Class != "" {
		faults = append(faults, validateEnum(s.Class, []string{ClassKPA, ClassHPA}, at.Child("class"))...)
	}
	return append(faults, s.validateMetric(at.Child("metric"))...)
}

// validateMetric checks that the autoscaler can count by the metric.
func (s *Scaling) validateMetric(at *field.Path) field.ErrorList {
	if s.Metric == "" {
		return nil
	}
	allowed := []string{"concurrency", "rps"}
	if s.Class == ClassHPA {
		allowed = []string{"cpu", "memory"}
	}
	return validateEnum(s.Metric, allowed, at)
}

func (p *Pod) validate(at *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	var faults field.ErrorList
	if p.ServiceAccountName != "" {
		faults = append(faults, validateSubdomain(p.ServiceAccountName, at.Child("serviceAccountName"))...)
	}
	if p.RuntimeClassName != "" {
		faults = append(faults, validateSubdomain(p.RuntimeClassName, at.Child("runtimeClassName"))...)
	}
	for _, key := range sortedKeys(p.NodeSelector) {
		for _, fault := range validation.IsQualifiedName(key) {
			faults = append(faults, field.Invalid(at.Child("nodeSelector").Key(key), key, fault))
		}
		for _, fault := range validation.IsValidLabelValue(p.NodeSelector[key]) {
			faults = append(faults, field.Invalid(at.Child("nodeSelector").Key(key), p.NodeSelector[key], fault))
		}
	}
	if len(p.ImagePullSecrets) > maxPullSecrets {
		faults = append(faults, field.TooMany(at.Child("imagePullSecrets"), len(p.ImagePullSecrets), maxPullSecrets))
	}
	for i, name := range p.ImagePullSecrets {
		faults = append(faults, validateSubdomain(name, at.Child("imagePullSecrets").Index(i))...)
	}
	return faults
}
