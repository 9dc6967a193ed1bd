package resources

import (
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/serving/pkg/apis/config"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

const (
	// ProgressDeadline is how long a Revision may take to become ready before Knative gives it up: time for a large
	// image on a slow registry. Failures that can be seen in a pod are told long before.
	ProgressDeadline = 10 * time.Minute
	// timeoutMargin is how much longer than the function's timeout Knative waits, so that callers get the function's own
	// timeout, as Lambda tells it, and not Knative's. The wait for a first pod, with its image still to be pulled, counts
	// too.
	timeoutMargin = time.Minute
	// visibilityLocal is the value of Knative's label for Services that are not served outside the cluster.
	visibilityLocal = "cluster-local"
)

// MakeService makes the Knative Service that runs a workload. Check must have found no fault in it.
func MakeService(w *Workload) *servingv1.Service {
	return &servingv1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: servingv1.SchemeGroupVersion.String(), Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            w.Name,
			Namespace:       w.Owner.GetNamespace(),
			Labels:          w.serviceLabels(),
			OwnerReferences: []metav1.OwnerReference{controllerRef(w.Owner, w.Kind)},
		},
		Spec: servingv1.ServiceSpec{
			ConfigurationSpec: servingv1.ConfigurationSpec{Template: w.template()},
		},
	}
}

func (w *Workload) labels() map[string]string {
	return map[string]string{
		v1alpha1.LabelFunction: v1alpha1.ObjectName(w.Spec.FunctionName),
		LabelVersion:           versionLabel(w.Version),
	}
}

func (w *Workload) serviceLabels() map[string]string {
	labels := w.labels()
	if w.Local || w.Spec.HTTP.Visibility == v1alpha1.VisibilityClusterLocal {
		labels[networking.VisibilityLabelKey] = visibilityLocal
	}
	return labels
}

// template is what each Revision is made of. All of it counts: any change makes a new Revision, also one of the
// annotations that only scale it.
func (w *Workload) template() servingv1.RevisionTemplateSpec {
	annotations := w.scale()
	annotations[serving.ProgressDeadlineAnnotationKey] = ProgressDeadline.String()
	// Without it Go's proxies before a pod may end a connection whose answer begins before they have seen the end of the
	// request (https://go.dev/issue/40747): one streamed answer in six was cut off.
	annotations[config.AllowHTTPFullDuplexFeatureKey] = string(config.Enabled)
	if !w.plain() {
		maps.Copy(annotations, map[string]string{
			"prometheus.io/scrape": "true",
			"prometheus.io/port":   strconv.Itoa(metricsPort),
		})
	}
	t := servingv1.RevisionTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: w.labels(), Annotations: annotations},
		Spec: servingv1.RevisionSpec{
			PodSpec:              w.pod(),
			ContainerConcurrency: new(w.capacity()),
		},
	}
	if seconds := w.timeout(); seconds > 0 {
		t.Spec.TimeoutSeconds = new(seconds)
		// Functions may be silent until their very end, so Knative's defaults for silence must not cut them off.
		t.Spec.ResponseStartTimeoutSeconds = new(seconds)
		t.Spec.IdleTimeoutSeconds = new(int64(0))
	}
	return t
}

// timeout is how long Knative lets a request take, in seconds; 0 is its default.
func (w *Workload) timeout() int64 {
	if w.plain() {
		return int64(w.Asked.Timeout)
	}
	return int64(w.Spec.Timeout) + int64(timeoutMargin/time.Second)
}

// pod is the pod spec within the bounds that Knative sets.
func (w *Workload) pod() corev1.PodSpec {
	p := corev1.PodSpec{
		Containers:         []corev1.Container{w.container()},
		EnableServiceLinks: new(false), // variables for every Service of the namespace are nothing that Lambda has
		NodeSelector:       w.nodeSelector(),
	}
	p.Volumes = append(w.volumes(), w.identityVolumes()...)
	asked := w.Spec.Pod
	if asked == nil || asked.ServiceAccountName == "" {
		p.AutomountServiceAccountToken = new(false)
	}
	if asked == nil {
		return p
	}
	p.ServiceAccountName = asked.ServiceAccountName
	if asked.RuntimeClassName != "" {
		p.RuntimeClassName = new(asked.RuntimeClassName)
	}
	for _, name := range asked.ImagePullSecrets {
		p.ImagePullSecrets = append(p.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	return p
}

// nodeSelector binds the pods to nodes of the code's architecture, where Knative lets it, and to those that the spec
// names. A plain container's image may be for many architectures, so only one that was asked for binds it.
func (w *Workload) nodeSelector() map[string]string {
	selector := make(map[string]string)
	if w.Features.NodeSelector && (!w.plain() || len(w.Asked.Architectures) > 0) {
		selector[corev1.LabelArchStable] = architecture(w.Spec.Architectures[0])
	}
	if w.Spec.Pod != nil {
		maps.Copy(selector, w.Spec.Pod.NodeSelector)
	}
	if len(selector) == 0 {
		return nil
	}
	return selector
}

// architecture is an instruction set in Kubernetes' words.
func architecture(a v1alpha1.Architecture) string {
	if a == v1alpha1.ArchitectureARM {
		return "arm64"
	}
	return "amd64"
}
