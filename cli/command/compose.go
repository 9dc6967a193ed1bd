package command

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/manifest"
	"github.com/lambkin-dev/lambkin/cli/source"
)

// settingsFlags are the flags that change a function's configuration. Those that were not given change nothing.
type settingsFlags struct {
	runtime, handler, description string
	memory, timeout, tmp          int32
	env, envSecret, envConfigMap  []string
	layers                        []string
	environments, perEnvironment  int32
	reserved                      int32
	architecture, format          string
	stream                        bool
	labels, annotations           []string
	pods                          podFlags
	wholeSecrets                  []string // of which each key is to be a variable
	given                         func(flag string) bool
}

func (s *settingsFlags) declare(f *pflag.FlagSet) {
	f.StringVar(&s.runtime, "runtime", "", "runtime, such as nodejs22.x, python3.13, provided.al2023 or exec")
	f.StringVar(&s.handler, "handler", "", "what the runtime calls, such as index.handler")
	f.StringVar(&s.description, "description", "", "a sentence for people")
	f.Int32Var(&s.memory, "memory", 0, "memory of one environment in MB (128)")
	f.Int32Var(&s.timeout, "timeout", 0, "longest time for one invocation in seconds (3)")
	f.Int32Var(&s.tmp, "tmp", 0, "size of /tmp in MB (512)")
	f.StringArrayVarP(&s.env, "env", "e", nil, "environment variable NAME=VALUE; NAME- removes it")
	f.StringArrayVar(&s.envSecret, "env-secret", nil, "variable NAME=SECRET/KEY out of a Secret; SECRET alone: all of its keys, on a cluster")
	f.StringArrayVar(&s.envConfigMap, "env-configmap", nil, "variable NAME=CONFIGMAP/KEY out of a ConfigMap")
	f.StringArrayVar(&s.layers, "layer", nil, "ARN of a layer version, or NAME:VERSION; lowest first")
	f.Int32Var(&s.environments, "concurrency", 0, "execution environments per pod (1)")
	f.Int32Var(&s.perEnvironment, "per-environment", 0, "invocations that one process takes at once (1)")
	f.Int32Var(&s.reserved, "reserved-concurrency", 0, "most invocations at once over all environments")
	f.StringVar(&s.architecture, "arch", "", "x86_64 or arm64; this machine's, or that of the cluster's nodes, by default")
	f.StringVar(&s.format, "http-format", "", "form of plain HTTP requests: 2.0, 1.0, alb, alb-multi-value or raw")
	f.BoolVar(&s.stream, "http-stream", false, "stream answers to plain HTTP requests")
	f.StringArrayVarP(&s.labels, "label", "l", nil, "label KEY=VALUE of the object")
	f.StringArrayVarP(&s.annotations, "annotation", "a", nil, "annotation KEY=VALUE of the object")
	s.pods.declare(f)
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "env-from-secret" {
			name = "env-secret"
		}
		return pflag.NormalizedName(name)
	})
	s.given = f.Changed
}

// compose makes the object to write. A manifest is the whole truth; without one, what the function has already stays,
// but for the flags that were given. Where nobody names an architecture it is the native one, if that is not empty.
func compose(name string, described, existing *v1alpha1.Function, native v1alpha1.Architecture, s settingsFlags) (*v1alpha1.Function, error) {
	fn := new(v1alpha1.Function)
	switch {
	case described != nil:
		fn = described.DeepCopy()
	case existing != nil:
		fn.ObjectMeta = metav1.ObjectMeta{Labels: maps.Clone(existing.Labels), Annotations: maps.Clone(existing.Annotations)}
		existing.Spec.DeepCopyInto(&fn.Spec)
	}
	fn.Status = v1alpha1.FunctionStatus{}
	fn.Name, fn.Spec.FunctionName = v1alpha1.ObjectName(name), name
	if len(fn.Spec.Architectures) == 0 && native != "" {
		fn.Spec.Architectures = []v1alpha1.Architecture{native}
	}
	if existing != nil {
		fn.ResourceVersion, fn.Generation = existing.ResourceVersion, existing.Generation
	}
	return fn, s.apply(fn)
}

func hostArchitecture() v1alpha1.Architecture {
	if runtime.GOARCH == "arm64" {
		return v1alpha1.ArchitectureARM
	}
	return v1alpha1.ArchitectureX86
}

// apply changes fn by the flags that were given.
func (s settingsFlags) apply(fn *v1alpha1.Function) error {
	spec := &fn.Spec
	spec.Description = cmp.Or(s.description, spec.Description)
	spec.MemorySize = cmp.Or(s.memory, spec.MemorySize)
	spec.Timeout = cmp.Or(s.timeout, spec.Timeout)
	if s.tmp > 0 {
		spec.EphemeralStorage = &v1alpha1.EphemeralStorage{Size: s.tmp}
	}
	if s.architecture != "" {
		spec.Architectures = []v1alpha1.Architecture{v1alpha1.Architecture(s.architecture)}
	}
	if len(s.layers) > 0 {
		spec.Layers = layerARNs(s.layers)
	}
	s.applyConcurrency(spec)
	s.applyHTTP(spec)
	if err := s.applyPods(spec); err != nil {
		return err
	}
	var err error
	if fn.Labels, err = withPairs(fn.Labels, s.labels, "--label"); err != nil {
		return err
	}
	if fn.Annotations, err = withPairs(fn.Annotations, s.annotations, "--annotation"); err != nil {
		return err
	}
	return s.applyEnvironment(spec)
}

func (s settingsFlags) applyConcurrency(spec *v1alpha1.FunctionSpec) {
	if !s.given("concurrency") && !s.given("per-environment") && !s.given("reserved-concurrency") {
		return
	}
	if spec.Concurrency == nil {
		spec.Concurrency = new(v1alpha1.Concurrency)
	}
	if s.given("reserved-concurrency") {
		reserved := s.reserved
		spec.Concurrency.Reserved = &reserved
	}
	spec.Concurrency.EnvironmentsPerPod = cmp.Or(s.environments, spec.Concurrency.EnvironmentsPerPod)
	spec.Concurrency.PerEnvironment = cmp.Or(s.perEnvironment, spec.Concurrency.PerEnvironment)
}

func (s settingsFlags) applyHTTP(spec *v1alpha1.FunctionSpec) {
	if !s.given("http-format") && !s.given("http-stream") {
		return
	}
	if spec.HTTP == nil {
		spec.HTTP = new(v1alpha1.HTTP)
	}
	if s.format != "" {
		spec.HTTP.EventFormat = v1alpha1.EventFormat(s.format)
	}
	if !s.given("http-stream") {
		return
	}
	spec.HTTP.InvokeMode = v1alpha1.InvokeModeBuffered
	if s.stream {
		spec.HTTP.InvokeMode = v1alpha1.InvokeModeStream
	}
}

func (s settingsFlags) applyEnvironment(spec *v1alpha1.FunctionSpec) error {
	if len(s.env) == 0 && len(s.envSecret) == 0 && len(s.envConfigMap) == 0 {
		return nil
	}
	if spec.Environment == nil {
		spec.Environment = new(v1alpha1.Environment)
	}
	vars, err := withPairs(spec.Environment.Variables, s.env, "--env")
	if err != nil {
		return err
	}
	spec.Environment.Variables = vars
	for _, ref := range s.envSecret {
		if err := s.addVariable(spec.Environment, "--env-secret", ref, func(v *v1alpha1.VariableFrom, key *v1alpha1.KeyRef) { v.SecretKeyRef = key }); err != nil {
			return err
		}
	}
	for _, ref := range s.envConfigMap {
		if err := s.addVariable(spec.Environment, "--env-configmap", ref, func(v *v1alpha1.VariableFrom, key *v1alpha1.KeyRef) { v.ConfigMapKeyRef = key }); err != nil {
			return err
		}
	}
	return nil
}

// addVariable adds a variable whose value is elsewhere, in place of an older one of that name.
func (s settingsFlags) addVariable(env *v1alpha1.Environment, flag, ref string, take func(*v1alpha1.VariableFrom, *v1alpha1.KeyRef)) error {
	name, where, ok := strings.Cut(ref, "=")
	object, key, both := strings.Cut(where, "/")
	if !ok || !both || name == "" || object == "" || key == "" {
		return usagef("%s %q: want NAME=OBJECT/KEY", flag, ref)
	}
	v := v1alpha1.VariableFrom{Name: name}
	take(&v, &v1alpha1.KeyRef{Name: object, Key: key})
	from := slices.DeleteFunc(env.VariablesFrom, func(old v1alpha1.VariableFrom) bool { return old.Name == name })
	env.VariablesFrom = append(from, v)
	return nil
}

// withPairs adds KEY=VALUE pairs to a map and removes those given as KEY-.
func withPairs(have map[string]string, pairs []string, flag string) (map[string]string, error) {
	if len(pairs) == 0 {
		return have, nil
	}
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	for _, p := range pairs {
		key, value, set := strings.Cut(p, "=")
		removed, minus := strings.CutSuffix(key, "-")
		switch {
		case set && key != "":
			out[key] = value
		case minus && removed != "":
			delete(out, removed)
		default:
			return nil, usagef("%s %q: want NAME=VALUE, or NAME- to remove it", flag, p)
		}
	}
	return out, nil
}

// packOptions say what is known about the code before it is looked at.
func packOptions(fn *v1alpha1.Function, s settingsFlags, install bool, tools source.Tools) source.Options {
	return source.Options{
		Runtime: cmp.Or(s.runtime, fn.Spec.Runtime), Handler: cmp.Or(s.handler, fn.Spec.Handler),
		Architecture: architectureOf(fn), Install: install, Tools: tools,
	}
}

// architectureOf is what a function's code is for: what it says, or Lambda's default.
func architectureOf(fn *v1alpha1.Function) v1alpha1.Architecture {
	if len(fn.Spec.Architectures) == 0 {
		return v1alpha1.ArchitectureX86
	}
	return fn.Spec.Architectures[0]
}

// forgetCode takes from a function without a manifest what its code will say anew.
func forgetCode(fn *v1alpha1.Function) {
	fn.Spec.PackageType, fn.Spec.Runtime, fn.Spec.Handler = "", "", ""
	fn.Spec.Code = v1alpha1.Code{}
	delete(fn.Annotations, manifest.SourceAnnotation)
}
