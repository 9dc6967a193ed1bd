package resources

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	// frontDoorPort is where runtime-api listens; Knative tells it by PORT. It is not 8080, which programs inside a
	// function like to use.
	frontDoorPort = 8500
	// metricsPort is where runtime-api serves its metrics.
	metricsPort = 9095
	// readyPath answers 200 once an environment has initialized.
	readyPath = "/_lambkin/readyz"
	// tmpVolume is the volume for temporary files, and tmpPath where it is.
	tmpVolume = "tmp"
	tmpPath   = "/tmp"
)

const (
	mebibyte = 1 << 20
	// runtimeMemory is what runtime-api needs beside the function, in bytes.
	runtimeMemory = 32 * mebibyte
	// memoryPerCPU is how many megabytes of memory make one vCPU on Lambda
	// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
	memoryPerCPU = 1769
	// requestedShare is the part of Lambda's share of a CPU that is requested for a pod. Most functions wait most of the
	// time, and there is no limit: what a node has left is theirs. It lets a node with 2 CPUs hold a hundred of them.
	requestedShare = 0.25
	// leastCPU is the least that is requested, in thousandths of a CPU.
	leastCPU = 10
)

func (w *Workload) container() corev1.Container {
	if w.plain() {
		return w.plainContainer()
	}
	c := corev1.Container{
		Name:            Container,
		Image:           w.Image,
		Env:             w.lambdaEnv(),
		Ports:           []corev1.ContainerPort{{ContainerPort: frontDoorPort}},
		Resources:       w.lambdaResources(),
		SecurityContext: strict(w.ownTmp()),
		ReadinessProbe:  readinessProbe(),
		// The failure of init is written there; what is in the log is the function's own.
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	c.VolumeMounts = append(w.mounts(), w.identityMounts()...)
	return c
}

// readinessProbe has as much time as passes between two probes, and runtime-api keeps a probe nearly as long until the first
// init is over. So some probe always waits, and kubelet and activator learn at once that a pod is ready. More of them would
// cost nodes with many idle pods too much of their CPU.
//
// Without a period Knative's queue-proxy asks the container by itself, twenty times a second, but the kubelet asks queue-proxy
// every ten seconds and has patience for one: a Revision whose init takes a few seconds would be ready up to ten later. As
// there, a pod that has been ready may be silent for half a minute before it gets no more requests.
func readinessProbe() *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: readyPath}},
		PeriodSeconds: 3, TimeoutSeconds: 3, SuccessThreshold: 1, FailureThreshold: 10,
	}
}

// plainContainer runs an image that listens for HTTP as it is: Knative tells it by PORT where.
func (w *Workload) plainContainer() corev1.Container {
	c := corev1.Container{
		Name:            Container,
		Image:           w.Image,
		Env:             w.ownEnv(),
		Resources:       w.plainResources(),
		SecurityContext: lenient(),
	}
	if i := w.Spec.Code.Image; i != nil {
		c.Command, c.Args, c.WorkingDir = literals(i.EntryPoint), literals(i.Command), i.WorkingDirectory
	}
	c.VolumeMounts = append(w.mounts(), w.identityMounts()...)
	return c
}

// strict is what Kubernetes' restricted pod security standard wants, and more: nothing but temporary files can be
// written. Without a volume for these the root file system has to take them.
func strict(tmp bool) *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   new(tmp),
		RunAsNonRoot:             new(true),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// lenient is for images that were not made for us: they may run as the user they name, root too, and write to their
// root file system. What they leave open is set by Knative's secure-pod-defaults, if the operator wants that.
func lenient() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// lambdaResources gives each environment its memory and adds what runtime-api needs. Memory is requested as it is
// limited: a function that was promised memory must not be killed because its neighbours use theirs.
func (w *Workload) lambdaResources() corev1.ResourceRequirements {
	megabytes := int64(w.Spec.MemorySize) * w.environments()
	memory := *resource.NewQuantity(megabytes*mebibyte+runtimeMemory, resource.BinarySI)
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceMemory: memory, corev1.ResourceCPU: cpu(megabytes)},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: memory},
	}
}

// plainResources are what the spec asks for.
func (w *Workload) plainResources() corev1.ResourceRequirements {
	if w.Asked.MemorySize == 0 {
		return corev1.ResourceRequirements{}
	}
	megabytes := int64(w.Asked.MemorySize) * w.environments()
	memory := *resource.NewQuantity(megabytes*mebibyte, resource.BinarySI)
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceMemory: memory, corev1.ResourceCPU: cpu(megabytes)},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: memory},
	}
}

// cpu is how much of a CPU is requested for that much memory.
func cpu(megabytes int64) resource.Quantity {
	thousandths := int64(math.Ceil(float64(megabytes) * 1000 / memoryPerCPU * requestedShare))
	return *resource.NewMilliQuantity(max(thousandths, leastCPU), resource.DecimalSI)
}

// ownTmp says whether /tmp is a volume of its own. A plain container has its image's, unless it asks for a size.
func (w *Workload) ownTmp() bool {
	return w.Features.EmptyDir && (!w.plain() || w.Asked.EphemeralStorage != nil)
}

func (w *Workload) tmpVolume() corev1.Volume {
	size := resource.NewQuantity(int64(w.Spec.EphemeralStorage.Size)*mebibyte, resource.BinarySI)
	return corev1.Volume{Name: tmpVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: size}}}
}
