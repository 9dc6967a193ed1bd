package registry

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// open serves a folder until the test ends or close is called.
func open(t *testing.T, dir string) (host string, closeIt func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r)
	closed := false
	closeIt = func() {
		if !closed {
			closed = true
			s.Close()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(closeIt)
	return strings.TrimPrefix(s.URL, "http://"), closeIt
}

func ref(t *testing.T, host, rest string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(host+"/"+rest, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func image(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestImagesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	host, stop := open(t, dir)
	img := image(t)
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	if err := errors.Join(remote.Write(ref(t, host, "a/b:1"), img), remote.WriteIndex(ref(t, host, "a/index:1"), index)); err != nil {
		t.Fatal(err)
	}
	stop()

	host, _ = open(t, dir)
	got, err := remote.Image(ref(t, host, "a/b:1"))
	if err != nil {
		t.Fatalf("image after a restart: %v", err)
	}
	if digest, err := got.Digest(); err != nil || digest != want {
		t.Errorf("digest after a restart = %v, %v, want %v", digest, err, want)
	}
	layers, err := got.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			t.Fatalf("blob after a restart: %v", err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("blob after a restart: %v", err)
		}
	}
	if _, err := remote.Index(ref(t, host, "a/index:1")); err != nil {
		t.Errorf("index after a restart: %v", err)
	}
}

func TestDeletedStaysDeleted(t *testing.T) {
	dir := t.TempDir()
	host, stop := open(t, dir)
	if err := remote.Write(ref(t, host, "app:1"), image(t)); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(ref(t, host, "app:1")); err != nil {
		t.Fatal(err)
	}
	stop()
	host, _ = open(t, dir)
	_, err := remote.Head(ref(t, host, "app:1"))
	if e, ok := errors.AsType[*transport.Error](err); !ok || e.StatusCode != http.StatusNotFound {
		t.Errorf("deleted image after a restart: %v, want 404", err)
	}
}

// A process that is killed may leave half a line; what it had answered is there nevertheless.
func TestJournalCutShort(t *testing.T) {
	dir := t.TempDir()
	host, stop := open(t, dir)
	for _, tag := range []string{"app:1", "app:2"} {
		if err := remote.Write(ref(t, host, tag), image(t)); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	journal := filepath.Join(dir, "manifests.jsonl")
	data, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journal, data[:len(data)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	host, stop = open(t, dir)
	if _, err := remote.Head(ref(t, host, "app:1")); err != nil {
		t.Errorf("first image: %v", err)
	}
	if _, err := remote.Head(ref(t, host, "app:2")); err == nil {
		t.Error("the image whose line was cut is there")
	}
	if err := remote.Write(ref(t, host, "app:3"), image(t)); err != nil {
		t.Fatal(err)
	}
	stop()
	host, _ = open(t, dir)
	if _, err := remote.Head(ref(t, host, "app:3")); err != nil {
		t.Errorf("image that was pushed after the cut: %v", err)
	}
}

func TestBrokenJournal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "manifests.jsonl"), []byte("no JSON\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "manifests.jsonl") {
		t.Errorf("Open = %v, want an error that names the journal", err)
	}
}

func TestRefusedManifestIsNotRemembered(t *testing.T) {
	dir := t.TempDir()
	host, stop := open(t, dir)
	// An index whose images are not there.
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image(t)})
	if err := remote.Put(ref(t, host, "app:1"), index); err == nil {
		t.Fatal("an index of images that are not there was taken")
	}
	stop()
	open(t, dir) // it would fail on what was refused
}
