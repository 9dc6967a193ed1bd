package source

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// entry is one file of an archive.
type entry struct {
	name string // slash-separated
	path string // on disk
	link string // target, for symbolic links
	exec bool
	size int64
}

// sizes are the limits of an archive.
type sizes struct{ zipped, unzipped int64 }

func awsSizes() sizes { return sizes{lambda.MaxZip, lambda.MaxUnzipped} }

// walk lists what belongs into the archive of a folder, sorted by name.
func walk(dir string) ([]entry, error) {
	rules, err := rulesOf(dir)
	if err != nil {
		return nil, err
	}
	return walkBy(dir, rules)
}

// walkBy is walk by rules that are given.
func walkBy(dir string, rules ignore) ([]entry, error) {
	var entries []entry
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return fmt.Errorf("place %q: %w", p, err)
		}
		name := filepath.ToSlash(rel)
		if rules.drops(name, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		e, err := entryOf(name, p, d)
		if err == nil {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read folder %q: %w", dir, err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return entries, nil
}

func entryOf(name, p string, d fs.DirEntry) (entry, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, fmt.Errorf("look at %q: %w", p, err)
	}
	if d.Type()&fs.ModeSymlink != 0 {
		return linkOf(name, p)
	}
	if !d.Type().IsRegular() {
		return entry{}, fmt.Errorf("%q is neither a file nor a link: leave it out with %s", name, IgnoreFile)
	}
	return entry{name: name, path: p, size: info.Size(), exec: info.Mode()&0o111 != 0 || name == "bootstrap"}, nil
}

// linkOf keeps links that stay inside the folder. Others would point nowhere, or somewhere unexpected, where the code runs.
func linkOf(name, p string) (entry, error) {
	target, err := os.Readlink(p)
	if err != nil {
		return entry{}, fmt.Errorf("read link: %w", err)
	}
	if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(filepath.FromSlash(name)), target)) {
		return entry{}, fmt.Errorf("%q links to %q, outside of the folder: copy the file or leave it out with %s", name, target, IgnoreFile)
	}
	return entry{name: name, path: p, link: filepath.ToSlash(target), size: int64(len(target))}, nil
}

// pack writes entries as a zip that depends on nothing but their names, contents and executable bits.
func pack(entries []entry, limit sizes) (data []byte, unzipped int64, err error) {
	for _, e := range entries {
		unzipped += e.size
	}
	if unzipped > limit.unzipped {
		return nil, 0, tooLarge("unzipped", unzipped, limit.unzipped, entries)
	}
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, e := range entries {
		if err := add(zw, e); err != nil {
			return nil, 0, err
		}
	}
	if err := zw.Close(); err != nil {
		return nil, 0, fmt.Errorf("finish the archive: %w", err)
	}
	if int64(buf.Len()) > limit.zipped {
		return nil, 0, tooLarge("zipped", int64(buf.Len()), limit.zipped, entries)
	}
	return buf.Bytes(), unzipped, nil
}

func add(zw *zip.Writer, e entry) error {
	h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(e.mode())
	w, err := zw.CreateHeader(h)
	if err != nil {
		return fmt.Errorf("add %q: %w", e.name, err)
	}
	if e.link != "" {
		_, err = io.WriteString(w, e.link)
	}
	if e.link == "" {
		err = copyFile(w, e.path)
	}
	if err != nil {
		return fmt.Errorf("add %q: %w", e.name, err)
	}
	return nil
}

func (e entry) mode() fs.FileMode {
	if e.link != "" {
		return fs.ModeSymlink | 0o777
	}
	if e.exec {
		return 0o755
	}
	return 0o644
}

func copyFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, f)
	return err
}

// shown is how many of the largest entries an error names.
const shown = 5

func tooLarge(what string, size, limit int64, entries []entry) error {
	sums := map[string]int64{}
	for _, e := range entries {
		sums[head(e.name)] += e.size
	}
	names := make([]string, 0, len(sums))
	for name := range sums {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) })
	largest := make([]string, 0, shown)
	for _, name := range names[:min(shown, len(names))] {
		largest = append(largest, fmt.Sprintf("%s (%d bytes)", name, sums[name]))
	}
	return fmt.Errorf("the code has %d bytes %s, the limit is %d; the largest parts are %s: leave some out with %s or put them into a layer",
		size, what, limit, strings.Join(largest, ", "), IgnoreFile)
}

// head is the first two segments of a path: deep enough to name a package in node_modules.
func head(name string) string {
	parts := strings.SplitN(name, "/", 3)
	return path.Join(parts[:min(2, len(parts))]...)
}

// Ignored gives the test for what stays out of a folder's archive, by slash-separated paths relative to it.
func Ignored(dir string) (func(name string, folder bool) bool, error) {
	rules, err := rulesOf(dir)
	if err != nil {
		return nil, err
	}
	return rules.drops, nil
}

// rulesOf are the patterns that hold everywhere and those of the folder. A file has none of its own.
func rulesOf(dir string) (ignore, error) {
	rules := parseIgnore(never)
	text, err := os.ReadFile(filepath.Join(dir, IgnoreFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("read ignore patterns: %w", err)
	}
	return append(rules, parseIgnore(string(text))...), nil
}
