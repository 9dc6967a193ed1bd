package image_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// nodeConfig is what a base image for a language looks like.
func nodeConfig() v1.Config {
	return v1.Config{
		Env: []string{"PATH=/usr/bin", "NODE_VERSION=22"}, Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"node"},
		Labels: map[string]string{"org.opencontainers.image.source": "https://node.example", "keep": "yes"}, StopSignal: "SIGQUIT",
	}
}

// shelf is a hub with a base and a runtime, for both architectures, and a baker.
type shelf struct {
	*hub
	baker         *image.Baker
	base, runtime string
}

func newShelf(t testing.TB) *shelf {
	h := newHub(t)
	s := &shelf{hub: h, baker: &image.Baker{Registry: h.registry(), TempDir: t.TempDir()}}
	s.base = push(t, h, "base/node:22", makeIndex(t, map[string]v1.Image{
		"linux/amd64": makeImage(t, "amd64", nodeConfig(), "etc/os-release", "usr/bin/node"),
		"linux/arm64": makeImage(t, "arm64", nodeConfig(), "etc/os-release", "usr/bin/node"),
	}))
	s.runtime = push(t, h, "lambkin/runtime:1", makeIndex(t, map[string]v1.Image{
		"linux/amd64": makeImage(t, "amd64", v1.Config{}, "lambkin/runtime-api"),
		"linux/arm64": makeImage(t, "arm64", v1.Config{}, "lambkin/runtime-api"),
	}))
	return s
}

// bake fails the test unless all goes well.
func (s *shelf) bake(t testing.TB, spec image.Spec, target string) image.Result {
	t.Helper()
	result, err := s.baker.Bake(t.Context(), spec, s.ref(target))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestBakeZip(t *testing.T) {
	s := newShelf(t)
	layers := []image.Archive{
		image.BytesArchive(pack(t, item{name: "lib/one", body: "1"})),
		image.BytesArchive(pack(t, item{name: "lib/two", body: "2"})),
	}
	zip := image.BytesArchive(pack(t,
		item{name: "lib/run.js", body: "x"}, item{name: "bootstrap", body: "#!", mode: 0o4700}, item{name: "go", body: "bootstrap", mode: fs777}))
	spec := image.Spec{
		Base: s.base, Runtime: s.runtime, Layers: layers, Code: &zip, Architecture: "amd64", Env: map[string]string{"NODE_VERSION": "23", "A": "b"},
		Source: image.Source{URL: "https://git.example/f", Revision: "abc", Runtime: "nodejs22.x", Handler: "index.handler"},
	}
	result := s.bake(t, spec, "team/fn")
	img := pull(t, s.hub, result.Reference)
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	c := configOf(t, img)
	base, _ := (&image.Registry{}).Resolve(t.Context(), s.base)
	notes := map[string]string{
		"org.opencontainers.image.source": "https://git.example/f", "org.opencontainers.image.revision": "abc",
		"dev.lambkin.runtime": "nodejs22.x", "dev.lambkin.handler": "index.handler",
		"org.opencontainers.image.base.name": s.base, "org.opencontainers.image.base.digest": base[len(base)-71:],
	}
	labels := map[string]string{"keep": "yes"}
	maps.Copy(labels, notes)
	want := v1.Config{
		Entrypoint: []string{"/lambkin/runtime-api"}, WorkingDir: "/var/task", User: "65532:65532",
		Env: []string{"PATH=/usr/bin", "A=b", "NODE_VERSION=23"}, Labels: labels,
	}
	if diff := cmp.Diff(want, c.Config); diff != "" {
		t.Errorf("configuration: -want +got:\n%s", diff)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(notes, manifest.Annotations); diff != "" {
		t.Errorf("annotations: -want +got:\n%s", diff)
	}
	got := []map[string]string{}
	all, _ := img.Layers()
	for _, l := range all[3:] {
		got = append(got, listing(t, l))
	}
	wantLayers := []map[string]string{
		{"opt/": "5 0755 ", "opt/lib/": "5 0755 ", "opt/lib/one": "0 0644 1"},
		{"opt/": "5 0755 ", "opt/lib/": "5 0755 ", "opt/lib/two": "0 0644 2"},
		{
			"var/task/": "5 0755 ", "var/task/bootstrap": "0 0755 #!", "var/task/go": "2 0777 bootstrap",
			"var/task/lib/": "5 0755 ", "var/task/lib/run.js": "0 0644 x",
		},
	}
	if diff := cmp.Diff(wantLayers, got); diff != "" {
		t.Errorf("layers: -want +got:\n%s", diff)
	}
	size := manifest.Config.Size
	for _, l := range manifest.Layers {
		size += l.Size
	}
	if n, _ := img.Size(); result.Size != size+n || result.MediaType != string(types.OCIManifestSchema1) || result.Reused {
		t.Errorf("result is %+v, want %d bytes", result, size+n)
	}
}

func TestBakeIsDeterministic(t *testing.T) {
	early, late := time.Date(1999, 1, 2, 3, 4, 6, 0, time.UTC), time.Date(2030, 5, 6, 7, 8, 10, 0, time.UTC)
	one := image.BytesArchive(pack(t,
		item{name: "a/", mode: 0o700 | dir, time: early}, item{name: "a/b", body: "b", time: early}, item{name: "z", body: "z", mode: 0o711, time: late}))
	two := image.BytesArchive(pack(t,
		item{name: "z", body: "old"}, item{name: "z", body: "z", mode: 0o755, time: early}, item{name: "a/b", body: "b", mode: 0o600, time: late}))
	var digests []string
	for _, zip := range []image.Archive{one, two} {
		s := newShelf(t)
		img := pull(t, s.hub, s.bake(t, image.Spec{Base: s.base, Code: &zip, Architecture: "arm64"}, "fn").Reference)
		digest, err := topLayer(t, img).Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
	}
	if one.SHA256 == two.SHA256 || digests[0] != digests[1] {
		t.Errorf("the same content in another order, with other times and modes, gives %s and %s", digests[0], digests[1])
	}
}

func TestBakeTwiceIsOnce(t *testing.T) {
	s := newShelf(t)
	spec := image.Spec{Base: s.base, Runtime: s.runtime, Code: code(t)}
	first := s.bake(t, spec, "fn:live")
	s.counts()
	second := s.bake(t, spec, "fn:live")
	counts := s.counts()
	if !second.Reused || second.Digest != first.Digest {
		t.Errorf("the second bake is %+v after %+v", second, first)
	}
	for request, n := range counts {
		if request[0] == 'P' {
			t.Errorf("the second bake made %d × %s", n, request)
		}
	}
	tagged, err := s.registry().Resolve(t.Context(), s.ref("fn:live"))
	if err != nil || tagged != first.Reference {
		t.Errorf("the tag leads to %q, %v", tagged, err)
	}
}

func TestBakeMountsWhatIsThere(t *testing.T) {
	s := newShelf(t)
	result := s.bake(t, image.Spec{Base: s.base, Runtime: s.runtime, Code: code(t), Architecture: "amd64"}, "fn")
	counts := s.counts()
	// 2 layers of the base and 1 of the runtime are mounted; the code and the configuration are uploaded.
	want := map[string]int{"POST mount": 3, "POST uploads": 2, "PATCH uploads": 2, "PUT uploads": 2, "PUT manifests": 1, "GET blobs": 2}
	for request, n := range want {
		if counts[request] != n {
			t.Errorf("%s: %d times, want %d (all: %v)", request, counts[request], n, counts)
		}
	}
	if _, err := remote.Head(mustRef(t, result.Reference)); err != nil {
		t.Error(err)
	}
}

func TestBakeIndexMountsWhatIsThere(t *testing.T) {
	s := newShelf(t)
	s.bake(t, image.Spec{Base: s.base, Runtime: s.runtime, Code: code(t)}, "fn")
	counts := s.counts()
	// Of both architectures all layers are mounted; they share the code and have a configuration each.
	want := map[string]int{"POST mount": 6, "PATCH uploads": 3, "PUT manifests": 3, "GET blobs": 4}
	for request, n := range want {
		if counts[request] != n {
			t.Errorf("%s: %d times, want %d (all: %v)", request, counts[request], n, counts)
		}
	}
}

func TestZeroValues(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	s := newShelf(t)
	var baker image.Baker
	if _, err := baker.Bake(t.Context(), image.Spec{Base: s.base, Code: code(t)}, s.ref("fn")); err != nil {
		t.Errorf("zero Baker: %v", err)
	}
	store := image.Store{Prefix: s.ref("team")}
	if _, _, err := store.Put(t.Context(), strings.NewReader("code"), 10); err != nil {
		t.Errorf("zero Store: %v", err)
	}
}

func TestBakeFromAnotherRegistryStreams(t *testing.T) {
	from, to := newShelf(t), newHub(t)
	result, err := from.baker.Bake(t.Context(), image.Spec{Base: from.base, Runtime: from.runtime, Code: code(t)}, to.ref("fn"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(mustRef(t, result.Reference))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	if counts := from.counts(); counts["GET blobs"] != 4+6 {
		t.Errorf("other registry was asked %v, want 4 configurations and 6 layers once each", counts)
	}
}

func TestBakeWithoutMounts(t *testing.T) {
	s := newShelf(t)
	s.noMounts = true
	result := s.bake(t, image.Spec{Base: s.base, Runtime: s.runtime, Code: code(t), Architecture: "arm64"}, "fn")
	if err := validate.Image(pull(t, s.hub, result.Reference)); err != nil {
		t.Errorf("a registry that cannot mount must get the bytes: %v", err)
	}
}

func TestBakeImageFunction(t *testing.T) {
	lambdaBase := v1.Config{Entrypoint: []string{"/lambda-entrypoint.sh"}, Cmd: []string{"app.handler"}, WorkingDir: "/var/task"}
	const rt = "/lambkin/runtime-api"
	cases := map[string]struct {
		reason string
		base   v1.Config
		spec   image.Spec
		want   v1.Config
	}{
		"Wrapped": {
			reason: "What the image starts is handed to the runtime.",
			base:   lambdaBase,
			want:   v1.Config{Entrypoint: []string{rt, "--", "/lambda-entrypoint.sh", "app.handler"}, WorkingDir: "/var/task", User: image.Nobody},
		},
		"OtherCommand": {
			reason: "ImageConfig.Command replaces CMD alone.",
			base:   lambdaBase,
			spec:   image.Spec{Command: []string{"other.handler"}},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/lambda-entrypoint.sh", "other.handler"}, WorkingDir: "/var/task", User: image.Nobody},
		},
		"OtherEntryPoint": {
			reason: "ImageConfig.EntryPoint replaces ENTRYPOINT alone.",
			base:   lambdaBase,
			spec:   image.Spec{EntryPoint: []string{"/my.sh", "-x"}, WorkingDirectory: "/srv"},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/my.sh", "-x", "app.handler"}, WorkingDir: "/srv", User: image.Nobody},
		},
		"CommandOnly": {
			reason: "Images without ENTRYPOINT start their CMD.",
			base:   v1.Config{Cmd: []string{"/main"}},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/main"}, User: image.Nobody},
		},
		"BakedBefore": {
			reason: "A runtime does not start a runtime.",
			base:   v1.Config{Entrypoint: []string{rt, "--", "/main"}},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/main"}, User: image.Nobody},
		},
		"ZipBakedBefore": {
			reason: "The image of a zip function starts as it did.",
			base:   v1.Config{Entrypoint: []string{rt}, WorkingDir: "/var/task"},
			want:   v1.Config{Entrypoint: []string{rt}, WorkingDir: "/var/task", User: image.Nobody},
		},
		"OwnUser": {
			reason: "A user who is not root stays.",
			base:   v1.Config{Cmd: []string{"/main"}, User: "app"},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/main"}, User: "app"},
		},
		"RootByNumber": {
			reason: "Root does not stay, whatever it is called.",
			base:   v1.Config{Cmd: []string{"/main"}, User: "0:0"},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/main"}, User: image.Nobody},
		},
		"RootByName": {
			reason: "Root does not stay, whatever it is called.",
			base:   v1.Config{Cmd: []string{"/main"}, User: "root"},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/main"}, User: image.Nobody},
		},
		"AskedUser": {
			reason: "Who asks for a user gets it.",
			base:   v1.Config{Cmd: []string{"/main"}, User: "app"},
			spec:   image.Spec{User: "1000:1000"},
			want:   v1.Config{Entrypoint: []string{rt, "--", "/main"}, User: "1000:1000"},
		},
	}
	s := newShelf(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := tc.spec
			spec.Base = push(t, s.hub, "user/image:"+name, makeImage(t, "amd64", tc.base, "app"))
			spec.Runtime, spec.Architecture = s.runtime, "amd64"
			img := pull(t, s.hub, s.bake(t, spec, "fn").Reference)
			got := configOf(t, img).Config
			got.Labels = nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if layers, _ := img.Layers(); len(layers) != 2 {
				t.Errorf("image has %d layers, want the user's and the runtime's", len(layers))
			}
		})
	}
}

func TestBakeKeepsWhatItIsNotAskedToChange(t *testing.T) {
	s := newShelf(t)
	config := nodeConfig()
	config.User, config.ExposedPorts = "node", map[string]struct{}{"8080/tcp": {}}
	base := push(t, s.hub, "web", makeImage(t, "amd64", config, "a"))
	result := s.bake(t, image.Spec{Base: base, Env: map[string]string{"X": "1"}}, "fn")
	got := configOf(t, pull(t, s.hub, result.Reference)).Config
	config.Env = append(config.Env, "X=1")
	for _, label := range []string{"org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"} {
		config.Labels[label] = got.Labels[label]
	}
	if diff := cmp.Diff(config, got); diff != "" {
		t.Errorf("without a runtime the image starts as it did: -want +got:\n%s", diff)
	}
}

func TestBakeIndex(t *testing.T) {
	s := newShelf(t)
	base := push(t, s.hub, "many", makeIndex(t, map[string]v1.Image{
		"linux/amd64": makeImage(t, "amd64", v1.Config{}, "plain"), "linux/amd64/v3": makeImage(t, "amd64", v1.Config{}, "fast"),
		"linux/arm64/v8": makeImage(t, "arm64", v1.Config{}, "plain"), "linux/s390x": makeImage(t, "s390x", v1.Config{}, "plain"),
		"windows/amd64": makeImage(t, "amd64", v1.Config{}, "windows"), "unknown/unknown": makeImage(t, "unknown", v1.Config{}, "attestation"),
	}))
	result := s.bake(t, image.Spec{Base: base, Runtime: s.runtime, Code: code(t)}, "fn:1")
	index, err := remote.Index(mustRef(t, result.Reference))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range manifest.Manifests {
		got = append(got, d.Platform.String())
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		layers, _ := img.Layers()
		want := map[string]string{"plain": "0 0644 " + d.Platform.Architecture + " plain"}
		if files := listing(t, layers[0]); len(layers) != 3 || !cmp.Equal(want, files) {
			t.Errorf("%s has %d layers and lies upon %v", d.Platform, len(layers), files)
		}
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, got); diff != "" {
		t.Errorf("platforms in both base and runtime: -want +got:\n%s", diff)
	}
	if result.MediaType != string(types.OCIImageIndex) || manifest.Annotations["org.opencontainers.image.base.name"] != base+":latest" {
		t.Errorf("result %+v, annotations %v", result, manifest.Annotations)
	}
}

func TestBakeDockerImage(t *testing.T) {
	s := newShelf(t)
	img, err := mutate.AppendLayers(empty.Image, layerOf(t, types.DockerLayer, map[string]string{"a": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	file := configOf(t, img).DeepCopy()
	file.OS, file.Architecture, file.Config.Cmd = "linux", "amd64", []string{"/main"}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	if mt, _ := img.MediaType(); mt != types.DockerManifestSchema2 {
		t.Fatalf("the base is %s", mt)
	}
	base := push(t, s.hub, "docker", img)
	result := s.bake(t, image.Spec{Base: base, Runtime: s.runtime}, "fn")
	counts := s.counts()
	baked := pull(t, s.hub, result.Reference)
	manifest, err := baked.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.MediaType != types.OCIManifestSchema1 || manifest.Config.MediaType != types.OCIConfigJSON || manifest.Layers[0].MediaType != types.OCILayer {
		t.Errorf("manifest mixes kinds: %+v", manifest)
	}
	if err := validate.Image(baked); err != nil {
		t.Error(err)
	}
	if counts["POST mount"] != 2 || counts["POST uploads"] != 1 {
		t.Errorf("another name for the same bytes must not move them: %v", counts)
	}
}

func TestBakePlatformMissing(t *testing.T) {
	s := newShelf(t)
	arm := push(t, s.hub, "arm", makeImage(t, "arm64", v1.Config{Cmd: []string{"/a"}}, "a"))
	windows := push(t, s.hub, "windows", makeIndex(t, map[string]v1.Image{"windows/amd64": makeImage(t, "amd64", v1.Config{}, "a")}))
	intel := push(t, s.hub, "intel", makeIndex(t, map[string]v1.Image{"linux/amd64": makeImage(t, "amd64", v1.Config{}, "a")}))
	cases := map[string]struct {
		reason string
		spec   image.Spec
		says   string
	}{
		"Image":   {"an image is for one architecture", image.Spec{Base: arm, Architecture: "amd64"}, "only for: arm64"},
		"Index":   {"an index has several, but not every one", image.Spec{Base: s.base, Architecture: "s390x"}, "only for: amd64, arm64"},
		"Runtime": {"the runtime must fit too", image.Spec{Base: arm, Runtime: intel, Architecture: "arm64"}, "only for: amd64"},
		"Windows": {"functions run on Linux", image.Spec{Base: windows, Architecture: "amd64"}, "other systems than Linux"},
		"NoLinux": {"functions run on Linux", image.Spec{Base: windows}, "not made for Linux"},
		"Nothing": {"nothing is in both", image.Spec{Base: arm, Runtime: intel}, "no architecture is in both"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := s.baker.Bake(t.Context(), tc.spec, s.ref("fn"))
			if image.KindOf(err) != image.KindPlatformMissing || !strings.Contains(err.Error(), tc.says) || image.Temporary(err) {
				t.Errorf("%s: got %v, want %q", tc.reason, err, tc.says)
			}
		})
	}
}

func TestBakeRefusesSpecs(t *testing.T) {
	s := newShelf(t)
	empty := push(t, s.hub, "empty", makeImage(t, "amd64", v1.Config{}, "a"))
	zip := *code(t)
	cases := map[string]struct {
		reason string
		spec   image.Spec
		target string
		code   lambda.Code
		kind   image.Kind
	}{
		"NoBase":        {reason: "there must be something below", spec: image.Spec{Code: &zip}, target: "fn", code: lambda.CodeInvalidParameterValue},
		"LayersOfImage": {reason: "Lambda has no layers for images", spec: image.Spec{Base: s.base, Layers: []image.Archive{zip}}, target: "fn", code: lambda.CodeInvalidParameterValue},
		"SixLayers": {
			reason: "Lambda takes five", target: "fn", code: lambda.CodeInvalidParameterValue,
			spec: image.Spec{Base: s.base, Code: &zip, Layers: []image.Archive{zip, zip, zip, zip, zip, zip}},
		},
		"Variable":       {reason: "a variable's name has no =", spec: image.Spec{Base: s.base, Env: map[string]string{"A=B": ""}}, target: "fn", code: lambda.CodeInvalidParameterValue},
		"BadBase":        {reason: "references have a form", spec: image.Spec{Base: "no such:ref:form"}, target: "fn", kind: image.KindBadReference},
		"BadTarget":      {reason: "references have a form", spec: image.Spec{Base: s.base}, target: "FN", kind: image.KindBadReference},
		"TargetDigest":   {reason: "the digest is the result", spec: image.Spec{Base: s.base}, target: "fn@sha256:" + strings.Repeat("0", 64), kind: image.KindBadReference},
		"NothingToStart": {reason: "the runtime must be told what to start", spec: image.Spec{Base: empty, Runtime: s.runtime, Architecture: "amd64"}, target: "fn", kind: image.KindUnsupported},
		"NoSuchBase":     {reason: "the base must be there", spec: image.Spec{Base: s.ref("base/none:1")}, target: "fn", kind: image.KindNotFound},
		"NoSuchRuntime":  {reason: "the runtime must be there", spec: image.Spec{Base: s.base, Runtime: s.ref("lambkin/none:1"), Code: &zip}, target: "fn", kind: image.KindNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := s.baker.Bake(t.Context(), tc.spec, s.ref(tc.target))
			if tc.code != "" && lambda.CodeOf(err) != tc.code || image.KindOf(err) != tc.kind {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
}

func TestBakeRefusesImages(t *testing.T) {
	h := newHub(t)
	layer := func(mediaType string) string {
		return fmt.Sprintf(`{"mediaType": %q, "size": 3, "digest": "sha256:%064d"}`, mediaType, 1)
	}
	const config = `{"mediaType": "application/vnd.oci.image.config.v1+json", "size": %d, "digest": "sha256:%s"}`
	file := `{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:` + strings.Repeat("2", 64) + `"]}}`
	good := fmt.Sprintf(config, len(file), hexSum(file))
	oci := layer(string(types.OCILayer))
	cases := map[string]struct {
		reason, manifest string
		kind             image.Kind
		says             string
	}{
		"Good":         {"this is how it should be", manifestOf(good, oci), "", ""},
		"Docker":       {"foreign layers are fetched by who runs them", manifestOf(good, layer(string(types.DockerForeignLayer))), "", ""},
		"MoreLayers":   {"configuration and manifest agree", manifestOf(good, oci+","+oci), image.KindCorrupt, "1 layers and its manifest 2"},
		"NoLayerType":  {"layers are tars", manifestOf(good, layer("text/plain")), image.KindCorrupt, `"text/plain" is no type`},
		"LargeConfig":  {"configurations are read into memory", manifestOf(fmt.Sprintf(config, 1<<40, hexSum(file)), oci), image.KindCorrupt, "1099511627776 bytes"},
		"OtherConfig":  {"bytes have a digest", manifestOf(fmt.Sprintf(config, len(file), hexSum("other")), oci), "", "verifying"},
		"NoJSON":       {"manifests are JSON", "manifest", image.KindCorrupt, "invalid character"},
		"OtherJSON":    {"manifests are JSON of a form", `{"layers": "none"}`, image.KindCorrupt, "cannot unmarshal"},
		"LargeManfest": {"manifests are read into memory", `{"a": "` + strings.Repeat("x", 5<<20) + `"}`, image.KindUnsupported, "more than 4194304 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h.disturb(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/base/"):
					return false
				case strings.Contains(r.URL.Path, "/blobs/"):
					io.WriteString(w, file)
				default:
					w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
					io.WriteString(w, tc.manifest)
				}
				return true
			})
			baker := image.Baker{Registry: h.registry()}
			_, err := baker.Bake(t.Context(), image.Spec{Base: h.ref("base/x")}, h.ref("fn"))
			if tc.says == "" { // all is read, but the layer's bytes are not there
				if image.KindOf(err) == image.KindCorrupt {
					t.Errorf("%s: got %v", tc.reason, err)
				}
				return
			}
			if err == nil || image.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) || len(err.Error()) > 1000 {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
}

func manifestOf(config, layers string) string {
	return fmt.Sprintf(`{"schemaVersion": 2, "config": %s, "layers": [%s]}`, config, layers)
}
