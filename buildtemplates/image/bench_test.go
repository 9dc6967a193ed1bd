package image_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
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
