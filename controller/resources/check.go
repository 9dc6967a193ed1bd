package resources

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Check says what the spec asks for that this cluster cannot give and that the function should not run without; nil if
// there is nothing. The error is a [v1alpha1.Failure].
func Check(w *Workload) error {
	p := w.Spec.Pod
	if p != nil && p.RuntimeClassName != "" && !w.Features.RuntimeClass {
		return disabled("pod.runtimeClassName", "kubernetes.podspec-runtimeclassname")
	}
	if p != nil && len(p.NodeSelector) > 0 && !w.Features.NodeSelector {
		return disabled("pod.nodeSelector", "kubernetes.podspec-nodeselector")
	}
	if len(w.Spec.FileSystems) > 0 && !w.Features.Claims {
		return disabled("fileSystems", "kubernetes.podspec-persistent-volume-claim and kubernetes.podspec-persistent-volume-write")
	}
	if err := w.checkDestinations(); err != nil {
		return err
	}
	if w.plain() && w.stopped() {
		return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "concurrency.reserved 0 cannot stop a container that answers HTTP itself; "+
			"set http.visibility to ClusterLocal or delete the function")
	}
	return nil
}

// checkDestinations refuses destinations that nothing can be sent to: their records would be lost.
func (w *Workload) checkDestinations() error {
	if w.Platform == nil {
		return nil
	}
	endpoints := w.Platform.Destinations.Messaging()
	for _, target := range w.Spec.Destinations() {
		if err := endpoints.Check(target); err != nil {
			return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "%v", err)
		}
	}
	return nil
}

func disabled(member, feature string) error {
	return v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "%s needs a feature of Knative that is off here; set %s to enabled in ConfigMap %s/%s",
		member, feature, KnativeNamespace, FeaturesConfigMap)
}

// Deviations are sentences about what the spec asks for and gets differently, or not at all, without being a reason not
// to run. What was not asked for is not told.
func Deviations(w *Workload) []string {
	told := slices.Concat(w.placeDeviations(), w.variableDeviations(), w.concurrencyDeviations())
	if w.plain() {
		return append(told, w.plainDeviations()...)
	}
	if t := w.Asked.Tracing; t != nil && t.Mode == v1alpha1.TracingModeActive {
		told = append(told, "tracing.mode Active begins traces for invocations through the gateway; HTTP requests to the function's own URL bring theirs or have none.")
	}
	return told
}

func (w *Workload) placeDeviations() []string {
	var told []string
	if len(w.Asked.Architectures) > 0 && !w.Features.NodeSelector {
		told = append(told, fmt.Sprintf("Pods may be on nodes that are not %s, because Knative's feature kubernetes.podspec-nodeselector is off.", w.Spec.Architectures[0]))
	}
	if w.Asked.EphemeralStorage != nil && !w.Features.EmptyDir {
		told = append(told, "The size of /tmp is not enforced, because Knative's feature kubernetes.podspec-volumes-emptydir is off.")
	}
	return told
}

func (w *Workload) variableDeviations() []string {
	e := w.Spec.Environment
	if e == nil {
		return nil
	}
	var told []string
	for _, name := range knativeVariables() {
		_, given := e.Variables[name]
		given = given || slices.ContainsFunc(e.VariablesFrom, func(v v1alpha1.VariableFrom) bool { return v.Name == name })
		if given {
			told = append(told, fmt.Sprintf("Variable %s has the value that Knative gives it.", name))
		}
	}
	return told
}

func (w *Workload) concurrencyDeviations() []string {
	if w.Reserved == nil || w.stopped() {
		return nil
	}
	var told []string
	if got := w.mostPods() * w.capacity(); got != int64(*w.Reserved) && w.reservedRules() {
		told = append(told, fmt.Sprintf("Up to %d invocations may run at once instead of the %d reserved, because pods take %d each.", got, *w.Reserved, w.capacity()))
	}
	if w.Version != lambda.LatestVersion {
		told = append(told, "The function's reserved concurrency holds for each of its versions alone.")
	}
	return told
}

// reservedRules says whether the reserved concurrency, rather than scaling.maxScale, says how many pods there may be.
func (w *Workload) reservedRules() bool {
	without := *w
	without.Reserved = nil
	most := without.mostPods()
	return most == 0 || w.mostPods() < most
}

// plainDeviations names what a container that answers HTTP itself makes of no use.
func (w *Workload) plainDeviations() []string {
	a := w.Asked
	given := []struct {
		name string
		set  bool
	}{
		{"http.eventFormat", a.HTTP != nil && a.HTTP.EventFormat != ""},
		{"http.invokeMode", a.HTTP != nil && a.HTTP.InvokeMode != ""},
		{"logging", a.Logging != nil},
		{"tracing", a.Tracing != nil},
	}
	var without []string
	for _, member := range given {
		if member.set {
			without = append(without, member.name)
		}
	}
	if len(without) == 0 {
		return nil
	}
	return []string{"The container answers HTTP itself, so these have no effect: " + strings.Join(without, ", ") + "."}
}
