package command

import (
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// podFlags are the flags about pods: how many there are, and how and where they run. On one machine they have no effect,
// which the engine says.
type podFlags struct {
	minScale, maxScale, target int32
	metric, class              string
	window                     time.Duration
	provisioned                int32
	serviceAccount             string
	runtimeClass               string
	nodeSelector, pullSecrets  []string
	clusterLocal               bool
}

func (p *podFlags) declare(f *pflag.FlagSet) {
	f.Int32Var(&p.minScale, "min-scale", 0, "least number of pods")
	f.Int32Var(&p.maxScale, "max-scale", 0, "most pods; 0: no bound")
	f.Int32Var(&p.target, "target", 0, "how much of the metric one pod should have")
	f.StringVar(&p.metric, "scale-metric", "", "what pods are counted by: concurrency, rps, cpu or memory")
	f.StringVar(&p.class, "scale-class", "", "autoscaler: kpa or hpa")
	f.DurationVar(&p.window, "scale-window", 0, "over what time the metric is averaged, and idle pods stay: 6s to 1h")
	f.Int32Var(&p.provisioned, "provisioned-concurrency", 0, "environments that are kept ready although nobody calls")
	f.StringVar(&p.serviceAccount, "service-account", "", "account that the function runs as")
	f.StringVar(&p.runtimeClass, "runtime-class", "", "sandbox of the pods, such as gvisor or kata")
	f.StringArrayVar(&p.nodeSelector, "node-selector", nil, "label KEY=VALUE of the nodes; KEY- removes it")
	f.StringArrayVar(&p.pullSecrets, "pull-secret", nil, "Secret with credentials for the function's own image")
	f.BoolVar(&p.clusterLocal, "cluster-local", false, "serve the URL inside the cluster only")
}

// applyPods changes spec by the flags that were given.
func (s settingsFlags) applyPods(spec *v1alpha1.FunctionSpec) error {
	s.applyScaling(spec)
	if s.given("provisioned-concurrency") {
		spec.Concurrency = orNew(spec.Concurrency)
		spec.Concurrency.Provisioned = &s.pods.provisioned
	}
	if s.given("cluster-local") {
		spec.HTTP = orNew(spec.HTTP)
		spec.HTTP.Visibility = v1alpha1.VisibilityPublic
		if s.pods.clusterLocal {
			spec.HTTP.Visibility = v1alpha1.VisibilityClusterLocal
		}
	}
	return s.applyPod(spec)
}

func (s settingsFlags) applyScaling(spec *v1alpha1.FunctionSpec) {
	given := false
	scaling := orNew(spec.Scaling)
	set := func(flag string, do func()) {
		if s.given(flag) {
			given = true
			do()
		}
	}
	p := s.pods
	set("min-scale", func() { scaling.MinScale = &p.minScale })
	set("max-scale", func() { scaling.MaxScale = &p.maxScale })
	set("target", func() { scaling.Target = &p.target })
	set("scale-metric", func() { scaling.Metric = p.metric })
	set("scale-window", func() { scaling.Window = &metav1.Duration{Duration: p.window} })
	set("scale-class", func() { scaling.Class = scaleClass(p.class) })
	if given {
		spec.Scaling = scaling
	}
}

// scaleClass completes the names of Knative's autoscalers.
func scaleClass(name string) string {
	switch strings.ToLower(name) {
	case "kpa":
		return v1alpha1.ClassKPA
	case "hpa":
		return v1alpha1.ClassHPA
	default:
		return name
	}
}

func (s settingsFlags) applyPod(spec *v1alpha1.FunctionSpec) error {
	p := s.pods
	if !s.given("service-account") && !s.given("runtime-class") && !s.given("node-selector") && len(p.pullSecrets) == 0 {
		return nil
	}
	pod := orNew(spec.Pod)
	if s.given("service-account") {
		pod.ServiceAccountName = p.serviceAccount
	}
	if s.given("runtime-class") {
		pod.RuntimeClassName = p.runtimeClass
	}
	if len(p.pullSecrets) > 0 {
		pod.ImagePullSecrets = p.pullSecrets
	}
	nodes, err := withPairs(pod.NodeSelector, p.nodeSelector, "--node-selector")
	pod.NodeSelector, spec.Pod = nodes, pod
	return err
}

// orNew is p, or a new value where there is none.
func orNew[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}
