// Package packages makes small package registries out of nothing: a few packages of our own in the forms of npm, Python
// and Ruby, so that builds in a cluster without a way out can install dependencies. Nothing is downloaded and the same
// bytes come out each time, so lock files with checksums hold.
package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Package is one package of a registry.
type Package struct {
	Name, Version string
	// Requires are packages of the same registry, any version of which will do.
	Requires []string
	// Files are the package's files by path.
	Files map[string]string
}

// URLs are where the registries are served, for indexes that name files in full.
type URLs struct{ NPM string }

// Write makes all registries below dir, in the folders npm, pip and gem.
func Write(dir string, urls URLs) error {
	var errs []error
	for kind, files := range map[string]func() (map[string][]byte, error){
		"npm": func() (map[string][]byte, error) { return npm(urls.NPM, npmPackages()) },
		"pip": func() (map[string][]byte, error) { return pip(pipPackages()) },
		"gem": func() (map[string][]byte, error) { return gems(gemPackages()) },
	} {
		tree, err := files()
		if err != nil {
			errs = append(errs, fmt.Errorf("registry of %s packages: %w", kind, err))
			continue
		}
		errs = append(errs, writeTree(filepath.Join(dir, kind), tree))
	}
	return errors.Join(errs...)
}

func writeTree(dir string, tree map[string][]byte) error {
	for name, data := range tree {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// epoch is the time of everything: the first that a zip archive can tell.
func epoch() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

// stored is data in gzip's form but not compressed: compressors change, and checksums in lock files may not.
func stored(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	_, err = z.Write(data)
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return buf.Bytes(), nil
}

// file is a file of an archive.
type file struct {
	name string
	data []byte
}

func tarball(files []file) ([]byte, error) {
	var buf bytes.Buffer
	t := tar.NewWriter(&buf)
	for _, f := range files {
		err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(f.data)), ModTime: epoch(), Format: tar.FormatUSTAR,
		})
		if err != nil {
			return nil, fmt.Errorf("archive: %q: %w", f.name, err)
		}
		if _, err := t.Write(f.data); err != nil {
			return nil, fmt.Errorf("archive: %q: %w", f.name, err)
		}
	}
	if err := t.Close(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return buf.Bytes(), nil
}
