package buildtemplates

import (
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// nobody is the user of all steps, without a name or rights anywhere. buildahUser is the one that the image of buildah
// has ids for, from which those inside the image that it builds are taken.
const (
	nobody      = int64(65532)
	buildahUser = int64(1000)
)

// What the steps get if the operator says nothing. Requests are small, because Kubernetes adds those of all steps
// although only one runs at a time.
const (
	defaultCPU     = "2"
	defaultMemory  = "2Gi"
	defaultDisk    = "4Gi"
	requestCPU     = "100m"
	requestMemory  = "128Mi"
	transferMemory = "512Mi" // of the steps that only fetch and push
)

// stepTemplate is what all steps have in common: they write to the workspace and to /tmp, and nowhere else.
func stepTemplate() *tekton.StepTemplate {
	return &tekton.StepTemplate{
		SecurityContext: stepSecurity(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "workspace", MountPath: workspace},
			{Name: "workspace", MountPath: "/tmp", SubPath: "tmp"},
		},
	}
}

// stepSecurity is what the restricted profile of Kubernetes asks for, and a read-only root file system.
func stepSecurity() *corev1.SecurityContext {
	yes, no, user := true, false, nobody
	return &corev1.SecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user, ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// buildahSecurity is what buildah needs to make a user namespace with more than one user in it: the system calls, which
// the default profile of container runtimes refuses, and newuidmap, which is a program with the right to set ids. With one
// user alone it cannot even start a RUN.
func buildahSecurity() *corev1.SecurityContext {
	sc, yes, no, user := stepSecurity(), true, false, buildahUser
	sc.RunAsUser, sc.RunAsGroup, sc.ReadOnlyRootFilesystem, sc.AllowPrivilegeEscalation = &user, &user, &no, &yes
	sc.Capabilities.Add = []corev1.Capability{"SETGID", "SETUID"}
	sc.SeccompProfile.Type = corev1.SeccompProfileTypeUnconfined
	return sc
}

// buildahEnv chooses what needs no rights: processes in a chroot, and layers as plain folders.
func buildahEnv() []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "BUILDAH_ISOLATION", Value: "chroot"}, {Name: "STORAGE_DRIVER", Value: "vfs"}, {Name: "XDG_RUNTIME_DIR", Value: "/tmp"},
	}
}

// podSecurity lets all steps write to a cache on a volume, by its group.
func podSecurity() *corev1.PodSecurityContext {
	yes, user := true, nobody
	return &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user, FSGroup: &user,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// limits are a step's. Transfers need no more than a little memory.
func limits(s Settings, transfer bool) corev1.ResourceRequirements {
	cpu, memory := quantity(s.CPU, defaultCPU), quantity(s.Memory, defaultMemory)
	if small := resource.MustParse(transferMemory); transfer && memory.Cmp(small) > 0 {
		memory = small
	}
	return corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory},
		Requests: corev1.ResourceList{corev1.ResourceCPU: least(cpu, requestCPU), corev1.ResourceMemory: least(memory, requestMemory)},
	}
}

// quantity is q, or the default if q is zero.
func quantity(q resource.Quantity, otherwise string) resource.Quantity {
	if q.IsZero() {
		return resource.MustParse(otherwise)
	}
	return q
}

func least(q resource.Quantity, most string) resource.Quantity {
	if bound := resource.MustParse(most); q.Cmp(bound) > 0 {
		return bound
	}
	return q
}
