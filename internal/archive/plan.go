package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// entry is one thing to be written: a folder, a file or a link.
type entry struct {
	file *zip.File
	name string      // relative, clean, with slashes
	kind fs.FileMode // fs.ModeDir, fs.ModeSymlink or 0 for a file
	exec bool
}

// Check reads an archive's directory and gives the bytes that all its files together unpack to. It fails as [Extract]
// would for everything that can be known without unpacking.
func Check(r io.ReaderAt, size int64, l Limits) (int64, error) {
	entries, err := plan(r, size, l)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, e := range entries {
		sum += int64(e.file.UncompressedSize64) //nolint:gosec // plan has bounded it
	}
	return sum, nil
}

// plan turns the archive's directory into what is to be written, in the order of the archive and each name once.
func plan(r io.ReaderAt, size int64, l Limits) ([]entry, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, unreadable(err)
	}
	if len(zr.File) == 0 {
		return nil, empty()
	}
	if len(zr.File) > l.Entries {
		return nil, unreadable(fmt.Errorf("%d entries are more than %d", len(zr.File), l.Entries))
	}
	if err := measure(zr.File, size, l.Size); err != nil {
		return nil, err
	}
	entries, err := describeAll(zr.File)
	if err != nil {
		return nil, err
	}
	entries = lastWins(entries)
	return entries, noFileIsFolder(entries)
}

// measure adds up what the directory declares.
func measure(files []*zip.File, size, limit int64) error {
	var packed, unpacked uint64
	for _, f := range files {
		if f.UncompressedSize64 > uint64(limit) {
			return tooLarge(limit)
		}
		if f.CompressedSize64 > uint64(size) {
			return badEntry(f.Name, "is larger than the archive")
		}
		if f.UncompressedSize64 > f.CompressedSize64*maxRatio+ratioMargin {
			return badEntry(f.Name, "declares a size that cannot be in so few bytes")
		}
		packed += f.CompressedSize64
		unpacked += f.UncompressedSize64
		if unpacked > uint64(limit) {
			return tooLarge(limit)
		}
		if packed > uint64(size) {
			return badEntry(f.Name, "shares bytes with another entry")
		}
	}
	return nil
}

func describeAll(files []*zip.File) ([]entry, error) {
	entries := make([]entry, 0, len(files))
	for _, f := range files {
		e, err := describe(f)
		if err != nil {
			return nil, err
		}
		if e.name != "." {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// describe checks one entry by itself.
func describe(f *zip.File) (entry, error) {
	name, fault := cleanName(f.Name)
	if fault != "" {
		return entry{}, badEntry(f.Name, fault)
	}
	if f.Flags&0x1 != 0 {
		return entry{}, badEntry(f.Name, "is encrypted")
	}
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return entry{}, badEntry(f.Name, fmt.Sprintf("has compression method %d, neither stored nor deflated", f.Method))
	}
	mode := f.Mode()
	e := entry{file: f, name: name, kind: mode.Type(), exec: mode.Perm()&0o111 != 0}
	switch {
	case e.kind == fs.ModeDir, e.kind == 0 && name != ".":
		return e, nil
	case e.kind == fs.ModeSymlink && f.UncompressedSize64 > 0 && f.UncompressedSize64 <= maxTarget:
		return e, nil
	case e.kind == fs.ModeSymlink:
		return entry{}, badEntry(f.Name, "is a link without target or with one that is too long")
	default:
		return entry{}, badEntry(f.Name, "is neither file nor folder nor link")
	}
}

// cleanName gives the name without "." segments and the trailing slash, or says what is wrong with it.
func cleanName(raw string) (name, fault string) {
	if raw == "" || len(raw) > maxName {
		return "", fmt.Sprintf("has a name of %d bytes, not 1 to %d", len(raw), maxName)
	}
	if strings.ContainsAny(raw, "\\\x00") {
		return "", "has a backslash or NUL in its name"
	}
	if strings.HasPrefix(raw, "/") {
		return "", "has an absolute name"
	}
	for segment := range strings.SplitSeq(raw, "/") {
		if segment == ".." {
			return "", `has ".." in its name`
		}
		if len(segment) > maxSegment {
			return "", fmt.Sprintf("has a name with more than %d bytes between slashes", maxSegment)
		}
	}
	return path.Clean(raw), ""
}

// lastWins keeps the later one of entries with the same name, in the place of the later one.
func lastWins(entries []entry) []entry {
	last := make(map[string]int, len(entries))
	for i, e := range entries {
		last[e.name] = i
	}
	kept := entries[:0]
	for i, e := range entries {
		if last[e.name] == i {
			kept = append(kept, e)
		}
	}
	return kept
}

// noFileIsFolder refuses an archive in which something lies below a file or a link.
func noFileIsFolder(entries []entry) error {
	leaves := make(map[string]bool, len(entries))
	for _, e := range entries {
		if e.kind != fs.ModeDir {
			leaves[e.name] = true
		}
	}
	for _, e := range entries {
		for dir := path.Dir(e.name); dir != "."; dir = path.Dir(dir) {
			if leaves[dir] {
				return badEntry(e.name, "lies below a file or link of the same archive")
			}
		}
	}
	return nil
}
