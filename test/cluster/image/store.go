package image

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Store keeps layers in a folder, so that each is made once and its bytes are never held in memory.
type Store struct{ Dir string }

// Layer gives the layer of a key. If there is none yet, write makes its tar archive. Whatever the layer depends on must
// be in the key.
func (s Store) Layer(key string, write func(io.Writer) error) (v1.Layer, error) {
	name := filepath.Join(s.Dir, key+".tar")
	l, err := openLayer(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	if err := s.make(name, write); err != nil {
		return nil, fmt.Errorf("layer %q: %w", key, err)
	}
	return openLayer(name)
}

// make writes a layer and then, beside it, the digest that says that it is whole.
func (s Store) make(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".layer-*")
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = write(io.MultiWriter(f, sum))
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return os.WriteFile(name+".sha256", []byte(hex.EncodeToString(sum.Sum(nil))), 0o644)
}

// fileLayer is a layer whose uncompressed archive is a file.
type fileLayer struct {
	name string
	hash v1.Hash
	size int64
}

func openLayer(name string) (v1.Layer, error) {
	sum, err := os.ReadFile(name + ".sha256")
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	hash, err := v1.NewHash("sha256:" + strings.TrimSpace(string(sum)))
	if err != nil {
		return nil, fmt.Errorf("digest of %q: %w", name, err)
	}
	return &fileLayer{name, hash, info.Size()}, nil
}

func (l *fileLayer) Digest() (v1.Hash, error)             { return l.hash, nil }
func (l *fileLayer) DiffID() (v1.Hash, error)             { return l.hash, nil }
func (l *fileLayer) Compressed() (io.ReadCloser, error)   { return os.Open(l.name) }
func (l *fileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.name) }
func (l *fileLayer) Size() (int64, error)                 { return l.size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error)  { return types.OCIUncompressedLayer, nil }

// seed gives the registry that keeps its blobs in a folder of this machine the layer without a copy. Where that is not
// possible the layer is pushed like any other.
func (l *fileLayer) seed(blobs string) error {
	dir := filepath.Join(blobs, l.hash.Algorithm)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := os.Link(l.name, filepath.Join(dir, l.hash.Hex))
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.EXDEV) {
		return nil // there already, or on another disk
	}
	return err
}
