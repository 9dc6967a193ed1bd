package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Limits are those of sources. Repositories with their history unpacked elsewhere rarely come near.
func Limits() archive.Limits { return archive.Limits{Size: 2 << 30, Entries: 1 << 18} }

// magic is how many bytes tell what a file is.
const magic = 512

// Unpack writes a zip or a tar, plain or gzipped, below dir, which must be empty. Everything can then be changed by its
// owner, as builds do, and read by everybody. It gives the bytes of all files together.
func Unpack(f *os.File, dir string, l archive.Limits) (int64, error) {
	begin := make([]byte, magic)
	n, err := f.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("cannot read archive: %w", err)
	}
	begin = begin[:n]
	switch {
	case bytes.HasPrefix(begin, []byte("PK\x03\x04")), bytes.HasPrefix(begin, []byte("PK\x05\x06")):
		return unzip(f, dir, l)
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		return gunzip(f, dir, l)
	case looksLikeTar(begin):
		return untar(whole(f), dir, l)
	default:
		return 0, errors.New("archive is neither a zip nor a tar nor a gzipped tar")
	}
}

// looksLikeTar reports whether there is a header of any of the formats of tar, all of whose magic begins alike.
func looksLikeTar(begin []byte) bool {
	return len(begin) == magic && bytes.HasPrefix(begin[257:], []byte("ustar"))
}

func unzip(f *os.File, dir string, l archive.Limits) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("cannot read archive: %w", err)
	}
	size, err := archive.Extract(f, info.Size(), dir, l)
	if err != nil {
		return 0, explained(err)
	}
	return size, loosen(dir)
}

// explained gives the cause of what is told in AWS's words, which say no more than that it did not work.
func explained(err error) error {
	aws := new(lambda.Error)
	if errors.As(err, &aws) && aws.Err != nil {
		return fmt.Errorf("cannot unpack archive: %w", aws.Err)
	}
	return err
}

// loosen gives owners the right to write, which they do not have in a function.
func loosen(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(name, info.Mode().Perm()|0o200)
	})
}

// whole reads the file from its beginning, wherever it was written or read last.
func whole(f *os.File) io.Reader { return io.NewSectionReader(f, 0, math.MaxInt64) }

func gunzip(f *os.File, dir string, l archive.Limits) (int64, error) {
	plain, err := gzip.NewReader(whole(f))
	if err != nil {
		return 0, fmt.Errorf("cannot unpack archive: %w", err)
	}
	return untar(plain, dir, l)
}

func untar(r io.Reader, dir string, l archive.Limits) (int64, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, fmt.Errorf("cannot unpack archive: %w", err)
	}
	defer root.Close()
	x := &untarring{root: root, in: tar.NewReader(r), limits: l}
	if err := x.run(); err != nil {
		return 0, fmt.Errorf("cannot unpack archive: %w", err)
	}
	return x.written, nil
}
