package resources

import (
	"strconv"

	"knative.dev/serving/pkg/apis/autoscaling"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// scale gives the annotations of Knative's autoscaler. Provisioned concurrency is among them, so that changing it makes a
// new Revision, which is harmless: image and pod are the same, and the one before serves until the new one is ready.
func (w *Workload) scale() map[string]string {
	s := w.Spec.Scaling
	if s == nil {
		s = &v1alpha1.Scaling{}
	}
	annotations := map[string]string{autoscaling.MaxScaleAnnotationKey: number(w.mostPods())}
	if least := w.leastPods(); least > 0 {
		annotations[autoscaling.MinScaleAnnotationKey] = number(least)
	}
	if s.Target != nil {
		annotations[autoscaling.TargetAnnotationKey] = number(int64(*s.Target))
	} else if w.capacity() == 1 && s.Metric == "" && s.Class == "" {
		// Knative wants pods to be busy by 70 percent only, so it would start two for a single call.
		annotations[autoscaling.TargetUtilizationPercentageKey] = "100"
	}
	if s.Metric != "" {
		annotations[autoscaling.MetricAnnotationKey] = s.Metric
	}
	if s.Window != nil {
		annotations[autoscaling.WindowAnnotationKey] = s.Window.Duration.String()
	}
	if s.Class != "" {
		annotations[autoscaling.ClassAnnotationKey] = s.Class
	}
	return annotations
}

// leastPods is how many pods there are at least: enough for the provisioned environments and what scaling.minScale says,
// but no more than there may be.
func (w *Workload) leastPods() int64 {
	if w.stopped() {
		return 0
	}
	least := pods(int64(w.Provisioned), w.environments())
	if s := w.Spec.Scaling; s != nil && s.MinScale != nil {
		least = max(least, int64(*s.MinScale))
	}
	if most := w.mostPods(); most > 0 {
		least = min(least, most)
	}
	return least
}

// mostPods is how many pods there may be; 0 is no bound. A function that is stopped has one, to refuse.
func (w *Workload) mostPods() int64 {
	most := int64(w.Platform.Scaling.MaxScale)
	if s := w.Spec.Scaling; s != nil && s.MaxScale != nil {
		most = int64(*s.MaxScale)
	}
	if w.Reserved == nil || w.capacity() == 0 {
		return most
	}
	reserved := max(pods(int64(*w.Reserved), w.capacity()), 1)
	if most == 0 {
		return reserved
	}
	return min(most, reserved)
}

// pods is how many pods of a capacity it takes to hold n.
func pods(n, capacity int64) int64 { return (n + capacity - 1) / capacity }

func number(n int64) string { return strconv.FormatInt(n, 10) }
