package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// embedded is the folder whose files the command line carries. In the checkout it has no manifests, and go build gets
// them from an overlay, so that the checkout need not change.
const embedded = "cli/cluster/install/release"

// commandLine makes an archive of the command line for each system, with the manifests in it.
func (r *release) commandLine(ctx context.Context, work string) error {
	if len(r.archives) == 0 {
		return nil
	}
	overlay, err := r.overlay(work)
	if err != nil {
		return err
	}
	for _, target := range r.archives {
		system, arch, _ := strings.Cut(target, "/")
		name := "lambkin_" + r.version + "_" + system + "_" + arch
		file := filepath.Join(work, name, "lambkin")
		p := program{pkg: "./cli", system: system, arch: arch, stamped: r.commit.revision != "", overlay: overlay}
		if err := r.build(ctx, p, file); err != nil {
			return err
		}
		if err := r.archive(name, file, target); err != nil {
			return err
		}
		r.say("archive %s.tar.gz", name)
	}
	return nil
}

// overlay tells go build to find the manifests of this release in the checkout.
func (r *release) overlay(work string) (string, error) {
	folder, err := filepath.Abs(filepath.Join(r.root, embedded))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("the command line has no place for manifests: %w", err)
	}
	replace := map[string]string{}
	for _, file := range []string{manifestFile, tektonFile} {
		if replace[filepath.Join(folder, file)], err = filepath.Abs(filepath.Join(r.out, file)); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	path := filepath.Join(work, "overlay.json")
	return path, writeFile(path, text)
}

// archive packs the program, under the names by which kubectl and kn find plugins too, and says what is in it.
func (r *release) archive(name, program, target string) error {
	license := filepath.Join(r.root, "LICENSE")
	digest, err := digestOf(program)
	if err != nil {
		return err
	}
	b := newBOM("lambkin-"+strings.ReplaceAll(target, "/", "-"), r.version, "APPLICATION", digest, r.commit.time)
	if err := b.add(binary{name: "lambkin (" + target + ")", file: program}, r.version); err != nil {
		return err
	}
	text, err := b.json()
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(r.out, "sbom", name+".spdx.json"), text); err != nil {
		return err
	}
	entries := []entry{
		{name: "LICENSE", file: license, mode: 0o644},
		{name: "kn-lambkin", link: "lambkin"},
		{name: "kubectl-lambkin", link: "lambkin"},
		{name: "lambkin", file: program, mode: 0o755},
	}
	return writeArchive(filepath.Join(r.out, name+".tar.gz"), entries, r.commit.time)
}

// entry is a file of an archive, or a link to another one.
type entry struct {
	name, file, link string
	mode             int64
}

// writeArchive packs entries, all with the same time.
func writeArchive(path string, entries []entry, modified time.Time) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(f) // its header has no name and no time
	packed := tar.NewWriter(zipped)
	for _, e := range entries {
		if err = e.write(packed, modified); err != nil {
			err = fmt.Errorf("pack %s into %q: %w", e.name, path, err)
			break
		}
	}
	return errors.Join(err, packed.Close(), zipped.Close(), f.Close())
}

func (e entry) write(w *tar.Writer, modified time.Time) error {
	if modified.IsZero() {
		modified = time.Unix(0, 0)
	}
	header := tar.Header{Name: e.name, ModTime: modified, Format: tar.FormatUSTAR}
	if e.link != "" {
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.link, 0o777
		return w.WriteHeader(&header) //nolint:wrapcheck // the caller says which entry of what
	}
	f, err := os.Open(e.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header.Size, header.Mode = info.Size(), e.mode
	if err := w.WriteHeader(&header); err != nil {
		return err //nolint:wrapcheck // the caller says which entry of what
	}
	_, err = io.Copy(w, f)
	return err
}
