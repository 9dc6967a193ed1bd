package image_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// item is one entry of a zip.
type item struct {
	name string
	body string
	mode fs.FileMode // 0 means a file with 0644
	time time.Time
}

// pack makes a zip of the items in their order.
func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate, Modified: it.time}
		if it.mode == 0 {
			it.mode = 0o644
		}
		h.SetMode(it.mode)
		w, err := zw.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, it.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// code is a zip with one program.
func code(t testing.TB) *image.Archive {
	a := image.BytesArchive(pack(t, item{name: "bootstrap", body: "#!/bin/sh\n", mode: 0o755}))
	return &a
}

// gzipped makes the bytes of a layer.
func gzipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zipper := gzip.NewWriter(&buf)
	w := tar.NewWriter(zipper)
	for name, body := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body)
	}
	w.Close()
	zipper.Close()
	return buf.Bytes()
}

// layerOf makes a layer whose DiffID is right.
func layerOf(t testing.TB, mediaType types.MediaType, files map[string]string) v1.Layer {
	t.Helper()
	return unpackable{static.NewLayer(gzipped(t, files), mediaType)}
}

// unpackable knows, unlike what is in it, that its bytes are compressed.
type unpackable struct{ v1.Layer }

func (u unpackable) DiffID() (v1.Hash, error) {
	r, err := u.Uncompressed()
	if err != nil {
		return v1.Hash{}, err
	}
	h, _, err := v1.SHA256(r)
	return h, err
}

func (u unpackable) Uncompressed() (io.ReadCloser, error) {
	r, err := u.Compressed()
	if err != nil {
		return nil, err
	}
	return gzip.NewReader(r)
}

// makeImage makes an image of Linux with a layer of its own for each name.
func makeImage(t testing.TB, arch string, config v1.Config, layers ...string) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, l := range layers {
		var err error
		if img, err = mutate.AppendLayers(img, layerOf(t, types.OCILayer, map[string]string{l: arch + " " + l})); err != nil {
			t.Fatal(err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", arch, config
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return img
}

// makeIndex makes an index of images, by platform such as "linux/arm64" or "linux/amd64/v3".
func makeIndex(t testing.TB, images map[string]v1.Image) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for platform, img := range images {
		parts := strings.Split(platform+"/", "/")
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]},
		}})
	}
	return index
}

// push puts an image or index into a hub and gives its reference back.
func push(t testing.TB, h *hub, rest string, what remote.Taggable) string {
	t.Helper()
	ref, err := name.ParseReference(h.ref(rest))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(ref, what, remote.WithTransport(h.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	h.counts()
	return h.ref(rest)
}

// pull reads an image back.
func pull(t testing.TB, h *hub, reference string) v1.Image {
	t.Helper()
	img, err := remote.Image(mustRef(t, reference), remote.WithTransport(h.Client().Transport))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func mustRef(t testing.TB, reference string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// configOf reads an image's configuration back.
func configOf(t testing.TB, img v1.Image) *v1.ConfigFile {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// listing unpacks a layer: name to type, mode and content.
func listing(t testing.TB, l v1.Layer) map[string]string {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%s belongs to %d:%d (%s:%s) since %v, want root and no time", h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime)
		}
		if _, twice := got[h.Name]; twice {
			t.Errorf("%s is there twice", h.Name)
		}
		got[h.Name] = fmt.Sprintf("%c %04o %s%s", h.Typeflag, h.Mode, h.Linkname, body)
	}
}

// topLayer is the uppermost layer of an image.
func topLayer(t testing.TB, img v1.Image) v1.Layer {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) == 0 {
		t.Fatalf("image has %d layers, %v", len(layers), err)
	}
	return layers[len(layers)-1]
}

// Modes of zip entries that are no files.
const (
	fs777 = fs.ModeSymlink | 0o777
	dir   = fs.ModeDir
)

func mustDigest(t testing.TB, reference string) name.Digest {
	t.Helper()
	ref, err := name.NewDigest(reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
