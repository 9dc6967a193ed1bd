package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Source is code that has to be built before it can run: fetched, built by the steps of its runtime, and put into an
// image. Exactly one of git, archive, upload and artifact is set.
// +kubebuilder:validation:XValidation:rule="[has(self.git), has(self.archive), has(self.upload), has(self.artifact)].exists_one(set, set)",message="exactly one of git, archive, upload and artifact must be set"
type Source struct {
	// Git is a repository.
	// +optional
	Git *Git `json:"git,omitempty"`
	// Archive is a zip or a tar, plain or gzipped, at a URL.
	// +optional
	Archive *RemoteArchive `json:"archive,omitempty"`
	// Upload is a zip of a folder that the engine holds, put there by an upload.
	// +optional
	Upload *Blob `json:"upload,omitempty"`
	// Artifact is an OCI artifact whose one layer is a zip or a tar, plain or gzipped.
	// +optional
	Artifact *Artifact `json:"artifact,omitempty"`
	// Path is the folder within what was fetched that holds the function; the whole of it if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path,omitempty"`
	// Dockerfile, relative to path, says that the function is an image built from it, rather than code for a runtime.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Dockerfile string `json:"dockerfile,omitempty"`
	// Test is a shell command that must succeed, in the image of the runtime's build, before anything is built.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Test string `json:"test,omitempty"`
	// Env are variables of the build's steps. They are no secrets and not the function's own.
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	Env map[string]string `json:"env,omitempty"`
	// Timeout bounds the build; the operator's default if unset.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// Git is a place in a git repository.
type Git struct {
	// URL of the repository: https, http or ssh.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url"`
	// Revision is a branch, a tag or a commit; the repository's default branch if empty. A branch is read when the
	// object changes, not when the branch does.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Revision string `json:"revision,omitempty"`
	// SecretName is a Secret of type kubernetes.io/basic-auth or kubernetes.io/ssh-auth in the function's namespace.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`
}

// Artifact is an OCI artifact.
type Artifact struct {
	// URI is its reference, by tag or digest.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URI string `json:"uri"`
}

// BuildStatus is what became of a build.
type BuildStatus struct {
	// Name of the Tekton TaskRun in the function's namespace.
	Name string `json:"name"`
	// Generation of the function that it builds.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// Revision is the commit or digest of the source, once fetched.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Succeeded is True, False or Unknown, as Tekton's condition of that name.
	// +optional
	Succeeded metav1.ConditionStatus `json:"succeeded,omitempty"`
	// StartTime is when it was started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is when it ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}
