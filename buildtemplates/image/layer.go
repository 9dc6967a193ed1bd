package image

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lambkin-dev/lambkin/internal/archive"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// fileLayer is a layer that was made here: tar, compressed by gzip, in a file.
type fileLayer struct {
	path           string
	digest, diffID v1.Hash
	size           int64
}

// Digest is of the file.
func (l *fileLayer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is of the tar in it.
func (l *fileLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size is that of the file.
func (l *fileLayer) Size() (int64, error) { return l.size, nil }

// MediaType is OCI's.
func (l *fileLayer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

// Compressed gives the file.
func (l *fileLayer) Compressed() (io.ReadCloser, error) { return os.Open(l.path) }

// Uncompressed gives the tar.
func (l *fileLayer) Uncompressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot read layer: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{unzipped, f}, nil
}

// part puts the layer into an image.
func (l *fileLayer) part(createdBy string) part {
	return part{
		layer: l, diffID: l.diffID,
		desc:    v1.Descriptor{MediaType: types.OCILayer, Digest: l.digest, Size: l.size},
		history: v1.History{CreatedBy: "lambkin " + createdBy},
	}
}

// writeLayer makes a layer in a new file below dir of the tar that fill writes. Level 1 is the fastest that is worth its
// time; the level is part of what makes digests equal.
func writeLayer(dir string, fill func(*tar.Writer) error) (*fileLayer, error) {
	f, err := os.CreateTemp(dir, "layer-*.tar.gz")
	if err != nil {
		return nil, fmt.Errorf("cannot make layer: %w", err)
	}
	l, err := compress(f, fill)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	l.path = f.Name()
	return l, nil
}

// piece is how much of a tar goes from the one who packs it to the one who compresses it at once.
const piece = 1 << 17

// compress hashes and compresses a tar while another goroutine packs it: both take about as long. The goroutine is gone
// when compress returns.
func compress(f io.Writer, fill func(*tar.Writer) error) (*fileLayer, error) {
	reader, writer := io.Pipe()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		writer.CloseWithError(writeTar(writer, fill))
	}()
	l, err := squeeze(f, reader)
	reader.CloseWithError(err)
	<-packed
	return l, err
}

func writeTar(w io.Writer, fill func(*tar.Writer) error) error {
	buffer := bufio.NewWriterSize(w, piece)
	packer := tar.NewWriter(buffer)
	if err := fill(packer); err != nil {
		return err
	}
	if err := errors.Join(packer.Close(), buffer.Flush()); err != nil {
		return fmt.Errorf("cannot make layer: %w", err)
	}
	return nil
}

func squeeze(f io.Writer, tarred io.Reader) (*fileLayer, error) {
	packed, plain := &meter{hash: sha256.New()}, sha256.New()
	buffer := bufio.NewWriterSize(io.MultiWriter(f, packed), piece)
	zipper, err := gzip.NewWriterLevel(buffer, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("cannot make layer: %w", err)
	}
	if _, err := io.CopyBuffer(io.MultiWriter(zipper, plain), tarred, make([]byte, piece)); err != nil {
		return nil, err
	}
	if err := errors.Join(zipper.Close(), buffer.Flush()); err != nil {
		return nil, fmt.Errorf("cannot make layer: %w", err)
	}
	return &fileLayer{digest: hashOf(packed.hash), diffID: hashOf(plain), size: packed.n}, nil
}

// meter counts and hashes.
type meter struct {
	hash hash.Hash
	n    int64
}

// Write takes note of p.
func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	return m.hash.Write(p)
}

func hashOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

func sum(data []byte) (v1.Hash, int64) {
	h := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h[:])}, int64(len(data))
}

// zipLayer makes a layer of a zip's content below root, and gives how many bytes its files hold.
func zipLayer(ctx context.Context, dir string, zip *spool, root string, limits archive.Limits) (*fileLayer, int64, error) {
	m := &mover{root: root, buffer: make([]byte, piece)}
	l, err := writeLayer(dir, func(w *tar.Writer) error {
		m.to = w
		if err := w.WriteHeader(header(archive.Item{Name: strings.Trim(root, "/"), Kind: fs.ModeDir})); err != nil {
			return fmt.Errorf("cannot make layer: %w", err)
		}
		return archive.Walk(zip, zip.size, limits, func(item archive.Item, content io.Reader) error {
			if err := context.Cause(ctx); err != nil {
				return fmt.Errorf("cannot make layer: %w", err)
			}
			return m.move(item, content)
		})
	})
	return l, m.unzipped, err
}

// mover brings what is in a zip into a tar.
type mover struct {
	to       *tar.Writer
	root     string
	buffer   []byte
	unzipped int64
}

// whiteout begins the names by which a layer deletes what is below it.
const whiteout = ".wh."

func (m *mover) move(item archive.Item, content io.Reader) error {
	if strings.HasPrefix(path.Base(item.Name), whiteout) {
		return &lambda.Error{
			Code:    lambda.CodeInvalidParameterValue,
			Message: "Could not unzip uploaded file. Please check your file, then try to upload again.",
			Err:     fmt.Errorf("entry %.200q: names that begin with %q mean deletion in images", item.Name, whiteout),
		}
	}
	item.Name = path.Join(m.root, item.Name)[1:]
	if err := m.to.WriteHeader(header(item)); err != nil {
		return fmt.Errorf("cannot make layer: %w", err)
	}
	if content == nil {
		return nil
	}
	n, err := io.CopyBuffer(m.to, content, m.buffer)
	m.unzipped += n
	return err
}

// header is the same for the same item wherever and whenever: owned by root, readable for all, without times.
func header(item archive.Item) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: item.Name, Size: item.Size, Mode: 0o644, ModTime: time.Unix(0, 0)}
	switch {
	case item.Kind == fs.ModeDir:
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, item.Name+"/", 0o755
	case item.Kind == fs.ModeSymlink:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, item.Target, 0o777
	case item.Executable:
		h.Mode = 0o755
	}
	return h
}
