package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// entries lists a layer: what is where, one line each.
func entries(t *testing.T, data []byte) []string {
	t.Helper()
	var lines []string
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%q has owner %d:%d and time %v, want none", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %o %s%s", h.Name, h.Mode, h.Linkname, content))
	}
}

// isWhole fails the test if a layer is not what it says. (ggcr's own check wants every layer to be compressed.)
func isWhole(t *testing.T, l v1.Layer) {
	t.Helper()
	want, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, n, err := v1.SHA256(r)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := l.Size(); got != want || n != size || err != nil {
		t.Errorf("layer of %d bytes with digest %v says that it has %d, %v and %v", n, got, size, err, want)
	}
}

// folder makes files; a content that begins with "->" is a symbolic link.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "->"); ok {
			err = os.Symlink(target, name)
		} else {
			err = os.WriteFile(name, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func archive(t *testing.T, dir string, below map[string]content) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := writeFolder(&buf, dir, below); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestFolderIsDeterministic(t *testing.T) {
	files := map[string]string{"usr/bin/b": "b", "usr/bin/a": "a", "bin": "->usr/bin", "etc/x": ""}
	first := folder(t, files)
	second := folder(t, files)
	late := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(second, "etc/x"), late, late); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(second, "usr/bin/a"), 1234, 1234); err != nil {
			t.Fatal(err)
		}
	}
	a, b := archive(t, first, nil), archive(t, second, nil)
	if !bytes.Equal(a, b) {
		t.Errorf("two folders with the same files give different layers:\n%q\n%q", entries(t, a), entries(t, b))
	}
	want := []string{"bin 777 usr/bin", "etc/ 755 ", "etc/x 644 ", "usr/ 755 ", "usr/bin/ 755 ", "usr/bin/a 644 a", "usr/bin/b 644 b"}
	if diff := cmp.Diff(want, entries(t, a)); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

func TestFolderLeavesOutWhatIsBelow(t *testing.T) {
	store := Store{t.TempDir()}
	below := folder(t, map[string]string{"usr/same": "1", "usr/changed": "1", "usr/link": "->same", "usr/turned": "->same", "var/only-below": "1"})
	layer, err := store.Layer("below", func(w io.Writer) error { return writeFolder(w, below, nil) })
	if err != nil {
		t.Fatal(err)
	}
	has, err := contents([]v1.Layer{layer})
	if err != nil {
		t.Fatal(err)
	}
	above := folder(t, map[string]string{"usr/same": "1", "usr/changed": "2", "usr/link": "->same", "usr/turned": "->changed", "usr/new": "3"})
	want := []string{"usr/ 755 ", "usr/changed 644 2", "usr/new 644 3", "usr/turned 777 changed"}
	if diff := cmp.Diff(want, entries(t, archive(t, above, has))); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

func TestFolderKeepsModes(t *testing.T) {
	dir := folder(t, map[string]string{"bin/run": "x"})
	tmp := filepath.Join(dir, "tmp")
	err := errors.Join(os.Chmod(filepath.Join(dir, "bin/run"), 0o755), os.Mkdir(tmp, 0o755), os.Chmod(tmp, 0o777|os.ModeSticky))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"bin/ 755 ", "bin/run 755 x", "tmp/ 1777 "}
	if diff := cmp.Diff(want, entries(t, archive(t, dir, nil))); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

func TestStoreMakesEachLayerOnce(t *testing.T) {
	store := Store{filepath.Join(t.TempDir(), "layers")}
	made := 0
	write := func(w io.Writer) error {
		made++
		return writePrograms(w, nil, map[string]string{"/bin/sh": "bash"})
	}
	first, err := store.Layer("shell", write)
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.Layer("shell", write)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := first.Digest()
	b, errB := second.Digest()
	if a != b || errors.Join(errA, errB) != nil || made != 1 {
		t.Errorf("digests %v and %v, made %d times, want the same, once", a, b, made)
	}
	isWhole(t, second)
}

func TestStoreForgetsWhatFailed(t *testing.T) {
	store := Store{t.TempDir()}
	broken := errors.New("no network")
	if _, err := store.Layer("x", func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return broken
	}); !errors.Is(err, broken) {
		t.Fatalf("Layer = %v, want %v", err, broken)
	}
	left, err := os.ReadDir(store.Dir)
	if err != nil || len(left) != 0 {
		t.Errorf("after a failure there are %v, %v, want nothing", left, err)
	}
	if _, err := store.Layer("x", func(w io.Writer) error { return writePrograms(w, nil, nil) }); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

// A layer whose digest was not written yet is not whole.
func TestStoreTrustsOnlyWholeLayers(t *testing.T) {
	store := Store{t.TempDir()}
	if err := os.WriteFile(filepath.Join(store.Dir, "x.tar"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	layer, err := store.Layer("x", func(w io.Writer) error { return writePrograms(w, nil, nil) })
	if err != nil {
		t.Fatal(err)
	}
	isWhole(t, layer)
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"PATH=/bin", "HOME=/tmp"}, []string{"A=1", "PATH=/go/bin=x"})
	if diff := cmp.Diff([]string{"HOME=/tmp", "A=1", "PATH=/go/bin=x"}, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestBuild(t *testing.T) {
	program := filepath.Join(folder(t, map[string]string{"hello": "ELF"}), "hello")
	build := func() v1.Image {
		skeleton, err := inMemory(writeSkeleton)
		if err != nil {
			t.Fatal(err)
		}
		layer, err := inMemory(func(w io.Writer) error { return writePrograms(w, map[string]string{"/hello": program}, nil) })
		if err != nil {
			t.Fatal(err)
		}
		img, err := Image{Ref: "x:1", Layers: []v1.Layer{skeleton, layer}, Entrypoint: []string{"/hello"}, Env: []string{"A=1"}}.Build()
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	img := build()
	layers, err := img.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("layers: %v, %v, want 2", layers, err)
	}
	for _, l := range layers {
		isWhole(t, l)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/hello"}, User: "65532:65532", WorkingDir: "/",
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin:/ko-app", "HOME=/tmp", "A=1"},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	first, errA := img.Digest()
	second, errB := build().Digest()
	if first != second || errors.Join(errA, errB) != nil {
		t.Errorf("the same image has the digests %v and %v", first, second)
	}
}

func TestPush(t *testing.T) {
	blobs := t.TempDir()
	s := httptest.NewServer(registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(log.New(io.Discard, "", 0))))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	if err := Await(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	layer, err := Store{t.TempDir()}.Layer("x", writeSkeleton)
	if err != nil {
		t.Fatal(err)
	}
	images := []Image{{Ref: "base/x:latest", Layers: []v1.Layer{layer}}, {Ref: "base/y:latest", Layers: []v1.Layer{layer}}}
	for range 2 { // again, as a cluster that starts again does
		if err := Push(t.Context(), host, blobs, images); err != nil {
			t.Fatal(err)
		}
	}
	ref, err := name.ParseReference(host+"/base/y", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := got.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("layers: %v, %v, want 1", layers, err)
	}
	isWhole(t, layers[0])
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler()) // no registry
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := Await(ctx, strings.TrimPrefix(s.URL, "http://")); !errors.Is(err, context.Canceled) {
		t.Errorf("Await = %v, want %v", err, context.Canceled)
	}
}
