package image_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// lay makes files: name to mode and content; a name that ends in a slash is a folder, a content "-> x" a link.
func lay(t testing.TB, files map[string]struct {
	mode fs.FileMode
	body string
}) string {
	t.Helper()
	root := t.TempDir()
	for name, f := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case name[len(name)-1] == '/':
			err = os.MkdirAll(path, 0o755)
		case len(f.body) > 3 && f.body[:3] == "-> ":
			err = os.Symlink(f.body[3:], path)
		default:
			err = os.WriteFile(path, []byte(f.body), 0o600)
		}
		if err == nil && f.mode != 0 {
			err = os.Chmod(path, f.mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

type laid = map[string]struct {
	mode fs.FileMode
	body string
}

func TestAssemble(t *testing.T) {
	h := newHub(t)
	root := lay(t, laid{
		"etc/passwd": {0o644, "root"}, "etc/shadow": {0o600, "secret"}, "usr/bin/su": {0o755 | fs.ModeSetuid, "su"},
		"tmp/": {0o777 | fs.ModeSticky, ""}, "bin": {0, "-> usr/bin"}, "etc/alternatives": {0, "-> /usr/share"}, "etc/old": {0o600, "old"},
	})
	program := filepath.Join(root, "usr/bin/su")
	spec := image.AssembleSpec{
		Platforms: map[string]image.Files{"amd64": {"/": root, "/lambkin/builder": program, "/etc/old": filepath.Join(root, "etc/passwd")}},
		Command:   []string{"/bin/sh"}, WorkingDirectory: "/srv", Env: map[string]string{"PATH": "/bin", "A": "1"}, User: "1000",
		Annotations: map[string]string{"org.opencontainers.image.version": "v1"}, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	made, err := image.Assemble(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image.Raw(made)); err != nil {
		t.Error(err)
	}
	result, err := made.Push(t.Context(), h.registry(), h.ref("base/sh:1"))
	if err != nil {
		t.Fatal(err)
	}
	img := pull(t, h, h.ref("base/sh:1"))
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	want := map[string]string{
		"bin": "2 0777 usr/bin", "etc/": "5 0755 ", "etc/alternatives": "2 0777 /usr/share", "etc/old": "0 0644 root", "etc/passwd": "0 0644 root",
		"etc/shadow": "0 0644 secret", "lambkin/": "5 0755 ", "lambkin/builder": "0 0755 su", "tmp/": "5 1777 ", "usr/": "5 0755 ",
		"usr/bin/": "5 0755 ", "usr/bin/su": "0 0755 su",
	}
	if diff := cmp.Diff(want, listing(t, topLayer(t, img))); diff != "" {
		t.Errorf("files: -want +got:\n%s", diff)
	}
	c := configOf(t, img)
	wantConfig := v1.Config{
		Cmd: []string{"/bin/sh"}, WorkingDir: "/srv", Env: []string{"A=1", "PATH=/bin"}, User: "1000",
		Labels: map[string]string{"org.opencontainers.image.version": "v1"},
	}
	if diff := cmp.Diff(wantConfig, c.Config); diff != "" || c.Architecture != "amd64" || c.OS != "linux" || !c.Created.Equal(spec.Created) {
		t.Errorf("configuration of %s/%s made %v: -want +got:\n%s", c.OS, c.Architecture, c.Created, diff)
	}
	if digest, err := made.Digest(); err != nil || digest != result.Digest {
		t.Errorf("Digest = %q, %v; pushed was %q", digest, err, result.Digest)
	}
}

func TestAssembleIndex(t *testing.T) {
	h := newHub(t)
	root := lay(t, laid{"amd64": {0o755, "intel"}, "arm64": {0o755, "arm"}})
	spec := image.AssembleSpec{EntryPoint: []string{"/lambkin/runtime-api"}, Platforms: map[string]image.Files{}}
	for _, arch := range []string{"amd64", "arm64"} {
		spec.Platforms[arch] = image.Files{image.RuntimePath: filepath.Join(root, arch)}
	}
	made, err := image.Assemble(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Push(t.Context(), h.registry(), h.ref("lambkin/runtime:1")); err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(mustRef(t, h.ref("lambkin/runtime:1")))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	got, err := h.registry().Inspect(t.Context(), h.ref("lambkin/runtime:1"), "arm64")
	if err != nil || !cmp.Equal(got.Architectures, []string{"amd64", "arm64"}) || got.User != image.Nobody {
		t.Errorf("got %+v, %v", got, err)
	}
	again, err := image.Assemble(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := again.Push(t.Context(), h.registry(), h.ref("lambkin/runtime:1")); err != nil || !result.Reused {
		t.Errorf("made again it is another image: %+v, %v", result, err)
	}
}

func TestAssembleRefuses(t *testing.T) {
	root := lay(t, laid{"a": {0o644, "a"}})
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		files  image.Files
	}{
		"Relative": {"places are absolute", image.Files{"a": root}},
		"Unclean":  {"places are clean", image.Files{"/a/../b": root}},
		"Missing":  {"files are there", image.Files{"/a": filepath.Join(root, "b")}},
		"Pipe":     {"images hold no pipes", image.Files{"/a": pipe}},
	}
	for name, tc := range cases {
		if _, err := image.Assemble(t.TempDir(), image.AssembleSpec{Platforms: map[string]image.Files{"amd64": tc.files}}); err == nil {
			t.Errorf("%s: %s, but it was assembled", name, tc.reason)
		}
	}
	if _, err := image.Assemble(t.TempDir(), image.AssembleSpec{}); err == nil {
		t.Error("an image for no platform was assembled")
	}
}

func TestLayout(t *testing.T) {
	h := newHub(t)
	root := lay(t, laid{"one": {0o755, "1"}, "two": {0o755, "2"}})
	assemble := func(archs ...string) *image.Image {
		spec := image.AssembleSpec{EntryPoint: []string{"/x"}, Platforms: map[string]image.Files{}}
		for _, arch := range archs {
			spec.Platforms[arch] = image.Files{"/x": filepath.Join(root, "one"), "/" + arch: filepath.Join(root, "two")}
		}
		made, err := image.Assemble(t.TempDir(), spec)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	dir := filepath.Join(t.TempDir(), "oci")
	single, both := assemble("amd64"), assemble("amd64", "arm64")
	for _, save := range []struct {
		made *image.Image
		name string
	}{{both, "lambkin/one"}, {both, "lambkin/two"}, {single, "lambkin/one"}} {
		if err := save.made.Save(dir, save.name); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := folder.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if manifest, err := index.IndexManifest(); err != nil || len(manifest.Manifests) != 2 {
		t.Errorf("the layout holds %+v, %v; want two names", manifest, err)
	}
	for name, want := range map[string]*image.Image{"lambkin/one": single, "lambkin/two": both} {
		loaded, err := image.Load(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		result, err := loaded.Push(t.Context(), h.registry(), h.ref(name))
		if digest, _ := want.Digest(); err != nil || result.Digest != digest {
			t.Errorf("%s: saved, loaded and pushed it is %+v, %v; want %s", name, result, err, digest)
		}
	}
	if _, err := image.Load(dir, "lambkin/three"); err == nil {
		t.Error("an image that was not saved was loaded")
	}
	if _, err := image.Load(root, "lambkin/one"); err == nil {
		t.Error("a folder that is no layout was opened")
	}
}
