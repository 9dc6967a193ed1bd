package source

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/archive"
)

// Bounds of names in archives: what file systems and system calls take.
const (
	maxName    = 2048
	maxSegment = 255
	maxTarget  = 4095
)

// untarring is one tar on its way to the disk. Everything goes through root, which follows no link out of the folder, and
// links are made last, so that nothing is written through them.
type untarring struct {
	root    *os.Root
	in      *tar.Reader
	limits  archive.Limits
	entries int
	written int64
	links   []link
}

type link struct{ name, target string }

func (x *untarring) run() error {
	for {
		header, err := x.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("it is broken: %w", err)
		}
		if x.entries++; x.entries > x.limits.Entries {
			return fmt.Errorf("more than %d entries", x.limits.Entries)
		}
		if err := x.entry(header); err != nil {
			return err
		}
	}
	if x.entries == 0 {
		return errors.New("it holds no entries")
	}
	return x.linkAll()
}

func (x *untarring) entry(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // git writes the commit there
	}
	name, fault := cleanName(h.Name)
	if fault != "" {
		return badEntry(h.Name, fault)
	}
	if name == "." {
		return nil
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return x.folder(name)
	case tar.TypeReg:
		return x.file(name, h.FileInfo().Mode(), x.in)
	case tar.TypeSymlink:
		return x.remember(name, h.Linkname)
	case tar.TypeLink:
		return x.again(name, h.Linkname)
	default:
		return badEntry(h.Name, "is neither file nor folder nor link")
	}
}

func (x *untarring) folder(name string) error {
	if err := x.root.MkdirAll(name, 0o755); err != nil {
		return badEntry(name, "lies below a file or link of the same archive")
	}
	return nil
}

// file writes one file; an earlier one of the name is replaced.
func (x *untarring) file(name string, mode fs.FileMode, content io.Reader) error {
	if err := x.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := x.root.RemoveAll(name); err != nil {
		return fmt.Errorf("cannot replace %q: %w", name, err)
	}
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("cannot make file %q: %w", name, err)
	}
	n, err := io.Copy(f, io.LimitReader(content, x.limits.Size-x.written+1))
	x.written += n
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("cannot write file %q: %w", name, err)
	}
	if x.written > x.limits.Size {
		return fmt.Errorf("it unpacks to more than %d bytes", x.limits.Size)
	}
	return nil
}

// again is a hard link: a second name for a file that came before. It becomes a copy, so that both count.
func (x *untarring) again(name, target string) error {
	first, fault := cleanName(target)
	if fault != "" {
		return badEntry(name, "is a link to a name that "+fault)
	}
	if first == name {
		return nil
	}
	f, err := x.root.Open(first)
	if err != nil {
		return badEntry(name, "is a link to a file that did not come before it")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return badEntry(name, "is a link to something that is no file")
	}
	return x.file(name, info.Mode(), f)
}

// remember keeps a symbolic link for the end, and refuses what by its letters leads out.
func (x *untarring) remember(name, target string) error {
	end := path.Join(path.Dir(name), target)
	switch {
	case target == "" || len(target) > maxTarget || strings.ContainsRune(target, 0):
		return badEntry(name, "is a link without target or with one that is too long")
	case path.IsAbs(target), end == "..", strings.HasPrefix(end, "../"):
		return badEntry(name, "is a link that leads out of the archive")
	}
	x.links = append(x.links, link{name, target})
	return nil
}

// linkAll makes the symbolic links, later ones of a name last, and proves each by following it.
func (x *untarring) linkAll() error {
	for _, l := range x.links {
		if err := x.folder(path.Dir(l.name)); err != nil {
			return err
		}
		if info, err := x.root.Lstat(l.name); err == nil && info.IsDir() {
			return badEntry(l.name, "is a link and a folder")
		}
		if err := x.root.RemoveAll(l.name); err != nil {
			return fmt.Errorf("cannot replace %q: %w", l.name, err)
		}
		if err := x.root.Symlink(l.target, l.name); err != nil {
			return fmt.Errorf("cannot make link %q: %w", l.name, err)
		}
	}
	for _, l := range x.links {
		if _, err := x.root.Stat(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return badEntry(l.name, "is a link that leads out of the archive or in a circle")
		}
	}
	return nil
}

func badEntry(name, why string) error { return fmt.Errorf("entry %.200q %s", name, why) }

// cleanName gives a name without "." segments and the trailing slash, or says what is wrong with it.
func cleanName(raw string) (name, fault string) {
	switch {
	case raw == "" || len(raw) > maxName:
		return "", fmt.Sprintf("has %d bytes, not 1 to %d", len(raw), maxName)
	case strings.ContainsAny(raw, "\\\x00"):
		return "", "has a backslash or NUL in it"
	case strings.HasPrefix(raw, "/"):
		return "", "is absolute"
	}
	for segment := range strings.SplitSeq(raw, "/") {
		if segment == ".." {
			return "", `has ".." in it`
		}
		if len(segment) > maxSegment {
			return "", fmt.Sprintf("has more than %d bytes between slashes", maxSegment)
		}
	}
	return path.Clean(raw), ""
}
