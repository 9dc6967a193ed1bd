package image

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"strings"
)

// tree writes a tar archive whose bytes depend on nothing but what is put in: no times, no users of this machine.
type tree struct {
	tar  *tar.Writer
	seen map[string]bool
	err  error
}

func newTree(w io.Writer) *tree {
	return &tree{tar: tar.NewWriter(w), seen: map[string]bool{".": true, "": true}}
}

// write keeps the first error; close gives it.
func (t *tree) write(h tar.Header, data []byte) {
	if t.err != nil {
		return
	}
	h.Format, h.Size = tar.FormatPAX, int64(len(data))
	if t.err = t.tar.WriteHeader(&h); t.err == nil {
		_, t.err = t.tar.Write(data)
	}
}

// dir makes a folder and those above it, each once.
func (t *tree) dir(name string, mode int64) {
	name = strings.Trim(name, "/")
	if t.seen[name] {
		return
	}
	t.dir(path.Dir(name), 0o755)
	t.seen[name] = true
	t.write(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (t *tree) file(name string, data []byte, mode int64) {
	name = strings.Trim(name, "/")
	t.dir(path.Dir(name), 0o755)
	t.write(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
}

func (t *tree) link(name, target string) {
	name = strings.Trim(name, "/")
	t.dir(path.Dir(name), 0o755)
	t.write(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

func (t *tree) close() error {
	if t.err == nil {
		t.err = t.tar.Close()
	}
	if t.err != nil {
		return fmt.Errorf("archive: %w", t.err)
	}
	return nil
}
