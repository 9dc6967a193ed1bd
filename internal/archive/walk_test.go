package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// walk writes down what Walk meets, in its order and as tree does.
func walk(data []byte, l archive.Limits) (names []string, got map[string]string, err error) {
	got = map[string]string{}
	err = archive.Walk(bytes.NewReader(data), int64(len(data)), l, func(i archive.Item, content io.Reader) error {
		names = append(names, i.Name)
		switch i.Kind {
		case fs.ModeDir:
			got[i.Name] = "dir"
		case fs.ModeSymlink:
			got[i.Name] = "-> " + i.Target
		default:
			body, err := io.ReadAll(content)
			if err == nil && int64(len(body)) != i.Size {
				return fmt.Errorf("%d bytes, not %d", len(body), i.Size)
			}
			mode := fs.FileMode(0o444)
			if i.Executable {
				mode = 0o555
			}
			got[i.Name] = mode.String() + " " + string(body)
			return err
		}
		return nil
	})
	return names, got, err
}

func TestWalk(t *testing.T) {
	link := fs.ModeSymlink | 0o777
	one := pack(t, item{name: "z", body: "z", mode: 0o700}, item{name: "a/b/c", body: "c"}, item{name: "a-b", body: "first"},
		item{name: "./a-b", body: "second"}, item{name: "empty/"}, item{name: "l", body: "a/b", mode: link}, item{name: "gone", body: "nowhere", mode: link})
	other := pack(t, item{name: "a/"}, item{name: "gone", body: "nowhere", mode: link}, item{name: "l", body: "a/b", mode: link}, item{name: "a/b/"},
		item{name: "empty/"}, item{name: "a-b", body: "second"}, item{name: "a/b/c", body: "c"}, item{name: "z", body: "z", mode: 0o755})
	want := map[string]string{
		"a": "dir", "a-b": "-r--r--r-- second", "a/b": "dir", "a/b/c": "-r--r--r-- c", "empty": "dir", "gone": "-> nowhere", "l": "-> a/b", "z": "-r-xr-xr-x z",
	}
	for i, data := range [][]byte{one, other} {
		names, got, err := walk(data, archive.Lambda())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("archive %d: -want +got:\n%s", i, diff)
		}
		if !slices.IsSorted(names) || len(names) != len(want) {
			t.Errorf("archive %d: walked %q, want each name once and in order", i, names)
		}
	}
}

func TestWalkStops(t *testing.T) {
	data := pack(t, item{name: "a", body: "x"}, item{name: "b", body: "x"})
	enough := errors.New("enough")
	var met []string
	err := archive.Walk(bytes.NewReader(data), int64(len(data)), archive.Lambda(), func(i archive.Item, _ io.Reader) error {
		met = append(met, i.Name)
		return enough
	})
	if !errors.Is(err, enough) || len(met) != 1 {
		t.Errorf("met %q, %v; want the visitor's own error after one", met, err)
	}
}

// FuzzWalk holds Walk to Extract: both take the same archives and see the same in them.
func FuzzWalk(f *testing.F) {
	link := fs.ModeSymlink | 0o777
	chain := []item{{name: "0", body: "x"}}
	for i := range 10 {
		chain = append(chain, item{name: fmt.Sprint(i + 1), body: fmt.Sprint(i), mode: link})
	}
	f.Add(pack(f, chain[:9]...))
	f.Add(pack(f, chain...))
	f.Add(pack(f, item{name: "a/b", body: "hello", mode: 0o755}, item{name: "l", body: "a/b", mode: link}, item{name: "e/"}))
	f.Add(pack(f, item{name: "../a", body: "hello"}))
	f.Add(pack(f, item{name: "x/up", body: "..", mode: link}, item{name: "x/out", body: "up/..", mode: link}))
	f.Add(pack(f, item{name: "a", body: "b", mode: link}, item{name: "b", body: "a", mode: link}))
	f.Add(pack(f, item{name: "f", body: "x"}, item{name: "l", body: "f/x", mode: link}))
	f.Add(pack(f, item{name: "f", body: "x"}, item{name: "l", body: "f/../f", mode: link}))
	f.Add(pack(f, item{name: "d/f", body: "x"}, item{name: "m", body: "d", mode: link}, item{name: "l", body: "./m//../m/f", mode: link}))
	f.Add(pack(f, item{name: "l", body: strings.Repeat("a", 256), mode: link}))
	f.Add(overlap(f))
	f.Add(declare(f, "a", "xyz", 70))
	f.Add(declare(f, "a", strings.Repeat("x", 4096), 7))
	limits := archive.Limits{Size: 1 << 16, Entries: 64}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := filepath.Join(t.TempDir(), "root")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, extracted := extract(data, dir, limits)
		_, got, err := walk(data, limits)
		if lambda.CodeOf(err) != lambda.CodeOf(extracted) {
			t.Fatalf("Walk: %v; Extract: %v", err, extracted)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(tree(t, dir), got); diff != "" {
			t.Errorf("-Extract +Walk:\n%s", diff)
		}
	})
}
