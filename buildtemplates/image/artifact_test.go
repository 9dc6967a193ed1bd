package image_test

import (
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// fluxLike is an artifact as flux pushes source code.
func fluxLike(t testing.TB, bodies ...string) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.cncf.flux.config.v1+json")
	for _, body := range bodies {
		var err error
		img, err = mutate.Append(img, mutate.Addendum{
			Layer:       static.NewLayer([]byte(body), "application/vnd.cncf.flux.content.v1.tar+gzip"),
			Annotations: map[string]string{"org.opencontainers.image.title": "source.tar.gz"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func TestArtifact(t *testing.T) {
	h := newHub(t)
	reference := push(t, h, "source/app:v1", fluxLike(t, "content"))
	a, err := h.registry().Artifact(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	byDigest, _ := h.registry().Resolve(t.Context(), reference)
	body, err := io.ReadAll(a)
	if err != nil || string(body) != "content" || a.MediaType != "application/vnd.cncf.flux.content.v1.tar+gzip" ||
		a.Title != "source.tar.gz" || a.Size != 7 || a.Reference != byDigest {
		t.Errorf("got %+v with %q, %v", a, body, err)
	}
}

func TestArtifactOfOurOwn(t *testing.T) {
	_, s := newStore(t)
	digest, size, err := s.Put(t.Context(), strings.NewReader("code"), 10)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Registry.Artifact(t.Context(), s.Prefix+"/code:sha256-"+digest)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if body, err := io.ReadAll(a); err != nil || string(body) != "code" || a.Size != size || a.MediaType != image.MediaTypeZip {
		t.Errorf("got %+v with %q, %v", a, body, err)
	}
}

func TestArtifactRefuses(t *testing.T) {
	h := newHub(t)
	cases := map[string]struct {
		reason    string
		reference string
		kind      image.Kind
	}{
		"Two":     {"which of them would it be", push(t, h, "two", fluxLike(t, "one", "two")), image.KindUnsupported},
		"None":    {"there must be something", push(t, h, "none", fluxLike(t)), image.KindUnsupported},
		"Index":   {"an index is not one thing", push(t, h, "index", makeIndex(t, map[string]v1.Image{"linux/amd64": fluxLike(t, "one")})), image.KindUnsupported},
		"Missing": {"it must be there", h.ref("missing"), image.KindNotFound},
		"Form":    {"references have a form", "a b", image.KindBadReference},
	}
	for name, tc := range cases {
		if _, err := h.registry().Artifact(t.Context(), tc.reference); image.KindOf(err) != tc.kind {
			t.Errorf("%s: %s: got %v", name, tc.reason, err)
		}
	}
}

func TestAttach(t *testing.T) {
	s := newShelf(t)
	subject := s.bake(t, image.Spec{Base: s.base, Code: code(t)}, "fn:1")
	document := image.Attachment{Type: "application/spdx+json", Data: []byte(`{"spdxVersion": "SPDX-2.3"}`), Annotations: map[string]string{"a": "b"}}
	first, err := s.registry().Attach(t.Context(), s.ref("fn:1"), document)
	if err != nil {
		t.Fatal(err)
	}
	s.counts()
	second, err := s.registry().Attach(t.Context(), subject.Reference, document)
	if err != nil || second != first || s.counts()["PUT manifests"] > 0 {
		t.Errorf("attached again it is %q, %v; want %q and nothing sent", second, err, first)
	}
	index, err := remote.Referrers(mustDigest(t, subject.Reference))
	if err != nil {
		t.Fatal(err)
	}
	found, err := index.IndexManifest()
	if err != nil || len(found.Manifests) != 1 || found.Manifests[0].ArtifactType != document.Type || !strings.HasSuffix(first, found.Manifests[0].Digest.String()) {
		t.Errorf("the image's referrers are %+v, %v", found, err)
	}
	a, err := s.registry().Artifact(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if body, err := io.ReadAll(a); err != nil || string(body) != string(document.Data) {
		t.Errorf("the document reads %q, %v", body, err)
	}
	if _, err := s.registry().Attach(t.Context(), s.ref("none:1"), document); image.KindOf(err) != image.KindNotFound {
		t.Errorf("attached to nothing: %v", err)
	}
}
