package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// item is one entry of a test archive.
type item struct {
	name string
	body string
	mode fs.FileMode // 0 means a file with 0644
	flag uint16
}

// pack makes a zip as the items say, including what archive/zip would not write by itself.
func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate, Flags: it.flag}
		if it.mode == 0 {
			it.mode = 0o644
		}
		h.SetMode(it.mode)
		if strings.HasSuffix(it.name, "/") {
			h.Method = zip.Store
		}
		w, err := zw.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(it.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func extract(data []byte, dir string, l archive.Limits) (int64, error) {
	return archive.Extract(bytes.NewReader(data), int64(len(data)), dir, l)
}

// tree reads a folder back: name to mode, and content or target.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		fi, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			got[rel] = "dir"
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			got[rel] = "-> " + target
			return err
		default:
			body, err := os.ReadFile(p)
			got[rel] = fi.Mode().String() + " " + string(body)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestExtract(t *testing.T) {
	cases := map[string]struct {
		reason string
		items  []item
		want   map[string]string
	}{
		"Plain": {
			reason: "Files arrive with their folders, whether these have entries or not.",
			items:  []item{{name: "index.js", body: "x"}, {name: "lib/"}, {name: "lib/deep/a.js", body: "a"}},
			want:   map[string]string{"index.js": "-r--r--r-- x", "lib": "dir", "lib/deep": "dir", "lib/deep/a.js": "-r--r--r-- a"},
		},
		"Executable": {
			reason: "A bootstrap must stay executable.",
			items:  []item{{name: "bootstrap", body: "#!", mode: 0o755}, {name: "user", body: "#!", mode: 0o700}},
			want:   map[string]string{"bootstrap": "-r-xr-xr-x #!", "user": "-r-xr-xr-x #!"},
		},
		"Setuid": {
			reason: "Nothing but reading and executing is granted.",
			items:  []item{{name: "su", body: "x", mode: 0o755 | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky}},
			want:   map[string]string{"su": "-r-xr-xr-x x"},
		},
		"NoPermissions": {
			reason: "Archives made without permissions are readable all the same.",
			items:  []item{{name: "a", body: "x", mode: 0o200}},
			want:   map[string]string{"a": "-r--r--r-- x"},
		},
		"Duplicate": {
			reason: "The later of two entries with a name wins, however it is spelled.",
			items:  []item{{name: "a", body: "first"}, {name: "b", body: "b"}, {name: "./a", body: "second"}},
			want:   map[string]string{"a": "-r--r--r-- second", "b": "-r--r--r-- b"},
		},
		"DotEntry": {
			reason: "An entry for the folder itself says nothing.",
			items:  []item{{name: "./"}, {name: "a", body: "x"}},
			want:   map[string]string{"a": "-r--r--r-- x"},
		},
		"LinkInside": {
			reason: "Links within the archive are kept, also to what comes later and to what is not there.",
			items: []item{
				{name: "bin/run", body: "../lib/run.js", mode: 0o777 | fs.ModeSymlink},
				{name: "lib/run.js", body: "x"},
				{name: "gone", body: "nowhere", mode: 0o777 | fs.ModeSymlink},
			},
			want: map[string]string{"bin": "dir", "bin/run": "-> ../lib/run.js", "lib": "dir", "lib/run.js": "-r--r--r-- x", "gone": "-> nowhere"},
		},
		"Dots": {
			reason: "Dots are part of names unless they are all of a segment.",
			items:  []item{{name: "..a/b..", body: "x"}},
			want:   map[string]string{"..a": "dir", "..a/b..": "-r--r--r-- x"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			n, err := extract(pack(t, tc.items...), dir, archive.Lambda())
			if err != nil {
				t.Fatalf("%s\nExtract: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, tree(t, dir)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			var want int64
			for _, v := range tree(t, dir) {
				if v[0] == '-' && v[1] != '>' {
					want += int64(len(v) - len("-r--r--r-- "))
				}
			}
			if n != want {
				t.Errorf("%s\nExtract = %d bytes, want %d", tc.reason, n, want)
			}
		})
	}
}

func TestExtractRefuses(t *testing.T) {
	const unzip = "Could not unzip uploaded file. Please check your file, then try to upload again."
	link := fs.ModeSymlink | 0o777
	cases := map[string]struct {
		reason string
		data   []byte
		limits archive.Limits
		want   string
	}{
		"NotAZip":        {reason: "Any bytes may be uploaded.", data: []byte("hello"), want: unzip},
		"Nothing":        {reason: "Zero bytes are no archive.", data: nil, want: unzip},
		"Cut":            {reason: "A directory without its files must not do.", data: pack(t, item{name: "a", body: "x"})[20:], want: unzip},
		"NoEntries":      {reason: "An archive without entries has its own sentence.", data: pack(t), want: "Uploaded file must be a non-empty zip"},
		"Parent":         {reason: "Traversal.", data: pack(t, item{name: "../evil", body: "x"}), want: unzip},
		"ParentDeep":     {reason: "Traversal.", data: pack(t, item{name: "a/../../evil", body: "x"}), want: unzip},
		"Absolute":       {reason: "Absolute names.", data: pack(t, item{name: "/etc/passwd", body: "x"}), want: unzip},
		"Backslash":      {reason: "Traversal as Windows writes it.", data: pack(t, item{name: `..\evil`, body: "x"}), want: unzip},
		"NUL":            {reason: "Names that end early.", data: pack(t, item{name: "a\x00b", body: "x"}), want: unzip},
		"LongName":       {reason: "Names that no file system takes.", data: pack(t, item{name: strings.Repeat("a", 256), body: "x"}), want: unzip},
		"LongPath":       {reason: "Paths that no system call takes.", data: pack(t, item{name: strings.Repeat("a/", 1200) + "b", body: "x"}), want: unzip},
		"Device":         {reason: "Devices.", data: pack(t, item{name: "null", mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}), want: unzip},
		"Pipe":           {reason: "Pipes block who opens them.", data: pack(t, item{name: "p", mode: fs.ModeNamedPipe | 0o666}), want: unzip},
		"LinkOut":        {reason: "A link up and out.", data: pack(t, item{name: "a/l", body: "../../etc", mode: link}), want: unzip},
		"LinkAbsolute":   {reason: "A link to a place of the machine.", data: pack(t, item{name: "l", body: "/etc/passwd", mode: link}), want: unzip},
		"LinkNowhere":    {reason: "A link without target.", data: pack(t, item{name: "l", mode: link}), want: unzip},
		"LinkTooLong":    {reason: "A target that no system call takes.", data: pack(t, item{name: "l", body: strings.Repeat("a", 5000), mode: link}), want: unzip},
		"LinkCircle":     {reason: "Links that never end.", data: pack(t, item{name: "a", body: "b", mode: link}, item{name: "b", body: "a", mode: link}), want: unzip},
		"LinkChain":      {reason: "Two links that lead out only together.", data: pack(t, item{name: "x/up", body: "..", mode: link}, item{name: "x/out", body: "up/..", mode: link}), want: unzip},
		"BelowLink":      {reason: "Writing through a link of the same archive.", data: pack(t, item{name: "l", body: "d", mode: link}, item{name: "l/x", body: "x"}), want: unzip},
		"BelowFile":      {reason: "A file cannot be a folder.", data: pack(t, item{name: "a/b", body: "x"}, item{name: "a", body: "x"}), want: unzip},
		"Encrypted":      {reason: "Nobody has the password.", data: encrypted(t), want: unzip},
		"Method":         {reason: "Only stored and deflated are promised.", data: methodOf(t, 14), want: unzip},
		"TooManyEntries": {reason: "The number is bounded.", data: pack(t, item{name: "a"}, item{name: "b"}), limits: archive.Limits{Size: 10, Entries: 1}, want: unzip},
		"TooLarge":       {reason: "The sum is bounded.", data: pack(t, item{name: "a", body: "123456"}, item{name: "b", body: "123456"}), limits: archive.Limits{Size: 10, Entries: 9}, want: "Unzipped size must be smaller than 10 bytes"},
		"OneTooLarge":    {reason: "Each is bounded.", data: pack(t, item{name: "a", body: "12345678901"}), limits: archive.Limits{Size: 10, Entries: 9}, want: "Unzipped size must be smaller than 10 bytes"},
		"Understated":    {reason: "A file that holds more than it says is a bomb.", data: declare(t, "a", strings.Repeat("x", 4096), 7), want: unzip},
		"Overstated":     {reason: "A file that holds less than it says is broken.", data: declare(t, "a", "xyz", 70), want: unzip},
		"Ratio":          {reason: "No compressor makes so much of so little.", data: declare(t, "a", "x", 1<<20), want: unzip},
		"WrongSum":       {reason: "Damaged bytes are not code.", data: damage(t), want: unzip},
		"Overlap":        {reason: "Entries that share bytes make a bomb of a small file.", data: overlap(t), want: unzip},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			limits := tc.limits
			if limits == (archive.Limits{}) {
				limits = archive.Lambda()
			}
			parent := t.TempDir()
			dir := filepath.Join(parent, "in", "it")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := extract(tc.data, dir, limits)
			var le *lambda.Error
			if !errors.As(err, &le) || le.Code != lambda.CodeInvalidParameterValue || le.Message != tc.want {
				t.Errorf("%s\nExtract: %v\nwant InvalidParameterValueException: %s", tc.reason, err, tc.want)
			}
			if outside := tree(t, parent); len(outside) != len(tree(t, dir))+2 {
				t.Errorf("%s\nsomething was written outside: %v", tc.reason, outside)
			}
		})
	}
}

// declare packs one stored file and then makes the directory claim another size.
func declare(t testing.TB, name, body string, size uint32) []byte {
	data := pack(t, item{name: name, body: body})
	binary.LittleEndian.PutUint32(data[central(t, data)+24:], size)
	return data
}

func encrypted(t testing.TB) []byte {
	data := pack(t, item{name: "a", body: "x"})
	data[central(t, data)+8] |= 1
	return data
}

func methodOf(t testing.TB, method uint16) []byte {
	data := pack(t, item{name: "a", body: "x"})
	binary.LittleEndian.PutUint16(data[central(t, data)+10:], method)
	return data
}

func damage(t testing.TB) []byte {
	data := pack(t, item{name: "a", body: "some text"})
	binary.LittleEndian.PutUint32(data[central(t, data)+16:], crc32.ChecksumIEEE([]byte("other")))
	return data
}

// overlap gives two directory entries for the same large stored bytes.
func overlap(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	body := bytes.Repeat([]byte("abcdefgh"), 64)
	for _, name := range []string{"a", "b"} {
		w, err := zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if name == "b" {
			body = nil
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	data := buf.Bytes()
	first := central(t, data)
	second := first + 46 + 1
	copy(data[second+16:second+28], data[first+16:first+28])
	copy(data[second+42:second+46], data[first+42:first+46])
	return data
}

// central finds the first entry of the directory.
func central(t testing.TB, data []byte) int {
	t.Helper()
	i := bytes.Index(data, []byte("PK\x01\x02"))
	if i < 0 {
		t.Fatal("archive without directory")
	}
	return i
}

func TestExtractOver(t *testing.T) {
	dir := t.TempDir()
	link := fs.ModeSymlink | 0o777
	layers := [][]byte{
		pack(t, item{name: "keep", body: "1"}, item{name: "change", body: "1"}, item{name: "was-dir/x", body: "1"}, item{name: "was-file", body: "1"},
			item{name: "lib", body: "lib64", mode: link}, item{name: "lib64/a", body: "1"}),
		pack(t, item{name: "change", body: "2"}, item{name: "was-dir", body: "2"}, item{name: "was-file/x", body: "2"}, item{name: "lib/b", body: "2"}),
	}
	for _, layer := range layers {
		if _, err := extract(layer, dir, archive.Lambda()); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"keep": "-r--r--r-- 1", "change": "-r--r--r-- 2", "was-dir": "-r--r--r-- 2", "was-file": "dir", "was-file/x": "-r--r--r-- 2",
		"lib": "-> lib64", "lib64": "dir", "lib64/a": "-r--r--r-- 1", "lib64/b": "-r--r--r-- 2",
	}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("a later layer overwrites an earlier one's files\n-want +got:\n%s", diff)
	}
}

func TestExtractOverLinkStaysInside(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "opt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := extract(pack(t, item{name: "out/evil", body: "x"}), dir, archive.Lambda()); err != nil {
		t.Fatalf("a link that leads out is replaced by the folder: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(parent, "evil")); err == nil {
		t.Error("Extract followed a link out of the folder")
	}
}

func TestCheck(t *testing.T) {
	data := pack(t, item{name: "a", body: "123"}, item{name: "b/c", body: "4567"}, item{name: "a", body: "12"})
	n, err := archive.Check(bytes.NewReader(data), int64(len(data)), archive.Lambda())
	if err != nil || n != 6 {
		t.Errorf("Check = %d, %v; want the 6 bytes that are left after the later a has won", n, err)
	}
	bad := pack(t, item{name: "../a", body: "x"})
	if _, err := archive.Check(bytes.NewReader(bad), int64(len(bad)), archive.Lambda()); lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
		t.Errorf("Check(traversal) = %v, want InvalidParameterValueException", err)
	}
}

func TestSealAndRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := archive.Seal(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{".", "a", "a/b"} {
		fi, err := os.Stat(filepath.Join(dir, p))
		if err != nil || fi.Mode().Perm() != 0o555 {
			t.Errorf("after Seal %q has mode %v, %v; want 0555", p, fi.Mode(), err)
		}
	}
	for _, times := range []string{"first", "second"} {
		if err := archive.Remove(dir); err != nil {
			t.Errorf("%s Remove: %v", times, err)
		}
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("Remove left the folder")
	}
}

// FuzzExtract holds the promise of the package for any bytes: nothing outside, nothing larger, nothing special.
func FuzzExtract(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add(pack(f, item{name: "a/b", body: "hello"}, item{name: "l", body: "a/b", mode: fs.ModeSymlink | 0o777}))
	f.Add(pack(f, item{name: "../a", body: "hello"}))
	f.Add(pack(f, item{name: "x/up", body: "..", mode: fs.ModeSymlink | 0o777}, item{name: "x/out", body: "up/..", mode: fs.ModeSymlink | 0o777}))
	f.Add(overlap(f))
	f.Add(declare(f, "a", "xyz", 70))
	limits := archive.Limits{Size: 1 << 16, Entries: 64}
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "root")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := extract(data, dir, limits)
		if err != nil && lambda.CodeOf(err) != lambda.CodeInvalidParameterValue {
			t.Fatalf("Extract blames the machine: %v", err)
		}
		beside, _ := os.ReadDir(parent)
		if len(beside) != 1 {
			t.Fatalf("Extract wrote outside: %v", beside)
		}
		root, err2 := os.OpenRoot(dir)
		if err2 != nil {
			t.Fatal(err2)
		}
		defer root.Close()
		var sum int64
		walk := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			fi, err := d.Info()
			if err != nil {
				return err
			}
			if k := fi.Mode().Type(); k != 0 && k != fs.ModeDir && k != fs.ModeSymlink {
				t.Errorf("Extract made a %v", fi.Mode())
			}
			if fi.Mode().IsRegular() {
				sum += fi.Size()
			}
			return nil
		})
		if walk != nil || sum > limits.Size+1 {
			t.Errorf("Extract wrote %d bytes of %d, %v", sum, limits.Size, walk)
		}
		if err != nil {
			return
		}
		if _, err := archive.Check(bytes.NewReader(data), int64(len(data)), limits); err != nil {
			t.Errorf("Check refuses what Extract takes: %v", err)
		}
	})
}

// TestExtractedProgramsRun holds that a program can be run as soon as it is there, whatever else this process starts meanwhile.
func TestExtractedProgramsRun(t *testing.T) {
	data := pack(t, item{name: "run", body: "#!/bin/sh\n#" + strings.Repeat("long", 1<<16), mode: 0o755})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 50 {
				dir := t.TempDir()
				if _, err := extract(data, dir, archive.Lambda()); err != nil {
					t.Error(err)
				}
				if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "run")).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
		})
	}
	work.Wait()
}
