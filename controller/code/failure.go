package code

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// failure gives an error the reason that it is, as far as archives and our own registry are concerned.
func (t *task) failure(err error) error {
	known := new(v1alpha1.Failure)
	if errors.As(err, &known) {
		return err
	}
	if start := new(bootstrap.Error); errors.As(err, &start) {
		return v1alpha1.Failf(v1alpha1.ReasonEntrypointInvalid, "%s", start.Message)
	}
	if content := new(lambda.Error); errors.As(err, &content) {
		return contentFailure(content)
	}
	if remote := new(image.Error); errors.As(err, &remote) {
		return t.registryFailure(remote)
	}
	return err
}

// contentFailure is for what is wrong with an archive.
func contentFailure(e *lambda.Error) error {
	reason := v1alpha1.ReasonCodeInvalid
	if e.Code == lambda.CodeResourceNotFound {
		reason = v1alpha1.ReasonCodeUnavailable
	}
	if e.Err != nil && e.Code != lambda.CodeResourceNotFound {
		return v1alpha1.Failf(reason, "%s (%v)", e.Message, e.Err)
	}
	return v1alpha1.Failf(reason, "%s", e.Message)
}

// registryFailure is for what is wrong with the registry for functions' images.
func (t *task) registryFailure(e *image.Error) error {
	switch e.Kind {
	case image.KindUnauthorized, image.KindForbidden:
		return v1alpha1.Failf(v1alpha1.ReasonRegistryForbidden, "%v", e)
	case image.KindNotFound, image.KindBadReference:
		return v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "%v; see registry.prefix and images in %s of ConfigMap %s/%s",
			e, platform.Key, platform.Namespace, platform.ConfigMap)
	default:
		return v1alpha1.Failf(v1alpha1.ReasonRegistryUnavailable, "%v", e)
	}
}

// baseFailure is failure for work on a runtime's base image, which also goes by other names.
func (t *task) baseFailure(entry buildtemplates.Entry, err error, names ...string) error {
	e := new(image.Error)
	if !t.concerns(err, e, append(names, entry.Base)...) {
		return t.failure(err)
	}
	return v1alpha1.Failf(v1alpha1.ReasonRuntimeUnavailable, "the base image of runtime %s: %v; runtimes.%s.base in %s of ConfigMap %s/%s names another",
		entry.ID, e, entry.ID, platform.Key, platform.Namespace, platform.ConfigMap)
}

// imageFailure is failure for work on an image that the function itself names, which also goes by other names.
func (t *task) imageFailure(uri string, err error, names ...string) error {
	e := new(image.Error)
	if !t.concerns(err, e, append(names, uri)...) {
		return t.failure(err)
	}
	switch e.Kind {
	case image.KindNotFound:
		return v1alpha1.Failf(v1alpha1.ReasonImageNotFound, "%v", e)
	case image.KindBadReference, image.KindPlatformMissing, image.KindUnsupported, image.KindCorrupt:
		return v1alpha1.Failf(v1alpha1.ReasonImageInvalid, "%v", e)
	default:
		return v1alpha1.Failf(v1alpha1.ReasonImageUnavailable, "%v", e)
	}
}

// concerns finds the registry's error in err's chain and reports whether it is about one of these images rather than
// about the registry for functions' images. That it does not answer is its own fault, whatever it was asked for.
func (t *task) concerns(err error, e *image.Error, images ...string) bool {
	found := new(image.Error)
	if !errors.As(err, &found) {
		return false
	}
	*e = *found
	if e.Kind == image.KindUnreachable && hostOf(e.Reference) == hostOf(t.platform.Registry.Prefix) {
		return false
	}
	return slices.ContainsFunc(images, func(name string) bool { return repositoryOf(name) == repositoryOf(e.Reference) })
}

// hostOf is the part of a reference that names the registry.
func hostOf(reference string) string {
	host, _, _ := strings.Cut(reference, "/")
	return host
}

// repositoryOf takes digest and tag off a reference.
func repositoryOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		reference = reference[:i]
	}
	return reference
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	first, n := utf8.DecodeRuneInString(text)
	return fmt.Sprintf("%c%s.", unicode.ToUpper(first), text[n:])
}
