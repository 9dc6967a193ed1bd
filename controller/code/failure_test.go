package code

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bootstrap"
	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// newTaskForTest is a task of a function in Go.
func newTaskForTest() *task {
	p := platform.Default()
	p.Registry.Prefix = prefix
	return &task{Request: Request{FunctionName: "f", Spec: &newFunction("f").Spec}, platform: &p, namespace: "team"}
}

func TestFailure(t *testing.T) {
	ofKind := func(kind image.Kind, reference string) error {
		return fmt.Errorf("baking: %w", &image.Error{Kind: kind, Op: "read image", Reference: reference, Detail: "it is so"})
	}
	cause := &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: "Could not unzip.", Err: errors.New("entry 7")}
	cases := map[string]struct {
		reason string
		err    error
		want   v1alpha1.Reason
		part   string
	}{
		"Known":        {"What has a reason keeps it.", fmt.Errorf("x: %w", v1alpha1.Failf(v1alpha1.ReasonRefused, "no")), v1alpha1.ReasonRefused, "no"},
		"Content":      {"An archive's fault comes with its cause.", cause, v1alpha1.ReasonCodeInvalid, "Could not unzip. (entry 7)"},
		"Gone":         {"Code that is gone has no cause to tell.", &lambda.Error{Code: lambda.CodeResourceNotFound, Message: "No code.", Err: io.EOF}, v1alpha1.ReasonCodeUnavailable, "No code."},
		"Entry":        {"A program that is missing is told in AWS's words.", &bootstrap.Error{Type: "Runtime.InvalidEntrypoint", Message: "Couldn't find"}, v1alpha1.ReasonEntrypointInvalid, "Couldn't find"},
		"Unauthorized": {"Credentials that are missing are ours.", ofKind(image.KindUnauthorized, prefix+"/team/f"), v1alpha1.ReasonRegistryForbidden, prefix},
		"Forbidden":    {"So are those that do not do.", ofKind(image.KindForbidden, prefix+"/team/f"), v1alpha1.ReasonRegistryForbidden, "it is so"},
		"NotFound":     {"A repository that is not there is a matter of configuration.", ofKind(image.KindNotFound, ourRuntime), v1alpha1.ReasonRegistryUnavailable, "see registry.prefix and images in config.yaml"},
		"BadPrefix":    {"So is a prefix that is none.", ofKind(image.KindBadReference, "UPPER/f"), v1alpha1.ReasonRegistryUnavailable, "see registry.prefix"},
		"Unreachable":  {"The registry may come back.", ofKind(image.KindUnreachable, prefix+"/team/f"), v1alpha1.ReasonRegistryUnavailable, "it is so"},
		"Untrusted":    {"Or be configured.", ofKind(image.KindUntrusted, prefix+"/team/f"), v1alpha1.ReasonRegistryUnavailable, "it is so"},
		"Rejected":     {"Or take it the next time.", ofKind(image.KindRejected, prefix+"/team/f"), v1alpha1.ReasonRegistryUnavailable, "it is so"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFailure(t, tc.reason, newTaskForTest().failure(tc.err), tc.want, tc.part) })
	}
	if err := newTaskForTest().failure(io.EOF); !errors.Is(err, io.EOF) || errors.As(err, new(*v1alpha1.Failure)) {
		t.Errorf("what nobody knows becomes %v; want it as it is", err)
	}
}

// TestWhoseFault tells the base, the user's image and our own registry apart, by what the error is about.
func TestWhoseFault(t *testing.T) {
	entry := buildtemplates.Entry{ID: "python3.13", Base: "docker.io/library/python:3.13-slim"}
	resolved := "index.docker.io/library/python@sha256:" + strings.Repeat("1", 64)
	cases := map[string]struct {
		reason    string
		kind      image.Kind
		reference string
		base      v1alpha1.Reason // if it was work on a base image
		own       v1alpha1.Reason // if it was work on the user's image registry.test/apps/a:1
	}{
		"Base":         {"The base by its tag.", image.KindNotFound, entry.Base, v1alpha1.ReasonRuntimeUnavailable, v1alpha1.ReasonRegistryUnavailable},
		"ResolvedBase": {"The base by its digest.", image.KindForbidden, resolved, v1alpha1.ReasonRuntimeUnavailable, v1alpha1.ReasonRegistryForbidden},
		"BaseAway":     {"Its registry is another one.", image.KindUnreachable, resolved, v1alpha1.ReasonRuntimeUnavailable, v1alpha1.ReasonRegistryUnavailable},
		"Own":          {"The user's image.", image.KindNotFound, ours + "/apps/a:1", v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonImageNotFound},
		"OwnAway":      {"In a registry that is also ours, which is away.", image.KindUnreachable, ours + "/apps/a:1", v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonRegistryUnavailable},
		"Target":       {"Where the result goes.", image.KindForbidden, prefix + "/team/f:made-1", v1alpha1.ReasonRegistryForbidden, v1alpha1.ReasonRegistryForbidden},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := &image.Error{Kind: tc.kind, Op: "read image", Reference: tc.reference, Detail: "x"}
			checkFailure(t, tc.reason, newTaskForTest().baseFailure(entry, err, resolved), tc.base, tc.reference)
			checkFailure(t, tc.reason, newTaskForTest().imageFailure(ours+"/apps/a:1", err), tc.own, tc.reference)
		})
	}
}

// FuzzReference holds that whatever somebody writes as an image has one full name and one repository.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"node", "docker.io/library/node:22", "host:5000/a/b:tag@sha256:ab", "@", ":", "/", "a:b:c/d", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		if full := fullName(reference); fullName(full) != full {
			t.Errorf("fullName(%q) is %q, and that of it %q", reference, full, fullName(full))
		}
		if repository := repositoryOf(reference); strings.Contains(repository, "@") || len(repository) > len(reference) {
			t.Errorf("repositoryOf(%q) is %q", reference, repository)
		}
	})
}

// FuzzOneLine holds that what others say becomes one line of text, of limited length.
func FuzzOneLine(f *testing.F) {
	f.Add("a\r\nb", 3)
	f.Add(strings.Repeat("ä", 50), 7)
	f.Add("\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 0 || most > 1000 || !utf8.ValidString(text) {
			return
		}
		got := oneLine(text, most)
		if strings.ContainsAny(got, "\r\n\t") || len(got) > most+len("…") || !utf8.ValidString(got) {
			t.Errorf("oneLine(%q, %d) = %q", text, most, got)
		}
	})
}
