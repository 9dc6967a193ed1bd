package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// newRegistry starts a registry that keeps all in memory and gives its host.
func newRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// pushImage pushes an image made of one file.
func pushImage(t *testing.T, target string, spec image.AssembleSpec) string {
	t.Helper()
	made := assemble(t, spec)
	pushed, err := made.Push(t.Context(), &image.Registry{}, target)
	if err != nil {
		t.Fatal(err)
	}
	return pushed.Reference
}

func assemble(t *testing.T, spec image.AssembleSpec) *image.Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	if spec.Platforms == nil {
		spec.Platforms = map[string]image.Files{"amd64": {"/file": file}}
	}
	made, err := image.Assemble(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// pushRuntime pushes an image that stands for our runtime's.
func pushRuntime(t *testing.T, host string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runtime-api")
	if err := os.WriteFile(file, []byte("runtime"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := image.Files{image.RuntimePath: file}
	return pushImage(t, host+"/lambkin/runtime:1", image.AssembleSpec{
		Platforms: map[string]image.Files{"amd64": files, "arm64": files}, EntryPoint: []string{image.RuntimePath},
	})
}

// pushArtifact pushes an OCI artifact with one layer.
func pushArtifact(t *testing.T, target string, data []byte) string {
	t.Helper()
	ref, err := name.ParseReference(target)
	if err != nil {
		t.Fatal(err)
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img, err = mutate.AppendLayers(img, static.NewLayer(data, types.MediaType("application/vnd.oci.image.layer.v1.tar+gzip")))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// pull reads an image's configuration and the names of the files of its last layers back.
func pull(t *testing.T, reference string) (*v1.ConfigFile, *v1.Manifest) {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return config, manifest
}

// upload puts an archive into the code store, and gives it as SHA256:SIZE.
func upload(t *testing.T, prefix string, data []byte) stored {
	t.Helper()
	digest, size, err := (&image.Store{Prefix: prefix}).Put(t.Context(), bytes.NewReader(data), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return stored{digest, size}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// lockedRegistry is a registry that one user may use, over TLS or not.
type lockedRegistry struct{ host, user, password string }

func newLockedRegistry(t *testing.T, user, password string) *lockedRegistry {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if u, p, ok := req.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return &lockedRegistry{strings.TrimPrefix(server.URL, "http://"), user, password}
}

// dockerConfig is the value of a Secret of type kubernetes.io/dockerconfigjson.
func (l *lockedRegistry) dockerConfig(user, password string) string {
	return fmt.Sprintf(`{"auths": {%q: {"username": %q, "password": %q}}}`, l.host, user, password)
}

// copy brings an image from another registry here.
func (l *lockedRegistry) copy(t *testing.T, from, to string) string {
	t.Helper()
	source, err := name.ParseReference(from)
	if err != nil {
		t.Fatal(err)
	}
	target, err := name.ParseReference(l.host + "/" + to)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := remote.Get(source)
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(&authn.Basic{Username: l.user, Password: l.password})
	if desc.MediaType.IsIndex() {
		index, err := desc.ImageIndex()
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.WriteIndex(target, index, auth); err != nil {
			t.Fatal(err)
		}
		return target.Name()
	}
	img, err := desc.Image()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(target, img, auth); err != nil {
		t.Fatal(err)
	}
	return target.Name()
}
