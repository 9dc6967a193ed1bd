package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Extract writes the size bytes of zip in r below dir, which must exist, and gives the bytes of all files together.
// Files are read-only. What is in dir already is overwritten by what has the same name, as one layer overwrites
// another. After an error dir holds part of the archive.
func Extract(r io.ReaderAt, size int64, dir string, l Limits) (int64, error) {
	entries, err := plan(r, size, l)
	if err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, fmt.Errorf("cannot extract: %w", err)
	}
	defer root.Close()
	x := extraction{root: root, limit: l.Size}
	for _, e := range entries {
		if e.kind == fs.ModeSymlink {
			continue
		}
		if err := x.write(e); err != nil {
			return 0, err
		}
	}
	return x.written, x.links(entries)
}

// extraction is one run of Extract. Everything goes through root, which follows no link out of the folder.
type extraction struct {
	root    *os.Root
	limit   int64
	written int64
}

func (x *extraction) write(e entry) error {
	if e.kind == fs.ModeDir {
		return x.folder(e.name)
	}
	if err := x.folder(path.Dir(e.name)); err != nil {
		return err
	}
	if err := x.root.RemoveAll(e.name); err != nil {
		return fmt.Errorf("cannot replace %q: %w", e.name, err)
	}
	return x.file(e)
}

// folder makes name and its parents folders, in place of files that an earlier archive left there.
func (x *extraction) folder(name string) error {
	err := x.root.MkdirAll(name, 0o755)
	if err == nil {
		return nil
	}
	built := ""
	for segment := range strings.SplitSeq(name, "/") {
		built = path.Join(built, segment)
		if fi, statErr := x.root.Stat(built); statErr == nil && fi.IsDir() {
			continue
		}
		if err = x.root.RemoveAll(built); err != nil {
			break
		}
		if err = x.root.Mkdir(built, 0o755); err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("cannot make folder %q: %w", name, err)
	}
	return nil
}

func (x *extraction) file(e entry) error {
	mode := fs.FileMode(0o444)
	if e.exec {
		mode = 0o555
	}
	src, err := e.file.Open()
	if err != nil {
		return unreadable(fmt.Errorf("entry %.200q: %w", e.name, err))
	}
	defer src.Close()
	if e.exec {
		// A process that is started now would have the file open until it runs its own program, and the kernel refuses to
		// run what somebody may write.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	dst, err := x.root.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("cannot make file %q: %w", e.name, err)
	}
	if err := x.fill(dst, src, e); err != nil {
		dst.Close()
		return err
	}
	if err := dst.Close(); err != nil {
		return fmt.Errorf("cannot write file %q: %w", e.name, err)
	}
	return nil
}

// fill copies what the entry really holds, which may not be what it declared.
func (x *extraction) fill(dst *os.File, src io.Reader, e entry) error {
	in := &source{r: src}
	n, err := io.Copy(dst, io.LimitReader(in, x.limit-x.written+1))
	x.written += n
	switch {
	case in.err != nil:
		return unreadable(fmt.Errorf("entry %.200q: %w", e.name, in.err))
	case err != nil:
		return fmt.Errorf("cannot write file %q: %w", e.name, err)
	case x.written > x.limit:
		return tooLarge(x.limit)
	case uint64(n) != e.file.UncompressedSize64: //nolint:gosec // n is not negative
		return badEntry(e.name, "does not have the size it declares")
	default:
		return nil
	}
}

// source remembers a fault of the archive, so that it is not taken for one of the disk.
type source struct {
	r   io.Reader
	err error
}

// Read reads on, and keeps an error that is not the end.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// links makes the symbolic links once everything else is there, and proves each by following it.
func (x *extraction) links(entries []entry) error {
	for _, e := range entries {
		if e.kind == fs.ModeSymlink {
			if err := x.link(e); err != nil {
				return err
			}
		}
	}
	for _, e := range entries {
		if e.kind != fs.ModeSymlink {
			continue
		}
		if _, err := x.root.Stat(e.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return unreadable(fmt.Errorf("link %.200q leads out of the archive or in a circle: %w", e.name, err))
		}
	}
	return nil
}

func (x *extraction) link(e entry) error {
	target, err := linkTarget(e)
	if err != nil {
		return err
	}
	if err := x.folder(path.Dir(e.name)); err != nil {
		return err
	}
	if err := x.root.RemoveAll(e.name); err != nil {
		return fmt.Errorf("cannot replace %q: %w", e.name, err)
	}
	if err := x.root.Symlink(target, e.name); err != nil {
		return fmt.Errorf("cannot make link %q: %w", e.name, err)
	}
	return nil
}

// linkTarget reads where a link leads and refuses what by its letters leads out, even if nothing is there.
func linkTarget(e entry) (string, error) {
	src, err := e.file.Open()
	if err != nil {
		return "", unreadable(fmt.Errorf("link %.200q: %w", e.name, err))
	}
	defer src.Close()
	raw, err := io.ReadAll(io.LimitReader(src, maxTarget+1))
	if err != nil {
		return "", unreadable(fmt.Errorf("link %.200q: %w", e.name, err))
	}
	target := string(raw)
	end := path.Join(path.Dir(e.name), target)
	if path.IsAbs(target) || strings.ContainsRune(target, 0) || end == ".." || strings.HasPrefix(end, "../") {
		return "", badEntry(e.name, "is a link that leads out of the archive")
	}
	return target, nil
}

// Seal takes the right to write from every folder below and including dir.
func Seal(dir string) error { return chmodFolders(dir, 0o555) }

// Remove deletes dir with everything in it although it is sealed. It is no error if dir is not there.
func Remove(dir string) error {
	if err := chmodFolders(dir, 0o755); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

func chmodFolders(dir string, mode fs.FileMode) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		return os.Chmod(p, mode)
	})
}
