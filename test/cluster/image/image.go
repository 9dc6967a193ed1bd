// Package image makes the images of a test cluster from programs and Debian packages, without Docker: layers are plain
// tar archives, uncompressed because they travel over loopback only, and the same input gives the same digest.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// User runs every image: nobody in particular, and never root.
const User = "65532:65532"

// Image says what an image consists of.
type Image struct {
	// Ref is the image's name and tag, without registry.
	Ref string
	// Layers lie below Files and Links.
	Layers []v1.Layer
	// Files are files of this machine by their path in the image. They can be executed there.
	Files map[string]string
	// Links are targets of symbolic links by their path in the image.
	Links map[string]string
	// Entrypoint is what runs; empty leaves that to whoever uses the image.
	Entrypoint []string
	// Env is added to PATH and HOME.
	Env []string
}

// Build gives the image.
func (i Image) Build() (v1.Image, error) {
	layers := i.Layers
	if len(i.Files)+len(i.Links) > 0 {
		layer, err := filesLayer(i.Files, i.Links)
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", i.Ref, err)
		}
		layers = append(slices.Clip(layers), layer)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, layers...)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Ref, err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Ref, err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config = v1.Config{
		Entrypoint: i.Entrypoint,
		User:       User,
		WorkingDir: "/",
		Env:        slices.Concat([]string{"PATH=/usr/local/bin:/usr/bin:/bin:/ko-app", "HOME=/tmp"}, i.Env),
	}
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Ref, err)
	}
	return img, nil
}

// filesLayer puts files and links in one layer, in the order of their paths.
func filesLayer(files, links map[string]string) (v1.Layer, error) {
	t := newTree()
	for _, dst := range sorted(files) {
		data, err := os.ReadFile(files[dst])
		if err != nil {
			return nil, err
		}
		t.file(dst, data, 0o755)
	}
	for _, dst := range sorted(links) {
		t.link(dst, links[dst])
	}
	return t.layer()
}

// Skeleton is the lowest layer of images without a Debian below them: users, a place for temporary files, name service.
func Skeleton() (v1.Layer, error) {
	t := newTree()
	t.users()
	t.file("etc/nsswitch.conf", []byte("hosts: files dns\n"), 0o644)
	for _, dir := range []string{"home", "root", "var/run/ko"} {
		t.dir(dir, 0o755)
	}
	return t.layer()
}

// tree writes a tar archive whose bytes depend on nothing but what is put in: no times, no users of this machine.
type tree struct {
	buf  bytes.Buffer
	tar  *tar.Writer
	seen map[string]bool
	err  error
}

func newTree() *tree {
	t := &tree{seen: map[string]bool{".": true, "/": true, "": true}}
	t.tar = tar.NewWriter(&t.buf)
	return t
}

// write keeps the first error; layer gives it.
func (t *tree) write(h tar.Header, data []byte) {
	if t.err != nil {
		return
	}
	h.Format, h.Size = tar.FormatPAX, int64(len(data))
	if t.err = t.tar.WriteHeader(&h); t.err == nil {
		_, t.err = t.tar.Write(data)
	}
}

// dir makes a folder and those above it, each once.
func (t *tree) dir(name string, mode int64) {
	name = strings.Trim(name, "/")
	if t.seen[name] {
		return
	}
	t.dir(path.Dir(name), 0o755)
	t.seen[name] = true
	t.write(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (t *tree) file(name string, data []byte, mode int64) {
	name = strings.Trim(name, "/")
	t.dir(path.Dir(name), 0o755)
	t.write(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
}

func (t *tree) link(name, target string) {
	name = strings.Trim(name, "/")
	t.dir(path.Dir(name), 0o755)
	t.write(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

func (t *tree) users() {
	t.dir("tmp", 0o1777)
	t.file("etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n"), 0o644)
	t.file("etc/group", []byte("root:x:0:\nnonroot:x:65532:\n"), 0o644)
}

func (t *tree) layer() (v1.Layer, error) {
	if t.err == nil {
		t.err = t.tar.Close()
	}
	if t.err != nil {
		return nil, fmt.Errorf("layer: %w", t.err)
	}
	return static.NewLayer(t.buf.Bytes(), types.OCIUncompressedLayer), nil
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
