package image_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/internal/archive"
)

// project is a zip of about size bytes that compresses like source code, to a third, in files of some kilobytes.
func project(t testing.TB, size int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 4096)
	for i := range words {
		words[i] = fmt.Sprintf("%x", random.Uint64N(1<<(8+i%40)))
	}
	var items []item
	for left := 3 * size; left > 0; {
		var body strings.Builder
		for want := 1000 + random.IntN(20000); body.Len() < want; {
			body.WriteString(words[int(random.ExpFloat64()*200)%len(words)])
			body.WriteByte(" \n(){};."[random.IntN(8)])
		}
		items = append(items, item{name: fmt.Sprintf("node_modules/m%d/lib/%d.js", len(items)%97, len(items)), body: body.String()})
		left -= body.Len()
	}
	return pack(t, items...)
}

// BenchmarkBake5MB is a new version of a function whose base and runtime are in the same registry.
func BenchmarkBake5MB(b *testing.B) {
	s := newShelf(b)
	zip := image.BytesArchive(project(b, 5<<20))
	b.SetBytes(zip.Size)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		spec := image.Spec{Base: s.base, Runtime: s.runtime, Code: &zip, Architecture: "amd64"}
		s.bake(b, spec, fmt.Sprintf("fn%d", i))
	}
}

// BenchmarkBuildah5MB is what BenchmarkBake5MB is held to: the same files as one layer, from a Dockerfile. It has less to
// do, because it pushes nothing.
func BenchmarkBuildah5MB(b *testing.B) {
	if _, err := exec.LookPath("buildah"); err != nil {
		b.Skip("buildah is not here; install the Debian package buildah")
	}
	dir := b.TempDir()
	data := project(b, 5<<20)
	task := filepath.Join(dir, "code")
	if err := os.Mkdir(task, 0o755); err != nil {
		b.Fatal(err)
	}
	if _, err := archive.Extract(bytes.NewReader(data), int64(len(data)), task, archive.Lambda()); err != nil {
		b.Fatal(err)
	}
	dockerfile := "FROM scratch\nCOPY code /var/task\nENTRYPOINT [\"/lambkin/runtime-api\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		build := exec.CommandContext(b.Context(), "buildah", "--storage-driver", "vfs", "--root", filepath.Join(dir, "root"),
			"--runroot", filepath.Join(dir, "run"), "build", "--quiet", dir)
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("buildah: %v\n%s", err, out)
		}
	}
}
