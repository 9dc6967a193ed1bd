package buildtemplates_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/buildtemplates"
)

func lookup(t testing.TB, id string) buildtemplates.Entry {
	t.Helper()
	e, err := buildtemplates.Lookup(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ids are all runtimes of the catalogue that can be built.
func ids() []string {
	list := []string{buildtemplates.Go, buildtemplates.Rust, buildtemplates.Image, buildtemplates.Dockerfile}
	for _, r := range bootstrap.All() {
		if _, err := buildtemplates.Lookup(r.ID, nil); err == nil {
			list = append(list, r.ID)
		}
	}
	return list
}

const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// full is a build with all that a build may have.
func full(e buildtemplates.Entry) buildtemplates.TaskRunInput {
	return buildtemplates.TaskRunInput{
		Metadata: metav1.ObjectMeta{
			Name: "hello-abc12", Namespace: "team", Labels: map[string]string{"lambkin.dev/function": "hello"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "lambkin.dev/v1alpha1", Kind: "Function", Name: "hello", UID: "1"}},
		},
		Entry: e,
		Source: v1alpha1.Source{
			Git:  &v1alpha1.Git{URL: "https://git.example/f.git", Revision: "main", SecretName: "git-login"},
			Path: "hello", Dockerfile: "Containerfile", Test: "make test", Env: map[string]string{"B": "2", "GOPROXY": "off"},
			Timeout: &metav1.Duration{Duration: time.Minute},
		},
		Image: "registry.example/functions/team/hello", Store: "registry.example/functions/team", Handler: "index.handler",
		Architecture: v1alpha1.ArchitectureARM, Layers: []v1alpha1.Blob{{SHA256: digest, Size: 7}},
		Settings: buildtemplates.Settings{
			Builder: "registry.example/builder@sha256:" + digest, Runtime: "registry.example/runtime@sha256:" + digest,
			ServiceAccountName: "lambkin-build", Timeout: 20 * time.Minute,
			CPU: resource.MustParse("1500m"), Memory: resource.MustParse("3Gi"), Disk: resource.MustParse("5Gi"), CacheClaim: "packages",
			Env: map[string]string{"A": "1", "GOPROXY": "http://proxy"}, PushSecret: "push", PlainHTTP: []string{"registry.example:5000", "other"},
			CAConfigMap: "authorities",
		},
	}
}

// bare is the least that a build may have.
func bare(e buildtemplates.Entry) buildtemplates.TaskRunInput {
	return buildtemplates.TaskRunInput{
		Metadata: metav1.ObjectMeta{Name: "hello-1", Namespace: "team"}, Entry: e,
		Source: v1alpha1.Source{Upload: &v1alpha1.Blob{SHA256: digest, Size: 5}},
		Image:  "registry.example/f", Store: "registry.example/team",
		Settings: buildtemplates.Settings{Builder: "builder", Runtime: "runtime", ServiceAccountName: "lambkin-build", Timeout: time.Minute},
	}
}

func TestTektonAccepts(t *testing.T) {
	t.Run("Pipeline", func(t *testing.T) {
		p := buildtemplates.MakePipeline()
		p.SetDefaults(t.Context())
		if err := p.Validate(t.Context()); err != nil {
			t.Error(err)
		}
		run := buildtemplates.MakePipelineRun()
		run.SetDefaults(t.Context())
		run.Name = run.GenerateName + "x" // the API server makes the name before anybody validates
		if err := run.Validate(t.Context()); err != nil {
			t.Error(err)
		}
	})
	tasks := []*tekton.Task{buildtemplates.MakeDeployTask()}
	for _, id := range ids() {
		tasks = append(tasks, buildtemplates.MakeTask(lookup(t, id)))
	}
	for _, task := range tasks {
		t.Run(task.Name, func(t *testing.T) {
			task.SetDefaults(t.Context())
			if err := task.Validate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, id := range ids() {
		for _, in := range []buildtemplates.TaskRunInput{full(lookup(t, id)), bare(lookup(t, id))} {
			t.Run("TaskRun/"+id+"/"+in.Metadata.Name, func(t *testing.T) {
				run := buildtemplates.MakeTaskRun(in)
				run.SetDefaults(t.Context())
				if err := run.Validate(t.Context()); err != nil {
					t.Error(err)
				}
				declared := map[string]bool{}
				for _, p := range run.Spec.TaskSpec.Params {
					declared[p.Name] = true
				}
				for _, p := range run.Spec.Params {
					if !declared[p.Name] {
						t.Errorf("parameter %q is given and not declared", p.Name)
					}
				}
			})
		}
	}
}

// container is a step with what it has from the template.
type container struct {
	step   tekton.Step
	sc     *corev1.SecurityContext
	mounts []corev1.VolumeMount
}

func containers(spec *tekton.TaskSpec) []container {
	var list []container
	for _, step := range spec.Steps {
		c := container{step: step, sc: spec.StepTemplate.SecurityContext, mounts: slices.Concat(spec.StepTemplate.VolumeMounts, step.VolumeMounts)}
		if step.SecurityContext != nil {
			c.sc = step.SecurityContext
		}
		list = append(list, c)
	}
	return list
}

// specs are the steps of everything that we make.
func specs(t *testing.T) map[string]*tekton.TaskSpec {
	all := map[string]*tekton.TaskSpec{"deploy": &buildtemplates.MakeDeployTask().Spec}
	for _, id := range ids() {
		all["Task/"+id] = &buildtemplates.MakeTask(lookup(t, id)).Spec
		all["TaskRun/"+id] = buildtemplates.MakeTaskRun(full(lookup(t, id))).Spec.TaskSpec
		all["Bare/"+id] = buildtemplates.MakeTaskRun(bare(lookup(t, id))).Spec.TaskSpec
	}
	return all
}

func TestStepsAreConfined(t *testing.T) {
	for name, spec := range specs(t) {
		for _, c := range containers(spec) {
			t.Run(name+"/"+c.step.Name, func(t *testing.T) {
				sc := c.sc
				if !*sc.RunAsNonRoot || *sc.RunAsUser == 0 || sc.Privileged != nil || !slices.Contains(sc.Capabilities.Drop, "ALL") {
					t.Errorf("runs with rights: %+v", sc)
				}
				if !strings.HasSuffix(name, "/dockerfile") || c.step.Name != buildtemplates.StepBuild {
					if *sc.AllowPrivilegeEscalation || !*sc.ReadOnlyRootFilesystem || len(sc.Capabilities.Add) > 0 || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
						t.Errorf("is not confined as the restricted profile wants: %+v", sc)
					}
				}
				for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
					limit, request := c.step.ComputeResources.Limits[r], c.step.ComputeResources.Requests[r]
					if limit.IsZero() || request.IsZero() || request.Cmp(limit) > 0 {
						t.Errorf("%s is limited to %s and requested with %s", r, limit.String(), request.String())
					}
				}
				if len(c.step.Command) == 0 {
					t.Error("has no command, so Tekton would have to ask the registry for one")
				}
				if c.step.Script != "" {
					t.Error("has a script, for which Tekton starts one more container")
				}
			})
		}
	}
}

// TestSecretsStayApart holds that steps which run code of other people see no credentials.
func TestSecretsStayApart(t *testing.T) {
	allowed := map[string][]string{
		buildtemplates.StepFetch: {"workspace", "registry", "ca", "git"},
		buildtemplates.StepTest:  {"workspace"},
		buildtemplates.StepBuild: {"workspace"},
		buildtemplates.StepBake:  {"workspace", "registry", "ca"},
		"deploy":                 {"token"},
	}
	for name, spec := range specs(t) {
		for _, c := range containers(spec) {
			for _, m := range c.mounts {
				if !slices.Contains(allowed[c.step.Name], m.Name) {
					t.Errorf("%s: step %s sees volume %q", name, c.step.Name, m.Name)
				}
				if m.Name != "workspace" && !m.ReadOnly {
					t.Errorf("%s: step %s may write to %q", name, c.step.Name, m.Name)
				}
			}
			for _, v := range c.step.Env {
				if v.ValueFrom != nil {
					t.Errorf("%s: step %s has variable %q from elsewhere", name, c.step.Name, v.Name)
				}
			}
		}
	}
	run := buildtemplates.MakeTaskRun(full(lookup(t, "nodejs22.x")))
	if token := run.Spec.PodTemplate.AutomountServiceAccountToken; token == nil || *token {
		t.Error("the pod of a build has the token of its service account")
	}
}

// TestValuesAreNoScripts holds that parameters reach a shell as variables and arguments only.
func TestValuesAreNoScripts(t *testing.T) {
	for name, spec := range specs(t) {
		for _, step := range spec.Steps {
			for _, word := range step.Command {
				for _, mark := range []string{"$(params", "$(workspaces", "$(results", "$(context", "$$"} {
					if strings.Contains(word, mark) {
						t.Errorf("%s: the command of step %s holds %q", name, step.Name, mark)
					}
				}
			}
			for _, v := range step.Env {
				if strings.Contains(strings.Join(step.Command, "\n"), "$("+v.Name+")") {
					t.Errorf("%s: Kubernetes would expand $(%s) in step %s", name, v.Name, step.Name)
				}
			}
		}
	}
}

func params(run *tekton.TaskRun) map[string]any {
	got := map[string]any{}
	for _, p := range run.Spec.Params {
		if p.Value.Type == tekton.ParamTypeArray {
			got[p.Name] = p.Value.ArrayVal
			continue
		}
		got[p.Name] = p.Value.StringVal
	}
	return got
}

func TestMakeTaskRun(t *testing.T) {
	in := full(lookup(t, "nodejs22.x"))
	run := buildtemplates.MakeTaskRun(in)
	if diff := cmp.Diff(in.Metadata, run.ObjectMeta); diff != "" {
		t.Errorf("metadata -want +got:\n%s", diff)
	}
	want := map[string]any{
		"image": "registry.example/functions/team/hello", "store": "registry.example/functions/team", "path": "hello", "handler": "index.handler",
		"architecture": "arm64", "plain-http": "registry.example:5000,other", "test": "make test", "git-secret": "git-login",
		"registry-secret": "push", "ca-configmap": "authorities", "git-url": "https://git.example/f.git", "git-revision": "main",
		"env": []string{"A=1", "B=2", "GOPROXY=off"}, "layers": []string{digest + ":7"},
	}
	if diff := cmp.Diff(want, params(run)); diff != "" {
		t.Errorf("parameters -want +got:\n%s", diff)
	}
	if got := run.Spec.Timeout.Duration; got != time.Minute {
		t.Errorf("timeout is %v, want the source's", got)
	}
	if got := run.Spec.PodTemplate.NodeSelector[corev1.LabelArchStable]; got != "arm64" {
		t.Errorf("runs on nodes of architecture %q: native modules are compiled for where they are built", got)
	}
	if got := run.Spec.Workspaces[0].PersistentVolumeClaim.ClaimName; got != "packages" {
		t.Errorf("cache is on claim %q", got)
	}
	if got := run.Spec.TaskSpec.Volumes[0].EmptyDir.SizeLimit.String(); got != "5Gi" {
		t.Errorf("disk is %s, want the operator's", got)
	}
	var steps []string
	for _, s := range run.Spec.TaskSpec.Steps {
		steps = append(steps, s.Name)
	}
	if diff := cmp.Diff([]string{"fetch", "test", "build", "bake"}, steps); diff != "" {
		t.Errorf("steps -want +got:\n%s", diff)
	}
	build := run.Spec.TaskSpec.Steps[2].ComputeResources.Limits
	if build.Cpu().String() != "1500m" || build.Memory().String() != "3Gi" {
		t.Errorf("the build is limited to %s CPUs and %s, want the operator's", build.Cpu(), build.Memory())
	}
	if bake := run.Spec.TaskSpec.Steps[3].ComputeResources.Limits; bake.Memory().String() != "512Mi" {
		t.Errorf("the bake is limited to %s, want less than the build", bake.Memory())
	}
	if again := buildtemplates.MakeTaskRun(in); cmp.Diff(run, again) != "" {
		t.Error("the same input gives another object")
	}
}

func TestMakeTaskRunParts(t *testing.T) {
	cases := map[string]struct {
		reason  string
		id      string
		change  func(*buildtemplates.TaskRunInput)
		steps   []string
		volumes []string
		params  map[string]any // some of them
		node    string
	}{
		"Bare": {
			reason: "What is not asked for is not there, and what is not said has its default.", id: "python3.12",
			steps: []string{"fetch", "build", "bake"}, volumes: []string{"workspace"},
			params: map[string]any{"upload": digest + ":5", "architecture": nil}, node: "amd64",
		},
		"Go": {
			reason: "It compiles for any architecture anywhere.", id: buildtemplates.Go,
			steps: []string{"fetch", "build", "bake"}, volumes: []string{"workspace"},
		},
		"Archive": {
			reason: "Its digest goes with it.", id: "ruby3.4",
			change: func(in *buildtemplates.TaskRunInput) {
				in.Source = v1alpha1.Source{Archive: &v1alpha1.RemoteArchive{Location: "https://x/y.tgz", SHA256: digest}}
			},
			steps: []string{"fetch", "build", "bake"}, volumes: []string{"workspace"}, node: "amd64",
			params: map[string]any{"archive-url": "https://x/y.tgz", "archive-sha256": digest},
		},
		"Artifact": {
			reason: "It is a reference.", id: "ruby3.4",
			change: func(in *buildtemplates.TaskRunInput) {
				in.Source = v1alpha1.Source{Artifact: &v1alpha1.Artifact{URI: "r.example/src:1"}}
			},
			steps: []string{"fetch", "build", "bake"}, volumes: []string{"workspace"}, node: "amd64",
			params: map[string]any{"artifact": "r.example/src:1"},
		},
		"PublicGit": {
			reason: "Without a Secret there is no volume for one, so no other Secret can get in.", id: "ruby3.4",
			change: func(in *buildtemplates.TaskRunInput) {
				in.Source = v1alpha1.Source{Git: &v1alpha1.Git{URL: "https://x/y"}}
			},
			steps: []string{"fetch", "build", "bake"}, volumes: []string{"workspace"}, node: "amd64",
			params: map[string]any{"git-url": "https://x/y", "git-secret": nil},
		},
		"Executable": {
			reason: "There is nothing to build, nor an image to test in.", id: "exec",
			change: func(in *buildtemplates.TaskRunInput) { in.Source.Test = "true" },
			steps:  []string{"fetch", "bake"}, volumes: []string{"workspace"}, node: "amd64",
		},
		"Dockerfile": {
			reason: "The Dockerfile may have another than its usual name.", id: buildtemplates.Dockerfile,
			change: func(in *buildtemplates.TaskRunInput) { in.Source.Dockerfile = "deploy/Containerfile" },
			steps:  []string{"fetch", "build", "bake"}, volumes: []string{"workspace"}, node: "amd64",
			params: map[string]any{"dockerfile": "deploy/Containerfile"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := bare(lookup(t, tc.id))
			if tc.change != nil {
				tc.change(&in)
			}
			run := buildtemplates.MakeTaskRun(in)
			var steps, volumes []string
			for _, s := range run.Spec.TaskSpec.Steps {
				steps = append(steps, s.Name)
			}
			for _, v := range run.Spec.TaskSpec.Volumes {
				volumes = append(volumes, v.Name)
			}
			if diff := cmp.Diff(tc.steps, steps); diff != "" {
				t.Errorf("%s\nsteps -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.volumes, volumes); diff != "" {
				t.Errorf("%s\nvolumes -want +got:\n%s", tc.reason, diff)
			}
			got := params(run)
			for name, want := range tc.params {
				if diff := cmp.Diff(want, got[name]); diff != "" {
					t.Errorf("%s\nparameter %s -want +got:\n%s", tc.reason, name, diff)
				}
			}
			if node := run.Spec.PodTemplate.NodeSelector[corev1.LabelArchStable]; node != tc.node {
				t.Errorf("%s\nruns on nodes of architecture %q, want %q", tc.reason, node, tc.node)
			}
			if run.Spec.Workspaces != nil {
				t.Errorf("%s\nhas a cache that nobody gave it", tc.reason)
			}
		})
	}
}

func TestInstalled(t *testing.T) {
	files, err := buildtemplates.Installed(map[string]buildtemplates.Override{"python3.13": {Base: "r/base", Build: "r/build"}})
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	for _, object := range files["build-python"] {
		task, ok := object.(*tekton.Task)
		if !ok || task.Name != buildtemplates.TaskName("python3.13") {
			continue
		}
		for _, p := range task.Spec.Params {
			if p.Default != nil {
				defaults[p.Name] = p.Default.StringVal
			}
		}
	}
	if defaults["base-image"] != "r/base" || defaults["build-image"] != "r/build" {
		t.Errorf("the defaults are %v, want the operator's images", defaults)
	}
	if _, err := buildtemplates.Installed(map[string]buildtemplates.Override{"rust": {Family: "none"}}); err == nil {
		t.Error("an override that makes no sense is no error")
	}
}

// text is all that a TaskSpec says, but the declarations of its parameters.
func text(t *testing.T, spec *tekton.TaskSpec) string {
	t.Helper()
	rest := spec.DeepCopy()
	rest.Params = nil
	out, err := json.Marshal(rest)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestParametersAreUsed holds that no parameter is accepted and ignored, and that the Pipeline hands on all of its own.
func TestParametersAreUsed(t *testing.T) {
	for name, spec := range specs(t) {
		used := text(t, spec)
		for _, p := range spec.Params {
			if !strings.Contains(used, "$(params."+p.Name+")") && !strings.Contains(used, "$(params."+p.Name+"[*])") {
				t.Errorf("%s: parameter %q changes nothing", name, p.Name)
			}
			if p.Description == "" {
				t.Errorf("%s: parameter %q is not described", name, p.Name)
			}
		}
	}
	pipeline := buildtemplates.MakePipeline().Spec
	tasks, err := json.Marshal(pipeline.Tasks)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pipeline.Params {
		if !strings.Contains(string(tasks), "$(params."+p.Name) {
			t.Errorf("the Pipeline's parameter %q changes nothing", p.Name)
		}
	}
	given := map[string]bool{}
	for _, p := range buildtemplates.MakePipelineRun().Spec.Params {
		given[p.Name] = true
	}
	for _, p := range pipeline.Params {
		if p.Default == nil && !given[p.Name] {
			t.Errorf("the example does not give %q, which is needed", p.Name)
		}
	}
}

// TestPipelineFitsTasks holds that the Pipeline gives the Tasks what they need, in the form in which they need it.
func TestPipelineFitsTasks(t *testing.T) {
	pipeline := buildtemplates.MakePipeline().Spec
	given := func(task tekton.PipelineTask) map[string]tekton.ParamType {
		types := map[string]tekton.ParamType{}
		for _, p := range task.Params {
			types[p.Name] = p.Value.Type
		}
		return types
	}
	tasks := map[string][]*tekton.Task{"build": nil, "deploy": {buildtemplates.MakeDeployTask()}}
	for _, id := range ids() {
		tasks["build"] = append(tasks["build"], buildtemplates.MakeTask(lookup(t, id)))
	}
	for _, pt := range pipeline.Tasks {
		types := given(pt)
		for _, task := range tasks[pt.Name] {
			for _, p := range task.Spec.Params {
				got, ok := types[p.Name]
				if !ok && p.Default == nil {
					t.Errorf("task %s: %s needs %q", pt.Name, task.Name, p.Name)
				}
				if ok && got != p.Type {
					t.Errorf("task %s: %s wants %q as %s and gets it as %s", pt.Name, task.Name, p.Name, p.Type, got)
				}
			}
		}
	}
	results := map[string]bool{}
	for _, r := range buildtemplates.MakeTask(lookup(t, "python3.12")).Spec.Results {
		results["$(tasks.build.results."+r.Name+")"] = true
	}
	for _, r := range buildtemplates.MakeDeployTask().Spec.Results {
		results["$(tasks.deploy.results."+r.Name+")"] = true
	}
	for _, r := range pipeline.Results {
		if !results[r.Value.StringVal] {
			t.Errorf("the Pipeline's result %s is %s, which no Task has", r.Name, r.Value.StringVal)
		}
	}
}

func TestAccounts(t *testing.T) {
	var accounts []string
	for _, object := range buildtemplates.MakeAccounts() {
		switch o := object.(type) {
		case *corev1.ServiceAccount:
			accounts = append(accounts, o.Name)
			if o.AutomountServiceAccountToken == nil || *o.AutomountServiceAccountToken {
				t.Errorf("the token of %s is in every step of its pods", o.Name)
			}
		case *rbac.Role:
			for _, rule := range o.Rules {
				if slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "*") || slices.Contains(rule.Resources, "secrets") {
					t.Errorf("role %s may do more than deploy: %v", o.Name, rule)
				}
			}
		case *rbac.RoleBinding:
			if len(o.Subjects) != 1 || o.Subjects[0].Name != buildtemplates.DeployAccount {
				t.Errorf("%s gives rights to %v", o.Name, o.Subjects)
			}
		}
	}
	if diff := cmp.Diff([]string{buildtemplates.BuildAccount, buildtemplates.DeployAccount}, accounts); diff != "" {
		t.Errorf("accounts -want +got:\n%s", diff)
	}
	run := buildtemplates.MakePipelineRun().Spec
	if run.TaskRunTemplate.ServiceAccountName != buildtemplates.BuildAccount || run.TaskRunSpecs[0].PipelineTaskName != "deploy" || run.TaskRunSpecs[0].ServiceAccountName != buildtemplates.DeployAccount {
		t.Errorf("the example runs builds as %q and %v", run.TaskRunTemplate.ServiceAccountName, run.TaskRunSpecs)
	}
}
