package buildtemplates

import (
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deployTask is the name of the Task that deploys.
const deployTask = "lambkin-deploy"

// Bounds of the Pipeline's tasks.
const (
	pipelineBuild  = 30 * time.Minute
	pipelineDeploy = 10 * time.Minute
	tokenLife      = int64(3600) // seconds, longer than the task may last
)

// MakePipeline makes the Pipeline from a git repository to a running revision, for people who have no controller of ours
// or want none: it clones, tests if there is a test, builds, and deploys by digest.
func MakePipeline() *tekton.Pipeline {
	return &tekton.Pipeline{
		TypeMeta:   metav1.TypeMeta{APIVersion: tekton.SchemeGroupVersion.String(), Kind: "Pipeline"},
		ObjectMeta: installed(PipelineName),
		Spec: tekton.PipelineSpec{
			Description: "Builds a function from a git repository and deploys it by digest: a new commit makes a new revision, an unchanged one none.",
			Params:      pipelineParams(),
			Workspaces:  []tekton.PipelineWorkspaceDeclaration{{Name: cache, Description: "caches of package managers", Optional: true}},
			Tasks: []tekton.PipelineTask{
				{
					Name: "build", TaskRef: installedTask(TaskName(param(paramRuntimeID))), Timeout: &metav1.Duration{Duration: pipelineBuild},
					Params:     buildParams(),
					Workspaces: []tekton.WorkspacePipelineTaskBinding{{Name: cache, Workspace: cache}},
				},
				{
					Name: "deploy", TaskRef: installedTask(deployTask), Timeout: &metav1.Duration{Duration: pipelineDeploy},
					Params: deployParams(),
				},
			},
			Results: []tekton.PipelineResult{
				{Name: ResultDigest, Type: tekton.ResultsTypeString, Description: "digest of the image", Value: taskResult("build", ResultDigest)},
				{Name: ResultURL, Type: tekton.ResultsTypeString, Description: "repository of the image", Value: taskResult("build", ResultURL)},
				{Name: ResultCommit, Type: tekton.ResultsTypeString, Description: "commit that was built", Value: taskResult("build", ResultCommit)},
				{Name: resultAddress, Type: tekton.ResultsTypeString, Description: "where the function is", Value: taskResult("deploy", resultAddress)},
			},
		},
	}
}

// installedTask refers to a Task where it is installed, whatever the PipelineRun's namespace.
func installedTask(name string) *tekton.TaskRef {
	return &tekton.TaskRef{ResolverRef: tekton.ResolverRef{Resolver: "cluster", Params: tekton.Params{
		text("kind", "task"), text("name", name), text("namespace", param(paramTasks)),
	}}}
}

func text(name, value string) tekton.Param {
	return tekton.Param{Name: name, Value: *tekton.NewStructuredValues(value)}
}

func taskResult(task, name string) tekton.ParamValue {
	return *tekton.NewStructuredValues("$(tasks." + task + ".results." + name + ")")
}

func pipelineParams() tekton.ParamSpecs {
	list := tekton.ParamSpecs{
		{Name: paramName, Type: tekton.ParamTypeString, Description: "name of the Knative Service or Function"},
		{Name: paramRuntimeID, Type: tekton.ParamTypeString, Description: "id of the runtime, such as nodejs22.x, go, rust or dockerfile: there is a Task lambkin-build-ID for it"},
		{Name: paramImage, Type: tekton.ParamTypeString, Description: "repository to push to: HOST/NAME, without tag"},
		{Name: paramGitURL, Type: tekton.ParamTypeString, Description: "git repository: https, http or ssh"},
	}
	for _, p := range []struct{ name, value, text string }{
		{paramGitRevision, "", "branch, tag or commit; the default branch if empty"},
		{paramGitSecret, "lambkin-git", "Secret of type kubernetes.io/basic-auth or kubernetes.io/ssh-auth, if there is one"},
		{paramPath, "", "folder of the function within the repository"},
		{paramDockerfile, "Dockerfile", "the Dockerfile, relative to path"},
		{paramTest, "", "shell command that must succeed before anything is built"},
		{paramHandler, "", "what the runtime calls"},
		{paramArchitecture, "x86_64", "x86_64 or arm64"},
		{paramKind, "Service", "what to deploy: Service (of Knative) or Function (of Lambkin)"},
		{paramRegistry, "lambkin-registry", "Secret of type kubernetes.io/dockerconfigjson for pushing and pulling, if there is one"},
		{paramCA, "lambkin-registry-ca", "ConfigMap whose key ca.crt holds further certificate authorities, if there is one"},
		{paramPlainHTTP, "", "registries to speak to without TLS, separated by commas"},
		{paramTasks, Namespace, "where the Tasks are installed"},
	} {
		list = append(list, tekton.ParamSpec{Name: p.name, Type: tekton.ParamTypeString, Description: p.text, Default: tekton.NewStructuredValues(p.value)})
	}
	return append(list,
		tekton.ParamSpec{Name: paramEnv, Type: tekton.ParamTypeArray, Description: "variables of test and build, each NAME=VALUE", Default: arrayDefault()},
		tekton.ParamSpec{Name: paramVariables, Type: tekton.ParamTypeArray, Description: "variables of the function, each NAME=VALUE, set when it is deployed for the first time", Default: arrayDefault()},
	)
}

// buildParams hands the Pipeline's parameters on. A Task that has no use for one ignores it.
func buildParams() tekton.Params {
	var list tekton.Params
	for _, name := range []string{
		paramImage, paramGitURL, paramGitRevision, paramGitSecret, paramPath, paramDockerfile, paramTest, paramHandler, paramArchitecture,
		paramRegistry, paramCA, paramPlainHTTP,
	} {
		list = append(list, text(name, param(name)))
	}
	return append(list, tekton.Param{Name: paramEnv, Value: array([]string{all(paramEnv)})})
}

func deployParams() tekton.Params {
	return tekton.Params{
		text(paramName, param(paramName)), text(paramKind, param(paramKind)),
		text(paramImage, "$(tasks.build.results."+ResultURL+")@$(tasks.build.results."+ResultDigest+")"),
		text(paramProtocol, "$(tasks.build.results."+ResultProtocol+")"),
		{Name: paramVariables, Value: array([]string{all(paramVariables)})},
	}
}

// resultAddress is the result of a deployment.
const resultAddress = "URL"

// MakeDeployTask makes the Task that puts an image, by digest, into a Knative Service or a Function and waits until it is
// ready. Its token is made for this step alone; run it as [DeployAccount].
func MakeDeployTask() *tekton.Task {
	s := Settings{Builder: releaseBuilder}
	step := tekton.Step{
		Name: "deploy", Image: s.Builder, Command: []string{builderPath}, ComputeResources: limits(s, true),
		Env: []corev1.EnvVar{{Name: "HOME", Value: "/nonexistent"}},
		Args: []string{"deploy", "--kind=" + param(paramKind), "--name=" + param(paramName), "--namespace=$(context.taskRun.namespace)",
			"--image=" + param(paramImage), "--protocol=" + param(paramProtocol), "--account=" + tokenDir, "--result=" + resultAddress + "=" + result(resultAddress),
			"--", all(paramVariables)},
		VolumeMounts: []corev1.VolumeMount{{Name: "token", MountPath: tokenDir, ReadOnly: true}},
	}
	return &tekton.Task{
		TypeMeta:   metav1.TypeMeta{APIVersion: tekton.SchemeGroupVersion.String(), Kind: "Task"},
		ObjectMeta: installed(deployTask),
		Spec: tekton.TaskSpec{
			Description: "Puts an image into a Knative Service or a Function, which is made if there is none, and waits until it is ready.",
			Params: tekton.ParamSpecs{
				{Name: paramName, Type: tekton.ParamTypeString, Description: "name of the Service or Function"},
				{Name: paramImage, Type: tekton.ParamTypeString, Description: "image by digest"},
				{Name: paramKind, Type: tekton.ParamTypeString, Description: "Service or Function", Default: tekton.NewStructuredValues("Service")},
				{Name: paramProtocol, Type: tekton.ParamTypeString, Description: "what the container speaks: lambda or http", Default: tekton.NewStructuredValues("lambda")},
				{Name: paramVariables, Type: tekton.ParamTypeArray, Description: "variables of a new one, each NAME=VALUE", Default: arrayDefault()},
			},
			Results:      []tekton.TaskResult{{Name: resultAddress, Type: tekton.ResultsTypeString, Description: "where the function is"}},
			Volumes:      []corev1.Volume{tokenVolume()},
			StepTemplate: &tekton.StepTemplate{SecurityContext: stepSecurity()},
			Steps:        []tekton.Step{step},
		},
	}
}

// tokenVolume holds what a pod needs to speak to the API server, for the one step that mounts it.
func tokenVolume() corev1.Volume {
	life := tokenLife
	return corev1.Volume{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &life}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: caKey, Path: caKey}},
		}},
	}}}}
}
