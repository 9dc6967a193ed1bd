package image_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// stream hides that bytes in memory can be read at any place.
func stream(a image.Archive) image.Archive {
	open := a.Open
	a.Open = func(ctx context.Context) (io.ReadCloser, error) {
		r, err := open(ctx)
		return struct{ io.ReadCloser }{r}, err
	}
	return a
}

func TestBakeArchives(t *testing.T) {
	s := newShelf(t)
	whole := image.BytesArchive(pack(t, item{name: "bootstrap", body: "#!", mode: 0o755}))
	inFile := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(inFile, pack(t, item{name: "bootstrap", body: "#!", mode: 0o755}), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, err := image.FileArchive(inFile)
	if err != nil {
		t.Fatal(err)
	}
	unknown := whole
	unknown.SHA256 = ""
	upper := whole
	upper.SHA256 = strings.ToUpper(whole.SHA256)
	spec := image.Spec{Base: s.base, Architecture: "amd64"}
	digests := map[string]string{}
	for name, a := range map[string]image.Archive{"memory": whole, "stream": stream(whole), "file": fromFile, "unknown digest": unknown, "upper case": upper} {
		spec.Code = &a
		digests[name] = s.bake(t, spec, "fn").Digest
	}
	for name, digest := range digests {
		if digest != digests["memory"] {
			t.Errorf("an archive by way of %s gives another image", name)
		}
	}
	if left, err := os.ReadDir(s.baker.TempDir); err != nil || len(left) > 0 {
		t.Errorf("bakes left %v behind, %v", left, err)
	}
}

func TestBakeRefusesArchives(t *testing.T) {
	const unzip = "Could not unzip uploaded file. Please check your file, then try to upload again."
	good := pack(t, item{name: "a", body: strings.Repeat("x", 1000)})
	with := func(change func(*image.Archive)) image.Archive {
		a := image.BytesArchive(good)
		change(&a)
		return a
	}
	hole := bytes.Clone(good)
	hole[40] ^= 0xff
	cases := map[string]struct {
		reason  string
		archive image.Archive
		layers  []image.Archive
		want    string
	}{
		"NotAZip":     {"any bytes may come", image.BytesArchive([]byte("hello")), nil, unzip},
		"Empty":       {"an archive holds something", image.BytesArchive(pack(t)), nil, "Uploaded file must be a non-empty zip"},
		"Traversal":   {"nothing may get out of its place", image.BytesArchive(pack(t, item{name: "../a", body: "x"})), nil, unzip},
		"LinkOut":     {"nothing may lead out of its place", image.BytesArchive(pack(t, item{name: "a", body: "../../etc", mode: fs777})), nil, unzip},
		"Whiteout":    {"a name must not delete what lies below", image.BytesArchive(pack(t, item{name: "lib/.wh.passwd", body: ""})), nil, unzip},
		"Opaque":      {"a name must not delete what lies below", image.BytesArchive(pack(t, item{name: ".wh..wh..opq/x", body: ""})), nil, unzip},
		"Damaged":     {"bytes that are damaged are no code", with(func(a *image.Archive) { *a = image.BytesArchive(hole) }), nil, unzip},
		"Large":       {"an archive has a bound", image.BytesArchive(pack(t, item{name: "a", body: strings.Repeat("x", 5000)})), nil, "Unzipped size must be smaller than 4096 bytes"},
		"LargeInSum":  {"all archives together have the same bound", image.BytesArchive(pack(t, item{name: "a", body: strings.Repeat("x", 3000)})), []image.Archive{image.BytesArchive(pack(t, item{name: "b", body: strings.Repeat("y", 2000)}))}, "Function code combined with layers exceeds the maximum allowed size of 4096 bytes. The actual size is 5000 bytes."},
		"OtherDigest": {"code is what its digest says", with(func(a *image.Archive) { a.SHA256 = strings.Repeat("0", 64) }), nil, "SHA-256"},
		"Longer":      {"code is as large as was said", with(func(a *image.Archive) { a.Size--; a.SHA256 = "" }), nil, "bytes"},
		"Shorter":     {"code is as large as was said", with(func(a *image.Archive) { a.Size++ }), nil, "bytes"},
	}
	s := newShelf(t)
	s.baker.Limits = archive.Limits{Size: 4096, Entries: 100}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for way, a := range map[string]image.Archive{"in place": tc.archive, "as stream": stream(tc.archive)} {
				_, err := s.baker.Bake(t.Context(), image.Spec{Base: s.base, Code: &a, Layers: tc.layers}, s.ref("fn"))
				e := new(lambda.Error)
				if !errors.As(err, &e) || e.Code != lambda.CodeInvalidParameterValue || !strings.Contains(e.Message, tc.want) {
					t.Errorf("%s: %s: got %v, want %q", tc.reason, way, err, tc.want)
				}
			}
		})
	}
	if left, err := os.ReadDir(s.baker.TempDir); err != nil || len(left) > 0 {
		t.Errorf("bakes left %v behind, %v", left, err)
	}
}

func TestBakeArchiveThatFails(t *testing.T) {
	s := newShelf(t)
	gone := errors.New("store is gone")
	broken := image.BytesArchive([]byte("x"))
	cases := map[string]image.Archive{
		"Open": {Size: 1, Open: func(context.Context) (io.ReadCloser, error) { return nil, gone }},
		"Read": {Size: broken.Size, Open: func(context.Context) (io.ReadCloser, error) {
			r, w := io.Pipe()
			w.CloseWithError(gone)
			return r, nil
		}},
	}
	for name, a := range cases {
		_, err := s.baker.Bake(t.Context(), image.Spec{Base: s.base, Code: &a}, s.ref("fn"))
		if !errors.Is(err, gone) || lambda.CodeOf(err) != lambda.CodeService {
			t.Errorf("%s: got %v, want the store's own fault", name, err)
		}
	}
	if _, err := s.baker.Bake(t.Context(), image.Spec{Base: s.base, Code: &image.Archive{}}, s.ref("fn")); err == nil {
		t.Error("an archive without Open was baked")
	}
}

// FuzzLayer holds what a layer promises for the bytes of any zip: only files, folders and links, at their place, with the
// modes that everybody can read, whatever a stranger sent; or a fault of the archive.
func FuzzLayer(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add(pack(f, item{name: "a/b", body: "hello", mode: 0o4755}, item{name: "l", body: "a/b", mode: fs777}, item{name: "e/", mode: dir | 0o700}))
	f.Add(pack(f, item{name: "../a", body: "hello"}))
	f.Add(pack(f, item{name: ".wh.a", body: "hello"}))
	f.Add(pack(f, item{name: strings.Repeat("long/", 60) + "name", body: "hello"}, item{name: "käse\xff", body: "x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := image.BytesArchive(data)
		layer, err := image.ZipLayer(t.TempDir(), a, image.TaskRoot, archive.Limits{Size: 1 << 16, Entries: 64})
		if err != nil {
			if lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
				t.Fatalf("the machine is blamed: %v", err)
			}
			return
		}
		files := listing(t, layer)
		for name, what := range files {
			if !strings.HasPrefix(name, "var/task/") || strings.Contains("/"+name, "/../") || strings.Contains("/"+name, "/.wh.") {
				t.Errorf("%q is not in its place", name)
			}
			if mode := what[:6]; mode != "5 0755" && mode != "0 0644" && mode != "0 0755" && mode != "2 0777" {
				t.Errorf("%q has mode %q", name, mode)
			}
		}
		checkSums(t, layer)
	})
}

// checkSums proves that a layer's digests are those of its bytes.
func checkSums(t testing.TB, layer v1.Layer) {
	t.Helper()
	for name, part := range map[string]struct {
		open func() (io.ReadCloser, error)
		want func() (v1.Hash, error)
	}{"Digest": {layer.Compressed, layer.Digest}, "DiffID": {layer.Uncompressed, layer.DiffID}} {
		r, err := part.open()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := v1.SHA256(r)
		r.Close()
		if want, wantErr := part.want(); err != nil || wantErr != nil || got != want {
			t.Errorf("%s is %v, want %v (%v, %v)", name, want, got, err, wantErr)
		}
	}
}

// TestLayerGolden pins the bytes of layers. If it fails because the compressor of a new Go release writes others, then
// every function gets a new image when it is next baked: say so in the changelog and change the digest.
func TestLayerGolden(t *testing.T) {
	var items []item
	for i := range 50 {
		items = append(items, item{name: strings.Repeat("d/", i) + "file", body: strings.Repeat("some text that repeats ", i*i)})
	}
	items = append(items, item{name: "bin/run", body: "#!/bin/sh\n", mode: 0o755}, item{name: "run", body: "bin/run", mode: fs777})
	layer, err := image.ZipLayer(t.TempDir(), image.BytesArchive(pack(t, items...)), image.LayerRoot, archive.Lambda())
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, layer)
	digest, _ := layer.Digest()
	diffID, _ := layer.DiffID()
	want := []string{
		"sha256:87b3af817f00e6c8ea7fb338eb06a36f3158090428b1b8c6deeb9f256e9f566e",
		"sha256:17f7b60d8cab56f09ef78744541fcd3b9578a9e2747e0c4ba7a980f8f6024df5",
	}
	if diff := cmp.Diff(want, []string{digest.String(), diffID.String()}); diff != "" {
		t.Errorf("digest and diff id: -want +got:\n%s", diff)
	}
}

// TestLayerOfStoredFiles shows that it is the content that counts and not how the zip packed it.
func TestLayerOfStoredFiles(t *testing.T) {
	var stored bytes.Buffer
	w := zip.NewWriter(&stored)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	h.SetMode(0o755)
	part, err := w.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, "#!/bin/sh\n")
	w.Close()
	var digests []v1.Hash
	for _, a := range []image.Archive{*code(t), image.BytesArchive(stored.Bytes())} {
		layer, err := image.ZipLayer(t.TempDir(), a, image.TaskRoot, archive.Lambda())
		if err != nil {
			t.Fatal(err)
		}
		digest, _ := layer.Digest()
		digests = append(digests, digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("stored and deflated files make layers %v", digests)
	}
}
