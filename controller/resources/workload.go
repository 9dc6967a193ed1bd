package resources

import (
	"strconv"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// Workload is a function's $LATEST, or one of its versions, with all that its Service is made of.
type Workload struct {
	// Owner is the Function or Version.
	Owner v1alpha1.Object
	// Kind is the owner's kind.
	Kind string
	// Name of the Service.
	Name string
	// Version is $LATEST or a number.
	Version string
	// Spec is the configuration with the defaults of the Lambda API.
	Spec *v1alpha1.FunctionSpec
	// Asked is the configuration as it was written: what it says nothing of was not asked for.
	Asked *v1alpha1.FunctionSpec
	// Image is the container image by digest.
	Image string
	// Protocol is what the container speaks.
	Protocol v1alpha1.Protocol
	// Reserved is the function's reserved concurrency, which holds for its versions too; nil: none.
	Reserved *int32
	// Provisioned is how many environments are to be kept initialized.
	Provisioned int32
	// Local keeps the Service inside the cluster, whatever the spec says.
	Local bool
	// Role is the ARN of the IAM role that the pods' ServiceAccount stands for on AWS; empty: none.
	Role string
	// Features are what Knative lets a pod have here.
	Features Features
	// Platform is the operator's configuration.
	Platform *platform.Config
}

// FunctionWorkload is the workload of a function's $LATEST. asked is the function as it was read, fn its defaulted copy.
// Image, Protocol, Features and Platform are left to the caller.
func FunctionWorkload(fn, asked *v1alpha1.Function) Workload {
	w := Workload{
		Owner: fn, Kind: "Function", Name: v1alpha1.FunctionServiceName(fn.LambdaName()), Version: lambda.LatestVersion,
		Spec: &fn.Spec, Asked: &asked.Spec,
		Reserved: fn.Spec.Concurrency.Reserved,
	}
	if p := fn.Spec.Concurrency.Provisioned; p != nil {
		w.Provisioned = *p
	}
	return w
}

// VersionWorkload is the workload of a version of a function. asked is the
// version as it was read, v its defaulted copy. The Service is reached through aliases and the gateway, so it stays inside
// the cluster. Image, Protocol, Features and Platform are left to the caller.
func VersionWorkload(v, asked *v1alpha1.Version, fn *v1alpha1.Function, provisioned int32) Workload {
	w := Workload{
		Owner: v, Kind: "Version", Name: v1alpha1.VersionServiceName(v.Spec.FunctionName, v.Spec.Version),
		Version: strconv.FormatInt(v.Spec.Version, 10),
		Spec:    &v.Spec.Function, Asked: &asked.Spec.Function,
		Provisioned: provisioned, Local: true,
	}
	if fn.Spec.Concurrency != nil {
		w.Reserved = fn.Spec.Concurrency.Reserved
	}
	return w
}

// plain says that the container listens for HTTP itself and is run as it is. It knows nothing of Lambda, so the Lambda
// API's defaults for memory, time and concurrency do not hold for it: what its spec does not ask for is Knative's or the
// operator's default, as for any other Service.
func (w *Workload) plain() bool { return w.Protocol == v1alpha1.ProtocolHTTP }

// environments is how many execution environments a pod holds.
func (w *Workload) environments() int64 { return int64(max(w.Spec.Concurrency.EnvironmentsPerPod, 1)) }

// EnvironmentsPerPod is how many execution environments a pod holds.
func (w *Workload) EnvironmentsPerPod() int64 { return w.environments() }

// LeastEnvironments is how many execution environments are kept although nobody calls.
func (w *Workload) LeastEnvironments() int64 { return w.leastPods() * w.environments() }

// capacity is how many invocations a pod takes at once; 0 is no bound.
func (w *Workload) capacity() int64 {
	if c := w.Asked.Concurrency; w.plain() && (c == nil || c.EnvironmentsPerPod == 0 && c.PerEnvironment == 0 && c.Reserved == nil) {
		return 0
	}
	return w.environments() * int64(max(w.Spec.Concurrency.PerEnvironment, 1))
}

// stopped says that the function has a reserved concurrency of 0: every invocation is refused.
func (w *Workload) stopped() bool { return w.Reserved != nil && *w.Reserved == 0 }
