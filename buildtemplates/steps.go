package buildtemplates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// longestTransfer bounds the steps that only fetch and push.
const longestTransfer = 15 * time.Minute

func steps(e Entry, s Settings, p parts) []tekton.Step {
	var list []tekton.Step
	if e.fetches() {
		list = append(list, fetchStep(s, p))
	}
	if p.test {
		step := shellStep(StepTest, e, s, testScript)
		step.Env = append(step.Env, corev1.EnvVar{Name: "TEST", Value: param(paramTest)})
		list = append(list, step)
	}
	if e.recipe.script != "" {
		step := shellStep(StepBuild, e, s, buildHook+e.recipe.script)
		if e.recipe.image {
			step.SecurityContext = buildahSecurity()
			step.Env = append(step.Env, buildahEnv()...)
		}
		list = append(list, step)
	}
	return append(list, bakeStep(e, s, p))
}

// fetchStep is the only one with the Git secret.
func fetchStep(s Settings, p parts) tekton.Step {
	step := ourStep(StepFetch, s, p)
	step.Args = append([]string{"fetch",
		"--git-url=" + param(paramGitURL),
		"--git-revision=" + param(paramGitRevision),
		"--archive-url=" + param(paramArchiveURL),
		"--archive-sha256=" + param(paramArchiveSum),
		"--upload=" + param(paramUpload),
		"--artifact=" + param(paramArtifact),
		"--store=" + param(paramStore),
		"--path=" + param(paramPath),
		"--into=" + sourceDir,
		"--result=" + ResultCommit + "=" + result(ResultCommit),
	}, step.Args...)
	if p.git {
		step.Args = append(step.Args, "--git-secret="+param(paramGitSecret), "--git-credentials="+gitDir)
		step.VolumeMounts = append(step.VolumeMounts, corev1.VolumeMount{Name: "git", MountPath: gitDir, ReadOnly: true})
	}
	return step
}

// bakeStep comes last: whoever waits for results gets them with the image.
func bakeStep(e Entry, s Settings, p parts) tekton.Step {
	step := ourStep(StepBake, s, p)
	args := []string{"bake", "--image=" + param(paramImage), "--runtime-image=" + param(paramRuntime), "--handler=" + param(paramHandler)}
	switch {
	case e.recipe.image:
		args = append(args, "--layout="+outputDir)
	case e.ID == Image:
		args = append(args, "--base="+param(paramBase))
	case e.recipe.elsewhere:
		args = append(args, "--runtime="+e.Bootstrap, "--base="+param(paramBase), "--code="+outputDir)
	default:
		args = append(args, "--runtime="+e.Bootstrap, "--base="+param(paramBase), "--code="+inSource())
	}
	if e.fetches() {
		args = append(args, "--source-url="+param(paramGitURL), "--source-revision-file="+result(ResultCommit))
	}
	args = append(args, "--architecture="+param(paramArchitecture), "--store="+param(paramStore))
	for _, name := range []string{ResultDigest, ResultURL, ResultCodeSHA256, ResultCodeSize, ResultProtocol} {
		args = append(args, "--result="+name+"="+result(name))
	}
	step.Args = append(args, append(step.Args, "--", all(paramLayers))...)
	return step
}

// ourStep runs our builder, which talks to registries.
func ourStep(name string, s Settings, p parts) tekton.Step {
	step := tekton.Step{
		Name: name, Image: s.Builder, Command: []string{builderPath}, ComputeResources: limits(s, true),
		Args:    []string{"--plain-http=" + param(paramPlainHTTP)},
		Env:     []corev1.EnvVar{{Name: "HOME", Value: "/nonexistent"}}, // no build may leave a docker configuration for us
		Timeout: &metav1.Duration{Duration: longestTransfer},
	}
	if p.registry {
		step.Args = append(step.Args, "--docker-config="+registryDir+"/"+dockerConfig)
		step.VolumeMounts = append(step.VolumeMounts, corev1.VolumeMount{Name: "registry", MountPath: registryDir, ReadOnly: true})
	}
	if p.ca {
		step.Args = append(step.Args, "--ca-file="+caDir+"/"+caKey)
		step.VolumeMounts = append(step.VolumeMounts, corev1.VolumeMount{Name: "ca", MountPath: caDir, ReadOnly: true})
	}
	return step
}

// shellStep runs a script in the build image. Values of parameters reach it as variables and arguments and never as a
// part of its text. It is given as an argument of the shell, because Tekton would start one more container for a script.
func shellStep(name string, e Entry, s Settings, script string) tekton.Step {
	return tekton.Step{
		Name: name, Image: param(paramBuild), ComputeResources: limits(s, false),
		Command: []string{"/bin/sh", "-euc", shell(e.recipe.caches) + script, name},
		Args:    []string{all(paramEnv)},
		Env:     shellEnv(e),
	}
}

// shellEnv are the variables of the scripts.
func shellEnv(e Entry) []corev1.EnvVar {
	output := inSource()
	if e.recipe.elsewhere {
		output = outputDir
	}
	list := []corev1.EnvVar{
		{Name: "WORKSPACE", Value: workspace}, {Name: "HOME", Value: homeDir}, {Name: "TMPDIR", Value: "/tmp"},
		{Name: "SOURCE", Value: sourceDir}, {Name: "FUNCTION_PATH", Value: param(paramPath)}, {Name: "OUTPUT", Value: output},
		{Name: "RUNTIME", Value: e.ID}, {Name: "HANDLER", Value: param(paramHandler)}, {Name: "ARCHITECTURE", Value: param(paramArchitecture)},
		{Name: "CACHE", Value: "$(workspaces." + cache + ".path)"},
	}
	if e.recipe.image {
		list = append(list, corev1.EnvVar{Name: "DOCKERFILE", Value: param(paramDockerfile)})
	}
	return list
}

// shellHead is what every script begins with. Its arguments are variables that the user and the operator set.
const shellHead = `fail() {
  echo "ERROR: $*" >&2
  exit 1
}
mkdir -p "$HOME" "$OUTPUT"
if [ -z "$CACHE" ] || ! [ -w "$CACHE" ]; then
  CACHE="$WORKSPACE/cache"
fi
TARGET_ARCH=amd64
if [ "$ARCHITECTURE" = arm64 ]; then
  TARGET_ARCH=arm64
fi
`

// buildHook lets a build image bring its own way to build, for runtimes that the operator adds.
const buildHook = `if command -v lambkin-build >/dev/null; then
  echo "lambkin-build of the build image"
  exec lambkin-build
fi
`

// shell is the beginning of the script of a runtime.
func shell(caches map[string]string) string {
	var b strings.Builder
	b.WriteString(shellHead)
	for _, name := range slices.Sorted(maps.Keys(caches)) {
		fmt.Fprintf(&b, "export %s=\"$CACHE/%s\"\n", name, caches[name])
	}
	b.WriteString("for pair in \"$@\"; do\n  export \"$pair\"\ndone\ncd \"$SOURCE/$FUNCTION_PATH\"\n")
	return b.String()
}

// testScript runs the user's command in a copy, so that nothing it leaves gets into the function.
const testScript = `if [ -z "$TEST" ]; then
  echo "no test command"
  exit 0
fi
cp -R "$SOURCE" "$WORKSPACE/test"
cd "$WORKSPACE/test/$FUNCTION_PATH"
echo "$TEST"
/bin/sh -c "$TEST"
`
