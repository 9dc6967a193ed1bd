package v1alpha1

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of a source, beside those that the comments of the types give.
const (
	maxSourcePath    = 1024
	maxTest          = 4096
	maxBuildEnv      = 50
	maxBuildTime     = 24 * time.Hour
	maxGitRevision   = 256
	maxArtifactURI   = 2048
	longestGitURL    = 2048
	forbiddenInPaths = "\x00\\"
)

// validate checks that exactly one place is named, and that one.
func (s *Source) validate(at *field.Path) field.ErrorList {
	var faults field.ErrorList
	members := 0
	if s.Git != nil {
		members++
		faults = append(faults, s.Git.validate(at.Child("git"))...)
	}
	if s.Archive != nil {
		members++
		faults = append(faults, s.Archive.validate(at.Child("archive"))...)
	}
	if s.Upload != nil {
		members++
		faults = append(faults, validateBlob(s.Upload, at.Child("upload"))...)
	}
	if s.Artifact != nil {
		members++
		faults = append(faults, s.Artifact.validate(at.Child("artifact"))...)
	}
	if members != 1 {
		faults = append(faults, field.Invalid(at, members, "exactly one of git, archive, upload and artifact must be set"))
	}
	return append(faults, s.validateBuild(at)...)
}

// validateBuild checks what is done with what was fetched.
func (s *Source) validateBuild(at *field.Path) field.ErrorList {
	faults := validateInside(s.Path, at.Child("path"))
	faults = append(faults, validateInside(s.Dockerfile, at.Child("dockerfile"))...)
	faults = append(faults, validateLength(s.Test, maxTest, at.Child("test"))...)
	if len(s.Env) > maxBuildEnv {
		faults = append(faults, field.TooMany(at.Child("env"), len(s.Env), maxBuildEnv))
	}
	for _, name := range sortedKeys(s.Env) {
		for _, fault := range validation.IsEnvVarName(name) {
			faults = append(faults, field.Invalid(at.Child("env").Key(name), name, fault))
		}
	}
	if s.Timeout != nil && (s.Timeout.Duration < time.Second || s.Timeout.Duration > maxBuildTime) {
		faults = append(faults, field.Invalid(at.Child("timeout"), s.Timeout.Duration.String(), "must be from 1s to 24h"))
	}
	return faults
}

// validateInside checks a path that must stay inside a folder.
func validateInside(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	faults := validateLength(name, maxSourcePath, at)
	if path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), "..") || strings.ContainsAny(name, forbiddenInPaths) {
		faults = append(faults, field.Invalid(at, name, "must be a relative path that does not leave the folder"))
	}
	return faults
}

func (g *Git) validate(at *field.Path) field.ErrorList {
	faults := validateLength(g.URL, longestGitURL, at.Child("url"))
	if g.URL == "" {
		return append(faults, field.Required(at.Child("url"), ""))
	}
	if !gitURL(g.URL) {
		faults = append(faults, field.Invalid(at.Child("url"), g.URL, "must be an https, http or ssh URL, or USER@HOST:PATH, without a password"))
	}
	faults = append(faults, validateLength(g.Revision, maxGitRevision, at.Child("revision"))...)
	if strings.HasPrefix(g.Revision, "-") || strings.ContainsAny(g.Revision, " \t\r\n~^:?*[\\") {
		faults = append(faults, field.Invalid(at.Child("revision"), g.Revision, "must be a branch, a tag or a commit"))
	}
	if g.SecretName != "" {
		faults = append(faults, validateSubdomain(g.SecretName, at.Child("secretName"))...)
	}
	return faults
}

// gitURL reports whether text is a URL for git that holds no password: those belong into a Secret.
func gitURL(text string) bool {
	if user, rest, ok := strings.Cut(text, "@"); ok && !strings.Contains(text, "://") {
		host, _, ok := strings.Cut(rest, ":")
		return ok && user != "" && host != "" && !strings.ContainsAny(text, " \t\r\n") && !strings.HasPrefix(text, "-")
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"https", "http", "ssh"}, u.Scheme) {
		return false
	}
	_, password := u.User.Password()
	return !password
}

func (a *Artifact) validate(at *field.Path) field.ErrorList {
	if a.URI == "" {
		return field.ErrorList{field.Required(at.Child("uri"), "")}
	}
	return validateLength(a.URI, maxArtifactURI, at.Child("uri"))
}

func validateSubdomain(name string, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	for _, fault := range validation.IsDNS1123Subdomain(name) {
		faults = append(faults, field.Invalid(at, name, fault))
	}
	return faults
}
