package buildtemplates

import (
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// parts are what a build may have or not.
type parts struct{ test, git, registry, ca bool }

// allParts are the parts of Tasks that are installed: what is not used does nothing.
func allParts(e Entry) parts {
	return parts{test: e.Build != "" && !e.recipe.image, git: e.fetches(), registry: true, ca: true}
}

// fetches reports whether there is any source.
func (e Entry) fetches() bool { return e.ID != Image }

// TaskName is the name of the installed Task of a runtime.
func TaskName(id string) string { return "lambkin-build-" + id }

// MakeTask makes the Task of a runtime for people who write PipelineRuns or TaskRuns themselves. In place of our own
// images it says release://NAME.
func MakeTask(e Entry) *tekton.Task {
	return &tekton.Task{
		TypeMeta:   metav1.TypeMeta{APIVersion: tekton.SchemeGroupVersion.String(), Kind: "Task"},
		ObjectMeta: installed(TaskName(e.ID)),
		Spec:       *makeTaskSpec(e, Settings{Builder: releaseBuilder, Runtime: releaseRuntime}, allParts(e)),
	}
}

// installed is the metadata of what is installed.
func installed(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "lambkin"}}
}

// makeTaskSpec makes the steps of a build. It decides nothing by the values of parameters.
func makeTaskSpec(e Entry, s Settings, p parts) *tekton.TaskSpec {
	return &tekton.TaskSpec{
		Description:  description(e),
		Params:       paramSpecs(e, s, p),
		Results:      results(e),
		Workspaces:   workspaces(e),
		Volumes:      volumes(s, p),
		StepTemplate: stepTemplate(),
		Steps:        steps(e, s, p),
	}
}

func description(e Entry) string {
	switch {
	case e.ID == Image:
		return "Makes a container image that speaks the Lambda Runtime API ready to run on Knative: lays our runtime over it and pushes the result."
	case e.recipe.image:
		return "Builds an image from a Dockerfile, without Docker and without privileges; if it is a Lambda image, lays our runtime over it; pushes the result."
	default:
		return "Builds a function for runtime " + e.ID + ": fetches the source, builds it as its lock files say, puts it on the base image together with our runtime, and pushes the result."
	}
}

func results(e Entry) []tekton.TaskResult {
	list := []tekton.TaskResult{
		{Name: ResultDigest, Type: tekton.ResultsTypeString, Description: "digest of the image"},
		{Name: ResultURL, Type: tekton.ResultsTypeString, Description: "repository of the image"},
		{Name: ResultCodeSHA256, Type: tekton.ResultsTypeString, Description: "digest of the code in base64"},
		{Name: ResultCodeSize, Type: tekton.ResultsTypeString, Description: "size of the code in bytes"},
		{Name: ResultProtocol, Type: tekton.ResultsTypeString, Description: "what the container speaks: lambda or http"},
	}
	if e.fetches() {
		list = append(list, tekton.TaskResult{Name: ResultCommit, Type: tekton.ResultsTypeString, Description: "commit or digest of the source"})
	}
	return list
}

func workspaces(e Entry) []tekton.WorkspaceDeclaration {
	if e.Build == "" {
		return nil
	}
	return []tekton.WorkspaceDeclaration{{Name: cache, Description: "caches of package managers", MountPath: cacheDir, Optional: true}}
}

// volumes are where the steps write, and what they are given. What is optional and not there is an empty folder, and our
// builder says so if that matters.
func volumes(s Settings, p parts) []corev1.Volume {
	optional, disk := true, quantity(s.Disk, defaultDisk)
	list := []corev1.Volume{{Name: "workspace", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &disk}}}}
	if p.git {
		list = append(list, corev1.Volume{Name: "git", VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: param(paramGitSecret), Optional: &optional},
		}})
	}
	if p.registry {
		list = append(list, corev1.Volume{Name: "registry", VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: param(paramRegistry), Optional: &optional},
		}})
	}
	if p.ca {
		list = append(list, corev1.Volume{Name: "ca", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: param(paramCA)}, Optional: &optional,
		}}})
	}
	return list
}

// paramSpecs are the parameters. Most have a default, so that a person names only what differs.
func paramSpecs(e Entry, s Settings, p parts) tekton.ParamSpecs {
	list := tekton.ParamSpecs{
		{Name: paramImage, Type: tekton.ParamTypeString, Description: "repository to push to: HOST/NAME, without tag"},
	}
	add := func(wanted bool, name, value, text string) {
		if wanted {
			list = append(list, tekton.ParamSpec{Name: name, Type: tekton.ParamTypeString, Description: text, Default: tekton.NewStructuredValues(value)})
		}
	}
	source := e.fetches()
	add(source, paramGitURL, "", "git repository: https, http or ssh. One of git-url, archive-url, upload and artifact is needed.")
	add(source, paramGitRevision, "", "branch, tag or commit; the default branch if empty")
	add(p.git, paramGitSecret, "lambkin-git", "Secret of type kubernetes.io/basic-auth or kubernetes.io/ssh-auth for git-url, if there is one")
	add(source, paramArchiveURL, "", "URL of a zip or a tar, plain or gzipped")
	add(source, paramArchiveSum, "", "SHA-256 of what archive-url gives, in hex; not checked if empty")
	add(source, paramUpload, "", "SHA256:SIZE of a zip in the code store")
	add(source, paramArtifact, "", "reference of an OCI artifact whose one layer is a zip or a tar")
	add(source, paramPath, "", "folder of the function within the source")
	add(e.recipe.image, paramDockerfile, "Dockerfile", "the Dockerfile, relative to path")
	add(p.test, paramTest, "", "shell command that must succeed before anything is built")
	add(e.Build != "", paramBuild, e.Build, "image of the test and build steps")
	add(!e.recipe.image, paramBase, e.Base, "image to put the function on")
	add(true, paramRuntime, s.Runtime, "image with our runtime")
	add(true, paramHandler, "", "what the runtime calls")
	add(true, paramArchitecture, "x86_64", "x86_64 or arm64")
	add(true, paramStore, "", "where upload and layers are: the code store's PREFIX/NAMESPACE")
	add(p.registry, paramRegistry, "lambkin-registry", "Secret of type kubernetes.io/dockerconfigjson for pushing and pulling, if there is one")
	add(p.ca, paramCA, "lambkin-registry-ca", "ConfigMap whose key ca.crt holds further certificate authorities, if there is one")
	add(true, paramPlainHTTP, "", "registries to speak to without TLS, separated by commas")
	if e.Build != "" {
		list = append(list, tekton.ParamSpec{Name: paramEnv, Type: tekton.ParamTypeArray, Description: "variables of test and build, each NAME=VALUE", Default: arrayDefault()})
	}
	return append(list, tekton.ParamSpec{Name: paramLayers, Type: tekton.ParamTypeArray, Description: "layers, each SHA256:SIZE of a zip in the code store", Default: arrayDefault()})
}

func arrayDefault() *tekton.ParamValue {
	empty := array([]string{})
	return &empty
}

// param is a reference to a parameter's value.
func param(name string) string { return "$(params." + name + ")" }

// all is a reference to all values of a parameter that is an array.
func all(name string) string { return "$(params." + name + "[*])" }

// result is a reference to the file that a result is written to.
func result(name string) string { return "$(results." + name + ".path)" }

// inSource is the function's folder.
func inSource() string { return sourceDir + "/" + param(paramPath) }
