package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/buildtemplates/source"
	"github.com/lambkin-dev/lambkin/internal/archive"
)

// item is one entry of a test archive.
type item struct {
	name, body string
	kind       byte // of tar; 0 is a file
	mode       int64
}

func (it item) header() *tar.Header {
	h := &tar.Header{Name: it.name, Typeflag: it.kind, Mode: it.mode, Format: tar.FormatPAX}
	if it.mode == 0 {
		h.Mode = 0o644
	}
	switch it.kind {
	case 0, tar.TypeReg:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(it.body))
	case tar.TypeSymlink, tar.TypeLink:
		h.Linkname = it.body
	case tar.TypeXGlobalHeader:
		h.Mode = 0
		h.PAXRecords = map[string]string{"comment": it.body}
	}
	return h
}

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, it := range items {
		h := it.header()
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, it.body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zipOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name}
		h.SetMode(fs.FileMode(it.header().Mode))
		if it.kind == tar.TypeSymlink {
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, it.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func fileOf(t testing.TB, data []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return f
}

// tree reads a folder back: name to mode, and content or target.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		got[rel] = info.Mode().String()
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(name)
			got[rel] = "-> " + target
			return err
		case !d.IsDir():
			body, err := os.ReadFile(name)
			got[rel] += " " + string(body)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestUnpack(t *testing.T) {
	const dir = "drwxr-xr-x"
	tools := []item{
		{name: "app/", kind: tar.TypeDir}, {name: "app/index.js", body: "x"}, {name: "app/bin/run", body: "#!", mode: 0o755},
		{name: "app/run", body: "bin/run", kind: tar.TypeSymlink},
	}
	same := map[string]string{"app": dir, "app/index.js": "-rw-r--r-- x", "app/bin": dir, "app/bin/run": "-rwxr-xr-x #!", "app/run": "-> bin/run"}
	cases := map[string]struct {
		reason string
		data   []byte
		want   map[string]string
		size   int64
	}{
		"Zip": {
			reason: "Builds change what they find, so it can be written.",
			data:   zipOf(t, tools[1:]...), want: same, size: 3,
		},
		"Tar":     {reason: "The same in another form.", data: tarOf(t, tools...), want: same, size: 3},
		"Gzipped": {reason: "The same, compressed.", data: gzipped(t, tarOf(t, tools...)), want: same, size: 3},
		"Git": {
			reason: "git archive writes the commit into a header of its own.",
			data:   tarOf(t, item{name: "pax_global_header", body: "0123", kind: tar.TypeXGlobalHeader}, item{name: "a", body: "x"}),
			want:   map[string]string{"a": "-rw-r--r-- x"}, size: 1,
		},
		"Modes": {
			reason: "Nothing but the x bit is taken over.",
			data:   tarOf(t, item{name: "su", body: "x", mode: 0o6711}, item{name: "secret", body: "y", mode: 0o600}),
			want:   map[string]string{"su": "-rwxr-xr-x x", "secret": "-rw-r--r-- y"}, size: 2,
		},
		"Twice": {
			reason: "The later of two entries counts, as tar has it.",
			data:   tarOf(t, item{name: "a", body: "first"}, item{name: "./a", body: "2nd"}),
			want:   map[string]string{"a": "-rw-r--r-- 2nd"}, size: 8,
		},
		"HardLink": {
			reason: "A second name is a copy, counted as one.",
			data:   tarOf(t, item{name: "a", body: "xyz", mode: 0o755}, item{name: "d/b", body: "a", kind: tar.TypeLink}, item{name: "a", body: "a", kind: tar.TypeLink}),
			want:   map[string]string{"a": "-rwxr-xr-x xyz", "d": dir, "d/b": "-rwxr-xr-x xyz"}, size: 6,
		},
		"Links": {
			reason: "They may come before what they lead to, or lead nowhere.",
			data:   tarOf(t, item{name: "d/l", body: "../lib", kind: tar.TypeSymlink}, item{name: "gone", body: "x", kind: tar.TypeSymlink}, item{name: "lib/x", body: "x"}),
			want:   map[string]string{"d": dir, "d/l": "-> ../lib", "gone": "-> x", "lib": dir, "lib/x": "-rw-r--r-- x"}, size: 1,
		},
		"LinkOverFile": {
			reason: "A link may take the place of a file.",
			data:   tarOf(t, item{name: "a", body: "x"}, item{name: "b", body: "y"}, item{name: "a", body: "b", kind: tar.TypeSymlink}),
			want:   map[string]string{"a": "-> b", "b": "-rw-r--r-- y"}, size: 2,
		},
		"LongName": {
			reason: "Formats differ in how they write these.",
			data:   tarOf(t, item{name: strings.Repeat("d/", 100) + "f", body: "x"}),
			want: func() map[string]string {
				all := map[string]string{strings.Repeat("d/", 100) + "f": "-rw-r--r-- x"}
				for n := range 100 {
					all[strings.TrimSuffix(strings.Repeat("d/", n+1), "/")] = dir
				}
				return all
			}(), size: 1,
		},
		"Root": {
			reason: "An entry for the folder itself says nothing.",
			data:   tarOf(t, item{name: "./", kind: tar.TypeDir, mode: 0o700}, item{name: "a", body: "x"}),
			want:   map[string]string{"a": "-rw-r--r-- x"}, size: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			size, err := source.Unpack(fileOf(t, tc.data), dir, source.Limits())
			if err != nil {
				t.Fatalf("%s\nUnpack: %v", tc.reason, err)
			}
			if size != tc.size {
				t.Errorf("%s\nUnpack gives %d bytes, want %d", tc.reason, size, tc.size)
			}
			if diff := cmp.Diff(tc.want, tree(t, dir)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	small := archive.Limits{Size: 10, Entries: 3}
	many := []item{{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}}
	link := func(name, target string) item { return item{name: name, body: target, kind: tar.TypeSymlink} }
	cases := map[string]struct {
		reason string
		data   []byte
		want   string
	}{
		"Nothing":       {reason: "An empty file.", data: nil, want: "neither a zip nor a tar"},
		"Text":          {reason: "An error page of some server.", data: []byte("<html>" + strings.Repeat(" ", 1000)), want: "neither a zip nor a tar"},
		"Zstandard":     {reason: "A form that we do not read.", data: append([]byte{0x28, 0xb5, 0x2f, 0xfd}, make([]byte, 600)...), want: "neither a zip nor a tar"},
		"GzippedText":   {reason: "Compressed, but no tar.", data: gzipped(t, []byte("hello")), want: "unpack"},
		"BadGzip":       {reason: "A download that broke off.", data: []byte{0x1f, 0x8b, 8, 0}, want: "unpack"},
		"CutGzip":       {reason: "A download that broke off.", data: gzipped(t, tarOf(t, item{name: "a", body: strings.Repeat("x", 10)}))[:60], want: "unexpected EOF"},
		"CutTar":        {reason: "A file without its end.", data: tarOf(t, item{name: "a", body: strings.Repeat("x", 10)})[:515], want: "unexpected EOF"},
		"NoEntries":     {reason: "A tar of nothing.", data: gzipped(t, tarOf(t)), want: "no entries"},
		"BadZip":        {reason: "The first bytes are not all.", data: []byte("PK\x03\x04 and no more"), want: "zip"},
		"ZipTraversal":  {reason: "The cause is told, not only AWS's sentence.", data: zipOf(t, item{name: "../evil", body: "x"}), want: `entry "../evil"`},
		"Parent":        {reason: "Traversal.", data: tarOf(t, item{name: "../evil", body: "x"}), want: `".."`},
		"ParentDeep":    {reason: "Traversal.", data: tarOf(t, item{name: "a/../../evil", body: "x"}), want: `".."`},
		"Absolute":      {reason: "Absolute names.", data: tarOf(t, item{name: "/etc/passwd", body: "x"}), want: "absolute"},
		"Backslash":     {reason: "Traversal as Windows writes it.", data: tarOf(t, item{name: `..\evil`, body: "x"}), want: "backslash"},
		"LongSegment":   {reason: "Names that no file system takes.", data: tarOf(t, item{name: strings.Repeat("a", 256), body: "x"}), want: "255 bytes"},
		"LongPath":      {reason: "Paths that no system call takes.", data: tarOf(t, item{name: strings.Repeat("a/", 1500) + "b", body: "x"}), want: "2048"},
		"Device":        {reason: "Devices.", data: tarOf(t, item{name: "null", kind: tar.TypeChar}), want: "neither file"},
		"Pipe":          {reason: "Pipes block who opens them.", data: tarOf(t, item{name: "p", kind: tar.TypeFifo}), want: "neither file"},
		"LinkOut":       {reason: "A link up and out.", data: tarOf(t, link("a/l", "../../etc")), want: "leads out"},
		"LinkAbsolute":  {reason: "A link to a place of the machine.", data: tarOf(t, link("l", "/etc/passwd")), want: "leads out"},
		"LinkEmpty":     {reason: "A link without target.", data: tarOf(t, link("l", "")), want: "without target"},
		"LinkCircle":    {reason: "Links that never end.", data: tarOf(t, link("a", "b"), link("b", "a")), want: "circle"},
		"LinkChain":     {reason: "Two links that lead out only together.", data: tarOf(t, link("x/up", ".."), link("x/out", "up/..")), want: "leads out"},
		"BelowLink":     {reason: "Writing through a link.", data: tarOf(t, link("l", "d"), item{name: "d/x"}, item{name: "l/y", body: "x"}), want: "folder"},
		"BelowFile":     {reason: "A file cannot be a folder.", data: tarOf(t, item{name: "a", body: "x"}, item{name: "a/b", body: "x"}), want: "lies below"},
		"LinkIsFolder":  {reason: "A folder that is a link later would leave its files.", data: tarOf(t, item{name: "d/x", body: "x"}, link("d", "e")), want: "a link and a folder"},
		"HardLinkOut":   {reason: "A second name for a file of the machine.", data: tarOf(t, item{name: "l", body: "../x", kind: tar.TypeLink}), want: `".."`},
		"HardLinkAway":  {reason: "A second name for what is not there.", data: tarOf(t, item{name: "l", body: "x", kind: tar.TypeLink}), want: "did not come before"},
		"HardLinkToDir": {reason: "Folders have one name.", data: tarOf(t, item{name: "d", kind: tar.TypeDir, mode: 0o755}, item{name: "l", body: "d", kind: tar.TypeLink}), want: "no file"},
		"TooLarge":      {reason: "More than fits.", data: tarOf(t, item{name: "a", body: strings.Repeat("x", 11)}), want: "more than 10 bytes"},
		"TooLargeInAll": {reason: "More than fits, in parts.", data: tarOf(t, item{name: "a", body: "123456"}, item{name: "b", body: "123456"}), want: "more than 10 bytes"},
		"Bomb":          {reason: "Small as long as it is compressed.", data: gzipped(t, tarOf(t, item{name: "a", body: strings.Repeat("x", 1<<20)})), want: "more than 10 bytes"},
		"HardLinkBomb":  {reason: "One file under many names.", data: tarOf(t, item{name: "a", body: "123456"}, item{name: "b", body: "a", kind: tar.TypeLink}), want: "more than 10 bytes"},
		"TooMany":       {reason: "Entries cost inodes.", data: tarOf(t, many...), want: "more than 3 entries"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "source")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := source.Unpack(fileOf(t, tc.data), dir, small)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nUnpack: %v, want it to say %q", tc.reason, err, tc.want)
			}
			if entries, _ := os.ReadDir(parent); len(entries) != 1 {
				t.Errorf("%s\nsomething was written outside: %v", tc.reason, entries)
			}
		})
	}
}

// FuzzUnpack holds that whatever the bytes are, nothing is written outside, nothing is larger than the limit, and there is
// nothing but files, folders and links.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, item{name: "a/b", body: "x"}, item{name: "l", body: "a", kind: tar.TypeSymlink}, item{name: "h", body: "a/b", kind: tar.TypeLink}))
	f.Add(gzipped(f, tarOf(f, item{name: "d/", kind: tar.TypeDir}, item{name: "../x", body: "x"})))
	f.Add(zipOf(f, item{name: "a", body: "x"}, item{name: "l", body: "a", kind: tar.TypeSymlink}))
	f.Add(tarOf(f, item{name: "g", body: "v", kind: tar.TypeXGlobalHeader}, item{name: "x/up", body: "..", kind: tar.TypeSymlink}, item{name: "x/out", body: "up/..", kind: tar.TypeSymlink}))
	limits := archive.Limits{Size: 4096, Entries: 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "source")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := source.Unpack(fileOf(t, data), dir, limits)
		if entries, _ := os.ReadDir(parent); len(entries) != 1 {
			t.Fatalf("something was written outside: %v", entries)
		}
		if err != nil {
			return
		}
		var sum int64
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(dir, name)
			switch d.Type() {
			case 0:
				sum += info.Size()
			case fs.ModeDir:
			case fs.ModeSymlink:
				if _, err := root.Stat(rel); err != nil && !os.IsNotExist(err) {
					return fmt.Errorf("link %q leads out: %w", rel, err)
				}
			default:
				return fmt.Errorf("%q is %v", rel, d.Type())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum > limits.Size {
			t.Fatalf("unpacked to %d bytes", sum)
		}
	})
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"fn/deep", ".github"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"inside": "fn", "outside": "/etc", "up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct{ reason, name, want, fault string }{
		"Whole":    {reason: "No path is all of it.", name: "", want: dir},
		"Folder":   {reason: "A folder of it.", name: "fn/deep", want: filepath.Join(dir, "fn/deep")},
		"Dot":      {reason: "As people write it.", name: "./fn", want: filepath.Join(dir, "fn")},
		"Link":     {reason: "A link to a folder of it is one.", name: "inside", want: filepath.Join(dir, "inside")},
		"Missing":  {reason: "What there is helps to correct it.", name: "func", fault: `at the top there are ".github", "fn", "inside", "main.go", "outside", "up"`},
		"File":     {reason: "The function is a folder.", name: "main.go", fault: "set path to the folder"},
		"LinkOut":  {reason: "The machine's folders are not the source.", name: "outside", fault: "no folder"},
		"LinkUp":   {reason: "Nor is the one above.", name: "up", fault: "no folder"},
		"Up":       {reason: "Traversal.", name: "../x", fault: "no folder"},
		"Absolute": {reason: "Traversal.", name: "/etc", fault: "no folder"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := source.Folder(dir, tc.name)
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("%s\nFolder: %q, %v, want it to say %q", tc.reason, got, err, tc.fault)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("%s\nFolder: %q, %v, want %q", tc.reason, got, err, tc.want)
			}
		})
	}
	for n := range 20 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprintf("d%d", n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := source.Folder(dir, "x"); err == nil || !strings.Contains(err.Error(), "16 more") {
		t.Errorf("Folder: %v, want it to name some and count the others", err)
	}
}
