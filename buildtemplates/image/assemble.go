package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/internal/archive"
)

// Files lays out an image: places in it, absolute, and the files or folders of this machine that go there. Of a folder
// everything in it goes there. Links are kept as they are; everything belongs to root, is readable for all, and
// executable if its owner may execute it. A folder with the sticky bit is open to all, as /tmp is. Other bits are lost.
type Files map[string]string

// AssembleSpec says what an image that is made of files is.
type AssembleSpec struct {
	// Platforms are the files by architecture. One architecture makes an image, several make an index.
	Platforms map[string]Files
	// EntryPoint, Command, WorkingDirectory and Env are the image's configuration.
	EntryPoint, Command []string
	WorkingDirectory    string
	Env                 map[string]string
	// User is who runs; empty is [Nobody].
	User string
	// Annotations are written into the manifests, and as labels into the configurations.
	Annotations map[string]string
	// Created is the time that the image bears. The zero value is 1970, which makes an image that anybody can make again.
	Created time.Time
}

// Image is an image or index on this machine. The files that it was made of must stay until it has been pushed and saved.
type Image struct {
	made pushable
}

// Assemble makes an image of files, whose layers it writes to new files below dir.
func Assemble(dir string, spec AssembleSpec) (*Image, error) {
	if len(spec.Platforms) == 0 {
		return nil, errors.New("cannot assemble an image for no platform")
	}
	archs := slices.Sorted(maps.Keys(spec.Platforms))
	images := make([]*composed, len(archs))
	for i, arch := range archs {
		layer, err := writeLayer(dir, spec.Platforms[arch].write)
		if err != nil {
			return nil, fmt.Errorf("cannot assemble image for linux/%s: %w", arch, err)
		}
		if images[i], err = compose(spec.file(arch), []part{layer.part("files")}, spec.Annotations); err != nil {
			return nil, err
		}
	}
	if len(images) == 1 {
		return &Image{images[0]}, nil
	}
	index, err := join(archs, images, spec.Annotations)
	if err != nil {
		return nil, err
	}
	return &Image{index}, nil
}

func (s *AssembleSpec) file(arch string) v1.ConfigFile {
	created := s.Created
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	return v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: v1.Time{Time: created.UTC()},
		Config: v1.Config{
			Entrypoint: s.EntryPoint, Cmd: s.Command, WorkingDir: s.WorkingDirectory, Env: setenv(nil, s.Env),
			User: user("", s.User), Labels: s.Annotations,
		},
	}
}

// Push brings the image to target, REPOSITORY or REPOSITORY:TAG.
func (i *Image) Push(ctx context.Context, registry *Registry, target string) (Result, error) {
	to, err := registry.parseTarget(target)
	if err != nil {
		return Result{}, err
	}
	s, err := registry.session(ctx)
	if err != nil {
		return Result{}, err
	}
	return s.deliver(ctx, to, i.made)
}

// Digest is sha256:… of the manifest or index.
func (i *Image) Digest() (string, error) {
	digest, err := i.made.Digest()
	if err != nil {
		return "", fmt.Errorf("cannot read image: %w", err)
	}
	return digest.String(), nil
}

// found is a file of this machine and its place in the image.
type found struct {
	archive.Item
	path   string // empty for folders that are only implied
	sticky bool
}

// write puts the files into a tar, sorted by their places.
func (f Files) write(w *tar.Writer) error {
	all := map[string]found{}
	for _, place := range slices.Sorted(maps.Keys(f)) {
		if !path.IsAbs(place) || path.Clean(place) != place {
			return fmt.Errorf("%q is no place in an image: it must be absolute and clean", place)
		}
		if err := collect(all, place, f[place]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := all[name].write(w); err != nil {
			return err
		}
	}
	return nil
}

// collect finds what is at from and below, and names it by its place. Later places win.
func collect(all map[string]found, place, from string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return fmt.Errorf("cannot place file: %w", err)
		}
		name := strings.TrimPrefix(path.Join(place, filepath.ToSlash(rel)), "/")
		if name == "" {
			return nil // the root itself
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		one, err := inspect(name, file, info)
		if err != nil {
			return err
		}
		all[name] = one
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, known := all[dir]; !known {
				all[dir] = found{Item: archive.Item{Name: dir, Kind: fs.ModeDir}}
			}
		}
		return nil
	})
}

func inspect(name, file string, info fs.FileInfo) (found, error) {
	mode := info.Mode()
	one := found{Item: archive.Item{Name: name, Kind: mode.Type()}, path: file}
	switch mode.Type() {
	case 0:
		one.Size, one.Executable = info.Size(), mode&0o100 != 0
	case fs.ModeDir:
		one.sticky = mode&fs.ModeSticky != 0
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		if err != nil {
			return found{}, err
		}
		one.Target = target
	default:
		return found{}, fmt.Errorf("%q is neither file nor folder nor link", file)
	}
	return one, nil
}

func (f found) write(w *tar.Writer) error {
	h := header(f.Item)
	if f.sticky {
		h.Mode = 0o1777
	}
	if err := w.WriteHeader(h); err != nil {
		return fmt.Errorf("cannot pack %q: %w", f.Name, err)
	}
	if f.Kind != 0 {
		return nil
	}
	src, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, err := io.Copy(w, src); err != nil {
		return fmt.Errorf("cannot pack %q: %w", f.path, err)
	}
	return nil
}
