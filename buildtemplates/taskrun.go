package buildtemplates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Settings are what the operator decides about builds.
type Settings struct {
	// Builder is the image of the first and last steps, Runtime the one that is laid over every base.
	Builder, Runtime string
	// ServiceAccountName runs the pod. It needs no rights and gets no token.
	ServiceAccountName string
	// Timeout bounds builds whose source says nothing.
	Timeout time.Duration
	// CPU and Memory bound each step, Disk all that they write together. Zero ones are 2, 2Gi and 4Gi.
	CPU, Memory, Disk resource.Quantity
	// CacheClaim is a PersistentVolumeClaim in the namespace for the caches of package managers. Empty: none are kept.
	CacheClaim string
	// Env are variables of the test and build steps; those of the source win.
	Env map[string]string
	// PushSecret is a Secret of type kubernetes.io/dockerconfigjson in the namespace. Empty: nobody.
	PushSecret string
	// PlainHTTP are the registries that are spoken to without TLS.
	PlainHTTP []string
	// CAConfigMap is a ConfigMap in the namespace whose key ca.crt holds further certificate authorities, for the
	// registry and for git. Empty: none.
	CAConfigMap string
}

// TaskRunInput says what is built.
type TaskRunInput struct {
	// Metadata is the TaskRun's: name, namespace, labels, annotations, owner.
	Metadata metav1.ObjectMeta
	// Entry is the function's runtime, or that of [Dockerfile].
	Entry Entry
	// Source is what is built.
	Source v1alpha1.Source
	// Image is the repository that the image is pushed to.
	Image string
	// Store is the prefix of the code store that holds uploads and layers: PREFIX/NAMESPACE.
	Store string
	// Handler is the function's.
	Handler string
	// Architecture is what the code is for; x86_64 if empty.
	Architecture v1alpha1.Architecture
	// Layers are Lambda layers in the code store, the lowest first.
	Layers []v1alpha1.Blob
	// Settings are the operator's.
	Settings Settings
}

// MakeTaskRun makes the build of a source as a TaskRun that carries its steps with it. The same input gives the same object.
func MakeTaskRun(in TaskRunInput) *tekton.TaskRun {
	s, noToken := in.Settings, false
	spec := makeTaskSpec(in.Entry, s, partsOf(in))
	run := &tekton.TaskRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: tekton.SchemeGroupVersion.String(), Kind: "TaskRun"},
		ObjectMeta: *in.Metadata.DeepCopy(),
		Spec: tekton.TaskRunSpec{
			ServiceAccountName: s.ServiceAccountName,
			TaskSpec:           spec,
			Params:             in.params(spec.Params),
			Timeout:            &metav1.Duration{Duration: s.Timeout},
			PodTemplate: &pod.PodTemplate{
				AutomountServiceAccountToken: &noToken,
				EnableServiceLinks:           &noToken,
				SecurityContext:              podSecurity(),
			},
		},
	}
	if in.Source.Timeout != nil {
		run.Spec.Timeout = in.Source.Timeout.DeepCopy()
	}
	if !in.Entry.recipe.cross {
		run.Spec.PodTemplate.NodeSelector = map[string]string{corev1.LabelArchStable: goArch(in.Architecture)}
	}
	if s.CacheClaim != "" {
		claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: s.CacheClaim}
		run.Spec.Workspaces = []tekton.WorkspaceBinding{{Name: cache, PersistentVolumeClaim: claim}}
	}
	return run
}

// partsOf says which of the parts that a Task may have this build needs.
func partsOf(in TaskRunInput) parts {
	return parts{
		test: in.Source.Test != "" && in.Entry.Build != "", git: in.Source.Git != nil && in.Source.Git.SecretName != "",
		registry: in.Settings.PushSecret != "", ca: in.Settings.CAConfigMap != "",
	}
}

// params are the values of those parameters that are declared; what has its default is left out.
func (in TaskRunInput) params(declared tekton.ParamSpecs) tekton.Params {
	values := place(in.Source)
	maps.Copy(values, map[string]string{
		paramImage: in.Image, paramStore: in.Store, paramPath: in.Source.Path, paramDockerfile: in.Source.Dockerfile,
		paramTest: in.Source.Test, paramHandler: in.Handler, paramArchitecture: string(in.Architecture),
		paramRegistry: in.Settings.PushSecret, paramCA: in.Settings.CAConfigMap, paramPlainHTTP: strings.Join(in.Settings.PlainHTTP, ","),
	})
	lists := map[string][]string{paramEnv: in.env(), paramLayers: in.layers()}
	var list tekton.Params
	for _, p := range declared {
		switch {
		case values[p.Name] != "":
			list = append(list, text(p.Name, values[p.Name]))
		case len(lists[p.Name]) > 0:
			list = append(list, tekton.Param{Name: p.Name, Value: array(lists[p.Name])})
		}
	}
	return list
}

// place says where the source is.
func place(s v1alpha1.Source) map[string]string {
	switch {
	case s.Git != nil:
		return map[string]string{paramGitURL: s.Git.URL, paramGitRevision: s.Git.Revision, paramGitSecret: s.Git.SecretName}
	case s.Archive != nil:
		return map[string]string{paramArchiveURL: s.Archive.Location, paramArchiveSum: s.Archive.SHA256}
	case s.Upload != nil:
		return map[string]string{paramUpload: stored(*s.Upload)}
	case s.Artifact != nil:
		return map[string]string{paramArtifact: s.Artifact.URI}
	default:
		return map[string]string{}
	}
}

// stored names bytes in the code store as our builder takes them.
func stored(b v1alpha1.Blob) string { return fmt.Sprintf("%s:%d", b.SHA256, b.Size) }

// env are the variables of test and build, sorted.
func (in TaskRunInput) env() []string {
	all := maps.Clone(in.Settings.Env)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, in.Source.Env)
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

func (in TaskRunInput) layers() []string {
	list := make([]string, 0, len(in.Layers))
	for _, layer := range in.Layers {
		list = append(list, stored(layer))
	}
	return list
}

// array is a value of type array even if it is empty.
func array(values []string) tekton.ParamValue {
	return tekton.ParamValue{Type: tekton.ParamTypeArray, ArrayVal: values}
}

// goArch is how Go and Kubernetes name an architecture.
func goArch(a v1alpha1.Architecture) string {
	if a == v1alpha1.ArchitectureARM {
		return "arm64"
	}
	return "amd64"
}
