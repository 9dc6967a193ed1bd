package v1alpha1

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const someDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestSourceValidate(t *testing.T) {
	git := func(change func(*Git)) *Source {
		g := &Git{URL: "https://git.example/shop/orders.git", Revision: "main", SecretName: "git-auth"}
		change(g)
		return &Source{Git: g}
	}
	none := func(*Git) {}
	cases := map[string]struct {
		reason string
		source *Source
		want   []fault
	}{
		"Git": {reason: "A branch of a repository with a secret.", source: git(none)},
		"GitOverSSH": {
			reason: "The short form of ssh is what people paste.",
			source: git(func(g *Git) { g.URL = "git@git.example:shop/orders.git" }),
		},
		"GitWithPassword": {
			reason: "A password in an object can be read by everybody who may read the object.",
			source: git(func(g *Git) { g.URL = "https://me:secret@git.example/orders.git" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.git.url"}},
		},
		"GitOption": {
			reason: "What begins with a dash could be taken for an option.",
			source: git(func(g *Git) { g.URL, g.Revision = "-oProxyCommand=x@h:p", "--upload-pack=x" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.git.url"}, {field.ErrorTypeInvalid, "spec.code.source.git.revision"}},
		},
		"GitFile": {
			reason: "Files of the build's pod are nobody's repository.",
			source: git(func(g *Git) { g.URL = "file:///etc" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.git.url"}},
		},
		"GitMissing": {
			reason: "A repository has a URL, and secrets have names.",
			source: git(func(g *Git) { g.URL = "" }),
			want:   []fault{{field.ErrorTypeRequired, "spec.code.source.git.url"}},
		},
		"GitSecret": {
			reason: "A Secret's name is a DNS subdomain.",
			source: git(func(g *Git) { g.SecretName = "Not_A_Name" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.git.secretName"}},
		},
		"Nothing": {
			reason: "A source is somewhere.",
			source: &Source{Path: "fn"},
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source"}},
		},
		"TwoPlaces": {
			reason: "A source is in one place.",
			source: &Source{Artifact: &Artifact{URI: "r.example/src:1"}, Upload: &Blob{SHA256: someDigest, Size: 1}},
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source"}},
		},
		"Artifact": {
			reason: "An artifact has a reference.",
			source: &Source{Artifact: &Artifact{}},
			want:   []fault{{field.ErrorTypeRequired, "spec.code.source.artifact.uri"}},
		},
		"Escape": {
			reason: "Nothing outside of what was fetched may be built.",
			source: &Source{Artifact: &Artifact{URI: "r.example/src:1"}, Path: "a/../../etc"},
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.path"}},
		},
		"Absolute": {
			reason: "Paths are within what was fetched.",
			source: &Source{Artifact: &Artifact{URI: "r.example/src:1"}, Path: "/etc"},
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.path"}},
		},
		"Env": {
			reason: "Variables have a form.",
			source: &Source{Artifact: &Artifact{URI: "r.example/src:1"}, Env: map[string]string{"A=B": ""}},
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.env[A=B]"}},
		},
		"Timeout": {
			reason: "A build must have some time.",
			source: &Source{Artifact: &Artifact{URI: "r.example/src:1"}, Timeout: &metav1.Duration{Duration: time.Millisecond}},
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.source.timeout"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := sampleFunction(func(f *Function) { f.Spec.Code = Code{Source: tc.source} })
			checkFaults(t, tc.reason, fn.Validate(), tc.want)
		})
	}
}

func TestDockerfileMakesAnImage(t *testing.T) {
	fn := sampleFunction(func(f *Function) {
		f.Spec.PackageType, f.Spec.Runtime, f.Spec.Handler, f.Spec.Layers = "", "", "", nil
		f.Spec.Code = Code{Source: &Source{Artifact: &Artifact{URI: "r.example/src:1"}, Dockerfile: "Dockerfile"}}
	})
	fn.Default()
	if fn.Spec.PackageType != PackageTypeImage {
		t.Errorf("package type %q", fn.Spec.PackageType)
	}
	checkFaults(t, "A Dockerfile says everything that a runtime and a handler say.", fn.Validate(), nil)
	fn.Spec.Runtime = "nodejs22.x"
	checkFaults(t, "So they may not be given.", fn.Validate(), []fault{{field.ErrorTypeForbidden, "spec.runtime"}})
}
