package image

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// content is what a layer says about a path; equal contents need not be in two layers.
type content struct {
	kind byte
	mode int64
	link string
	sum  [sha256.Size]byte
}

// contents reads what layers put where; of two that put something at one path the later counts.
func contents(layers []v1.Layer) (map[string]content, error) {
	all := map[string]content{}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			return nil, fmt.Errorf("layer: %w", err)
		}
		err = errors.Join(readContents(r, all), r.Close())
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readContents(r io.Reader, into map[string]content) error {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("layer: %w", err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, t); err != nil {
			return fmt.Errorf("layer: %q: %w", h.Name, err)
		}
		c := content{kind: h.Typeflag, mode: h.Mode, link: h.Linkname}
		sum.Sum(c.sum[:0])
		into[filepath.Clean(h.Name)] = c
	}
}

// writeFolder writes what is in a folder as a tar archive, without what below has already. Entries are sorted by name and
// have neither times nor owners, so the same files give the same bytes.
func writeFolder(w io.Writer, folder string, below map[string]content) error {
	t := newTree(w)
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return addEntry(t, rel, name, d, below)
	})
	if err != nil {
		return err
	}
	return t.close()
}

func addEntry(t *tree, rel, name string, d fs.DirEntry, below map[string]content) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	mode := int64(info.Mode().Perm())
	switch info.Mode().Type() {
	case fs.ModeDir:
		if info.Mode()&fs.ModeSticky != 0 {
			mode |= 0o1000
		}
		if c, ok := below[rel]; (!ok || c.mode != mode) && rel != "." {
			t.dir(rel, mode)
		}
	case fs.ModeSymlink:
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		if below[rel] != (content{kind: tar.TypeSymlink, mode: 0o777, link: target, sum: sha256.Sum256(nil)}) {
			t.link(rel, target)
		}
	case 0:
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if below[rel] != (content{kind: tar.TypeReg, mode: mode, sum: sha256.Sum256(data)}) {
			t.file(rel, data, mode)
		}
	}
	return nil // devices and sockets are none of an image's business
}
