// Package image makes the images of a test cluster from programs and Debian packages, without Docker: layers are plain
// tar archives, uncompressed because they travel over loopback only, and the same input gives the same digest.
package image

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
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
	Ref    string
	Layers []v1.Layer
	// Entrypoint is what runs; empty leaves that to whoever uses the image.
	Entrypoint []string
	// Env is added to PATH and HOME, or replaces them.
	Env []string
}

// Build gives the image.
func (i Image) Build() (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, i.Layers...)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Ref, err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Ref, err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{
		Entrypoint: i.Entrypoint,
		User:       User,
		WorkingDir: "/",
		Env:        environment([]string{"PATH=/usr/local/bin:/usr/bin:/bin:/ko-app", "HOME=/tmp"}, i.Env),
	}
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Ref, err)
	}
	return img, nil
}

// environment gives each variable once: more overrides base. Of two, programs see the first or the last, as they like.
func environment(base, more []string) []string {
	name := func(kv string) string { name, _, _ := strings.Cut(kv, "="); return name }
	base = slices.DeleteFunc(slices.Clone(base), func(kv string) bool {
		return slices.ContainsFunc(more, func(other string) bool { return name(other) == name(kv) })
	})
	return append(base, more...)
}

// writePrograms writes a layer of files that can be executed and of symbolic links, both by their path in the image, in
// the order of those paths.
func writePrograms(w io.Writer, files, links map[string]string) error {
	t := newTree(w)
	for _, dst := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[dst])
		if err != nil {
			return err
		}
		t.file(dst, data, 0o755)
	}
	for _, dst := range slices.Sorted(maps.Keys(links)) {
		t.link(dst, links[dst])
	}
	return t.close()
}

// inMemory gives a small layer that is made each time.
func inMemory(write func(io.Writer) error) (v1.Layer, error) {
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return nil, err
	}
	return static.NewLayer(buf.Bytes(), types.OCIUncompressedLayer), nil
}

// writeSkeleton writes the lowest layer of images without a Debian below them: users, a place for temporary files, name service.
func writeSkeleton(w io.Writer) error {
	t := newTree(w)
	t.dir("tmp", 0o1777)
	for _, dir := range []string{"home", "root", "var/run/ko"} {
		t.dir(dir, 0o755)
	}
	files := userFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t.file(name, []byte(files[name]), 0o644)
	}
	return t.close()
}

func userFiles() map[string]string {
	return map[string]string{
		"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n",
		"etc/group":         "root:x:0:\nnonroot:x:65532:\n",
		"etc/nsswitch.conf": "hosts: files dns\n",
	}
}
