package source

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/archive"
)

// Packed is what [Pack] wrote.
type Packed struct {
	// SHA256 is the digest of the zip.
	SHA256 [sha256.Size]byte
	// Size is the size of the zip in bytes.
	Size int64
	// Files is how many files and links are in it, and Unpacked how many bytes these have.
	Files    int
	Unpacked int64
}

// Pack writes everything in dir as a zip: sorted, without times, with the modes 0755 and 0644, so that the same files are
// the same bytes. Symbolic links are kept, and refused if they lead out of dir.
func Pack(dir string, w io.Writer, l archive.Limits) (Packed, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Packed{}, fmt.Errorf("cannot pack the function: %w", err)
	}
	defer root.Close()
	hash := sha256.New()
	out := &counter{w: io.MultiWriter(w, hash)}
	p := &packing{root: root, zip: zip.NewWriter(out), limits: l}
	p.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	if err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error { return p.add(dir, name, d, err) }); err != nil {
		return Packed{}, fmt.Errorf("cannot pack the function: %w", err)
	}
	if err := p.zip.Close(); err != nil {
		return Packed{}, fmt.Errorf("cannot pack the function: %w", err)
	}
	if p.packed.Files == 0 {
		return Packed{}, errors.New("there is nothing to put into the image: the folder that the build leaves is empty")
	}
	p.packed.Size = out.n
	hash.Sum(p.packed.SHA256[:0])
	return p.packed, nil
}

// packing is one run of Pack.
type packing struct {
	root    *os.Root
	zip     *zip.Writer
	limits  archive.Limits
	entries int
	packed  Packed
}

func (p *packing) add(dir, name string, d fs.DirEntry, err error) error {
	if err != nil || name == dir {
		return err
	}
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	if p.entries++; p.entries > p.limits.Entries {
		return fmt.Errorf("there are more than %d files and folders", p.limits.Entries)
	}
	switch d.Type() {
	case fs.ModeDir:
		_, err := p.entry(rel+"/", fs.ModeDir|0o755)
		return err
	case fs.ModeSymlink:
		return p.link(rel)
	case 0:
		return p.file(rel)
	default:
		return fmt.Errorf("%q is neither file nor folder nor link", rel)
	}
}

func (p *packing) file(rel string) error {
	f, err := p.root.Open(rel)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q changed while it was read", rel)
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	entry, err := p.entry(rel, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(entry, io.LimitReader(f, p.limits.Size-p.packed.Unpacked+1))
	p.packed.Files++
	p.packed.Unpacked += n
	if err == nil && p.packed.Unpacked > p.limits.Size {
		err = fmt.Errorf("there are more than %d bytes, which is the most that a function may have unpacked: leave out what it does not need", p.limits.Size)
	}
	return err
}

func (p *packing) link(rel string) error {
	target, err := p.root.Readlink(rel)
	if err != nil {
		return err
	}
	end := path.Join(path.Dir(rel), filepath.ToSlash(target))
	if path.IsAbs(target) || end == ".." || strings.HasPrefix(end, "../") {
		return fmt.Errorf("link %q leads to %q, which is not in the image: copy what it leads to", rel, target)
	}
	entry, err := p.entry(rel, fs.ModeSymlink|0o777)
	if err != nil {
		return err
	}
	p.packed.Files++
	_, err = io.WriteString(entry, target)
	return err
}

// entry begins an entry, without a time. Folders and links are not worth compressing.
func (p *packing) entry(name string, mode fs.FileMode) (io.Writer, error) {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	if !mode.IsRegular() {
		h.Method = zip.Store
	}
	h.SetMode(mode)
	w, err := p.zip.CreateHeader(h)
	if err != nil {
		return nil, fmt.Errorf("add %q: %w", name, err)
	}
	return w, nil
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

// Write hands on.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
