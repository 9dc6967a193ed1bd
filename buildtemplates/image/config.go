package image

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Annotations and labels that we write besides those of OCI.
const (
	// AnnotationRuntime is the function's runtime identifier.
	AnnotationRuntime = "dev.lambkin.runtime"
	// AnnotationHandler is the function's handler.
	AnnotationHandler = "dev.lambkin.handler"

	ociPrefix     = "org.opencontainers.image."
	ociSource     = ociPrefix + "source"
	ociRevision   = ociPrefix + "revision"
	ociBaseName   = ociPrefix + "base.name"
	ociBaseDigest = ociPrefix + "base.digest"
	ociRefName    = ociPrefix + "ref.name"
	ociTitle      = ociPrefix + "title"
)

// annotations are what is known of the source and the base, without what is empty.
func annotations(s Source, baseName, baseDigest string) map[string]string {
	all := map[string]string{
		ociSource: s.URL, ociRevision: s.Revision, AnnotationRuntime: s.Runtime, AnnotationHandler: s.Handler,
		ociBaseName: baseName, ociBaseDigest: baseDigest,
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// configure makes a function's configuration of the base's.
func configure(base v1.Config, s *Spec, notes map[string]string) (v1.Config, error) {
	c := *base.DeepCopy()
	if len(s.EntryPoint) > 0 {
		c.Entrypoint = slices.Clone(s.EntryPoint)
	}
	if len(s.Command) > 0 {
		c.Cmd = slices.Clone(s.Command)
	}
	if s.Runtime != "" {
		if err := wrap(&c, s); err != nil {
			return v1.Config{}, err
		}
	}
	if s.Code != nil {
		c.WorkingDir = TaskRoot
		maps.DeleteFunc(c.Labels, func(name, _ string) bool { return strings.HasPrefix(name, ociPrefix) }) // they tell of the base
	}
	if s.WorkingDirectory != "" {
		c.WorkingDir = s.WorkingDirectory
	}
	c.User = user(base.User, s.User)
	c.Env = setenv(c.Env, s.Env)
	if len(notes) > 0 && c.Labels == nil {
		c.Labels = make(map[string]string, len(notes))
	}
	maps.Copy(c.Labels, notes)
	return c, nil
}

// wrap makes the runtime the entry point. It is told what to start unless there is code, where it looks for itself.
func wrap(c *v1.Config, s *Spec) error {
	original := append(slices.Clone(c.Entrypoint), c.Cmd...)
	if len(original) > 0 && original[0] == RuntimePath { // baked before
		original = original[1:]
		if len(original) > 0 && original[0] == "--" {
			original = original[1:]
		}
	} else if len(original) == 0 && s.Code == nil {
		return &Error{
			Kind: KindUnsupported, Op: "use image", Reference: s.Base,
			Detail: "it has neither ENTRYPOINT nor CMD, so there is nothing to start; add one, or set the function's entry point",
		}
	}
	c.Entrypoint, c.Cmd = []string{RuntimePath}, nil
	if s.Code == nil && len(original) > 0 {
		c.Entrypoint = append(c.Entrypoint, "--")
		c.Entrypoint = append(c.Entrypoint, original...)
	}
	c.StopSignal = ""     // the runtime ends in good order at the usual one
	c.Healthcheck = nil   // the runtime is asked, not the function
	c.ArgsEscaped = false // of Windows
	return nil
}

// user chooses who runs: who was asked for, the base's own, or nobody.
func user(base, asked string) string {
	if asked != "" {
		return asked
	}
	name, _, _ := strings.Cut(base, ":")
	if name == "" || name == "root" || strings.Trim(name, "0") == "" {
		return Nobody
	}
	return base
}

// setenv sets variables in the form of a configuration; new ones follow in the order of their names.
func setenv(env []string, set map[string]string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		_, replaced := set[name]
		return replaced
	})
	for _, name := range slices.Sorted(maps.Keys(set)) {
		env = append(env, name+"="+set[name])
	}
	return env
}

// checkTotal holds Lambda's bound on code and layers together.
func checkTotal(total, limit int64) error {
	if total <= limit {
		return nil
	}
	return &lambda.Error{
		Code: lambda.CodeInvalidParameterValue,
		Message: fmt.Sprintf("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.",
			limit, total),
	}
}
