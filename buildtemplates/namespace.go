package buildtemplates

import (
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// MakeAccounts makes what a namespace needs for PipelineRuns of [MakePipeline]: the account that builds, and the one that
// deploys with its rights. They name no namespace: apply them where they are wanted.
func MakeAccounts() []runtime.Object {
	no := false
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Labels: map[string]string{"app.kubernetes.io/part-of": "lambkin"}}
	}
	verbs := []string{"get", "create", "patch"}
	return []runtime.Object{
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta(BuildAccount), AutomountServiceAccountToken: &no},
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta(DeployAccount), AutomountServiceAccountToken: &no},
		&rbac.Role{
			TypeMeta: metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: meta(DeployAccount),
			Rules: []rbac.PolicyRule{
				{APIGroups: []string{"serving.knative.dev"}, Resources: []string{"services"}, Verbs: verbs},
				{APIGroups: []string{"lambkin.dev"}, Resources: []string{"functions"}, Verbs: verbs},
			},
		},
		&rbac.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbac.SchemeGroupVersion.String(), Kind: "RoleBinding"}, ObjectMeta: meta(DeployAccount),
			RoleRef:  rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: DeployAccount},
			Subjects: []rbac.Subject{{Kind: rbac.ServiceAccountKind, Name: DeployAccount}},
		},
	}
}

// MakePipelineRun makes a run of the Pipeline to start from: the smallest one that works, for a Go function.
func MakePipelineRun() *tekton.PipelineRun {
	no := false
	return &tekton.PipelineRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: tekton.SchemeGroupVersion.String(), Kind: "PipelineRun"},
		ObjectMeta: metav1.ObjectMeta{GenerateName: "hello-"},
		Spec: tekton.PipelineRunSpec{
			PipelineRef: &tekton.PipelineRef{ResolverRef: tekton.ResolverRef{Resolver: "cluster", Params: tekton.Params{
				text("kind", "pipeline"), text("name", PipelineName), text("namespace", Namespace),
			}}},
			Params: tekton.Params{
				text(paramName, "hello"), text(paramRuntimeID, Go), text(paramImage, "registry.example/functions/hello"),
				text(paramGitURL, "https://git.example/functions.git"), text(paramPath, "hello"),
			},
			TaskRunTemplate: tekton.PipelineTaskRunTemplate{
				ServiceAccountName: BuildAccount,
				PodTemplate:        &pod.PodTemplate{AutomountServiceAccountToken: &no, SecurityContext: podSecurity()},
			},
			TaskRunSpecs: []tekton.PipelineTaskRunSpec{{PipelineTaskName: "deploy", ServiceAccountName: DeployAccount}},
		},
	}
}
